# SPDX-License-Identifier: Apache-2.0
"""A task that is told to end: nothing more leaves, and what is in flight is settled."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.dag_runs import DagRuns
from tests.airflow.people import People, phones
from tests.airflow.running import finish, render, try_task

Accepted = Callable[[], list[str]]


@pytest.fixture
def task(tmp_path: Path, ledger: Path, sandbox: Sandbox) -> dict[str, Any]:
    """One request for each person, one at a time; the first answer takes its time."""
    sandbox.fault("drip", seconds=1)
    return {
        "recipients": str(tmp_path / "people.parquet"),
        "template_id": "UTA_PLAIN",
        "chunk_size": 1,
        "concurrency": 1,
        "results_conn_id": "ledger",
    }


def test_on_kill_stops_before_the_next_request(
    task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """Airflow 3 calls on_kill and nothing else: the request in flight is settled, no other one leaves."""
    rows = people.table(tmp_path / "people.parquet", 6)
    rendered = render(task)
    once_accepted(accepted, rendered.operator.on_kill)
    run = finish(rendered)
    assert "airflow-uspeedo explain stopped" in str(run.error)
    assert run.summary["accepted"] == run.summary["requests"] == len(accepted()) == 1
    assert run.summary["unknown"] == 0
    assert try_task(task, try_number=2).counts == {"accepted": 6}
    assert sorted(accepted()) == phones(rows)


def test_on_kill_before_execute_is_harmless(task: dict[str, Any]) -> None:
    """Airflow may call it at any time."""
    render(task).operator.on_kill()


def test_on_kill_of_the_task_that_airflow_copies_stops_the_copy(
    task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """A signal that comes while Airflow 3 makes the copy that it executes reaches the one that it copies."""
    people.table(tmp_path / "people.parquet", 6)
    rendered = render(task)
    copied = rendered.operator.prepare_for_execution()
    rendered.operator.on_kill()
    run = finish(replace(rendered, operator=copied))
    assert "airflow-uspeedo explain stopped" in str(run.error)
    assert accepted() == []


@pytest.mark.parametrize("times", [1, 2, 4])
def test_a_termination_settles_what_is_in_flight(
    task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted, times: int
) -> None:
    """Airflow 2 raises in the main thread: the answer that comes meanwhile is in the ledger before the task ends.

    However often it raises: no connection is closed under a request that is out.
    """

    def terminate() -> None:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)

    rows = people.table(tmp_path / "people.parquet", 6)
    rendered = render(task)
    once_accepted(accepted, terminate)
    with raised_on_sigterm(), pytest.raises(Terminated):
        finish(rendered)
    assert len(accepted()) == 1
    after = try_task(task, try_number=2)
    assert (after.counts, after.summary["accepted_now"]) == ({"accepted": 6}, 5)
    assert sorted(accepted()) == phones(rows)


def test_a_terminated_process_settles_and_its_campaign_goes_on(
    sandbox: Sandbox, people: People, tmp_path: Path, airflow_home: Path, accepted: Accepted
) -> None:
    """SIGTERM to a task of Airflow's own making: no answer is lost, and a later run texts the rest, each once."""
    table = str(tmp_path / "people.parquet")
    rows = people.table(tmp_path / "people.parquet", 6)
    sandbox.fault("drip", seconds=1)
    with DagRuns(airflow_home).started("patient", {"table": table, "chunk_size": 1}) as running:
        wait_for(accepted)
        running.terminate()
    again = {"recipients": table, "template_id": "UTA_PLAIN", "campaign_id": f"patient {table}"}
    later = try_task(again, dag_id="patient")
    assert (later.error, later.counts) == (None, {"accepted": 6})
    assert later.summary["accepted_now"] < 6
    assert sorted(accepted()) == phones(rows)


class Terminated(BaseException):
    """As Airflow 2's AirflowTaskTerminated: no Exception, so that no task catches it."""


@contextmanager
def raised_on_sigterm() -> Iterator[None]:
    """What Airflow 2 does around ``execute``."""

    def terminate(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def once_accepted(accepted: Accepted, act: Callable[[], None]) -> None:
    """Acts in another thread as soon as somebody has been texted."""

    def wait_and_act() -> None:
        wait_for(accepted)
        act()

    threading.Thread(target=wait_and_act).start()


def wait_for(accepted: Accepted) -> None:
    """Waits until the sandbox has accepted somebody."""
    deadline = time.monotonic() + 30
    while not accepted():
        assert time.monotonic() < deadline, "nobody was texted"
        time.sleep(0.02)
