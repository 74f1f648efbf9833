# SPDX-License-Identifier: Apache-2.0
"""What a person reads in the log of a real run: what is sent from where, how far it is, what became of it."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.conftest import SECRET
from tests.airflow.dag_runs import DagRuns
from tests.airflow.people import People, phones, write
from tests.airflow.running import finish, render

EXAMPLES = Path(__file__).parents[2] / "dags_examples"


def records_of(operator: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a task logs itself, as it comes."""
    log, said = logging.getLogger(f"a task {id(operator)}"), []
    handler = logging.Handler()
    handler.emit = lambda record: record.getMessage().startswith(WARNED) or said.append(record.getMessage())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    monkeypatch.setattr(type(operator), "log", log)
    return said


WARNED = "SendBatchSMSOperator.execute cannot be called outside"
"""What Airflow says in between, of a test that does."""


def test_the_log_of_a_run_says_what_why_and_what_to_do(
    sandbox: Sandbox, people: People, airflow_home: Path, tmp_path: Path, ledger: Path
) -> None:
    """A whole run by Airflow's own command, with rejected and invalid rows; no phone and no secret is in its log."""
    good, bad = people(7), people(2, ending="99991")
    rows = write(tmp_path / "due.parquet", [*good, *bad, {**people(1)[0], "phone": ""}])
    form = {"table": str(tmp_path / "due.parquet"), "campaign": "log of a run", "sender_id": "shop", "ledger": "ledger"}
    runs = DagRuns(airflow_home)
    runs.test("send_batch_sms", form, AIRFLOW__CORE__DAGS_FOLDER=str(EXAMPLES))
    said = runs.output("send_batch_sms").read_text()
    place = sandbox.url.removeprefix("http://")
    for line in (
        f"Table     <Parquet file {tmp_path}/due.parquet>, 10 rows",
        "Template  'UTA_REMINDER'",
        "Sender    'shop'",
        "Campaign  'log of a run'",
        "Results   table uspeedo_results, connection 'ledger'",
        "Ledger    the SQLite file '",
        f"USpeedo   {place} (connection 'uspeedo_default')",
        "Of 10 rows (7 accepted now, by ",
        "          7  accepted",
        "          2  rejected",
        "          1  invalid",
        "          2  rejected: phone in the black list",
        "          1  invalid: phone (column 'phone')",
        "The results: SELECT row_number, status, reason FROM uspeedo_results WHERE campaign_id = 'log of a run'",
    ):
        assert line in said, line
    # Airflow 3.0 itself writes what it is told to mask, when a DAG is tested.
    assert not [line for line in said.splitlines() if SECRET in line and "MaskSecret" not in line]
    assert not any(row["phone"].partition(")")[2] in said for row in rows if row["phone"])


@pytest.mark.parametrize("slow", [{}, {"requests_per_second": 4, "chunk_size": 1, "max_unknown_requests": None}])
def test_the_lines_of_an_attempt_are_no_wider_than_a_screen(
    sandbox: Sandbox,
    people: People,
    tmp_path: Path,
    ledger: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    slow: dict[str, object],
) -> None:
    """And a slow one says how far it is, whatever it says at the end: here that somebody has to decide."""
    monkeypatch.setattr("airflow_provider_uspeedo.campaign.progress.FIRST_AFTER", 0.3)
    rows = people.table(tmp_path / "due.parquet", 6)
    sandbox.fault("drop", at=2)
    run = render({
        "recipients": str(tmp_path / "due.parquet"), "template_id": "UTA_REMINDER", "param_columns": ["name", "amount"],
        "campaign_id": "a slow one", "results_conn_id": "ledger", "chunk_size": 3, **slow,
    })  # fmt: skip
    said = records_of(run.operator, monkeypatch)
    with caplog.at_level("INFO", logger="airflow_provider_uspeedo"):
        ended = finish(run)
    assert said[-1] == "What to do: `airflow-uspeedo explain unknown`."
    assert str(ended.error).endswith(said[-1])
    assert [line.split()[0] for line in said[:8]] == [
        "Table", "Template", "Sender", "Campaign", "Results", "Ledger", "USpeedo", "Of"
    ]  # fmt: skip
    assert re.search(r"^ +\d  unknown: No complete response from 127\.0\.0\.1:", "\n".join(said), re.MULTILINE)
    told = [one.getMessage() for one in caplog.records if one.name.endswith(".progress")]
    assert bool(told) == bool(slow)
    package = [one.getMessage() for one in caplog.records if one.name.startswith("airflow_provider_uspeedo.")]
    if slow:  # the first test of a process: Airflow's own settings then end what is caught here
        assert [text for text in package if "accepted: No complete response" in " ".join(text.split())]
    assert [line for text in [*said, *package] for line in text.splitlines() if len(line) > 120] == []
    assert not any(phone.partition(")")[2] in line for phone in phones(rows) for line in [*said, *package])


def test_a_dry_run_says_what_it_reads(
    sandbox: Sandbox, people: People, tmp_path: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same first lines, and that nothing was sent."""
    people.table(tmp_path / "due.parquet", 2)
    run = render({
        "recipients": str(tmp_path / "due.parquet"), "template_id": "UTA_REMINDER", "dry_run": True,
        "param_columns": ["name", "amount"], "results_conn_id": "ledger",
    })  # fmt: skip
    said = records_of(run.operator, monkeypatch)
    assert finish(run).error is None
    assert said[0].endswith("due.parquet>, 2 rows")
    assert said[7:9] == ["Dry run, nothing was sent. Of 2 rows:", "          2  would be sent"]


@pytest.mark.parametrize(
    ("wrong", "table"),
    [
        ({"recipients": "s3://key:hush@lake/due 2026-11-22/"}, "Table     s3://****@lake/due 2026-11-22/"),
        ({"recipients": None, "sql": "SELECT 1", "sql_conn_id": "none"}, ""),
        ({"recipients": None, "sql": "SELECT 1", "sql_conn_id": "ledger"}, "Table     a query of connection 'ledger'"),
        ({"recipients": [{"phone": "(86)13901757399", "name": "Ann"}]}, "Table     <1 recipients>"),
        ({"recipients": "[{'phone': '(86)13901757399'}]"}, "Table     <rows as text>"),
        ({"recipients": object()}, "Table     <recipients in a object>"),
    ],
)
def test_a_task_that_is_refused_says_what_it_was_about(
    sandbox: Sandbox, ledger: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], table: str
) -> None:
    """Which table, campaign, ledger and connection: whoever is called at night sees it without the DAG."""
    run = render({
        "template_id": "UTA_REMINDER", "param_columns": ["name", "amount"], "campaign_id": "refused",
        "results_conn_id": "ledger", **wrong,
    })  # fmt: skip
    said = records_of(run.operator, monkeypatch)
    assert finish(run).error is not None
    if table:
        assert said[0] == table
        assert [line.split()[0] for line in said[1:]] == [
            "Template", "Sender", "Campaign", "Results", "Ledger", "USpeedo"
        ]  # fmt: skip
    assert not any(secret in line for line in said for secret in ("hush", "13901757399"))
