# SPDX-License-Identifier: Apache-2.0
"""What comes after the send, as tasks of a DAG run, with the ledger in a database server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.sandbox.server import Sandbox, running
from tests.airflow.conftest import SECRET
from tests.airflow.dag_runs import DagRuns, bytes_of
from tests.airflow.people import People, phones, write
from tests.airflow.resolving import CAN_ASK
from tests.chaos.stage import connection_to_ledger
from tests.ledger.servers import empty_database, select

ON_CALL = "(86)13911257317"
DAG_ID = "after_the_send"


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    """Receipts are final a second after the message."""
    with running(access_key_secret=SECRET, receipt_delay=1.0) as sandbox:
        yield sandbox


@pytest.fixture(params=["postgresql", "mysql"], ids=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """An empty database of a server."""
    with empty_database(request.param, tmp_path) as url:
        yield url


def test_unknown_outcomes_are_told_settled_by_receipts_and_exported(
    server: URL,
    sandbox: Sandbox,
    people: People,
    airflow_home: Path,
    tmp_path: Path,
    accepted: Callable[[], list[str]],
) -> None:
    """The API's count does not fit its answer: the task fails, on-call people hear of it, and receipts say the rest."""
    rows = [*people(3), *people(1, ending="99993"), *people(1, ending="99995")]
    write(tmp_path / "due.parquet", rows)
    campaign = f"on {server.get_backend_name()}"
    form: dict[str, Any] = {
        "campaign": campaign, "table": str(tmp_path / "due.parquet"), "file": f"file://{tmp_path / 'results.parquet'}",
    }  # fmt: skip
    sandbox.fault("short_count")
    runs = DagRuns(airflow_home)
    runs.test(DAG_ID, form, AIRFLOW_CONN_SERVER=json.dumps(connection_to_ledger(server)))
    said = runs.output(DAG_ID).read_text()
    states = {task: state for task, (state, _) in runs.states(DAG_ID).items()}
    expected = {"send": "failed", "receipts": "success", "export": "success", "resolve": "skipped"}
    assert states == (expected if CAN_ASK else {name: expected[name] for name in states}), said[-3000:]
    xcom = runs.xcoms(DAG_ID)
    assert (xcom["send"]["unknown"], xcom["send"]["accepted"]) == (5, 0)
    counts = ("messages", "success", "fail", "submit_fail", "pending")
    assert [xcom["receipts"][name] for name in counts] == [5, 3, 1, 1, 0]
    assert sorted(accepted()) == sorted([*phones(rows), ON_CALL])
    outcomes = "SELECT status, receipt_result FROM uspeedo_results WHERE template_id = 'UTA_REMINDER' AND user_id <> ''"
    assert sorted(select(server, outcomes)) == [
        ("accepted", "Fail"),
        *[("accepted", "Success")] * 3,
        ("rejected", "SubmitFail"),
    ]
    told = select(server, "SELECT status, phone FROM uspeedo_results WHERE campaign_id LIKE 'notify%'")
    assert told == [("accepted", ON_CALL)]
    file = pq.read_table(tmp_path / "results.parquet").to_pylist()
    assert [row["status"] for row in file] == ["accepted"] * 4 + ["rejected"]
    written = bytes_of(airflow_home / "airflow.db").decode("latin-1") + said + str(file)
    assert not [phone for phone in [*phones(rows), ON_CALL] if phone.partition(")")[2] in written]
