# SPDX-License-Identifier: Apache-2.0
"""A plan that was approved is what is sent: in any order of the table, and not a cell otherwise."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.api.response.templates import Template
from airflow_provider_uspeedo.campaign import preflight
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.plan_fingerprint import PlanFingerprint
from airflow_provider_uspeedo.campaign.preflight import prepare
from airflow_provider_uspeedo.campaign.survey import Account
from airflow_provider_uspeedo.core.columns import Columns
from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules, Window
from airflow_provider_uspeedo.core.prices import Prices
from airflow_provider_uspeedo.core.slices import Slice
from airflow_provider_uspeedo.core.suppress_sources import SuppressSource
from airflow_provider_uspeedo.errors import CampaignHalted
from tests.campaign.stage import ACCOUNT, Scene, make_order, people

FULL = Columns("phone", ("name",), user_id="user", extend_code="code")
PRICES = Prices.from_dict({"HK": "0.05"})
Rows = list[dict[str, Any]]


def rows(number: int = 6) -> Rows:
    """People, the last two of them once more with another name, and one who cannot be sent to."""
    found: Rows = [{**one, "user": f"u{n}", "code": str(n)} for n, one in enumerate(people(number))]
    again = [{**one, "name": "again"} for one in found[-2:]]
    return [*found, *again, {"phone": "nobody", "name": "x", "user": "u", "code": "1"}]


def template(text: str = "Your code is {1}.") -> Callable[..., list[Template]]:
    return lambda ids: [Template(one, one, text, None, 2) for one in ids]


def plan_of(
    table: Any,
    config: CampaignConfig | None = None,
    text: str = "Your code is {1}.",
    account: Account = ACCOUNT,
    **sizes: int,
) -> PlanFingerprint:
    survey = prepare(config or order(), table, template(text), account=account, planning=True, **sizes).survey
    assert survey is not None
    assert survey.fingerprint is not None
    return survey.fingerprint


def order(columns: Columns = FULL, **changes: Any) -> CampaignConfig:
    return make_order(columns, **{"prices": PRICES, **changes})


# -- what it covers -------------------------------------------------------------------------------------------------


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order_of=st.permutations(range(len(rows()))), portion_rows=st.integers(1, 12))
def test_the_order_of_a_table_and_how_it_is_read_change_no_fingerprint(order_of: list[int], portion_rows: int) -> None:
    """Rows in any order, in batches of any size."""
    table = rows()
    shuffled = [table[place] for place in order_of]
    assert plan_of(shuffled, portion_rows=portion_rows) == plan_of(table)


def test_the_same_rows_of_another_program_have_the_same_fingerprint(tmp_path: Path) -> None:
    """Two files instead of one, CSV instead of Parquet, rows by value, other columns besides."""
    table = pa.Table.from_pylist(rows())
    expected = plan_of(rows())
    pq.write_table(table, tmp_path / "one.parquet")
    halves = tmp_path / "halves"
    halves.mkdir()
    pq.write_table(table.slice(5), halves / "a.parquet", row_group_size=2)
    pq.write_table(table.slice(0, 5), halves / "b.parquet")
    pyarrow.csv.write_csv(table, tmp_path / "one.csv")
    more = table.append_column("unused", pa.array(range(len(table))))
    for same in (str(tmp_path / "one.parquet"), str(halves), str(tmp_path / "one.csv"), table, more):
        assert plan_of(same) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"slice_": Slice.parse("2/3")}, {"canary": 2}, {"chunk_size": 7}, {"concurrency": 3},
        {"requests_per_second": 9.0}, {"max_failure_ratio": 0.1}, {"max_invalid_ratio": None},
        {"max_unknown_requests": 5}, {"max_recipients": 100}, {"part": "another"}, {"attempt_name": "another"},
    ],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_how_fast_and_how_carefully_is_no_part_of_a_plan(changes: dict[str, Any]) -> None:
    """A slice is compared by the whole table."""
    assert plan_of(rows(), order(**changes)) == plan_of(rows())


POLICY = ContactRules(
    (), frozenset({"HK"}), (Window(time(9), time(20)),), None, (Cap(1, 7),), datetime(2099, 1, 1, tzinfo=UTC)
)
CHANGES: dict[str, tuple[CampaignConfig, ...]] = {
    "campaign_id": (order(campaign_id="another"),),
    "template_id": (order(template_id="UTA_OTHER"),),
    "template_id_column": (order(replace(FULL, template_id="user"), template_id=""),),
    "sender_id": (order(sender_id="shop"),),
    "sender_id_column": (order(replace(FULL, sender_id="user")),),
    "phone_column": (order(replace(FULL, phone="other")),),
    "param_columns": (order(replace(FULL, params=("user",))),),
    "params_column": (order(replace(FULL, params=(), params_list="list")),),
    "user_id_column": (order(replace(FULL, user_id=None)), order(replace(FULL, user_id="name"))),
    "extend_code_column": (order(replace(FULL, extend_code=None)),),
    "default_region": (order(default_region="HK"),),
    "bare_digits": (order(bare_digits="international"),),
    "key_columns": (order(replace(FULL, keys=("user",))),),
    "prices": (
        order(prices=None),
        order(prices=Prices.from_dict({"HK": "0.050001"})),
        order(prices=Prices.from_dict({"HK": "0.05", "MO": "0.05"})),
        order(prices=Prices.from_rows([("1", "HK", "0.05", "USD")])),
    ),
    "max_cost": (order(max_cost=Decimal(9)),),
    "max_segments": (order(max_segments=3),),
    "policy (of the DAG or the connection)": tuple(
        order(rules=rules)
        for rules in (
            replace(POLICY, countries=None), replace(POLICY, windows=()), replace(POLICY, caps=(Cap(2, 7),)),
            replace(POLICY, not_after=datetime(2099, 1, 2, tzinfo=UTC)),
        )
    ),
}  # fmt: skip
"""What a refusal calls a part -> configurations that differ from the plan's in it."""


