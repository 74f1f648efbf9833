# SPDX-License-Identifier: Apache-2.0
"""The operator that collects receipts: when it asks, how it waits, how it ends, and what it leaves behind."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox, running
from tests.airflow.conftest import SECRET, connection_to
from tests.airflow.dag_runs import DagRuns
from tests.airflow.people import People, phones, write
from tests.airflow.running import Instance, Run, finish, try_task

EXAMPLES = Path(__file__).parents[2] / "dags_examples"
KEYS = [
    "campaign_id", "messages", "final", "success", "fail", "submit_fail", "pending", "delivery_rate", "segments",
    "cost", "by_country", "reasons",
]  # fmt: skip
CAMPAIGN = "due"
Collect = Callable[..., Run]


@pytest.fixture(scope="module")
def slow_sandbox() -> Iterator[Sandbox]:
    """Receipts are final only after :meth:`Sandbox.ripen`."""
    with running(access_key_secret=SECRET, receipt_delay=100_000.0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(slow_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    slow_sandbox.clear_faults()
    monkeypatch.setenv("AIRFLOW_CONN_USPEEDO_DEFAULT", connection_to(slow_sandbox.url))
    yield slow_sandbox
    slow_sandbox.clear_faults()


@pytest.fixture
def sent(sandbox: Sandbox, people: People, tmp_path: Path, ledger: Path) -> Callable[..., Run]:
    """Sends a table, one person for each ending."""

    def send(*endings: str, **more: Any) -> Run:
        rows = [row for ending in endings for row in people(1, ending=ending)]
        write(tmp_path / "people.parquet", rows)
        how = {"template_id": "UTA_REMINDER", "param_columns": ["name", "amount"], "user_id_column": "customer"}
        given = {"campaign_id": CAMPAIGN, "results_conn_id": "ledger", "recipients": str(tmp_path / "people.parquet")}
        return try_task({**how, **given, **more})

    return send


def make(**arguments: Any) -> tuple[Any, dict[str, Any]]:
    """A rendered operator, and its context."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_uspeedo.operators.receipts import CollectSMSReceiptsOperator

    given = {"task_id": "receipts", "results_conn_id": "ledger", "first_after": 0, "mode": "poke", **arguments}
    if "session_nos" not in given:
        given.setdefault("campaign_id", CAMPAIGN)
    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        operator = CollectSMSReceiptsOperator(**given)
    instance = Instance(task_id="receipts")
    context = {"dag": dag, "task": operator, "ti": instance, "run_id": instance.run_id, "params": {}}
    operator.render_template_fields(context)
    return operator, context


def collect(**arguments: Any) -> Run:
    """One run of the task, to its end."""
    operator, context = make(**arguments)
    return finish(Run(operator, context["ti"], context, None))


