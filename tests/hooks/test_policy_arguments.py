# SPDX-License-Identifier: Apache-2.0
"""The operator with a policy of its own, one of its connection, or both; and what Airflow gets to see of them."""

from __future__ import annotations

import importlib
import json
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
from airflow_provider_uspeedo.operators.policy_arguments import hide_phones
from airflow_provider_uspeedo.policy import ContactPolicy
from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.running import Run, render, try_task
from tests.leaks import leaks

Connect = Callable[..., str]
Accepted = Callable[[], list[str]]
PEOPLE = [{"phone": phone, "name": "Ann"} for phone in ("+85255310001", "+85255310002", "+85362345678")]
SENT = ["(852)55310001", "(852)55310002", "(853)62345678"]
CANARY = "+85255319999"


@pytest.fixture
def accepted(sandbox: Sandbox) -> Accepted:
    before = len(sandbox.journal())
    return lambda: sorted(entry.phone for entry in sandbox.journal(since=before))


@pytest.fixture
def arguments(to_sandbox: Connect, connect: Connect, tmp_path: Path) -> dict[str, Any]:
    connect("ledger", conn_type="sqlite", host=str(tmp_path / "ledger.db"))
    return {
        "recipients": PEOPLE, "template_id": "UTA_CODE", "param_columns": ["name"], "uspeedo_conn_id": to_sandbox(),
        "results_conn_id": "ledger", "campaign_id": str(tmp_path), "max_failure_ratio": None,
    }  # fmt: skip


@pytest.fixture
def warehouse(connect: Connect, tmp_path: Path) -> Path:
    """A list of one phone in a SQLite file behind the connection ``warehouse``."""
    path = tmp_path / "warehouse.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE opt_outs (mobile text)")
        connection.execute("INSERT INTO opt_outs VALUES ('+852 5531-0002')")
    connect("warehouse", conn_type="sqlite", host=str(path))
    return path


def message(run: Run) -> str:
    assert run.error is not None
    return str(run.error)


POLICY = {"suppress": ["+852 5531 0002"], "countries": ["HK"]}


@pytest.mark.parametrize(
    "given",
    [POLICY, ContactPolicy(**POLICY), json.dumps(POLICY), str(POLICY)],
    ids=["dict", "ContactPolicy", "JSON", "literal"],
)
def test_a_policy_may_be_given_in_every_form(arguments: dict[str, Any], accepted: Accepted, given: Any) -> None:
    """A dict, the class, and the text of a dict."""
    run = try_task({**arguments, "policy": given})
    assert (run.error, run.counts) == (None, {"accepted": 1, "suppressed": 2})
    assert accepted() == SENT[:1]


def test_lists_in_a_list_are_lists(arguments: dict[str, Any], accepted: Accepted) -> None:
    """As where one variable holds some of the phones: they are hidden, and found again."""
    run = try_task({**arguments, "policy": {"suppress": [[PEOPLE[0]["phone"]], [[PEOPLE[1]["phone"]]]]}})
    assert run.counts == {"accepted": 1, "suppressed": 2}
    assert accepted() == SENT[2:]
    assert "5531" not in str(run.operator.policy)


def test_hours_without_an_order_are_refused(arguments: dict[str, Any], accepted: Accepted) -> None:
    """A set, sorted, would open by day what was to be open by night."""
    run = try_task({**arguments, "policy": {"hours": {"21:00", "06:00"}}})
    assert "policy: hours must be two times of day" in message(run)
    assert accepted() == []


def test_a_policy_may_come_from_the_form(arguments: dict[str, Any], accepted: Accepted) -> None:
    """As an object, whole or in parts, rendered as text or natively."""
    whole, params = {**arguments, "policy": "{{ params.policy }}"}, {"policy": POLICY, "countries": ["MO"]}
    for native in (True, False):
        run = try_task(whole, params, native=native)
        assert (run.error, run.counts) == (None, {"accepted": 1, "suppressed": 2})
    parts = {**arguments, "policy": ContactPolicy(countries="{{ params.countries }}", suppress=["{{ params.who }}"])}
    run = try_task(parts, {**params, "who": CANARY})
    assert run.counts == {"accepted": 2, "suppressed": 1}
    assert "9999" not in f"{run.operator.policy}"
    assert accepted() == [SENT[0], SENT[2]]