@pytest.mark.parametrize(
    ("named", "changed"), [(name, config) for name, configs in CHANGES.items() for config in configs]
)
def test_every_covered_argument_is_named_where_it_changed(named: str, changed: CampaignConfig) -> None:
    """And no other argument."""
    base = order(rules=POLICY) if named.startswith("policy") else order()
    table = [{**one, "other": one["phone"], "list": [one["name"]]} for one in rows()]
    found = plan_of(table, base).changes(plan_of(table, changed))
    assert named in found
    others = {name for name in found if name in CHANGES} - {named}
    assert others <= {"template_id_column": {"template_id"}, "params_column": {"param_columns"}}.get(named, set())


def test_the_place_of_a_list_and_the_phones_that_it_excludes_are_covered(tmp_path: Path) -> None:
    """Another file with the same phones is another policy; another phone in the file is another table."""
    for name in ("out.csv", "same.csv"):
        (tmp_path / name).write_text(f"phone\n{people(1)[0]['phone']}\n")

    def plan(name: str) -> PlanFingerprint:
        return plan_of(rows(), order(rules=ContactRules((SuppressSource(path=str(tmp_path / name)),))))

    before = plan("out.csv")
    assert before.changes(plan("same.csv")) == ["policy (of the DAG or the connection)"]
    (tmp_path / "out.csv").write_text(f"phone\n{people(1)[0]['phone']}\n{people(2)[1]['phone']}\n")
    assert before.changes(plan("out.csv")) == [
        "the table (rows that can be sent: 6, and 7 in the plan)",
        "the table (rows that the policy excludes: 2, and 1 in the plan)",
    ]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"text": "Your code: {1}."}, "the text of a template"),
        ({"account": replace(ACCOUNT, account_id=2)}, "the connection's account_id"),
        ({"account": replace(ACCOUNT, secret="another")}, "the key of the connection (AccessKeySecret)"),
    ],
)
def test_what_the_api_and_the_connection_say_is_covered(changed: dict[str, Any], named: str) -> None:
    """A text that was edited between plan and sending."""
    assert plan_of(rows()).changes(plan_of(rows(), **changed)) == [named]


