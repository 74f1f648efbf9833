# SPDX-License-Identifier: Apache-2.0
"""A task that has sent to all who may be texted now waits for the hours of the others."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.dag_runs import DagRuns
from tests.airflow.people import People, Row, phones, write
from tests.airflow.running import Run, finish, render, try_task
from tests.airflow.scheduler import started
from tests.airflow.test_ends import assert_failed, assert_retried
from tests.airflow.test_scheduler import has, statuses

Accepted = Callable[[], list[str]]
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
WEST = "Etc/GMT+6"
"""Six hours behind UTC."""


def hours(before: timedelta, after: timedelta, **more: Any) -> dict[str, Any]:
    """A policy whose window opened and closes so long before and after now, on a clock of UTC."""
    return {"hours": [f"{NOW - before:%H:%M}", f"{NOW + after:%H:%M}"], "time_zone_column": "zone", **more}


OPEN, LATER = hours(2 * HOUR, 2 * HOUR), hours(8 * HOUR, -4 * HOUR)
"""The window, and where it is some hours later for a clock in the west."""


def table(path: Path, people: People, *zones: str) -> list[Row]:
    return write(path, [{**row, "zone": zone} for row, zone in zip(people(len(zones)), zones, strict=True)])


@pytest.fixture
def task(tmp_path: Path, ledger: Path, sandbox: Sandbox) -> dict[str, Any]:
    return {
        "recipients": str(tmp_path / "people.parquet"),
        "template_id": "UTA_PLAIN",
        "results_conn_id": "ledger",
        "policy": OPEN,
    }


def deferred(rendered: Run) -> Any:
    """What a task raises that goes to sleep."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    with pytest.raises(TaskDeferred) as raised:
        finish(rendered)
    return raised.value


