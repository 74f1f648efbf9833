# SPDX-License-Identifier: Apache-2.0
"""One run the long way: a scheduler starts a process for the task, as in production."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.people import People, phones, write
from tests.airflow.scheduler import started


@pytest.mark.slow
def test_a_task_in_a_process_of_its_own_reports_what_the_sandbox_saw(
    sandbox: Sandbox, people: People, tmp_path: Path, accepted: Callable[[], list[str]]
) -> None:
    """Triggered from the command line, run by the scheduler: the ledger and the journal name the same people."""
    rows = write(
        tmp_path / "people.parquet", [*people(500), *people(20, ending="99991"), {**people(1)[0], "phone": ""}]
    )
    conf = {"table": str(tmp_path / "people.parquet"), "chunk_size": 100}
    with started(tmp_path / "airflow") as airflow:
        airflow.wait_for(
            lambda db: has(db, "SELECT 1 FROM serialized_dag WHERE dag_id = 'patient'"), "the DAG is found"
        )
        airflow.command("dags", "trigger", "patient", "--conf", json.dumps(conf))
        airflow.wait_for(
            lambda db: has(db, "SELECT 1 FROM dag_run WHERE state IN ('success', 'failed')"), "the run ends"
        )
    found = statuses(tmp_path / "airflow" / "uspeedo_ledger.db")
    texted = sorted(phone for phone, status in found if status == "accepted")
    assert texted == sorted(accepted()) == phones(rows[:500])
    assert sorted(status for _, status in found[500:]) == ["invalid", *["rejected"] * 20]


def has(database: sqlite3.Connection, query: str) -> bool:
    return database.execute(query).fetchone() is not None


def statuses(ledger: Path) -> list[tuple[str, str]]:
    """Phone and status of every row, in order."""
    with closing(sqlite3.connect(ledger)) as connection:
        return connection.execute("SELECT phone, status FROM uspeedo_results ORDER BY row_number").fetchall()
