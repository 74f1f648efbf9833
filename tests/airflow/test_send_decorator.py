# SPDX-License-Identifier: Apache-2.0
"""``@task.send_batch_sms``: the table that a function returns is sent by the same task, and goes nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.dag_runs import DagRuns, bytes_of
from tests.airflow.people import People, Row, phones, write
from tests.airflow.running import Instance, Run, finish
from tests.airflow.test_ends import assert_failed
from tests.airflow.test_hours import HOUR, LATER, NOW, OPEN, WEST, deferred
from tests.leaks import leaks

Accepted = Callable[[], list[str]]
Make = Callable[..., Run]


@pytest.fixture
def make(sandbox: Sandbox, ledger: Path) -> Make:
    """A rendered task of a decorated function."""

    def rendered(function: Callable[..., Any], *args: Any, native: bool = False, **arguments: Any) -> Run:
        from airflow.providers.common.compat.sdk import DAG

        from airflow_provider_uspeedo.decorators.send_batch_sms import send_batch_sms_task

        given = {"task_id": "send", "template_id": "UTA_PLAIN", "results_conn_id": "ledger", **arguments}
        with DAG(
            "a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), render_template_as_native_obj=native
        ) as dag:
            operator = send_batch_sms_task(**given)(function)(*args).operator
        instance = Instance()
        context = {"dag": dag, "task": operator, "ti": instance, "run_id": instance.run_id, "params": {}}
        operator.render_template_fields(context)
        return Run(operator, instance, context, None)

    return rendered


TABLES: dict[str, Callable[[list[Row], Path], Any]] = {
    "a frame": lambda rows, _: pd.DataFrame(rows),
    "an Arrow table": lambda rows, _: pa.Table.from_pylist(rows),
    "a list of dicts": lambda rows, _: rows,
    "a path": lambda rows, folder: (write(folder / "people.parquet", rows), str(folder / "people.parquet"))[1],
    "an Arrow reader": lambda rows, _: pa.Table.from_pylist(rows).to_reader(),
    "batches": lambda rows, _: iter(pa.Table.from_pylist(rows).to_batches()),
}


@pytest.mark.parametrize("kind", TABLES)
def test_what_a_function_returns_is_sent(
    make: Make, people: People, tmp_path: Path, accepted: Accepted, kind: str
) -> None:
    """In every form that the operator takes; the summary is what it returns, and a second attempt texts nobody."""
    rows, calls = people(3), []

    def send() -> Any:
        calls.append(1)
        return TABLES[kind](rows, tmp_path)

    first = finish(make(send, param_columns=["name", "amount"], template_id="UTA_REMINDER"))
    second = finish(make(send, param_columns=["name", "amount"], template_id="UTA_REMINDER"))
    assert (first.error, first.counts, first.summary["accepted_now"]) == (None, {"accepted": 3}, 3)
    assert (second.error, second.counts, second.summary["accepted_now"]) == (None, {"accepted": 3}, 0)
    assert first.summary["campaign_id"] == "a_dag/send/a_run"
    assert sorted(accepted()) == phones(rows)
    assert len(calls) == 2, "once for each attempt"


def test_a_generator_of_batches_is_a_function_too(make: Make, people: People, accepted: Accepted) -> None:
    """One that yields: its batches are spooled."""
    rows = people(2)

    def send() -> Iterator[pa.RecordBatch]:
        for row in rows:
            yield pa.RecordBatch.from_pylist([row])

    assert finish(make(send)).counts == {"accepted": 2}
    assert sorted(accepted()) == phones(rows)


def test_its_arguments_are_rendered_and_may_be_any_object(make: Make, people: People) -> None:
    """Text with braces, too: what a function makes of its arguments is its own affair."""
    (row,), marker = people(1), object()

    def send(run: str, thing: Any, text: str, ti: Any = None, params: Any = None) -> Any:
        assert (run, thing, text, ti.task_id, params) == ("a_run", marker, "{{ a }}", "send", {})
        return [row]

    assert finish(make(send, "{{ run_id }}", marker, "{{ '{{ a }}' }}")).error is None


def test_an_argument_with_the_name_of_a_part_of_the_context_is_the_functions_alone(make: Make, people: People) -> None:
    """The operator goes on with Airflow's own task instance."""
    rows = people(1)

    def send(**given: Any) -> Any:
        assert given["run_id"] == "a_run"
        return rows

    run = finish(make(send))
    assert (run.error, run.instance.xcoms["session_nos"]) == (None, run.summary["session_nos"])


