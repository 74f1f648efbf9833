# SPDX-License-Identifier: Apache-2.0
"""Receipts are collected while Airflow's triggerer is killed and started again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.people import People
from tests.airflow.running import try_task
from tests.airflow.scheduler import started
from tests.airflow.test_scheduler import has

SECONDS = 90
"""From the answer to the first query for receipts: by then a busy machine has deferred the task."""
CHECKED = {f"AIRFLOW__{section}__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5" for section in ("SCHEDULER", "TRIGGERER")}
"""After so many seconds without a heartbeat another triggerer takes the triggers over."""


@pytest.mark.slow
def test_a_killed_triggerer_costs_no_receipt(sandbox: Sandbox, people: People, tmp_path: Path, ledger: Path) -> None:
    """It holds nothing but a time. The one that is started instead wakes the task, which asks once for each message."""
    people.table(tmp_path / "people.parquet", 3)
    with started(tmp_path / "airflow", triggerer=True, **CHECKED) as airflow:
        airflow.wait_for(lambda db: has(db, "SELECT 1 FROM serialized_dag WHERE dag_id = 'collecting'"), "it is found")
        sent = try_task({
            "recipients": str(tmp_path / "people.parquet"), "template_id": "UTA_PLAIN", "campaign_id": "due",
            "results_conn_id": "ledger",
        })  # fmt: skip
        assert sent.counts == {"accepted": 3}
        before = queries(sandbox)
        airflow.command("dags", "trigger", "collecting", "--conf", json.dumps({"campaign": "due", "seconds": SECONDS}))
        airflow.wait_for(lambda db: has(db, "SELECT 1 FROM trigger WHERE triggerer_id IS NOT NULL"), "it sleeps")
        asked = queries(sandbox)
        airflow.kill("triggerer")
        airflow.start("triggerer", ["triggerer", "--skip-serve-logs"])
        ended = "SELECT 1 FROM dag_run WHERE state IN ('success', 'failed')"
        airflow.wait_for(lambda db: has(db, ended), "the run ends")
    with closing(sqlite3.connect(tmp_path / "airflow" / "airflow.db")) as database:
        assert has(database, "SELECT 1 FROM dag_run WHERE state = 'success'")
    assert (asked, queries(sandbox)) == (before, before + 1)
    with closing(sqlite3.connect(ledger)) as connection:
        results = connection.execute("SELECT receipt_result, count(*) FROM uspeedo_results GROUP BY 1").fetchall()
    assert results == [("Success", 3)]


def queries(sandbox: Sandbox) -> int:
    """How often receipts were asked for."""
    return sum("receipt" in str(request.action).lower() for request in sandbox.requests())
