# SPDX-License-Identifier: Apache-2.0
"""The operator that records a person's answer is killed: what is recorded stays, and the retry asks about the rest."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.dag_runs import DagRuns
from tests.airflow.people import People, phones
from tests.airflow.resolving import (
    CAMPAIGN,
    CAN_ASK,
    NEEDS_TRIGGERER,
    Question,
    asker,
    decisions,
    make,
    statuses,
)
from tests.airflow.running import try_task
from tests.airflow.scheduler import started
from tests.airflow.test_approval import ENDED, WAITS
from tests.airflow.test_follow_up import respond
from tests.airflow.test_scheduler import has

pytestmark = pytest.mark.skipif(not CAN_ASK, reason="this Airflow cannot ask a person")
Accepted = Callable[[], list[str]]
KILLED = 9
STRIDE = 1 if os.environ.get("USPEEDO_SLOW") == "all" else 5
"""Of the points at which a process can die, every so many are tried; no transaction has so few that one is left out."""
DAG_ID = "killed_resolver"
DAG_FILE = """
import os, signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.operators.resolve import ResolveUnknownOperator

HERE, resolve = Path(__file__).parent, LedgerAdmin.resolve

def killing(self, *given, **how):
    done = resolve(self, *given, **how)
    if not (HERE / "killed").exists():
        (HERE / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return done

LedgerAdmin.resolve = killing

with DAG("killed_resolver", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    ResolveUnknownOperator(
        task_id="resolve", campaign_id="due 2026-11-22", results_conn_id="ledger", retries=1,
        retry_delay=timedelta(seconds=0),
    )
"""


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Question]:
    """Runs the task until it waits; what it sends to Airflow is kept instead."""
    return asker(monkeypatch)


@pytest.fixture
def task(sandbox: Sandbox, people: People, tmp_path: Path, ledger: Path) -> dict[str, Any]:
    """A campaign, of which three requests with two recipients each are unknown."""
    people.table(tmp_path / "people.parquet", 7)
    sandbox.fault("drop", times=3, accepted=False)
    given = {
        "recipients": str(tmp_path / "people.parquet"), "template_id": "UTA_REMINDER",
        "param_columns": ["name", "amount"], "campaign_id": CAMPAIGN, "results_conn_id": "ledger", "chunk_size": 2,
        "concurrency": 1, "max_unknown_requests": None,
    }  # fmt: skip
    try_task(given)
    sandbox.clear_faults()
    assert statuses(ledger) == {"unknown": 6, "accepted": 1}
    return given


def killed_at(question: Question, point: int, chosen: list[str]) -> bool:
    """Answers in a child that dies at a statement or commit; false if it came to its end before."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    if child := os.fork():
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) == KILLED
    passed = 0

    def pass_by(*_: Any, **__: Any) -> None:
        nonlocal passed
        if passed == point:
            os._exit(KILLED)
        passed += 1

    with suppress(BaseException):
        for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
            event.listen(Engine, name, pass_by)
        run = question.answer(*chosen)
        os._exit(0 if run.error is None else 1)
    os._exit(2)


def test_a_resolver_that_dies_at_any_statement_decides_each_request_once(
    task: dict[str, Any], ask: Any, ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, between and within its transactions; the retry asks about what is not recorded, in a new process."""
    from airflow.providers.common.compat.sdk import AirflowSkipException

    question = ask()
    sent, *not_sent = (question.detail.options[number] for number in (3, 6, 8))
    point, left = 0, Counter[int]()
    while True:
        home = tmp_path / f"at {point}"
        home.mkdir()
        for file in tmp_path.glob("ledger.db*"):
            shutil.copy(file, home)
        copy = home / "ledger.db"
        monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps({"conn_type": "sqlite", "host": str(copy)}))
        died = killed_at(question, point, [sent, *not_sent])
        undecided = 3 - len(decisions(copy))
        left[undecided] += 1
        again = None
        with suppress(AirflowSkipException):
            again = ask() if undecided else make()[0].execute(make()[1])
        if undecided:
            assert isinstance(again, Question)
            assert again.kept["shown"] == question.kept["shown"][3 - undecided :]
            # The first request is the one that was sent; with one request left there is one answer for all.
            chosen = [sent, *not_sent] if undecided == 3 else ["All not sent"]
            assert again.answer(*chosen).error is None
        assert decisions(copy) == [("sent", 2, "Ann Lee"), *[("not sent", 2, "Ann Lee")] * 2]
        assert statuses(copy) == {"accepted": 3, "not_sent": 4}
        shutil.rmtree(home)
        if not died:
            break
        point += STRIDE
    assert point > 60
    assert set(left) == {0, 1, 2, 3}
    assert left[0] > 1, "also after the last decision"


def test_the_next_attempt_sends_what_a_killed_resolver_and_its_retry_called_not_sent(
    task: dict[str, Any], ask: Any, ledger: Path, accepted: Accepted
) -> None:
    """Once each, after a kill between two requests."""
    question = ask()
    point = 0
    while len(decisions(ledger)) < 1:
        assert killed_at(question, point, ["All not sent"])
        point += 20
    assert ask().answer("All not sent").error is None
    assert try_task(task).error is None
    assert len(accepted()) == len(set(accepted())) == 6


def test_two_answers_at_once_decide_each_request_once(task: dict[str, Any], ask: Any, ledger: Path) -> None:
    """Two processes, with contradicting answers: for each request the database takes the first."""
    question, ready = ask(), os.pipe()
    children = [answering(question, ready, "All sent", "Ann"), answering(question, ready, "All not sent", "Bob")]
    os.write(ready[1], b"12")
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    decided = decisions(ledger)
    assert len(decided) == 3
    assert {(outcome, by) for outcome, _, by in decided} <= {("sent", "Ann"), ("not sent", "Bob")}
    sent = 2 * sum(outcome == "sent" for outcome, _, _ in decided)
    expected = {"accepted": 1 + sent, "not_sent": 6 - sent}
    assert statuses(ledger) == {status: count for status, count in expected.items() if count}


def answering(question: Question, ready: tuple[int, int], chosen: str, name: str) -> int:
    """A child that answers once it can read a byte; it exits with 0 if its task succeeds, or leaves some unknown."""
    if child := os.fork():
        return child
    with suppress(BaseException):
        os.read(ready[0], 1)
        run = question.answer(chosen, user={"id": name, "name": name})
        os._exit(0 if run.summary is not None else 1)
    os._exit(2)


@pytest.mark.slow
def test_kill_9_of_the_task_between_two_requests_and_its_retry(
    task: dict[str, Any], tmp_path: Path, ledger: Path, accepted: Accepted, people: People
) -> None:
    """With a scheduler: the retry is another process; its answer counts for the two requests that are left."""
    home, dags = tmp_path / "airflow", tmp_path / "dags"
    dags.mkdir()
    (dags / f"{DAG_ID}.py").write_text(DAG_FILE)
    settings = {"AIRFLOW__CORE__DAGS_FOLDER": str(dags), "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True"}
    with started(home, triggerer=NEEDS_TRIGGERER, **settings) as airflow:
        airflow.wait_for(
            lambda db: has(db, f"SELECT 1 FROM serialized_dag WHERE dag_id = '{DAG_ID}'"), "the DAG is found"
        )
        airflow.command("dags", "trigger", DAG_ID, "--run-id", "a_run")
        shown = []
        answers = {1: ["All not sent"], 3: ["Not sent: request 2,", "Sent: request 3,"]}
        for events, answer in answers.items():  # the task that asks; the one that is killed; the one that asks again
            airflow.wait_for(lambda db: has(db, WAITS), "the question waits")
            airflow.wait_for(lambda _, events=events: heard(home) >= events, "the scheduler knows that it waits")  # type: ignore[misc]
            shown.append(respond(airflow, *answer, dag_id=DAG_ID))
        airflow.wait_for(lambda db: has(db, ENDED), "the run ends")
        states, xcoms = DagRuns(home).states(DAG_ID), DagRuns(home).xcoms(DAG_ID)
    assert (dags / "killed").exists()
    assert states == {"resolve": ("success", 2)}
    assert shown[0]["body"] == shown[1]["body"], "Airflow shows the first question again"
    assert {name: xcoms["resolve"][name] for name in ("sent", "not_sent", "unknown")} == {
        "sent": 2, "not_sent": 2, "unknown": 0
    }  # fmt: skip
    assert sorted(one[:2] for one in decisions(ledger)) == [*[("not sent", 2)] * 2, ("sent", 2)]
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        lines = list(database.iterdump())
    rows = phones(table(tmp_path))
    assert not any(phone in line or phone.partition(")")[2] in line for line in lines for phone in rows)


@pytest.mark.slow
def test_no_person_answers_in_time(task: dict[str, Any], tmp_path: Path, ledger: Path) -> None:
    """With a scheduler: Airflow ends the waiting, nothing is recorded, and there is no retry.

    Not at once: Airflow retries a task whose waiting ends before its scheduler has heard that the task waits.
    """
    home, dags = tmp_path / "airflow", tmp_path / "dags"
    dags.mkdir()
    (dags / f"{DAG_ID}.py").write_text(
        DAG_FILE.replace("retries=1", "retries=1, response_timeout=timedelta(seconds=20)")
    )
    with started(home, triggerer=NEEDS_TRIGGERER, AIRFLOW__CORE__DAGS_FOLDER=str(dags)) as airflow:
        airflow.wait_for(
            lambda db: has(db, f"SELECT 1 FROM serialized_dag WHERE dag_id = '{DAG_ID}'"), "the DAG is found"
        )
        airflow.command("dags", "trigger", DAG_ID, "--run-id", "a_run")
        airflow.wait_for(lambda db: has(db, ENDED), "the run ends")
        states = DagRuns(home).states(DAG_ID)
    assert states == {"resolve": ("failed", 1)}
    said = "".join(path.read_text("utf-8", "replace") for path in (home / "logs").rglob("*.log"))
    assert "Nobody answered within 0:00:20: nothing was recorded, and 6 recipients of campaign" in said
    assert (statuses(ledger), decisions(ledger)) == ({"unknown": 6, "accepted": 1}, [])


def table(tmp_path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return pq.read_table(tmp_path / "people.parquet").to_pylist()  # type: ignore[no-any-return]


def heard(home: Path) -> int:
    """How often the executor has told the scheduler that a process of the task ended."""
    lines = (home / "scheduler.out").read_text("utf-8", "replace").splitlines()
    return sum("Received executor event" in line and "task_id='resolve'" in line for line in lines)