def test_rendering_does_not_change_the_policy_that_a_dag_shares(arguments: dict[str, Any]) -> None:
    """Two tasks, and the next run in the same process, render it anew."""
    policy = ContactPolicy(not_after="{{ params.day }}T20:00+08:00", countries=["HK"])
    for day in ("2026-11-22", "2026-11-23"):
        rendered = render({**arguments, "policy": policy}, {"day": day})
        assert rendered.operator.policy == {"not_after": f"{day}T20:00+08:00", "countries": ["HK"]}
    assert policy.not_after == "{{ params.day }}T20:00+08:00"


@pytest.mark.parametrize("policy", [None, ""])
def test_a_policy_that_renders_to_nothing_is_refused(
    arguments: dict[str, Any], accepted: Accepted, policy: str | None
) -> None:
    """A variable that is not set, or a task before that returned nothing, must not mean that there is none."""
    run = try_task({**arguments, "policy": "{{ params.policy }}"}, {"policy": policy})
    assert "policy is None or empty once it is rendered" in message(run)
    assert type(run.error).__name__ == "AirflowFailException"
    assert not accepted()
    assert try_task({**arguments, "policy": "{{ params.policy }}"}, {"policy": {}}).counts == {"accepted": 3}


def test_a_field_that_renders_to_nothing_is_refused(arguments: dict[str, Any], accepted: Accepted) -> None:
    """By its name."""
    run = try_task({**arguments, "policy": {"suppress": "{{ params.where }}"}}, {"where": ""})
    assert "policy: suppress is empty" in message(run)
    assert not accepted()


def test_an_unrendered_policy_is_refused(arguments: dict[str, Any], accepted: Accepted) -> None:
    """As every other argument."""
    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    operator = SendBatchSMSOperator(
        task_id="send", **{**arguments, "campaign_id": "x", "policy": "{{ params.policy }}"}
    )
    with pytest.raises(Exception, match="policy holds a template, which was not rendered"):
        operator.execute({})


@pytest.mark.parametrize("extra", [POLICY, json.dumps(POLICY)])
def test_the_policy_of_a_connection_holds_for_every_dag(
    arguments: dict[str, Any], to_sandbox: Connect, accepted: Accepted, extra: Any
) -> None:
    """A DAG without one, and a DAG with one, which can only be tighter."""
    arguments["uspeedo_conn_id"] = to_sandbox(extra={"policy": extra})
    assert try_task(arguments).counts == {"accepted": 1, "suppressed": 2}
    looser = {**arguments, "policy": {"countries": ["HK", "MO"], "suppress": []}}
    assert try_task(looser).counts == {"accepted": 1, "suppressed": 2}
    tighter = {**arguments, "campaign_id": "another", "policy": {"suppress": [PEOPLE[0]["phone"]]}}
    assert try_task(tighter).counts == {"suppressed": 3}
    elsewhere = try_task({**arguments, "policy": {"countries": ["MO"]}})
    assert "policy: countries (MO) has none of those that the policy of the connection allows (HK)" in message(
        elsewhere
    )
    assert accepted() == SENT[:1]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"countrys": ["HK"]}, "extra 'policy' has no field 'countrys'. Did you mean 'countries'?"),
        ({"hours": ["9", "20"]}, "extra 'policy': hours must be two times of day"),
        ({"suppress": None}, "extra 'policy': suppress is None"),
        ("{", "extra 'policy' must be a ContactPolicy or a dict"),
        (5, "extra 'policy' must be a ContactPolicy or a dict"),
    ],
)
def test_a_wrong_policy_of_a_connection_is_refused(
    arguments: dict[str, Any], to_sandbox: Connect, accepted: Accepted, policy: Any, said: str
) -> None:
    """Before anything leaves, with connection and field; without a campaign, too."""
    conn_id = to_sandbox(extra={"policy": policy})
    text = message(try_task({**arguments, "uspeedo_conn_id": conn_id}))
    assert f"Connection {conn_id!r}" in text
    assert said in text
    with pytest.raises(ConfigurationError, match="extra 'policy'"):
        USpeedoHook(conn_id).query_templates(["UTA_CODE"])
    assert not accepted()