def log_of(operator: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """What it logs, with levels."""
    log, found = logging.getLogger(f"a task {id(operator)}"), logging.handlers.BufferingHandler(1000)
    log.addHandler(found)
    log.setLevel(logging.INFO)
    monkeypatch.setattr(type(operator), "log", log)
    return lambda: "\n".join(f"{one.levelname} {one.getMessage()}" for one in found.buffer)


def age(ledger: Path, **how: Any) -> None:
    """Makes all requests look as if they had been answered so much earlier."""
    with closing(sqlite3.connect(ledger)) as connection, connection:
        [(at,)] = connection.execute("SELECT max(settled_at) FROM uspeedo_requests").fetchall()
        earlier = datetime.fromisoformat(at) - timedelta(**how)
        connection.execute("UPDATE uspeedo_requests SET settled_at = ?", (earlier.strftime("%Y-%m-%d %H:%M:%S.%f"),))


def results(ledger: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(ledger)) as connection:
        return connection.execute("SELECT status, receipt_result FROM uspeedo_results ORDER BY row_number").fetchall()


def test_the_return_value_has_exactly_the_promised_keys(sent: Any, sandbox: Sandbox, ledger: Path) -> None:
    """Plain JSON, in that order."""
    sent("00000", "00000", "99993", "99991")
    sandbox.ripen()
    run = collect()
    assert run.error is None
    assert list(run.summary) == KEYS
    assert (run.summary["campaign_id"], run.summary["messages"], run.summary["final"]) == (CAMPAIGN, 3, 3)
    assert (run.summary["success"], run.summary["fail"], run.summary["delivery_rate"]) == (2, 1, 0.666667)
    assert run.summary["by_country"]["CN"]["success"] == 2
    assert results(ledger) == [("accepted", "Success")] * 2 + [("accepted", "Fail"), ("rejected", None)]
    (written,) = run.operator.lineage_outputs()
    assert (written.name, written.rows) == (f"{ledger}/uspeedo_results", 3)


def test_receipts_of_the_upstream_tasks_sessions(sent: Any, sandbox: Sandbox) -> None:
    """As a list, and as the text of one that a template makes of it; the campaign is found."""
    sessions = sent("00000", "00000").summary["session_nos"]
    sandbox.ripen()
    for given in (sessions, json.dumps(sessions), str(sessions), ",".join(sessions)):
        run = collect(session_nos=given)
        assert run.error is None
        assert (run.summary["campaign_id"], run.summary["success"]) == (CAMPAIGN, 2)


def test_not_yet_time_means_the_worker_is_left_and_nothing_is_asked(sent: Any, sandbox: Sandbox) -> None:
    """Deferred to Airflow's own trigger, which carries the time alone; or rescheduled to the same time."""
    from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred

    sent("00000")
    before = len(sandbox.requests())
    operator, context = make(deferrable=True, first_after=timedelta(minutes=5))
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    name, carried = deferred.value.trigger.serialize()
    assert name.endswith("temporal.DateTimeTrigger")
    assert set(carried) <= {"moment", "end_from_trigger"}
    assert carried["end_from_trigger"] is False
    assert timedelta(minutes=4) < carried["moment"] - datetime.now(UTC) <= timedelta(minutes=5)
    assert (deferred.value.method_name, deferred.value.kwargs) == ("resume", None)
    operator, context = make(mode="reschedule", first_after=timedelta(minutes=5))
    with pytest.raises(AirflowException) as rescheduled:
        operator.execute(context)
    assert type(rescheduled.value).__name__ == "AirflowRescheduleException"
    assert abs(rescheduled.value.reschedule_date - carried["moment"]) < timedelta(seconds=30)
    assert len(sandbox.requests()) == before


def test_it_is_rescheduled_by_default_and_the_scheduler_knows() -> None:
    """Airflow waits for the time only of tasks that say so in the serialized DAG."""
    operator, _ = make(mode="reschedule")
    assert operator.reschedule
    assert type(operator)(task_id="x", campaign_id="c").mode == "reschedule"


def test_after_a_sleep_everything_is_read_again(sent: Any, sandbox: Sandbox) -> None:
    """What the trigger brings is not looked at."""
    sent("00000")
    sandbox.ripen()
    operator, context = make(deferrable=True)
    assert operator.resume(context, event="anything")["success"] == 1


def test_intervals_grow_and_no_retry_restarts_them(sent: Any, sandbox: Sandbox, ledger: Path) -> None:
    """Ten hours after the send the next question is an hour later, or at the deadline, in whichever attempt."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    sent("00000")
    waits = []
    for hours in (0.2, 0.3, 11.0, 0.2):  # each time so much later than before
        age(ledger, hours=hours)
        operator, context = make(deferrable=True, first_after=timedelta(minutes=5))
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute(context)
        waits.append((deferred.value.trigger.moment - datetime.now(UTC)).total_seconds() / 60)
    assert [round(wait) for wait in waits] == [6, 15, 30, 18]


def test_at_the_deadline_it_succeeds_with_a_warning(
    sent: Any, ledger: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is pending. It was asked for once more."""
    sent("00000", "99994", "99996")
    sandbox.ripen()
    age(ledger, hours=13)
    operator, context = make(deferrable=True)
    said = log_of(operator, monkeypatch)
    found = operator.execute(context)
    assert (found["pending"], found["success"], found["delivery_rate"]) == (2, 1, 1.0)
    assert "WARNING The deadline has passed: 2 messages of 3 have no final receipt" in said()
    assert "airflow-uspeedo explain receipts-missing" in said()


def test_a_share_of_final_receipts_is_enough(sent: Any, sandbox: Sandbox) -> None:
    """It does not wait for the rest."""
    sent("00000", "00000", "99994")
    sandbox.ripen()
    run = collect(until="0.66")
    assert (run.error, run.summary["pending"]) == (None, 1)


@pytest.mark.parametrize(
    ("endings", "rate", "fails"),
    [
        (("00000", "99993"), 0.5, ""),
        (("00000", "99993", "99993"), 0.5, "33.33%, less than min_delivery_rate=0.5"),
        (("00000", "99995"), "0.9", "50.00%"),
        (("00000", "99994"), 1, ""),  # what is not final does not count
        (("99994", "99996"), 0.1, "No message has a final receipt"),
        (("99994", "99996"), None, ""),
    ],
)
def test_the_delivery_rate_is_judged_at_the_end(
    sent: Any, sandbox: Sandbox, ledger: Path, endings: tuple[str, ...], rate: Any, fails: str
) -> None:
    """For good, and with the totals pushed."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    sent(*endings)
    sandbox.ripen()
    age(ledger, hours=12)
    run = collect(min_delivery_rate=rate)
    assert list(run.summary) == KEYS
    if fails:
        assert isinstance(run.error, AirflowFailException)
        assert fails in str(run.error)
        assert "airflow-uspeedo explain delivery-rate" in str(run.error)
    else:
        assert run.error is None


def test_a_campaign_without_messages_is_a_warning(sent: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody was rejected: there is nothing to wait for, and no rate to judge."""
    sent("99991")
    operator, context = make(min_delivery_rate=0.9)
    said = log_of(operator, monkeypatch)
    assert operator.execute(context)["messages"] == 0
    assert "WARNING There is no message whose receipt could be asked for" in said()


def test_an_api_that_does_not_answer_is_asked_again_and_at_the_deadline_retried(
    sent: Any, sandbox: Sandbox, ledger: Path
) -> None:
    """An outage of an hour fails no task that has eleven hours left."""
    from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred

    sent("00000")
    sandbox.fault("not_json", on="receipts", at="every")
    operator, context = make(deferrable=True)
    with pytest.raises(TaskDeferred):
        operator.execute(context)
    age(ledger, hours=12)
    run = collect()
    assert isinstance(run.error, AirflowException)
    assert not isinstance(run.error, AirflowFailException)
    assert "airflow-uspeedo explain receipts-refused" in str(run.error)


def test_a_wrong_key_fails_at_once(sent: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait helps."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    sent("00000")
    monkeypatch.setenv("AIRFLOW_CONN_WRONG_KEY", connection_to(sandbox.url, secret="another-secret"))
    run = collect(uspeedo_conn_id="wrong_key", deferrable=True)
    assert isinstance(run.error, AirflowFailException)
    assert "another-secret" not in str(run.error)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"campaign_id": "no such"}, "has no campaign 'no such'"),
        ({"session_nos": ["no such"]}, "None of the 1 session_nos"),
        ({"session_nos": 5}, "session_nos must be a list"),
        ({"campaign_id": "None"}, "Neither campaign_id nor session_nos"),
        ({"until": 0}, "until=0"),
        ({"until": "many"}, "until must be a number"),
        ({"min_delivery_rate": 95}, "min_delivery_rate=95"),
        ({"first_after": "soon"}, "first_after must be a timedelta"),
        ({"first_after": -1}, "first_after=-1"),
        ({"deadline": 0}, "deadline=0:00:00"),
        ({"first_after": 60, "deadline": 30}, "later than deadline"),
        ({"campaign_id": "{{ '{{ x }}' }}"}, "was not rendered"),
        ({"results_conn_id": "uspeedo_default"}, "needs one of type sqlite, postgres"),
    ],
)
def test_a_wrong_argument_is_refused(sent: Any, sandbox: Sandbox, arguments: dict[str, Any], said: str) -> None:
    """No retry can fix it, and the message names it."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    sent("00000")
    before = len(sandbox.requests())
    run = collect(**arguments)
    assert isinstance(run.error, AirflowFailException)
    assert said in str(run.error)
    assert "airflow-uspeedo explain receipts-refused" in str(run.error)
    assert len(sandbox.requests()) == before


def test_neither_campaign_nor_sessions_is_refused_when_the_file_is_parsed() -> None:
    """The mistake is in the DAG."""
    from airflow_provider_uspeedo.errors import ConfigurationError
    from airflow_provider_uspeedo.operators.receipts import CollectSMSReceiptsOperator

    with pytest.raises(ConfigurationError, match="Neither campaign_id nor session_nos"):
        CollectSMSReceiptsOperator(task_id="x")


def test_a_task_that_waits_in_its_slot_says_so_and_can_be_stopped(
    sent: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``on_kill`` ends the wait; a retry goes on where it was."""
    from airflow.providers.common.compat.sdk import AirflowException

    sent("00000")
    operator, context = make(first_after=timedelta(minutes=5))
    said = log_of(operator, monkeypatch)
    stopping = threading.Thread(target=lambda: operator.on_kill() if _until(said, "waits in its worker slot") else None)
    stopping.start()
    with pytest.raises(AirflowException, match="The task was stopped"):
        operator.execute(context)
    stopping.join()
    assert "1 not final" in said()


