# SPDX-License-Identifier: Apache-2.0
"""A plan that a person approves in Airflow, or does not: the whole example, with a scheduler."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.dag_runs import DagRuns
from tests.airflow.people import People, phones
from tests.airflow.scheduler import started
from tests.airflow.test_examples import EXAMPLES
from tests.airflow.test_scheduler import has

DAG_ID = "plan_and_approve"
WAITS = "SELECT 1 FROM hitl_detail WHERE responded_at IS NULL"
ENDED = "SELECT 1 FROM dag_run WHERE state IN ('success', 'failed')"
FOUND = f"SELECT 1 FROM serialized_dag WHERE dag_id = '{DAG_ID}'"


def heard_of(home: Path, task: str) -> bool:
    """The executor has told the scheduler that the task's process ended."""
    lines = (home / "scheduler.out").read_text("utf-8", "replace").splitlines()
    return any("Received executor event" in line and f"task_id='{task}'" in line for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["Approve", "Reject"])
def test_what_a_person_approves_is_sent_and_nothing_else(
    sandbox: Sandbox, people: People, tmp_path: Path, accepted: Callable[[], list[str]], answer: str
) -> None:
    """The person sees the plan, without a phone, and answers; then all are sent to, or nobody."""
    pytest.importorskip("airflow.providers.standard.operators.hitl", reason="this Airflow has no approvals")
    needs_triggerer = version("apache-airflow").startswith(("3.1.", "3.2."))
    rows = people.table(tmp_path / "due.parquet", 3)
    form = {
        "table": str(tmp_path / "due.parquet"), "campaign": str(tmp_path), "template_id": "UTA_REMINDER",
        "prices": {"CN": 0.05}, "max_cost": 1,
    }  # fmt: skip
    home = tmp_path / "airflow"
    dags = tmp_path / "dags"  # without the examples that have a schedule
    dags.mkdir()
    shutil.copy(EXAMPLES / f"{DAG_ID}.py", dags)
    settings = {"AIRFLOW__CORE__DAGS_FOLDER": str(dags), "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True"}
    with started(home, triggerer=needs_triggerer, **settings) as airflow:
        airflow.wait_for(lambda db: has(db, FOUND), "the DAG is found")
        airflow.command("dags", "trigger", DAG_ID, "--run-id", "a_run", "--conf", json.dumps(form))
        airflow.wait_for(lambda db: has(db, WAITS), "the approval waits")
        # Airflow fails a task whose answer comes before its scheduler has heard that the task went to sleep.
        airflow.wait_for(lambda _: heard_of(home, "approve"), "the scheduler knows that it waits")
        assert accepted() == []
        url = f"http://127.0.0.1:{airflow.port}"
        with httpx.Client(base_url=url, timeout=60) as client:
            client.headers["Authorization"] = f"Bearer {client.get('/auth/token').json()['access_token']}"
            where = f"/api/v2/dags/{DAG_ID}/dagRuns/a_run/taskInstances/approve/-1/hitlDetails"
            body = client.get(where).json()["body"]
            answered = client.patch(where, json={"chosen_options": [answer], "params_input": {}})
            assert answered.status_code == httpx.codes.OK, answered.text
        airflow.wait_for(lambda db: has(db, ENDED), "the run ends")
        states = DagRuns(home).states(DAG_ID)
    assert "| CN |" in body
    assert not any(phone in body or phone.partition(")")[2] in body for phone in phones(rows))
    sent = answer == "Approve"
    assert {task: state for task, (state, _) in states.items()} == {
        "plan": "success", "approve": "success", "send": "success" if sent else "skipped"
    }  # fmt: skip
    assert sorted(accepted()) == (phones(rows) if sent else [])
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        assert not any(phone in line for line in database.iterdump() for phone in phones(rows))