def test_sending_without_a_ledger_is_refused_where_there_is_a_policy(to_sandbox: Connect, accepted: Accepted) -> None:
    """It could not be kept: nobody would know who was texted."""
    content = {"TemplateId": "UTA_CODE", "SenderId": "", "Target": [{"Phone": SENT[0], "TemplateParams": ["1"]}]}
    with pytest.raises(ConfigurationError, match="has a contact policy, and send_batch has no ledger"):
        USpeedoHook(to_sandbox(extra={"policy": {"countries": ["HK"]}})).send_batch([content])
    with pytest.raises(ConfigurationError, match="has a contact policy, and send_sms has no ledger"):
        USpeedoHook(to_sandbox(extra={"policy": {"countries": ["HK"]}})).send_sms(SENT[0], "UTA_CODE", ["1"])
    assert not accepted()
    USpeedoHook(to_sandbox(extra={"policy": ""})).send_batch([content])
    assert accepted() == SENT[:1]


LISTS: list[dict[str, Any]] = [
    {"sql": "SELECT mobile FROM opt_outs", "sql_conn_id": "warehouse", "column": "mobile"},
    {"sql": "SELECT mobile AS phone FROM opt_outs WHERE 1 = {{ params.one }}", "sql_conn_id": "warehouse"},
    {"table": "opt_outs", "sql_conn_id": "warehouse", "column": "mobile"},
    {"table": "main.opt_outs", "sql_conn_id": "{{ params.conn }}", "column": "mobile"},
]


@pytest.mark.parametrize("given", LISTS)
@pytest.mark.parametrize("of_connection", [True, False])
def test_a_list_may_be_in_a_database(
    arguments: dict[str, Any],
    to_sandbox: Connect,
    warehouse: Path,
    accepted: Accepted,
    caplog: pytest.LogCaptureFixture,
    given: dict[str, Any],
    of_connection: bool,
) -> None:
    """A query, or a table by its name; of the DAG and, without templates, of the connection."""
    params = {"one": 1, "conn": "warehouse"}
    if of_connection:
        given = json.loads(json.dumps(given).replace("{{ params.one }}", "1").replace("{{ params.conn }}", "warehouse"))
        arguments["uspeedo_conn_id"] = to_sandbox(extra={"policy": {"suppress": given}})
    else:
        arguments["policy"] = {"suppress": [given]}
    with caplog.at_level(logging.INFO):
        run = try_task(arguments, params)
    assert (run.error, run.counts) == (None, {"accepted": 2, "suppressed": 1})
    assert accepted() == [SENT[0], SENT[2]]
    assert "Running the query of policy: suppress on connection 'warehouse'." in caplog.text
    assert "of connection 'warehouse' of phones that are not texted: 1 row." in caplog.text
    assert leaks(caplog.text, *(row["phone"] for row in PEOPLE)) == []


def test_a_list_may_be_in_duckdb(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch, accepted: Accepted, tmp_path: Path
) -> None:
    """Whose driver gives Arrow."""
    duckdb = importlib.import_module("duckdb")
    path = str(tmp_path / "lake.duckdb")
    with duckdb.connect(path) as lake:
        lake.execute("CREATE TABLE opt_outs AS SELECT '+85255310001' AS phone")
    module = "airflow_provider_uspeedo.hooks.sql_connection.connector"
    monkeypatch.setattr(module, lambda conn_id: lambda: duckdb.connect(path))
    run = try_task({**arguments, "policy": {"suppress": {"table": "opt_outs", "sql_conn_id": "lake"}}})
    assert (run.error, run.counts) == (None, {"accepted": 2, "suppressed": 1})