def test_a_deferrable_task_sleeps_until_the_next_window_opens_and_goes_on(
    task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """The trigger is Airflow's own and holds a time; the summary so far is in XCom; it resumes with a whole attempt."""
    rows = table(tmp_path / "people.parquet", people, "UTC", WEST, "UTC", WEST)
    rendered = render({**task, "deferrable": True})
    sleep = deferred(rendered)
    classpath, kwargs = sleep.trigger.serialize()
    assert classpath.endswith(".temporal.DateTimeTrigger")
    assert {str(value) for value in kwargs.values()} == {str(kwargs["moment"]), "False"}
    assert kwargs["moment"] == NOW + 4 * HOUR
    assert (sleep.method_name, sleep.kwargs, sleep.timeout) == ("execute_complete", None, None)
    summary = rendered.instance.xcoms["return_value"]
    assert (summary["accepted"], summary["not_sent"]) == (2, 2)
    assert sorted(accepted()) == phones([rows[0], rows[2]])

    resumed = render({**task, "deferrable": True, "policy": LATER})
    event = {"event": kwargs["moment"]}
    summary = resumed.operator.resume_execution("execute_complete", event, resumed.summary)
    assert (summary["accepted"], summary["accepted_now"], summary["not_sent"]) == (4, 2, 0)
    assert sorted(accepted()) == phones(rows)


def test_it_sleeps_again_where_no_recipient_can_be_sent_to_yet(
    task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """A trigger that fires early, or twice, decides nothing."""
    table(tmp_path / "people.parquet", people, WEST)
    for _ in range(2):
        assert deferred(render({**task, "deferrable": True})).trigger.moment == NOW + 4 * HOUR
    assert accepted() == []


def test_a_task_that_is_not_deferrable_says_when_to_try_again(
    task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """The time of the next window, how far it is off, and the retries that reach it; a retry then sends to them."""
    rows = table(tmp_path / "people.parquet", people, "UTC", WEST)
    run = try_task({**task, "retries": 2, "retry_delay": timedelta(minutes=5)})
    assert_retried(
        run,
        f"1 recipient waits for the hours of the policy; the next window opens at {NOW + 4 * HOUR:%Y-%m-%d %H:%M} UTC.",
        "The retries of this task end before (2 left, one every 5 min): set deferrable=True, or retries=4 and "
        "retry_delay=timedelta(minutes=60).",
        "airflow-uspeedo explain outside-hours",
    )
    assert run.counts == {"accepted": 1, "not_sent": 1}
    assert_retried(try_task({**task, "retries": 6, "retry_delay": HOUR}, try_number=2), "5 left, one every 1 h 0 min.")
    run = try_task({**task, "policy": LATER}, try_number=3)
    assert (run.error, run.counts) == (None, {"accepted": 2})
    assert sorted(accepted()) == phones(rows)


def test_another_cause_is_retried_as_usual(task: dict[str, Any], people: People, tmp_path: Path) -> None:
    """What a retry can send at once does not wait for the morning, even if the task could sleep."""
    table(tmp_path / "people.parquet", people, "UTC", WEST)
    run = try_task({**task, "deferrable": True, "uspeedo_conn_id": "nowhere"})
    assert run.error is not None
    assert "outside-hours" not in str(run.error)


def test_a_dry_run_never_sleeps(task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted) -> None:
    table(tmp_path / "people.parquet", people, "UTC", WEST)
    run = try_task({**task, "deferrable": True, "dry_run": True})
    assert (run.error, run.counts) == (None, {"not_sent": 2})
    assert accepted() == []


def test_what_is_too_late_fails_and_is_recorded(
    task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """Before the first message, and without a retry."""
    table(tmp_path / "people.parquet", people, "UTC", WEST)
    policy = {"not_after": (NOW - HOUR).isoformat()}
    run = try_task({**task, "deferrable": True, "policy": policy})
    assert_failed(
        run, f"not_after ({NOW - HOUR:%Y-%m-%d %H:%M} UTC) leaves no time", "airflow-uspeedo explain not-after"
    )
    assert run.counts == {"not_sent": 2}
    assert accepted() == []


def test_without_the_trigger_nothing_is_begun(
    task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its provider may be missing: that is said before the first message, not in the evening."""
    from airflow_provider_uspeedo.operators import waiting

    monkeypatch.setattr(waiting, "PLACES", ("no_such_module",))
    table(tmp_path / "people.parquet", people, "UTC", WEST)
    run = try_task({**task, "deferrable": True})
    assert_failed(run, "install apache-airflow-providers-standard", "explain refused-before-sending")
    assert accepted() == []
    assert_retried(try_task(task), "explain outside-hours")


def test_clocks_that_differ_do_not_make_a_task_read_its_table_over_and_over() -> None:
    """A window that opens now, or has opened, is waited for a little longer."""
    from airflow_provider_uspeedo.operators.opening_hours import MIN_SLEEP, time_to_wake

    assert time_to_wake(NOW + HOUR, NOW) == NOW + HOUR
    assert time_to_wake(NOW, NOW) == time_to_wake(NOW - HOUR, NOW) == NOW + MIN_SLEEP


@pytest.mark.slow
def test_a_dag_run_sleeps_and_sends_to_each_in_their_own_hours(
    airflow_home: Path, sandbox: Sandbox, people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """A task process of Airflow's own that defers, the trigger, and another process that goes on."""
    rows = table(tmp_path / "people.parquet", people, "UTC", "Etc/GMT+1", "UTC")
    conf = window_that_opens_soon(tmp_path)
    runs = DagRuns(airflow_home)
    runs.test("hours", conf)
    assert runs.states("hours")["send"] == ("success", 1)
    assert Counter(accepted()) == Counter(phones(rows))
    assert runs.xcoms("hours")["send"]["accepted"] == 3


@pytest.mark.slow
def test_a_task_sleeps_in_the_triggerer(sandbox: Sandbox, people: People, tmp_path: Path, accepted: Accepted) -> None:
    """With a scheduler and a triggerer: what Airflow's database has of the sleep is a time, and no phone."""
    rows = table(tmp_path / "people.parquet", people, "UTC", "Etc/GMT+1", "UTC")
    with started(tmp_path / "airflow", triggerer=True) as airflow:
        airflow.wait_for(lambda db: has(db, "SELECT 1 FROM serialized_dag WHERE dag_id = 'hours'"), "the DAG is found")
        airflow.command("dags", "trigger", "hours", "--conf", json.dumps(window_that_opens_soon(tmp_path)))
        airflow.wait_for(lambda db: has(db, "SELECT 1 FROM task_instance WHERE state = 'deferred'"), "it sleeps")
        assert Counter(accepted()) == Counter(phones([rows[0], rows[2]]))
        trigger = str(trigger_rows(tmp_path / "airflow" / "airflow.db"))
        airflow.wait_for(
            lambda db: has(db, "SELECT 1 FROM dag_run WHERE state IN ('success', 'failed')"), "the run ends"
        )
    assert "DateTimeTrigger" in trigger
    assert not [row for row in rows if row["phone"].partition(")")[2] in trigger]
    assert Counter(accepted()) == Counter(phones(rows))
    assert {status for _, status in statuses(tmp_path / "airflow" / "uspeedo_ledger.db")} == {"accepted"}


def window_that_opens_soon(folder: Path) -> dict[str, str]:
    """Hours that are open by a clock of UTC, and open at one an hour behind it in 120 to 180 seconds.

    By then a busy machine has sent to the others.
    """
    opens = (datetime.now(UTC) + timedelta(minutes=3)).replace(second=0, microsecond=0) - HOUR
    return {
        "table": str(folder / "people.parquet"), "opens": f"{opens:%H:%M}", "closes": f"{opens + 9 * HOUR:%H:%M}",
    }  # fmt: skip


def trigger_rows(database: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT * FROM trigger").fetchall()
