# SPDX-License-Identifier: Apache-2.0
"""A person at a shell finds the ledger's connection wherever Airflow keeps it, its own database included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from airflow_provider_uspeedo.administration import open_ledger_admin
from tests.airflow.people import People
from tests.airflow.running import try_task

SHELL = """
from airflow_provider_uspeedo.administration import open_ledger_admin
with open_ledger_admin(results_conn_id="kept_by_airflow") as admin:
    print([line.campaign_id for line in admin.list_campaigns()])
"""


def test_a_connection_kept_in_airflows_database_is_found_at_a_shell(
    airflow_home: Path, tmp_path: Path, people: People, sandbox: object
) -> None:
    """Added as its administrators add it, and read by a process that is no task."""
    file = tmp_path / "ledger.db"
    _airflow(
        "connections", "add", "kept_by_airflow", "--conn-json", json.dumps({"conn_type": "sqlite", "host": str(file)})
    )
    try:
        people.table(tmp_path / "people.parquet", 2)
        table = {"recipients": str(tmp_path / "people.parquet"), "template_id": "UTA_PLAIN", "campaign_id": "c 1"}
        run = try_task({**table, "results_conn_id": "kept_by_airflow"})
        assert run.error is None, run.error
        assert run.counts == {"accepted": 2}
        shell = subprocess.run([sys.executable, "-c", SHELL], check=True, capture_output=True, text=True)
        assert shell.stdout.splitlines()[-1] == "['c 1']"
    finally:
        _airflow("connections", "delete", "kept_by_airflow")


def test_a_connection_of_the_environment_is_found_as_before(ledger: Path) -> None:
    """Before Airflow's database is asked."""
    with open_ledger_admin(results_conn_id="ledger") as admin:
        assert admin.list_campaigns() == []
    assert not ledger.exists()


def _airflow(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "airflow", *arguments], check=True, capture_output=True)
