# SPDX-License-Identifier: Apache-2.0
"""The operator with a query: its arguments, its outcomes, and what Airflow gets to see of it."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.hooks.sql_connection import connector
from airflow_provider_uspeedo.operators.query_arguments import HiddenParameters
from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.running import Run, render, try_task

Connect = Callable[..., str]
PHONES = [f"(852)5531{number:04}" for number in range(1, 8)]
SELECT = "SELECT phone, name, amount FROM due WHERE day = :day ORDER BY id"


@pytest.fixture
def warehouse(connect: Connect, tmp_path: Path) -> Path:
    """Seven people in a SQLite file behind the connection ``warehouse``."""
    path = tmp_path / "warehouse.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE due (id integer, day text, phone text, name text, amount numeric)")
        rows = [(n, "2026-11-22", phone, f"Ann {n}", 12.5) for n, phone in enumerate(PHONES)]
        connection.executemany("INSERT INTO due VALUES (?, ?, ?, ?, ?)", rows)
    connection.close()
    connect("warehouse", conn_type="sqlite", host=str(path))
    return path


@pytest.fixture
def arguments(to_sandbox: Connect, connect: Connect, warehouse: Path, tmp_path: Path) -> dict[str, Any]:
    connect("ledger", conn_type="sqlite", host=str(tmp_path / "ledger.db"))
    return {
        "sql": SELECT, "sql_conn_id": "warehouse", "parameters": {"day": "2026-11-22"}, "template_id": "UTA_REMINDER",
        "param_columns": ["name", "amount"], "uspeedo_conn_id": to_sandbox(), "results_conn_id": "ledger",
        "campaign_id": str(tmp_path),
    }  # fmt: skip


@pytest.fixture
def accepted(sandbox: Sandbox) -> Callable[[], list[str]]:
    before = len(sandbox.journal())
    return lambda: [entry.phone for entry in sandbox.journal(since=before)]


Accepted = Callable[[], list[str]]


def message(run: Run) -> str:
    return f"{type(run.error).__name__}: {run.error}"


# -- what a query gives ------------------------------------------------------------------------------------------------


def test_the_rows_of_a_query_are_sent_to_once(arguments: dict[str, Any], accepted: Accepted) -> None:
    """A second run of the same query finds that everybody was sent to."""
    first, second = try_task(arguments), try_task(arguments)
    assert (first.error, first.counts) == (None, {"accepted": 7})
    assert (second.error, second.summary["accepted_now"]) == (None, 0)
    assert sorted(accepted()) == PHONES


def test_a_dry_run_runs_the_query_and_sends_nothing(arguments: dict[str, Any], accepted: Accepted) -> None:
    """The table is read twice with max_recipients."""
    run = try_task({**arguments, "dry_run": True, "max_recipients": 7})
    assert (run.error, run.counts, accepted()) == (None, {"not_sent": 7}, [])
    refused = try_task({**arguments, "dry_run": True, "max_recipients": 6})
    assert "max_recipients=6" in message(refused)


def test_a_retry_whose_query_gives_other_rows_is_a_changed_table(
    arguments: dict[str, Any], accepted: Accepted, warehouse: Path
) -> None:
    """New rows are sent to, and nobody twice; rows that are gone are not counted any more."""
    assert try_task(arguments).counts == {"accepted": 7}
    with sqlite3.connect(warehouse) as connection:
        connection.execute("DELETE FROM due WHERE id < 2")
        connection.execute("INSERT INTO due VALUES (9, '2026-11-22', '(852)55310009', 'Bob', 1)")
    connection.close()
    run = try_task(arguments)
    assert (run.summary["rows"], run.summary["accepted_now"]) == (6, 1)
    assert sorted(accepted()) == [*PHONES, "(852)55310009"]


def test_a_query_is_a_template_and_so_are_its_parameters(arguments: dict[str, Any], accepted: Accepted) -> None:
    """Also again in the same process, as a test of a DAG runs them."""
    given = {**arguments, "sql": SELECT.replace("due", "{{ params.table }}"), "parameters": {"day": "{{ params.day }}"}}
    rendered = render(given, {"table": "due", "day": "2026-11-21"})
    assert rendered.operator.sql == SELECT
    assert HiddenParameters.unwrap(rendered.operator.parameters) == {"day": "2026-11-21"}
    rendered.operator.render_template_fields({**rendered.summary, "params": {"table": "due", "day": "2026-11-22"}})
    assert HiddenParameters.unwrap(rendered.operator.parameters) == {"day": "2026-11-22"}


@pytest.mark.parametrize("written", ['{"day": "2026-11-22"}', "{'day': '2026-11-22'}"])
def test_parameters_may_be_text_of_a_form(arguments: dict[str, Any], accepted: Accepted, written: str) -> None:
    """JSON, or the text that a dict is rendered as."""
    run = try_task({**arguments, "parameters": "{{ params.given }}"}, {"given": written})
    assert (run.error, len(accepted())) == (None, 7)
    positional = SELECT.replace(":day", "?")
    assert try_task({**arguments, "sql": positional, "parameters": ["2026-11-22"]}).error is None


def test_a_query_may_be_in_a_file(arguments: dict[str, Any], accepted: Accepted, tmp_path: Path) -> None:
    """Airflow reads it, and renders it."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    (tmp_path / "due.sql").write_text("SELECT phone FROM due WHERE day = '{{ params.day }}'\n")
    with DAG("a_dag", schedule=None, template_searchpath=[str(tmp_path)]) as dag:
        operator = SendBatchSMSOperator(task_id="send", **{**arguments, "sql": "due.sql"})
    operator.resolve_template_files()
    operator.render_template_fields({"dag": dag, "params": {"day": "2026-11-22"}})
    assert operator.sql == "SELECT phone FROM due WHERE day = '2026-11-22'"
    assert operator.template_fields_renderers["sql"] == "sql"


