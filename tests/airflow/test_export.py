# SPDX-License-Identifier: Apache-2.0
"""The operator that exports results: what it writes, returns and logs, how it ends, and the example in a DAG run."""

from __future__ import annotations

import logging
import logging.handlers
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.hooks.ledger_connection import open_ledger
from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.conftest import connection_to
from tests.airflow.dag_runs import DagRuns
from tests.airflow.people import People, phones, write
from tests.airflow.running import Instance, Run, finish, try_task
from tests.ledger.acting import Try
from tests.ledger.acting import people as recipients

EXAMPLES = Path(__file__).parents[2] / "dags_examples"
CAMPAIGN = "due"


def make(native: bool = False, params: dict[str, Any] | None = None, **arguments: Any) -> Run:
    """A rendered operator."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_uspeedo.operators.export import ExportSMSResultsOperator

    start = datetime(2026, 1, 1, tzinfo=UTC)
    with DAG("a_dag", schedule=None, start_date=start, render_template_as_native_obj=native) as dag:
        given = {"task_id": "export", "campaign_id": CAMPAIGN, "results_conn_id": "ledger", **arguments}
        operator = ExportSMSResultsOperator(**given)
    instance = Instance(task_id="export")
    context = {"dag": dag, "task": operator, "ti": instance, "run_id": instance.run_id, "params": params or {}}
    operator.render_template_fields(context)
    return Run(operator, instance, context, None)


def export(**arguments: Any) -> Run:
    return finish(make(**arguments))


def log_of(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """What it logs, with levels."""
    log, found = logging.getLogger(f"a task {id(run)}"), logging.handlers.BufferingHandler(1000)
    log.addHandler(found)
    log.setLevel(logging.INFO)
    monkeypatch.setattr(type(run.operator), "log", log)
    return lambda: "\n".join(f"{one.levelname} {one.getMessage()}" for one in found.buffer)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "results.parquet"


@pytest.fixture
def rows(sandbox: Sandbox, people: People, tmp_path: Path, ledger: Path) -> list[dict[str, Any]]:
    """The rows of a campaign that was sent: two accepted, one rejected."""
    table = write(tmp_path / "people.parquet", [*people(2), *people(1, ending="99991")])
    sent = try_task(
        {
            "recipients": str(tmp_path / "people.parquet"), "template_id": "UTA_REMINDER", "campaign_id": CAMPAIGN,
            "param_columns": ["name", "amount"], "user_id_column": "customer", "results_conn_id": "ledger",
        }
    )  # fmt: skip
    assert sent.error is None
    return table


def test_a_file_and_its_numbers(rows: list[dict[str, Any]], file: Path) -> None:
    """Masked unless something else is asked for; plain JSON with exactly these keys."""
    run = export(path=str(file))
    assert run.error is None
    assert list(run.summary) == [
        "campaign_id", "path", "phones", "rows", *STATUSES, "bytes", "exported_at", "open_attempts"
    ]  # fmt: skip
    assert (run.summary["rows"], run.counts) == (3, {"accepted": 2, "rejected": 1})
    assert (run.summary["path"], run.summary["bytes"]) == (str(file), file.stat().st_size)
    found = pq.read_table(file).to_pylist()
    assert [row["phone"] for row in found] == [f"(86)****{row['phone'][-4:]}" for row in rows]
    assert [row["user_id"] for row in found] == [row["customer"] for row in rows]


def test_arguments_are_templates_and_stay_text(rows: list[dict[str, Any]], tmp_path: Path, file: Path) -> None:
    """Also where a DAG renders native objects; a path may be an object."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    params = {"campaign": CAMPAIGN, "folder": str(tmp_path), "phones": "hashed"}
    given = {"campaign_id": "{{ params.campaign }}", "path": "{{ params.folder }}/2026_11_22.parquet"}
    run = export(native=True, params=params, phones="{{ params.phones }}", **given)
    assert (run.error, run.summary["phones"]) == (None, "hashed")
    assert (tmp_path / "2026_11_22.parquet").exists()
    for place in (file, ObjectStoragePath(f"file://{file}")):
        assert export(path=place).error is None
        assert pq.read_table(file).num_rows == 3
        file.unlink()


