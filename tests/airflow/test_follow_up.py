# SPDX-License-Identifier: Apache-2.0
"""The example that sends, resolves, sends again, collects receipts and reports: the whole DAG in a real Airflow."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.sandbox.server import Sandbox, running
from tests.airflow.conftest import SECRET, connection_to
from tests.airflow.dag_runs import DagRuns
from tests.airflow.people import People, phones
from tests.airflow.resolving import CAN_ASK, NEEDS_TRIGGERER
from tests.airflow.scheduler import Airflow, started
from tests.airflow.test_approval import ENDED, WAITS, heard_of
from tests.airflow.test_examples import EXAMPLES
from tests.airflow.test_scheduler import has
from tests.chaos.stage import connection_to_ledger
from tests.ledger.servers import empty_database, select

DAG_ID = "send_and_follow_up"
FOUND = f"SELECT 1 FROM serialized_dag WHERE dag_id = '{DAG_ID}'"
Accepted = Callable[[], list[str]]


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    """Receipts are final a second after the message."""
    with running(access_key_secret=SECRET, receipt_delay=1.0) as sandbox:
        yield sandbox


@pytest.fixture
def environment(sandbox: Sandbox, ledger: Path, tmp_path: Path) -> dict[str, str]:
    """Only this example, and its connections."""
    dags = tmp_path / "dags"
    dags.mkdir()
    shutil.copy(EXAMPLES / f"{DAG_ID}.py", dags)
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW_CONN_USPEEDO_DEFAULT": connection_to(sandbox.url),
        "AIRFLOW__USPEEDO__RESULTS_CONN_ID": "ledger",
    }


def form(tmp_path: Path, **more: Any) -> dict[str, Any]:
    given = {"table": str(tmp_path / "due.parquet"), "campaign": f"due {tmp_path.name}", "template_id": "UTA_REMINDER"}
    return {**given, "first_after": 2, **more}


def run_state(home: Path) -> str:
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        [(state,)] = database.execute("SELECT state FROM dag_run WHERE dag_id = ?", (DAG_ID,)).fetchall()
    return str(state)


def states(home: Path) -> dict[str, str]:
    return {task: state for task, (state, _) in DagRuns(home).states(DAG_ID).items()}


def asked(**states: str) -> dict[str, str]:
    """The states of all tasks; on an Airflow that cannot ask, without the two that are about that."""
    return (
        states if CAN_ASK else {task: state for task, state in states.items() if task not in ("resolve", "send_again")}
    )


def test_without_unknown_outcomes_no_person_is_asked(
    airflow_home: Path, environment: dict[str, str], people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """On every version: sent once, receipts collected, reported."""
    rows = people.table(tmp_path / "due.parquet", 3)
    runs = DagRuns(airflow_home)
    with fresh(airflow_home):
        runs.test(DAG_ID, form(tmp_path), **environment)
        assert states(airflow_home) == asked(
            send="success", resolve="skipped", send_again="skipped", receipts="success", report="success"
        ), runs.output(DAG_ID).read_text()[-3000:]
        assert run_state(airflow_home) == "success"
        assert runs.xcoms(DAG_ID)["report"] == {"accepted": 3, "delivered": 3}
    assert sorted(accepted()) == phones(rows)


def test_a_campaign_that_failed_for_another_cause_is_not_sent_again(
    airflow_home: Path, environment: dict[str, str], people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """Everybody was rejected: a person must look at it. The run has failed, though its last task succeeded."""
    people.table(tmp_path / "due.parquet", 3, ending="99991")
    runs = DagRuns(airflow_home)
    with fresh(airflow_home):
        runs.test(DAG_ID, form(tmp_path), **environment)
        assert states(airflow_home) == asked(
            send="failed", resolve="skipped", send_again="skipped", receipts="upstream_failed", report="success"
        ), runs.output(DAG_ID).read_text()[-3000:]
        assert run_state(airflow_home) == "failed"
        assert runs.xcoms(DAG_ID)["report"] == {"rejected": 3}
    assert accepted() == []


class fresh:  # noqa: N801 - reads as a statement
    """Nothing of this DAG is in the database of the tests' Airflow before and after a block."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __enter__(self) -> None:
        self._clean()

    def __exit__(self, *_: object) -> None:
        self._clean()

    def _clean(self) -> None:
        with closing(sqlite3.connect(self.home / "airflow.db")) as database, database:
            for table in ("xcom", "task_instance", "dag_run"):
                database.execute(f"DELETE FROM {table} WHERE dag_id = ?", (DAG_ID,))