@pytest.mark.parametrize(
    ("given", "said", "is_final"),
    [
        ({"table": "opt_outs", "sql_conn_id": "warehouse"}, "policy: suppress: ", True),
        ({"table": "opt_outs; DROP TABLE opt_outs", "sql_conn_id": "warehouse"}, "is no plain name of a table", True),
        ({"table": "opt_outs", "sql_conn_id": "warehouse", "column": 'a"b'}, "is no plain name of a table", True),
        ({"table": "opt_outs", "sql_conn_id": "nowhere"}, "policy: suppress: There is no connection 'nowhere'", True),
        ({"sql": "SELECT mobile FROM opt_outs", "sql_conn_id": "warehouse"}, "has no column 'phone'", True),
        ({"sql": "SELECT 'Ann' AS phone", "sql_conn_id": "warehouse"}, "1 cannot be read as phones (100.0%)", True),
        ("s3:", "policy: suppress", None),
        ("/no/such/opt-outs.parquet", "policy: suppress: list '/no/such/opt-outs.parquet'", False),
    ],
)
def test_a_list_that_cannot_be_read_refuses_the_send(
    arguments: dict[str, Any], warehouse: Path, accepted: Accepted, given: Any, said: str, is_final: bool | None
) -> None:
    """The message says which; a list that may still appear is worth a retry."""
    run = try_task({**arguments, "policy": {"suppress": given}})
    assert said in message(run)
    if is_final is not None:
        assert (type(run.error).__name__ == "AirflowFailException") == is_final
    assert not accepted()


VALUES: dict[str, Callable[[], Any]] = {
    "phones": lambda: [CANARY],
    "one phone": lambda: CANARY,
    "numbers": lambda: [85255319999],
    "a set": lambda: {CANARY},
    "rows": lambda: [{"phone": CANARY}],
    "rows in a dict": lambda: {"table": [{"mobile": CANARY}], "column": "mobile"},
    "a frame": lambda: pd.DataFrame({"phone": [CANARY]}),
    "a series": lambda: pd.Series([CANARY]),
    "beside a path": lambda: ["/lake/opt-outs.parquet", CANARY],
    "a row": lambda: {"phone": CANARY},
    "JSON": lambda: json.dumps([CANARY]),
    "CSV": lambda: f"phone\n{CANARY}\n",
}
FORMS: dict[str, Callable[[Any], Any]] = {
    "dict": lambda suppress: {"suppress": suppress, "countries": ["HK"]},
    "class": lambda suppress: ContactPolicy(suppress=suppress, countries=["HK"]),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_phones_by_value_are_hidden(value: Callable[[], Any], form: Callable[[Any], Any]) -> None:
    """Whatever holds them, and however often the argument is set; the rest of the policy can be seen."""
    hidden = hide_phones(hide_phones(form(value())))
    assert "9999" not in f"{hidden}{hidden!r}"
    assert "'countries': ['HK']" in str(hidden)


@pytest.mark.parametrize("text", [json.dumps, str])
def test_phones_in_the_text_of_a_policy_are_hidden(text: Callable[[Any], str]) -> None:
    """Also beside a template, and where the text is no policy at all."""
    for policy in ({"suppress": [CANARY]}, {"suppress": [CANARY], "not_after": "{{ ds }}"}, [CANARY], CANARY):
        assert "9999" not in f"{hide_phones(text(policy))}"
    assert "{{ ds }}" in str(hide_phones(text({"suppress": [CANARY], "not_after": "{{ ds }}"})))


def test_nothing_that_a_task_writes_shows_a_phone_of_a_list(
    arguments: dict[str, Any], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Log, error, XCom and the rendered argument; with lists that are read and lists that are refused."""
    with caplog.at_level(logging.DEBUG):
        for number, given in enumerate([[CANARY], [CANARY, f"{CANARY} Ann"], {"phone": CANARY}, f"Ann {CANARY}\n"]):
            for dry_run in (True, False):
                run = try_task(
                    {**arguments, "policy": {"suppress": given}, "dry_run": dry_run, "campaign_id": f"c{number}"}
                )
                assert leaks(f"{run.error}{run.summary}{run.instance.xcoms}{run.operator.policy}", CANARY) == []
    assert leaks(caplog.text, CANARY) == []