def test_plain_phones_are_logged_as_such_and_not_shown(
    rows: list[dict[str, Any]], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the log nor XCom nor the rendered fields hold one; the file does."""
    made = make(path=str(file), phones="plain")
    said = log_of(made, monkeypatch)
    run = finish(made)
    assert "INFO Campaign 'due': 3 rows to" in said()
    assert "with phones in plain: every reader of the file can read them." in said()
    fields = {name: getattr(made.operator, name) for name in made.operator.template_fields}
    everything = "\n".join(map(str, (said(), run.summary, fields, made.operator)))
    assert pq.read_table(file)["phone"].to_pylist() == phones(rows)
    assert not any(phone in everything or phone[4:] in everything for phone in phones(rows))


def test_a_campaign_that_runs_is_a_warning(ledger: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file shows the moment."""
    open_one = open_ledger("ledger", "uspeedo_results")
    open_one.prepare()
    Try(open_one, CAMPAIGN).claim(recipients("ab"))
    open_one.close()
    made = make(path=str(file))
    said = log_of(made, monkeypatch)
    run = finish(made)
    assert (run.error, run.summary["not_sent"], run.summary["open_attempts"]) == (None, 2, 1)
    assert "WARNING 1 attempt of campaign 'due' had not ended (running, or killed)." in said()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"campaign_id": "another"}, "There is no campaign 'another'"),
        ({"campaign_id": "{{ params.nothing }}"}, "campaign_id is empty"),
        ({"path": "{{ params.nothing }}"}, "must name a Parquet file"),
        ({"path": "/nowhere/at/all.parquet"}, "has no folder: create /nowhere/at first"),
        ({"phones": "clear"}, "phones must be one of"),
        ({"results_conn_id": "no_such"}, "Airflow knows no connection 'no_such'"),
        ({"results_table": "a b"}, "results_table"),
    ],
)
def test_what_a_retry_does_not_help(rows: list[dict[str, Any]], file: Path, given: dict[str, Any], why: str) -> None:
    """The task fails at once, and says what to do; an earlier file stays."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    file.write_bytes(b"of an earlier attempt")
    run = export(**{"path": str(file), "params": {"nothing": ""}, **given})
    assert isinstance(run.error, AirflowFailException)
    assert why in str(run.error)
    assert "What to do: `airflow-uspeedo explain export-failed`." in str(run.error)
    assert file.read_bytes() == b"of an earlier attempt"


def test_a_storage_that_is_away_may_be_tried_again(
    rows: list[dict[str, Any]], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or a bucket that does not answer."""
    from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

    import airflow_provider_uspeedo.tables.whole_file as module

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    run = export(path=str(file))
    assert isinstance(run.error, AirflowException)
    assert not isinstance(run.error, AirflowFailException)
    assert "is full" in str(run.error)
    assert "What to do: `airflow-uspeedo explain export-failed`." in str(run.error)
    assert not file.exists()


def test_an_unforeseen_error_shows_nothing_of_a_row(
    rows: list[dict[str, Any]], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its name."""
    import airflow_provider_uspeedo.ledger.admin.export_admin as module

    def broken(columns: Any, _schema: Any) -> Any:
        raise ValueError(columns["phone"])

    monkeypatch.setattr(module, "batch_of", broken)
    made = make(path=str(file))
    said = log_of(made, monkeypatch)
    run = finish(made)
    assert (
        str(run.error) == "Unexpected ValueError; the log says where. What to do: `airflow-uspeedo explain unforeseen`."
    )
    assert "export_admin.py" in said()
    assert not any(phone[4:] in said() for phone in phones(rows))


def test_the_example_exports_what_it_sent(
    people: People, airflow_home: Path, tmp_path: Path, ledger: Path, sandbox: Sandbox, file: Path
) -> None:
    """export_results.py in a DAG run of Airflow's own."""
    table = write(tmp_path / "people.parquet", [*people(3), *people(1, ending="99991")])
    environment = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
        "AIRFLOW_CONN_USPEEDO_DEFAULT": connection_to(sandbox.url),
        "AIRFLOW__USPEEDO__RESULTS_CONN_ID": "ledger",
    }
    form = {
        "table": str(tmp_path / "people.parquet"), "campaign": CAMPAIGN, "template_id": "UTA_REMINDER",
        "file": f"file://{file}",
    }  # fmt: skip
    runs = DagRuns(airflow_home)
    runs.test("export_results", form, **environment)
    said = runs.output("export_results").read_text()
    states = {name: state for name, (state, _) in runs.states("export_results").items()}
    assert states == dict.fromkeys(("send", "export", "report"), "success"), said[-3000:]
    assert runs.xcoms("export_results")["report"] == "3 of 4 rows were accepted."
    found = pq.read_table(file).to_pylist()
    assert [row["status"] for row in found] == ["accepted"] * 3 + ["rejected"]
    assert all(len(row["phone"]) == 64 for row in found)
    assert not any(phone in said or phone.partition(")")[2] in said for phone in phones(table))