def test_native_rendering_keeps_texts_and_gives_the_function_objects(make: Make, people: People) -> None:
    """As of the operator: ``2026_11_22`` is a name, and the function gets a list."""
    rows = people(1)

    def send(numbers: Any) -> Any:
        assert numbers == [1, 2]
        return rows

    run = finish(make(send, "{{ [1, 2] }}", native=True, campaign_id="{{ '2026_11_22' }}"))
    assert (run.error, run.summary["campaign_id"]) == (None, "2026_11_22")


def test_a_table_with_rows_that_cannot_be_sent_ends_as_the_operator_does(make: Make, people: People) -> None:
    run = finish(make(lambda: [{"phone": "nobody"}]))
    assert_failed(run, "The only row cannot be sent", "airflow-uspeedo explain no-sendable-row")
    assert finish(make(list, task_id="empty")).counts == {}


def test_a_function_that_returns_nothing_is_refused(make: Make, accepted: Accepted) -> None:
    """``None`` is a forgotten return; no retry fixes it."""
    assert_failed(
        finish(make(lambda: None)), "returned None: return the table", "airflow-uspeedo explain refused-before"
    )
    assert_failed(finish(make(lambda: {"phone": ["1"]})), "recipients cannot be a dict")
    assert accepted() == []


def test_an_error_of_the_function_is_raised_as_it_is(make: Make, accepted: Accepted) -> None:
    """Also the one that skips the task."""
    from airflow.providers.common.compat.sdk import AirflowSkipException

    def skip() -> Any:
        raise AirflowSkipException("nothing is due")

    def fail() -> Any:
        raise KeyError("due_on")

    assert isinstance(finish(make(skip)).error, AirflowSkipException)
    assert isinstance(finish(make(fail)).error, KeyError)
    assert accepted() == []


def test_a_kill_while_the_function_runs_stops_before_the_first_message(
    make: Make, people: People, accepted: Accepted
) -> None:
    """Airflow 3 calls ``on_kill`` once, and does not end the function."""
    rows, running = people(2), []

    def send() -> Any:
        running[0].operator.on_kill()
        return rows

    running.append(make(send))
    run = finish(running[0])
    assert "airflow-uspeedo explain stopped" in str(run.error)
    assert accepted() == []


def test_a_sleeping_task_calls_its_function_again(make: Make, people: People, accepted: Accepted) -> None:
    """It waits for the hours of the policy in the triggerer, and no rows go there."""
    rows, calls = people(2), []
    zoned = [{**row, "zone": zone} for row, zone in zip(rows, ("UTC", WEST), strict=True)]

    def send() -> Any:
        calls.append(1)
        return zoned

    sleep = deferred(make(send, policy=OPEN, deferrable=True))
    assert (sleep.method_name, sleep.trigger.moment) == ("execute_complete", NOW + 4 * HOUR)
    assert accepted() == phones(rows[:1])
    resumed = make(send, policy=LATER, deferrable=True)
    summary = resumed.operator.resume_execution("execute_complete", {"event": NOW}, resumed.summary)
    assert (summary["accepted"], summary["accepted_now"], len(calls)) == (2, 1, 2)
    assert sorted(accepted()) == phones(rows)


