# SPDX-License-Identifier: Apache-2.0
"""Where the ledger may be: a file that another attempt cannot see would text everyone again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.conftest import HOME
from tests.airflow.people import People
from tests.airflow.running import try_task

Accepted = Callable[[], list[str]]


@pytest.fixture
def task(tmp_path: Path, people: People, sandbox: Sandbox) -> dict[str, Any]:
    people.table(tmp_path / "people.parquet", 2)
    return {"recipients": str(tmp_path / "people.parquet"), "template_id": "UTA_PLAIN", "campaign_id": str(tmp_path)}


@pytest.mark.parametrize(
    ("executor", "named"),
    [
        ("CeleryExecutor", "CeleryExecutor"),
        (
            "LocalExecutor,airflow.providers.cncf.kubernetes.executors.kubernetes_executor.KubernetesExecutor",
            "KubernetesExecutor",
        ),
        ("LocalExecutor,a_team=CeleryExecutor:fast", "CeleryExecutor"),
    ],
)
def test_the_file_is_refused_where_a_retry_may_run_elsewhere(
    task: dict[str, Any], monkeypatch: pytest.MonkeyPatch, executor: str, named: str, accepted: Accepted
) -> None:
    """The error names the executor and what to set; nobody was texted."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    run = try_task(task)
    assert isinstance(run.error, AirflowFailException)
    assert f"on {named} a retry may run on another machine" in str(run.error)
    assert "Set results_conn_id" in str(run.error)
    assert accepted() == []


def test_the_file_is_allowed_by_the_executors_name(task: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who runs every worker on one machine may say so."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__USPEEDO__LOCAL_LEDGER_EXECUTORS", "LocalExecutor, CeleryExecutor")
    assert try_task(task).counts == {"accepted": 2}


def test_the_file_is_in_airflow_home(task: dict[str, Any]) -> None:
    """On one machine nothing need be set; the results are a table in a file that any SQLite client reads."""
    run = try_task(task)
    assert run.counts == {"accepted": 2}
    assert run.summary["results_conn_id"] is None
    assert count_results(HOME / "uspeedo_ledger.db", run.summary["campaign_id"]) == 2


def test_a_connection_names_another_file(task: dict[str, Any], ledger: Path) -> None:
    """The ledger of a ``sqlite`` connection is where the connection says."""
    run = try_task({**task, "results_conn_id": "ledger", "results_table": "texted"})
    assert (run.summary["results_conn_id"], run.summary["results_table"]) == ("ledger", "texted")
    assert count_results(ledger, run.summary["campaign_id"], "texted") == 2


def test_a_setting_names_the_ledger_of_every_task(
    task: dict[str, Any], ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """XCom and the last message have what was used. An argument decides first; an empty field of a form is none."""
    monkeypatch.setenv("AIRFLOW__USPEEDO__RESULTS_CONN_ID", "ledger")
    monkeypatch.setenv("AIRFLOW__USPEEDO__RESULTS_TABLE", "texted")
    run = try_task({**task, "results_conn_id": "{{ params.conn_id }}"}, params={"conn_id": None})
    assert run.counts == {"accepted": 2}
    assert (run.summary["results_conn_id"], run.summary["results_table"]) == ("ledger", "texted")
    assert count_results(ledger, run.summary["campaign_id"], "texted") == 2
    again = try_task({**task, "results_conn_id": "ledger", "results_table": "mine"})
    assert (again.summary["accepted_now"], again.summary["results_table"]) == (0, "mine")
    broken = try_task({**task, "recipients": [{"phone": "nobody"}]})
    assert "table texted in connection 'ledger'" in str(broken.error)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_campaign_of_the_file_is_refused_where_a_setting_leads_elsewhere(
    task: dict[str, Any], ledger: Path, monkeypatch: pytest.MonkeyPatch, accepted: Accepted, *, dry_run: bool
) -> None:
    """Begun without the setting, cleared with it: nobody is texted again, and the message says how to go on."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    assert try_task(task).counts == {"accepted": 2}
    monkeypatch.setenv("AIRFLOW__USPEEDO__RESULTS_CONN_ID", "ledger")
    run = try_task({**task, "dry_run": dry_run})
    assert isinstance(run.error, AirflowFailException)
    assert f"the SQLite file {HOME / 'uspeedo_ledger.db'} already holds campaign" in str(run.error)
    assert "airflow-uspeedo explain refused-before-sending" in str(run.error)
    former = {"conn_type": "sqlite", "host": str(HOME / "uspeedo_ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_FORMER", json.dumps(former))
    assert try_task({**task, "results_conn_id": "former"}).summary["accepted_now"] == 0
    assert len(accepted()) == 2
    assert not ledger.exists()


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        ({"conn_type": "sqlite", "host": "ledger.db"}, "by an absolute path"),
        ({"conn_type": "sqlite"}, "by an absolute path"),
        ({"conn_type": "sqlite", "host": "/there/is/no/such/folder/ledger.db"}, "its folder does not exist"),
        ({"conn_type": "http", "host": "localhost"}, "needs one of type sqlite, postgres or mysql"),
    ],
)
def test_a_connection_that_cannot_hold_a_ledger_is_refused(
    task: dict[str, Any], monkeypatch: pytest.MonkeyPatch, connection: dict[str, str], said: str, accepted: Accepted
) -> None:
    """A relative path would mean another file for another attempt; the message says what to write."""
    monkeypatch.setenv("AIRFLOW_CONN_PLACE", json.dumps(connection))
    run = try_task({**task, "results_conn_id": "place"})
    assert said in str(run.error)
    assert accepted() == []


def count_results(ledger: Path, campaign: str, table: str = "uspeedo_results") -> int:
    with closing(sqlite3.connect(ledger)) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table} WHERE campaign_id = ?", (campaign,)).fetchone()
    return int(count)