@pytest.mark.parametrize("column", ["phone", "name", "user", "code"])
@pytest.mark.parametrize("row", range(8))
def test_one_changed_cell_is_another_table(row: int, column: str) -> None:
    """Also of a row that is a duplicate today."""
    table = rows()
    table[row] = {**table[row], column: {"phone": "+85299999999", "code": "77"}.get(column, "changed")}
    (named,) = plan_of(rows()).changes(plan_of(table))
    assert named == "the table (rows that can be sent: 8 as in the plan, but with other contents)"


def test_rows_that_came_and_went_are_counted() -> None:
    """By kind: sendable, invalid."""
    table = rows()
    (more,) = plan_of(table).changes(plan_of([*table, *people(2, start=50)]))
    assert more == "the table (rows that can be sent: 10, and 8 in the plan)"
    fewer = plan_of(table).changes(plan_of([*table[1:-1]]))
    assert fewer == [
        "the table (rows that can be sent: 7, and 8 in the plan)",
        "the table (invalid rows: 0, and 1 in the plan)",
    ]


def test_a_fingerprint_is_one_short_line_and_reveals_nothing_of_a_row() -> None:
    """It goes through XCom and forms: letters, digits and a few signs."""
    line = str(plan_of(rows()))
    assert re.fullmatch(r"plan1[0-9a-f.-]{200,300}", line)
    assert PlanFingerprint.parse(line) == plan_of(rows())
    assert PlanFingerprint.parse(line[:-1]) is None
    alone = [{"phone": "+85255311111", "name": "secret", "user": "u", "code": "1"}]
    assert "55311111" not in str(plan_of(alone))


# -- what is sent ---------------------------------------------------------------------------------------------------


def sent_by(scene: Scene, table: Rows, config: CampaignConfig) -> list[tuple[str, Any]]:
    before = len(scene.journal())
    scene.run(table, config)
    return sorted((entry.phone, tuple(entry.params)) for entry in scene.journal()[before:])


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16), portion_rows=st.integers(1, 12))
def test_whatever_the_order_the_same_texts_are_sent(scene: Scene, seed: int, portion_rows: int) -> None:
    """Of the rows of one recipient the content decides which is sent; the others are its duplicates."""
    table = [*rows(), *rows()[:2], {**rows()[0], "name": "third"}]
    shuffled = list(table)
    random.Random(seed).shuffle(shuffled)
    scene.sizes = {"portion_rows": portion_rows}
    campaigns = [order(campaign_id=f"{seed} {portion_rows} {number} {scene.since}") for number in range(2)]
    sent = [
        sent_by(scene, read, replace(config, plan=scene.plan(table, config)))
        for read, config in zip((table, shuffled), campaigns, strict=True)
    ]
    assert sent[0] == sent[1]
    assert len(sent[0]) == 6
    for read, config in zip((table, shuffled), campaigns, strict=True):
        lines = scene.lines(config.campaign_id)
        texted = {line.row_number: line.phone for line in lines if line.status == "accepted"}
        assert len(texted) == 6
        duplicates = [line for line in lines if line.status == "duplicate"]
        assert len(duplicates) == len(read) - 7
        for line in duplicates:
            stands = int(re.fullmatch(r"same recipient as row (\d+)", line.reason or "")[1])  # type: ignore[index]
            assert texted[stands] == line.phone


def test_without_a_plan_the_first_row_is_sent(scene: Scene) -> None:
    """As ever."""
    scene.run(rows(), order())
    assert "again" not in {entry.params[0] for entry in scene.journal()}


def test_slices_of_a_planned_table_send_all_of_it_once(scene: Scene) -> None:
    """Each is compared with the plan of the whole table."""
    plan = scene.plan(rows(), order())
    for number in range(3):
        scene.run(rows(), order(plan=plan, slice_=Slice(number, 3), part="shared"))
    assert sorted(scene.texted().values()) == [1] * 6