def test_a_table_that_is_read_once_goes_the_same_way(arguments: dict[str, Any], accepted: Accepted) -> None:
    """A generator of Arrow batches as recipients."""
    import pyarrow as pa

    table = pa.table({"phone": PHONES, "name": "Ann", "amount": "1"} | {k: [k] * 7 for k in ("name", "amount")})
    given = {name: value for name, value in arguments.items() if name not in ("sql", "sql_conn_id", "parameters")}
    run = try_task({**given, "recipients": (batch for batch in table.to_batches(max_chunksize=3)), "max_recipients": 7})
    assert (run.error, run.counts, sorted(accepted())) == (None, {"accepted": 7}, PHONES)
    assert "generator" in str(run.operator.recipients)


# -- what is refused ---------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "both": ({"recipients": "/lake/due.parquet"}, "Both recipients and sql are given"),
    "neither": ({"sql": "{{ params.nothing }}"}, "Neither recipients nor sql is given"),
    "no connection named": ({"sql_conn_id": None}, "sql_conn_id is not given"),
    "unknown connection": ({"sql_conn_id": "warehuose"}, "There is no connection 'warehuose': sql_conn_id"),
    "no database": ({"sql_conn_id": "uspeedo_test"}, "sql_conn_id 'uspeedo_test' is a connection of type 'uspeedo'"),
    "unknown type": ({"sql_conn_id": "strange"}, "for which there is no hook here"),
    "no text": ({"sql": ["SELECT 1", "SELECT 2"]}, "sql must be the text of one query"),
    "no parameters": ({"parameters": "2026-11-22"}, "parameters must be a list or a dict"),
    "no hook parameters": ({"sql_hook_params": [1]}, "sql_hook_params must be a dict"),
    "strange hook parameters": (
        {"sql_hook_params": {"sqlite_conn_id": "ledger"}},
        "sql_hook_params do not fit the hook of connection 'warehouse'",
    ),
    "missing column": ({"phone_column": "phones"}, "no column 'phones'; did you mean 'phone'"),
    "two of a name": ({"sql": "SELECT phone, phone, name, amount FROM due"}, "more than one column 'phone'"),
    "wrong query": ({"sql": "SELECT nmae FROM due"}, "no such column: nmae"),
    "no query": ({"sql": "DELETE FROM due WHERE day = :day"}, "sql gives no rows on connection 'warehouse'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_by_name(
    arguments: dict[str, Any], accepted: Accepted, connect: Connect, case: str
) -> None:
    """Before anything is sent, and without a retry."""
    connect("strange", conn_type="strange")
    changes, expected = WRONG[case]
    run = try_task({**arguments, **changes}, {"nothing": ""})
    assert expected in message(run)
    assert "AirflowFailException" in message(run)
    assert accepted() == []


def test_neither_is_found_when_the_file_is_parsed() -> None:
    """A DAG that cannot run does not get that far."""
    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    with pytest.raises(ConfigurationError, match="Neither recipients nor sql"):
        SendBatchSMSOperator(task_id="send", template_id="UTA_REMINDER")


