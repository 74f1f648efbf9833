# SPDX-License-Identifier: Apache-2.0
"""What a plan counts: segments, costs, countries, templates, and the rows that would not be sent."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.api.response.templates import APPROVED, Template
from airflow_provider_uspeedo.campaign.dry_run import dry_run
from airflow_provider_uspeedo.campaign.make_plan import make_plan
from airflow_provider_uspeedo.campaign.plan_counts import MAX_REASONS, PlanCounts
from airflow_provider_uspeedo.campaign.preflight import prepare
from airflow_provider_uspeedo.campaign.price_list import read_prices
from airflow_provider_uspeedo.core.columns import Columns
from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules
from airflow_provider_uspeedo.core.plan import ALREADY_SENT, Excluded
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.sandbox.charged_segments import segments
from airflow_provider_uspeedo.sandbox.template_store import BUILT_IN
from tests.campaign.stage import Scene, make_order, people

TEXTS = {template.template_id: template.text or "" for template in BUILT_IN} | {"UTA_OTHER": "Hello {1}, welcome."}
WITH_TEMPLATES = Columns("phone", ("name",), template_id="template", sender_id="sender")
PRICES = read_prices(
    [
        {"country": "HK", "price": 0.05, "currency": "USD"},
        {"country": "CA", "price": "0.0113", "currency": "USD"},
        {"country": "US", "price": 0.02, "currency": "USD"},
        {"country": "GB", "price": 0.04, "currency": "USD"},
    ]
)
NAMES = ["Ann", "Bo" * 80, "€" * 76, "好" * 20, "O\u2019Hara", "\U0001f389" * 34, None]
"""Of one segment to several, in both alphabets; a row without one is invalid."""
ABROAD = ["+1416555{:04}", "+1212555{:04}", "+44740012{:04}", "+8525531{:04}"]


def table_of(rows: int) -> list[dict[str, Any]]:
    """Rows of two templates, three senders and four countries, two of which share a country code."""
    return [
        {
            "phone": ABROAD[n % len(ABROAD)].format(n),
            "name": NAMES[n % len(NAMES)],
            "template": ("UTA_CODE", "UTA_OTHER")[n % 2],
            "sender": ("", "Shop", "Bank")[n % 3],
        }
        for n in range(rows)
    ]


def plan_of(scene: Scene, table: Any, config: Any = None) -> dict[str, Any]:
    """The plan of a dry run as an XCom holds it."""
    found: dict[str, Any] = json.loads(json.dumps(scene.dry_run(table, config).to_xcom(), allow_nan=False))["plan"]
    return found


def plan_with(template: str, table: Any, config: Any, **about: Any) -> dict[str, Any]:
    """A plan of a template of which only the text matters; without a sandbox or a ledger."""

    def query(ids: Any) -> list[Template]:
        return [Template(one, "n", template, 2, APPROVED) for one in ids]

    return dry_run(config, prepare(config, table, query, **about), None).to_xcom()["plan"]


# -- what is sent later is what the plan said ------------------------------------------------------------------------


@pytest.mark.parametrize("batch_rows", [7, 5_000])
def test_a_plan_says_what_is_sent_then(scene: Scene, batch_rows: int) -> None:
    """By country, template and sender: recipients, segments and costs, as the server that got the texts counts them."""
    scene.sizes["batch_rows"] = batch_rows
    config = make_order(WITH_TEMPLATES, prices=PRICES, chunk_size=50)
    plan = plan_of(scene, table_of(130), config)
    scene.run(table_of(130), config)
    sent = [
        (entry.template_id, entry.sender_id, _country(entry.phone), segments(_filled(entry)))
        for entry in scene.journal()
    ]
    assert len(sent) == plan["recipients"] == 130 - 130 // 7
    assert sum(found for *_, found in sent) == plan["segments"]
    cost = sum(PRICES.by_country[country].amount * found for _, _, country, found in sent)
    assert plan["cost"] == float(cost)
    assert plan["currency"] == "USD"
    for country in {country for _, _, country, _ in sent}:
        here = [found for _, _, where, found in sent if where == country]
        assert plan["by_country"][country] == {
            "recipients": len(here),
            "segments": sum(here),
            "cost": float(PRICES.by_country[country].amount * sum(here)),
        }
    for one in plan["by_template"]:
        mine = [
            (country, found)
            for template, sender, country, found in sent
            if (template, sender) == (one["template_id"], one["sender_id"])
        ]
        assert one["recipients"] == len(mine)
        assert one["segments"] == sum(found for _, found in mine)
        assert one["cost"] == float(sum(PRICES.by_country[country].amount * found for country, found in mine))
    assert sum(one["recipients"] for one in plan["by_template"]) == len(sent)
    assert sum(one["recipients"] for one in plan["by_country"].values()) == len(sent)
    assert plan["unicode_rows"] == sum(not _is_gsm(_filled(entry)) for entry in scene.journal())
    assert {one["character"]: one["rows"] for one in plan["unicode_characters"]} == Counter(
        next(character for character in text if not _is_gsm(character))
        for text in map(_filled, scene.journal())
        if not _is_gsm(text)
    )


def _filled(entry: Any) -> str:
    text = TEXTS[entry.template_id]
    for number, param in enumerate(entry.params, 1):
        text = text.replace(f"{{{number}}}", param)
    return text


def _is_gsm(text: str) -> bool:
    """True if 160 of its characters fit one segment, or 80."""
    return all(segments(character * 80) == 1 for character in text)


def _country(phone: str) -> str:
    return {"(852": "HK", "(44)": "GB", "(1)4": "CA", "(1)2": "US"}[phone[:4]]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["+8525531{:04}", "+1416555{:04}", "no phone"]),
            st.integers(0, 6),
            st.text(st.sampled_from("a€好\U0001f389 |*"), max_size=160),
        ),
        max_size=30,
    ),
    st.sampled_from(["{1}", "Dear {1} {1}", "好{1}", "a" * 150 + "{1}"]),
    st.integers(1, 9),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_plan_adds_up(rows: list[tuple[str, int, str]], template: str, batch_rows: int) -> None:
    """All rows are recipients or excluded, and each segment is one of a text, however the table is cut."""
    table = [{"phone": phone.format(number), "name": name} for phone, number, name in rows]
    plan = plan_with(template, table, make_order(prices=PRICES), batch_rows=batch_rows)
    first: dict[str, str] = {}
    for row in table:
        if "+" in row["phone"]:
            first.setdefault(row["phone"], row["name"])
    assert plan["recipients"] == len(first)
    assert plan["recipients"] + sum(one["rows"] for one in plan["excluded"]) == len(table)
    counted = {phone: segments(template.replace("{1}", name)) for phone, name in first.items()}
    assert plan["segments"] == sum(counted.values())
    prices = {"+852": Decimal("0.05"), "+141": Decimal("0.0113")}
    assert plan["cost"] == float(sum(prices[phone[:4]] * found for phone, found in counted.items()))


def test_slices_add_up_to_the_plan_of_the_whole(scene: Scene) -> None:
    """A plan of a slice has its own recipients."""
    from airflow_provider_uspeedo.core.slices import Slice

    whole = plan_of(scene, table_of(60), make_order(WITH_TEMPLATES))
    parts = [
        plan_of(scene, table_of(60), make_order(WITH_TEMPLATES, slice_=Slice.parse(f"{number}/3")))
        for number in (1, 2, 3)
    ]
    assert all(part["recipients"] for part in parts)
    for name in ("recipients", "segments", "unicode_rows"):
        assert sum(part[name] for part in parts) == whole[name]


# -- what is not known is null -----------------------------------------------------------------------------------------


def test_without_prices_there_is_no_cost(scene: Scene) -> None:
    """Null, not 0, and no warning: none was asked for."""
    plan = plan_of(scene, people(3))
    assert (plan["cost"], plan["currency"], plan["warnings"]) == (None, None, [])
    assert plan["by_country"] == {"HK": {"recipients": 3, "segments": 3, "cost": None}}
    assert "Cost" not in plan["markdown"]


def test_a_country_without_a_price_leaves_the_cost_open(scene: Scene) -> None:
    """The other countries have theirs; the warning names it."""
    plan = plan_of(scene, [*people(3), {"phone": "+38640123456", "name": "x"}], make_order(prices=PRICES))
    assert (plan["segments"], plan["cost"], plan["currency"]) == (4, None, "USD")
    assert plan["by_country"]["HK"]["cost"] == 0.15
    assert plan["by_country"]["SI"]["cost"] is None
    [warning] = plan["warnings"]
    assert "no price for SI (1 recipient)" in warning


def test_a_country_that_only_excluded_rows_have_needs_no_price(scene: Scene) -> None:
    """Nor is it in the plan."""
    table = [*people(3), {"phone": "+38640123456", "name": None}]
    plan = plan_of(scene, table, make_order(prices=PRICES))
    assert (plan["cost"], list(plan["by_country"])) == (0.15, ["HK"])


def test_costs_in_two_currencies_are_not_added(scene: Scene) -> None:
    """Each country has its own; the whole has none."""
    prices = read_prices(
        [{"country": "HK", "price": 1, "currency": "HKD"}, {"country": "GB", "price": 1, "currency": "GBP"}]
    )
    table = [*people(3), {"phone": "+447400123456", "name": "x"}]
    plan = plan_of(scene, table, make_order(prices=prices))
    assert (plan["cost"], plan["currency"]) == (None, None)
    assert plan["by_country"]["HK"]["cost"] == 3
    assert "several currencies (GBP, HKD)" in plan["warnings"][0]
    assert plan_of(scene, people(3), make_order(prices=prices))["currency"] == "HKD"


def test_a_template_without_a_text_leaves_its_numbers_open() -> None:
    """Segments, costs and UCS-2 are null wherever it takes part, and the warning names the template."""
    table = [
        {"phone": "+85255310001", "name": "a", "template": "T1", "sender": "S"},
        {"phone": "+447400123456", "name": "b", "template": "T2", "sender": "S"},
    ]
    config = make_order(WITH_TEMPLATES, prices=PRICES)

    def query(_ids: Any) -> list[Template]:
        return [Template("T1", "n", "Hello {1}", 2, APPROVED), Template("T2", "n", "", 2, APPROVED)]

    plan = dry_run(config, prepare(config, table, query), None).to_xcom()["plan"]
    assert (plan["recipients"], plan["segments"], plan["cost"], plan["unicode_rows"]) == (2, None, None, None)
    assert plan["by_country"]["HK"] == {"recipients": 1, "segments": 1, "cost": 0.05}
    assert plan["by_country"]["GB"] == {"recipients": 1, "segments": None, "cost": None}
    by_template = {one["template_id"]: one["segments"] for one in plan["by_template"]}
    assert by_template == {"T1": 1, "T2": None}
    assert len(plan["samples"]) == 1
    assert "text of template 'T2' is not known" in plan["warnings"][0]
    assert "an unknown number of segments, cost not known" in plan["markdown"]


def test_no_template_at_all_leaves_no_sample() -> None:
    """The API was not asked, or did not answer."""
    plan = dry_run(make_order(), prepare(make_order(), people(2), lambda _ids: []), None).to_xcom()["plan"]
    assert (plan["recipients"], plan["segments"], plan["samples"]) == (2, None, [])


def test_an_empty_table_has_a_plan_of_nothing(scene: Scene) -> None:
    """With a cost of 0, which is known, and a warning."""
    plan = plan_of(scene, [], make_order(prices=PRICES))
    assert (plan["recipients"], plan["segments"], plan["cost"], plan["unicode_rows"]) == (0, 0, 0, 0)
    assert (plan["by_country"], plan["by_template"], plan["excluded"], plan["samples"]) == ({}, [], [], [])
    assert "no recipient to send to" in plan["warnings"][0]


# -- the rows that would not be sent ---------------------------------------------------------------------------------


def test_excluded_rows_have_their_rule_and_reason(scene: Scene) -> None:
    """Invalid ones, duplicates, and those that an earlier attempt of the campaign has sent."""
    scene.run(people(4))
    table = [*people(6), *people(2), {"phone": "123", "name": "x"}, {"phone": "+85255310001", "name": None}]
    plan = plan_of(scene, table)
    assert plan["recipients"] == 2
    assert {(one["rule"], one["rows"]) for one in plan["excluded"]} == {
        (ALREADY_SENT, 4),
        ("duplicate", 2),
        ("invalid", 1),
    }
    reasons = [one["reason"] for one in plan["excluded"]]
    assert "accepted" in reasons
    assert "same recipient as another row" in reasons
    assert plan["recipients"] + sum(one["rows"] for one in plan["excluded"]) == len(table)


def test_the_largest_reason_is_first_and_their_number_is_bounded() -> None:
    """A reason for each row would make an XCom of megabytes; the rows of what is not listed are counted on."""
    counts = PlanCounts({})
    for number in range(5_000):
        counts.exclude(Status.SUPPRESSED, f"suppression: list {number}")
        counts.exclude(Status.SUPPRESSED, "country: not one of HK", 2)
    assert len(counts.excluded) <= MAX_REASONS + 1
    plan = make_plan(make_order(), counts)
    assert plan.excluded[0] == Excluded("country", "country: not one of HK", 10_000)
    assert len(plan.excluded) < 110
    assert sum(one.rows for one in plan.excluded if one.rule == "suppression") == 5_000


def test_many_templates_and_senders_are_listed_up_to_a_limit() -> None:
    """The rest is one entry; nothing is lost, and by country everything is exact."""
    table = [{"phone": f"+852553{n:05}", "name": "x", "template": "T", "sender": f"S{n % 150}"} for n in range(300)]
    plan = plan_with("{1}", table, make_order(WITH_TEMPLATES))
    assert len(plan["by_template"]) == 101
    assert plan["by_template"][-1] == {
        "template_id": None, "sender_id": None, "recipients": 100, "segments": 100, "cost": None
    }  # fmt: skip
    assert plan["by_country"]["HK"]["recipients"] == 300
    assert len(plan["markdown"].splitlines()) < 60


def test_more_groups_than_are_counted_apart_stay_in_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the senders of a table."""
    monkeypatch.setattr("airflow_provider_uspeedo.campaign.plan_counts.MAX_GROUPS", 10)
    table = [{"phone": f"+852553{n:05}", "name": "x", "template": "T", "sender": f"S{n}"} for n in range(300)]
    plan = plan_with("{1}", table, make_order(WITH_TEMPLATES), batch_rows=7)
    assert plan["by_template"][-1]["recipients"] == 290
    assert plan["by_country"] == {"HK": {"recipients": 300, "segments": 300, "cost": None}}