def test_a_retry_of_an_unchanged_table_holds_to_its_plan(scene: Scene) -> None:
    """An attempt that was cut short, then another one of the same table in another order."""
    config = order(plan=scene.plan(rows(), order()))
    scene.sandbox.fault("ret_code", code=18013, at=2)
    first = scene.run(rows(), config, ask=True)
    second = scene.run(rows()[::-1], config)
    assert first.summary["not_sent"] > 0
    assert second.summary["not_sent"] == 0
    assert sorted(scene.texted().values()) == [1] * 6


# -- what is refused ------------------------------------------------------------------------------------------------


def refusal(scene: Scene, table: Any, config: CampaignConfig, **settings: Any) -> str:
    with pytest.raises(CampaignHalted) as raised:
        scene.run(table, config, **settings)
    assert raised.value.section == "plan-changed"
    return str(raised.value)


def test_a_changed_table_is_refused_before_the_first_message(scene: Scene) -> None:
    """And nothing is written."""
    plan = scene.plan(rows(), order())
    message = refusal(scene, [*rows(), *people(1, start=90)], order(plan=plan))
    assert message == (
        "This is not what was planned. Changed since: the table (rows that can be sent: 9, and 8 in the plan). Nothing "
        "was sent. Undo the change, or make a new plan and have it approved."
    )
    assert not scene.journal()
    assert not scene.file.exists()


def test_a_plan_of_another_campaign_is_refused(scene: Scene) -> None:
    """It would text everybody again."""
    plan = scene.plan(rows(), order(campaign_id="of the planning task"))
    assert "Changed since: campaign_id. Nothing was sent." in refusal(scene, rows(), order(plan=plan))


def test_an_attempt_that_goes_on_says_how_many_were_sent_to(scene: Scene) -> None:
    """The table changed after the first attempt was stopped."""
    config = order(plan=scene.plan(rows(), order()))
    scene.sandbox.fault("ret_code", code=18013, at=2)
    first = scene.run(rows(), config)
    assert first.summary["accepted"] == 3
    message = refusal(scene, rows()[1:], config)
    assert "This attempt sent nothing; earlier ones sent to 3 recipients of the campaign." in message
    assert len(scene.journal()) == 3


@pytest.mark.parametrize(
    ("plan", "why"),
    [("plan9.0011.12-0011", "made by another version of this package"), ("plan1.x", "no fingerprint of a plan")],
)
def test_what_is_no_plan_of_this_version_is_refused(scene: Scene, plan: str, why: str) -> None:
    """After an update of the package."""
    assert why in refusal(scene, rows(), order(plan=plan))


@pytest.mark.parametrize("portion_rows", [2, 100])
def test_a_table_that_changes_after_it_was_compared_is_not_sent(
    scene: Scene, tmp_path: Path, portion_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is replaced between the two readings of one attempt: what is read then is compared again."""
    table, path = people(6), tmp_path / "people.csv"
    config = order(Columns("phone", ("name",)))
    header = "phone,name\n"
    path.write_text(header + "".join(f"{one['phone']},{one['name']}\n" for one in table))
    scene.sizes = {"portion_rows": portion_rows}
    plan = scene.plan(str(path), config)
    really = preflight.check

    def check_then_replace(*arguments: Any) -> None:
        really(*arguments)
        lines = [f"{one['phone']},{'X9' if number == 4 else one['name']}\n" for number, one in enumerate(table)]
        path.write_text(header + "".join(lines))

    monkeypatch.setattr(preflight, "check", check_then_replace)
    report = scene.run(str(path), replace(config, plan=plan))
    assert isinstance(report.cause, CampaignHalted)
    assert report.cause.section == "plan-changed"
    assert "X9" not in {entry.params[0] for entry in scene.journal()}
    assert report.summary["accepted"] == len(scene.journal()) <= (4 if portion_rows == 2 else 0)