def _until(said: Callable[[], str], words: str) -> bool:
    tick = threading.Event()
    while words not in said():
        tick.wait(0.01)
    return True


def test_nothing_that_airflow_keeps_or_logs_shows_a_phone(
    sent: Any, sandbox: Sandbox, ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither XCom nor log nor error, whatever the carrier quotes."""
    import pyarrow.parquet as pq

    sent("00000", "99993", "99995")
    rows = pq.read_table(tmp_path / "people.parquet").to_pylist()
    sandbox.ripen()
    operator, context = make(min_delivery_rate=0.9)
    said = log_of(operator, monkeypatch)
    run = finish(Run(operator, context["ti"], context, None))
    with closing(sqlite3.connect(ledger)) as connection, connection:  # as a carrier may write it
        words = f"absent: {rows[1]['phone']}"
        connection.execute("UPDATE uspeedo_receipts SET description = ? WHERE result = 'Fail'", (words,))
    again = finish(Run(operator, context["ti"], context, None))
    assert again.summary["reasons"][0]["reason"].startswith("absent: ****")
    everything = "\n".join(map(str, (said(), run.summary, again.summary, run.error, operator, context["ti"].xcoms)))
    for phone in phones(rows):
        assert phone not in everything
        assert phone.partition(")")[2] not in everything


def test_the_example_collects_what_it_sent(
    people: People, airflow_home: Path, tmp_path: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """collect_receipts.py in a DAG run of Airflow's own, against a sandbox whose receipts ripen meanwhile."""
    rows = write(tmp_path / "people.parquet", [*people(3), *people(1, ending="99993"), *people(1, ending="99991")])
    with running(access_key_secret=SECRET, receipt_delay=3.0) as sandbox:
        environment = {
            "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
            "AIRFLOW_CONN_USPEEDO_DEFAULT": connection_to(sandbox.url),
            "AIRFLOW_CONN_LEDGER": json.dumps({"conn_type": "sqlite", "host": str(ledger)}),
        }
        form = {
            "table": str(tmp_path / "people.parquet"), "campaign": CAMPAIGN, "template_id": "UTA_REMINDER",
            "first_after": 1, "ledger": "ledger",
        }  # fmt: skip
        runs = DagRuns(airflow_home)
        runs.test("collect_receipts", form, **environment)
    said = runs.output("collect_receipts").read_text()
    states = {name: state for name, (state, _) in runs.states("collect_receipts").items()}
    assert states == dict.fromkeys(("send", "receipts", "report"), "success"), said[-3000:]
    xcom = runs.xcoms("collect_receipts")["receipts"]
    assert (xcom["messages"], xcom["success"], xcom["fail"], xcom["pending"]) == (4, 3, 1, 0)
    assert runs.xcoms("collect_receipts")["report"] == "3 of 4 messages arrived; 0 are pending."
    assert not any(phone in said or phone.partition(")")[2] in said for phone in phones(rows))


def test_two_tasks_of_the_example_name_one_campaign() -> None:
    """Else the second one would ask for nothing."""
    from tests.airflow.test_examples import load

    tasks = load("collect_receipts").task_dict
    assert tasks["send"].campaign_id == tasks["receipts"].campaign_id
    assert tasks["send"].results_conn_id == tasks["receipts"].results_conn_id
