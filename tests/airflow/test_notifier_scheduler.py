# SPDX-License-Identifier: Apache-2.0
"""Notifiers in an Airflow that runs: in a worker, and in the DAG processor for a worker that is taken for dead."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.scheduler import started
from tests.airflow.test_scheduler import has

PHONE = "(86)13901757316"
AT_ONCE = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "6",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "6",  # of Airflow 2.11
    "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "1",
}
"""A worker that gives no sign of life is taken for dead after some seconds."""


@pytest.mark.slow
def test_a_worker_and_the_dag_processor_each_text_once(
    sandbox: Sandbox, tmp_path: Path, accepted: Callable[[], list[str]]
) -> None:
    """A task fails, another one's worker is frozen, and the run has failed then: three events, three texts."""
    home = tmp_path / "airflow"
    before = len(sandbox.journal())
    with started(home, AIRFLOW_VAR_ON_CALL=PHONE, **AT_ONCE) as airflow:
        airflow.wait_for(
            lambda db: has(db, "SELECT 1 FROM serialized_dag WHERE dag_id = 'notify_frozen'"), "the DAG is found"
        )
        airflow.command("dags", "trigger", "notify_frozen")
        airflow.wait_for(lambda db: has(db, "SELECT 1 FROM dag_run WHERE state = 'failed'"), "the run fails")
        airflow.wait_for(lambda _: len(accepted()) >= 3, "the texts")
        airflow.wait_for(lambda _: ledger_has(home, 3), "the ledger")
    texts = sorted(entry.params[0] for entry in sandbox.journal(since=before))
    assert texts == ["fails", "freezes", "notify_frozen"]
    assert accepted() == [PHONE] * 3
    assert not [path for path in home.rglob("*") if path.is_file() and b"13901757316" in read(path)]


def ledger_has(home: Path, accepted: int) -> bool:
    with closing(sqlite3.connect(home / "uspeedo_ledger.db")) as connection:
        query = "SELECT count(*) FROM uspeedo_results WHERE status = 'accepted' AND campaign_id LIKE 'notify%'"
        return bool(connection.execute(query).fetchone() == (accepted,))


def read(path: Path) -> bytes:
    """What Airflow has written; the ledger holds phones."""
    return b"" if "uspeedo_ledger" in path.name else path.read_bytes()