# -- countries ---------------------------------------------------------------------------------------------------------


def test_numbers_of_no_country_are_counted_apart() -> None:
    """Those of international services, and those that none of the countries of a shared code has assigned."""
    table = [{"phone": phone, "name": "x"} for phone in ("+80012345678", "+10005550123", "+85255310001")]
    plan = plan_with("{1}", table, make_order(prices=PRICES))
    assert set(plan["by_country"]) == {"001", "unknown", "HK"}
    assert plan["cost"] is None
    assert "001, unknown" in plan["warnings"][0]
    assert "no country (+800, +882, ...)" in plan["markdown"]


def test_a_default_region_that_fits_others_better_is_warned_of() -> None:
    """Numbers of Singapore read as numbers of Hong Kong would reach other people."""
    table = [{"phone": f"{8_100_0000 + 7919 * n}", "name": "x"} for n in range(60)]
    elsewhere = [{"phone": f"+65{8_200_0000 + 7919 * n}", "name": "x"} for n in range(10)]
    foreign = [{"phone": f"{8_600_0000 + 7919 * n}", "name": "x"} for n in range(40)]
    doubtful = plan_with("{1}", [*table, *foreign, *elsewhere], make_order(default_region="MO", bare_digits="national"))
    [warning] = [one for one in doubtful["warnings"] if "default_region" in one]
    assert "SG (+65)" in warning
    assert doubtful["default_region"] == {"region": "MO", "numbers": 100}
    at_home = plan_with("{1}", [*table, *foreign, *elsewhere], make_order(default_region="SG"))
    assert not [one for one in at_home["warnings"] if "default_region" in one]
    assert at_home["default_region"] == {"region": "SG", "numbers": 100}
    assert "100 phones without a country code: default\\_region=SG" in at_home["markdown"]