@pytest.mark.parametrize("argument", ["recipients", "sql", "sql_conn_id", "parameters", "sql_hook_params"])
def test_arguments_that_name_a_table_are_refused(make: Make, argument: str) -> None:
    """When the DAG is parsed; those of ``default_args`` are meant for other tasks."""
    with pytest.raises(ConfigurationError, match=f"sends the table that its function returns: remove {argument}"):
        make(list, **{argument: "due"})
    made = make(list, default_args={argument: "due"}).operator
    assert str(made.recipients) == "<what the function returns>"
    assert made.sql is None


def test_an_async_function_is_refused(make: Make) -> None:
    async def send() -> Any:
        return []

    with pytest.raises(ConfigurationError, match="not an async one"):
        make(send)


# -- what Airflow writes ----------------------------------------------------------------------------------------

PHONE = "+85255311111"


def serialized(dag: Any) -> str:
    """The text that Airflow stores of a DAG."""
    try:
        from airflow.serialization.serialized_objects import DagSerialization

        return json.dumps(DagSerialization.to_dict(dag))
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG

        return json.dumps(SerializedDAG.to_dict(dag))


@pytest.mark.parametrize("how", ["call", "override", "expand", "override and expand", "partial", "expand_kwargs"])
def test_phones_of_a_policy_are_hidden_however_the_task_is_made(how: str) -> None:
    """And the operator's arguments are there, rendered or mapped."""
    from airflow.providers.common.compat.sdk import DAG, task

    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        given = {} if "override" in how else {"policy": {"suppress": [PHONE]}}

        @task.send_batch_sms(
            template_id="UTA_REMINDER", prices=pd.DataFrame({"country": ["HK"], "price": [1]}), **given
        )
        def send(day: str) -> Any:
            return [{"phone": PHONE, "day": day}]

        if "override" in how:
            send = send.override(policy={"suppress": [PHONE]}, task_id="another")
        if how in ("call", "override"):
            send("{{ ds }}")
        elif how == "partial":
            send.partial(day="{{ ds }}")
        elif how == "expand_kwargs":
            send.expand_kwargs([{"day": "1"}, {"day": "2"}])
        else:
            send.expand(day=["1", "2"])
        if how == "partial":
            send.partial().expand(day=["1"])
    text = serialized(dag)
    assert "UTA_REMINDER" in text
    assert "<1 phones>" in text
    assert "@task.send_batch_sms" in text
    assert leaks(text, PHONE) == []
    assert ("another" in text) == ("override" in how)


# -- a DAG run --------------------------------------------------------------------------------------------------


def test_a_mapped_function_in_a_dag_run(
    sandbox: Sandbox, people: People, airflow_home: Path, tmp_path: Path, ledger: Path, accepted: Accepted
) -> None:
    """Twice, of Airflow's own: everybody is texted once, and no rows are left in Airflow's database or logs."""
    north = people.table(tmp_path / "north.parquet", 2)
    south = people.table(tmp_path / "south.parquet", 3)
    runs = DagRuns(airflow_home)
    for _ in range(2):
        runs.test("from_function", {"folder": str(tmp_path)})
    assert sorted(accepted()) == sorted(phones(north + south))
    states = {task: state for task, (state, _) in runs.states("from_function").items()}
    assert states == {"shops": "success", "send": "success", "broken": "failed", "forgetful": "failed"}
    summaries = runs.xcoms("from_function")["send"]
    assert [summary["rows"] for summary in summaries] == [2, 2, 3, 3]
    assert {summary["campaign_id"] for summary in summaries} == {f"2026_11_22 {tmp_path}"}
    said = runs.output("from_function").read_text()
    assert "KeyError" in said
    assert "returned None: return the table" in said
    rendered = runs.rendered("from_function")["send"]
    assert rendered["recipients"] == "<what the function returns>"
    assert rendered["op_kwargs"]["folder"] == str(tmp_path)
    written = bytes_of(airflow_home / "airflow.db").decode("latin-1") + said
    assert not [phone for phone in phones(north + south) if phone.partition(")")[2] in written]