@pytest.mark.slow
@pytest.mark.skipif(not CAN_ASK, reason="this Airflow cannot ask a person")
@pytest.mark.parametrize(
    ("answer", "arrived", "ends", "kind"),
    [
        ("All not sent", False, "success", "postgresql"),
        ("All sent", True, "success", "mysql"),
        ("Leave all unknown", False, "failed", "sqlite"),
    ],
)
def test_a_lost_answer_is_resolved_in_airflow(
    environment: dict[str, str], people: People, tmp_path: Path, sandbox: Sandbox, accepted: Accepted,
    answer: str, arrived: bool, ends: str, kind: str,
) -> None:  # fmt: skip
    """The person answers through Airflow's API; everybody is sent to once, or, if it is left, nobody again."""
    with empty_database(kind, tmp_path) as url:
        environment["AIRFLOW_CONN_LEDGER"] = json.dumps(connection_to_ledger(url))
        _resolve(environment, people, tmp_path, sandbox, url, accepted, answer, arrived, ends)


def _resolve(
    environment: dict[str, str], people: People, tmp_path: Path, sandbox: Sandbox, url: URL, accepted: Accepted,
    answer: str, arrived: bool, ends: str,
) -> None:  # fmt: skip
    rows = people.table(tmp_path / "due.parquet", 3)
    sandbox.fault("drop", accepted=arrived)
    home = tmp_path / "airflow"
    with started(home, triggerer=NEEDS_TRIGGERER, **environment) as airflow:
        airflow.wait_for(lambda db: has(db, FOUND), "the DAG is found")
        airflow.command("dags", "trigger", DAG_ID, "--run-id", "a_run", "--conf", json.dumps(form(tmp_path)))
        airflow.wait_for(lambda db: has(db, WAITS), "the question waits")
        airflow.wait_for(lambda _: heard_of(home, "resolve"), "the scheduler knows that it waits")
        shown = respond(airflow, answer)
        airflow.wait_for(lambda db: has(db, ENDED), "the run ends")
        airflow.wait_for(lambda db: has(db, REPORTED), "the report is made")
        found, xcoms = states(home), DagRuns(home).xcoms(DAG_ID)
        assert run_state(home) == ends
    well = ends == "success"
    assert found == {
        "send": "failed",
        "resolve": "success" if well else "failed",
        "send_again": "success" if well else "upstream_failed",
        "receipts": "success" if well else "upstream_failed",
        "report": "success",
    }
    assert (shown["options"], shown["multiple"]) == (["All sent", "All not sent", "Leave all unknown"], False)
    assert not shown["params"]
    assert xcoms["resolve"]["unknown"] == (0 if well else 3)
    # Without the API's answer there is no SessionNo, and nobody can be asked for receipts.
    assert xcoms["report"] == ({"accepted": 3, "delivered": 0 if arrived else 3} if well else {"unknown": 3})
    assert sorted(accepted()) == (phones(rows) if well else [])
    names = select(url, "SELECT name FROM uspeedo_attempts WHERE name LIKE 'resolve by%'")
    name = names[0][0] if names else ""
    kept = dict(select(url, "SELECT status, count(*) FROM uspeedo_results GROUP BY status"))
    assert name.startswith(f"resolve by {xcoms['resolve']['by']}: 3 recipients {answer[4:].lower()}" if well else "")
    assert kept == {"accepted" if well else "unknown": 3}
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        lines = list(database.iterdump())
    lines += [path.read_text("utf-8", "replace") for path in (home / "logs").rglob("*.log")]
    assert not any(phone in line or phone.partition(")")[2] in line for line in lines for phone in phones(rows))


REPORTED = "SELECT 1 FROM task_instance WHERE task_id = 'report' AND state IN ('success', 'failed')"


def respond(airflow: Airflow, *chosen: str, dag_id: str = DAG_ID) -> dict[str, Any]:
    """Answers the question through Airflow's API, and returns it as the pages show it.

    :param chosen: beginnings of options.
    """
    where = f"/api/v2/dags/{dag_id}/dagRuns/a_run/taskInstances/resolve/-1/hitlDetails"
    with httpx.Client(base_url=f"http://127.0.0.1:{airflow.port}", timeout=60) as client:
        client.headers["Authorization"] = f"Bearer {client.get('/auth/token').json()['access_token']}"
        shown: dict[str, Any] = client.get(where).json()
        options = [next(one for one in shown["options"] if one.startswith(beginning)) for beginning in chosen]
        answered = client.patch(where, json={"chosen_options": options, "params_input": {}})
        assert answered.status_code == httpx.codes.OK, answered.text
    return shown