def test_numbers_that_have_lost_their_plus_are_warned_of() -> None:
    """They are valid numbers with it."""
    table = [{"phone": f"8525531{n:04}", "name": "x"} for n in range(20)]
    plan = plan_with("{1}", table, make_order(default_region="DE", bare_digits="national"))
    assert "bare_digits='international'" in "".join(plan["warnings"])


# -- what a person should look at --------------------------------------------------------------------------------------


def test_missing_values_that_became_text_are_warned_of(scene: Scene) -> None:
    """They are sent as they are."""
    plan = plan_of(scene, [*people(3), {"phone": "+85255319999", "name": "nan"}])
    assert "parameter {1} (column 'name'): 1 row" in "".join(plan["warnings"])


def test_texts_that_are_too_long_are_warned_of() -> None:
    """The vendor takes at most 500 characters."""
    table = [{"phone": f"+8525531000{n}", "name": "x" * (499 + n)} for n in range(3)]
    plan = plan_with("{1}", table, make_order())
    assert "1 text of more than 500 characters" in "".join(plan["warnings"])


def test_who_waits_for_their_hours_is_a_recipient_with_a_warning() -> None:
    """They are sent in the end: an approval must cover them."""
    from datetime import UTC, time

    from airflow_provider_uspeedo.core.contact_rules import Window

    night = datetime(2026, 11, 29, 19, 0, tzinfo=UTC)  # 03:00 in Hong Kong
    rules = ContactRules(windows=(Window(time(9), time(20)),))
    plan = plan_with("{1}", people(3), make_order(rules=rules), clock=lambda: night)
    assert plan["recipients"] == 3
    assert "3 recipients of these may not be sent to at this moment" in "".join(plan["warnings"])
    assert "2026-11-30 01:00" in "".join(plan["warnings"])
    late = ContactRules(not_after=datetime(2026, 11, 29, 18, 0, tzinfo=UTC))
    over = plan_with("{1}", people(3), make_order(rules=late), clock=lambda: night)
    assert over["recipients"] == 0
    assert [(one["rule"], one["rows"]) for one in over["excluded"]] == [("not_after", 3)]