def test_a_table_that_is_not_there_yet_is_worth_a_retry(arguments: dict[str, Any], accepted: Accepted) -> None:
    """As a late partition is."""
    run = try_task({**arguments, "sql": "SELECT phone FROM tomorrow"})
    assert message(run).startswith("AirflowException: The query of sql failed on connection 'warehouse'")
    assert "no such table: tomorrow" in message(run)
    assert "airflow-uspeedo explain query-failed" in message(run)


def test_no_rows_are_no_failure(arguments: dict[str, Any], accepted: Accepted) -> None:
    """As an empty table."""
    run = try_task({**arguments, "parameters": {"day": "1999-01-01"}})
    assert (run.error, run.summary["rows"], accepted()) == (None, 0, [])


def test_hook_parameters_reach_the_hook(warehouse: Path) -> None:
    """As with Airflow's own SQL operators, and nothing is connected before it is needed."""
    opened = connector("warehouse", {"log_sql": True})()
    assert opened.execute("SELECT count(*) FROM due").fetchone() == (7,)
    opened.close()


# -- what Airflow gets to see ------------------------------------------------------------------------------------------


def test_parameters_are_hidden_from_everything_that_airflow_writes(
    arguments: dict[str, Any], accepted: Accepted, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """They may be phones: a query for one person. Airflow stores template fields and its hooks log parameters."""
    caplog.set_level(logging.DEBUG)
    phone = PHONES[0]
    for parameters, shown in (({"phone": phone}, "<parameters phone>"), ([phone], "<1 parameters>")):
        marker = ":phone" if isinstance(parameters, dict) else "?"
        given = {**arguments, "sql": f"SELECT * FROM due WHERE phone = {marker}", "parameters": parameters}
        run = try_task(given)
        assert run.error is None
        hidden = run.operator.parameters
        assert {str(hidden), repr(hidden), hidden.serialize(), str(deepcopy(hidden))} == {shown}
    wrong = try_task({**arguments, "sql": "SELECT json(:phone)", "parameters": {"phone": phone}})
    assert phone not in message(wrong)
    said = capfd.readouterr()
    assert not any(phone in text or phone[5:] in text for text in (caplog.text, said.out, said.err))


def test_a_reference_in_the_parameters_stays_visible_to_airflow() -> None:
    """Else the task would not wait for the one that it needs."""
    from airflow.providers.common.compat.sdk import DAG, task

    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    with DAG("a_dag", schedule=None) as dag:

        @task
        def day() -> str:
            return "2026-11-22"

        SendBatchSMSOperator(
            task_id="send", sql=SELECT, sql_conn_id="w", parameters={"day": day()}, template_id="UTA_REMINDER"
        )
    assert dag.task_dict["send"].upstream_task_ids == {"day"}


# -- the end -----------------------------------------------------------------------------------------------------------


def test_a_task_that_is_ended_while_its_query_runs_sends_nothing(arguments: dict[str, Any], accepted: Accepted) -> None:
    """on_kill cancels the query; a retry may run it again."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS phone FROM n WHERE i < 0"
    rendered = render({**arguments, "sql": endless, "parameters": None})
    operator = rendered.operator
    over = threading.Event()

    def end_it() -> None:
        while not over.wait(0.05):
            if operator._run is not None and any(query._running for query in operator._run.queries):
                operator.on_kill()

    thread = threading.Thread(target=end_it)
    thread.start()
    with pytest.raises(Exception, match="airflow-uspeedo explain stopped") as ended:
        operator.execute(rendered.summary)
    over.set()
    thread.join()
    assert type(ended.value).__name__ == "AirflowException"
    assert accepted() == []


def test_a_task_that_was_ended_before_does_not_ask_the_warehouse(arguments: dict[str, Any], accepted: Accepted) -> None:
    """Airflow calls on_kill once."""
    rendered = render(arguments)
    rendered.operator.on_kill()
    with pytest.raises(Exception, match="airflow-uspeedo explain stopped"):
        rendered.operator.execute(rendered.summary)
    assert accepted() == []


def test_parameters_that_are_json_stay_what_they_are() -> None:
    """Wrapping keeps the value."""
    for given in ({"a": 1}, [1, 2], (1,), json.dumps({"a": 1})):
        assert HiddenParameters.unwrap(HiddenParameters.hiding(given)) == given
    assert HiddenParameters.hiding(None) is None
    assert HiddenParameters.hiding("{{ params.x }}") == "{{ params.x }}"