def test_who_can_never_be_sent_to_by_the_hours_is_excluded_with_a_warning() -> None:
    """A country with several zones that no moment fits, or no zone at all."""
    from datetime import time

    from airflow_provider_uspeedo.core.contact_rules import Window

    rules = ContactRules(windows=(Window(time(9), time(9, 1)), Window(time(12), time(12, 1))))
    plan = plan_with("{1}", people(3), make_order(rules=rules))
    assert [(one["rule"], one["rows"]) for one in plan["excluded"]] == [("hours", 3)]
    assert "will not be sent at any time" in "".join(plan["warnings"])


# -- policies ----------------------------------------------------------------------------------------------------------


def test_the_rules_of_a_policy_exclude_by_their_names() -> None:
    """A list of phones and the countries; the recipients who are left are counted without them."""
    from airflow_provider_uspeedo.core.contact_policy import read_policy

    policy = {"suppress": [{"phone": "+85255310000"}, {"phone": "+85255310004"}], "countries": ["HK", "CA"]}
    rules = read_policy(policy, "policy")
    table = [{"phone": ABROAD[n % 4].format(n), "name": "x"} for n in range(20)]
    table += [{"phone": f"+8525531{n:04}", "name": "x"} for n in (0, 4)]
    plan = plan_with("{1}", table, make_order(rules=rules, prices=PRICES))
    assert plan["by_country"] == {
        "CA": {"recipients": 5, "segments": 5, "cost": 0.0565},
        "HK": {"recipients": 5, "segments": 5, "cost": 0.25},
    }
    rows: Counter[str] = Counter()
    for one in plan["excluded"]:
        rows[one["rule"]] += one["rows"]
    assert rows == {"country": 10, "suppression": 2}
    assert plan["recipients"] + rows.total() == len(table)


@pytest.mark.parametrize("batch_rows", [2, 5_000])
def test_what_the_ledger_forbids_now_is_excluded(scene: Scene, batch_rows: int) -> None:
    """Its list, and the caps by what other campaigns have sent; what this campaign has sent is *already sent*."""
    scene.sizes["batch_rows"] = batch_rows
    rules = ContactRules(caps=(Cap(1, 7),))
    scene.run(people(2), make_order(rules=rules))
    scene.run(people(4), make_order(rules=ContactRules(caps=(Cap(2, 7),)), campaign_id="another"))
    plan = plan_of(scene, people(6), make_order(rules=rules))
    assert plan["recipients"] == 2
    assert {(one["rule"], one["rows"]) for one in plan["excluded"]} == {("already sent", 2), ("at_most", 2)}
    summary = scene.dry_run(people(6), make_order(rules=rules))
    assert (summary["accepted"], summary["suppressed"], summary["not_sent"]) == (2, 2, 2)
    with scene.ledger() as ledger:
        _suppress(ledger, "(852)50000005")
    plan = plan_of(scene, people(6), make_order())
    assert {(one["rule"], one["rows"]) for one in plan["excluded"]} == {("already sent", 2), ("suppression", 1)}
    plan = plan_of(scene, people(6), make_order(rules=rules))
    assert {(one["rule"], one["rows"]) for one in plan["excluded"]} == {
        ("already sent", 2), ("at_most", 2), ("suppression", 1),
    }  # fmt: skip
    sent = scene.run(people(6), make_order(rules=rules)).summary
    assert (sent["accepted"], sent["suppressed"], sent.accepted_now) == (3, 3, plan["recipients"])


def test_texts_that_a_cap_cannot_count_yet_are_warned_of(scene: Scene) -> None:
    """The first attempt with a cap records them, and leaves out whom the plan could not."""
    scene.run(people(2), make_order(campaign_id="before the first cap"))
    config = make_order(rules=ContactRules(caps=(Cap(1, 7),)))
    plan = plan_of(scene, people(3), config)
    assert plan["recipients"] == 3
    assert "has not recorded yet" in "".join(plan["warnings"])
    assert scene.run(people(3), config).summary.accepted_now == 1
    assert not [one for one in plan_of(scene, people(3), config)["warnings"] if "recorded" in one]


def _suppress(ledger: Any, phone: str) -> None:
    """Puts a phone on the ledger's list, as the command does it."""
    import sqlalchemy as sa

    from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher

    tables = ledger.tables
    with ledger.database.engine.begin() as connection:
        key = connection.execute(sa.select(tables.ledger.c.phone_key)).scalar_one()
        row = {"phone_hash": PhoneHasher(bytes(key)).of(phone), "reason": "asked", "added_by": "me"}
        names = {column.name for column in tables.suppressed.c}
        row |= {"added_at": datetime(2026, 11, 1)} if "added_at" in names else {}  # noqa: DTZ001 - as it is stored
        connection.execute(sa.insert(tables.suppressed), [row])
        connection.execute(sa.update(tables.ledger).values(suppressions=tables.ledger.c.suppressions + 1))
