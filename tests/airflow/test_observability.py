# SPDX-License-Identifier: Apache-2.0
"""Metrics, traces, asset events and lineage: what they say of a campaign, and that they say nothing of a person."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_uspeedo.operators import lineage
from airflow_provider_uspeedo.operators.lineage import tables_of_query
from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.people import People, phones
from tests.airflow.running import OutletEvents, finish, render, try_task

ONE_ATTEMPT = """
import json, sys
from tests.airflow.running import try_task
run = try_task(json.loads(sys.argv[1]))
sys.exit(run.error is not None)
"""


@pytest.fixture
def task(tmp_path: Path, ledger: Path, sandbox: Sandbox, people: People) -> dict[str, Any]:
    people.table(tmp_path / "people.parquet", 3)
    return {
        "recipients": str(tmp_path / "people.parquet"),
        "template_id": "UTA_REMINDER",
        "param_columns": ["name", "amount"],
        "results_conn_id": "ledger",
    }


def test_metrics_count_rows_by_status_and_time_each_request(task: dict[str, Any]) -> None:
    """As StatsD receives them from a process of its own, whose Airflow is configured to send them."""
    pytest.importorskip("statsd", reason="StatsD's client is not installed: make airflow installs it")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        environment = {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(receiver.getsockname()[1]),
            "AIRFLOW__METRICS__STATSD_PREFIX": "airflow",
        }
        command = [sys.executable, "-c", ONE_ATTEMPT, json.dumps(task)]
        subprocess.run(command, check=True, env={**os.environ, **environment, "PYTHONPATH": "."})
        receiver.setblocking(False)  # what was sent is in the socket
        received = set()
        while True:
            try:
                received.update(receiver.recv(65536).decode().splitlines())
            except BlockingIOError:
                break
    assert {"airflow.uspeedo.rows.accepted:3|g", "airflow.uspeedo.rows.unknown:0|g"} <= received
    assert "airflow.uspeedo.accepted_now:3|c" in received
    assert len([one for one in received if re.fullmatch(r"airflow\.uspeedo\.request_duration:[\d.]+\|ms", one)]) >= 1


def test_each_request_is_a_span_below_that_of_the_task(task: dict[str, Any], sandbox: Sandbox) -> None:
    """With counts and the outcome; an error's text may quote a phone, and is not in it."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    before = trace._TRACER_PROVIDER
    trace._TRACER_PROVIDER = provider
    try:
        with provider.get_tracer("test").start_as_current_span("task"):
            try_task(task)
            sandbox.fault("drop", at=1)
            try_task({**task, "campaign_id": "another", "max_unknown_requests": None})
    finally:
        trace._TRACER_PROVIDER = before
    spans = [span for span in exporter.get_finished_spans() if span.name == "uspeedo.send_request"]
    (whole,) = [span for span in exporter.get_finished_spans() if span.name == "task"]
    assert [dict(span.attributes or {})["uspeedo.outcome"] for span in spans] == ["answered", "unknown"]
    assert [dict(span.attributes or {})["uspeedo.recipients"] for span in spans] == [3, 3]
    assert all(span.parent == whole.context for span in spans)
    assert [len(span.events) for span in spans] == [0, 0]
    assert [span.status.description for span in spans] == [None, None]


def test_the_event_of_an_asset_holds_the_counts(task: dict[str, Any]) -> None:
    """Of each asset of the task; an alias stands for none yet."""
    from airflow.providers.common.compat.sdk import Asset

    asset = Asset(uri="postgres://warehouse/postgres/public/uspeedo_results")
    rendered = render({**task, "outlets": [asset]})
    events = OutletEvents()
    rendered.summary["outlet_events"] = events
    run = finish(rendered)
    extra = events[asset].extra
    assert (extra["rows"], extra["accepted"], extra["accepted_now"]) == (3, 3, 3)
    assert extra["campaign_id"] == run.summary["campaign_id"]
    assert "failures" not in extra


def test_a_mapped_slice_is_shown_as_its_slice(task: dict[str, Any]) -> None:
    """Unless the DAG says otherwise."""
    rendered = render({**task, "slice": "1/4"})
    finish(rendered)
    assert rendered.summary["map_index_template"] == "{{ task.slice }}"
    rendered = render({**task, "slice": "2/4"})
    rendered.summary["map_index_template"] = "{{ run_id }}"
    finish(rendered)
    assert rendered.summary["map_index_template"] == "{{ run_id }}"


@pytest.fixture
def openlineage() -> Any:
    return pytest.importorskip(
        "airflow.providers.openlineage.extractors", reason="Airflow's OpenLineage provider: make airflow installs it"
    )


def test_lineage_names_the_table_the_results_and_the_rows(
    task: dict[str, Any], ledger: Path, openlineage: Any, sandbox: Sandbox
) -> None:
    """As Airflow's own listener asks the operator for it."""
    from airflow.providers.openlineage.extractors.manager import ExtractorManager

    run = try_task(task)
    facts = ExtractorManager().extract_metadata(
        SimpleNamespace(run_id="a_run"), run.operator, task_instance_state=_success(), task_instance=run.instance
    )
    (read,), (written,) = facts.inputs, facts.outputs
    assert (read.namespace, read.name) == ("file", task["recipients"])
    assert read.inputFacets["dataQualityMetrics"].rowCount == 3
    assert (written.namespace, written.name) == ("file", f"{ledger}/uspeedo_results")
    assert written.outputFacets["outputStatistics"].rowCount == 3


def test_lineage_of_an_export_leads_from_the_results_to_the_file(
    task: dict[str, Any], ledger: Path, tmp_path: Path, openlineage: Any
) -> None:
    """With its rows and its size."""
    from airflow_provider_uspeedo.operators.export import ExportSMSResultsOperator

    sent = try_task(task)
    path = tmp_path / "results.parquet"
    operator = ExportSMSResultsOperator(
        task_id="export", campaign_id=sent.summary["campaign_id"], path=str(path), results_conn_id="ledger"
    )
    operator.execute({})
    facts = operator.get_openlineage_facets_on_complete(None)
    (read,), (written,) = facts.inputs, facts.outputs
    assert (read.namespace, read.name) == ("file", f"{ledger}/uspeedo_results")
    assert [(name, facet.rowCount) for name, facet in read.inputFacets.items()] == [("inputStatistics", 3)]
    assert (written.namespace, written.name) == ("file", str(path))
    assert written.outputFacets["outputStatistics"].rowCount == 3
    assert written.outputFacets["outputStatistics"].size == path.stat().st_size


def test_lineage_of_a_query_is_its_sql_and_its_tables(
    task: dict[str, Any], openlineage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named as those of Airflow's own operators, so that they meet; parameters are not told."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    monkeypatch.setenv("AIRFLOW_CONN_W", "postgres://u:secret@db:6543/warehouse")
    monkeypatch.setattr(PostgresHook, "get_first", lambda *_, **__: ("public",))
    sql = "SELECT * FROM due JOIN crm.people USING (customer) WHERE day = %s"
    arguments = {**task, "sql": sql, "sql_conn_id": "w", "parameters": ["2026-11-22"]}
    del arguments["recipients"]
    facts = render(arguments).operator.get_openlineage_facets_on_start()
    named = sorted((one.namespace, one.name) for one in facts.inputs)
    assert named == [("postgres://db:6543", f"warehouse.{table}") for table in ("crm.people", "public.due")]
    assert facts.job_facets["sql"].query == sql
    assert "2026-11-22" not in repr(facts)
    assert "secret" not in repr(facts)
    other = {**arguments, "sql_hook_params": {"database": "other"}}
    facts = render(other).operator.get_openlineage_facets_on_start()
    assert {one.name.partition(".")[0] for one in facts.inputs} == {"other"}


def test_lineage_counts_the_rows_of_a_query_that_reads_one_table(
    task: dict[str, Any], openlineage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As read from it: the table may have more."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    monkeypatch.setenv("AIRFLOW_CONN_W", "postgres://u:p@db/warehouse")
    monkeypatch.setattr(PostgresHook, "get_first", lambda *_, **__: ("public",))
    for sql, rows in {"SELECT * FROM due": [7], "SELECT * FROM due, people": [None, None]}.items():
        found = tables_of_query(sql, "w", rows=7)
        facets = [lineage._input(one).inputFacets for one in found]
        assert [facet["inputStatistics"].rowCount if facet else None for facet in facets] == rows
        assert not any("dataQualityMetrics" in facet for facet in facets)


@pytest.mark.parametrize("connection", [None, "sqlite:///tmp/warehouse.db", "http://example.org"])
def test_lineage_of_a_database_without_a_name_is_the_sql(
    task: dict[str, Any], openlineage: Any, monkeypatch: pytest.MonkeyPatch, connection: str | None
) -> None:
    """Also where there is no such connection: the task itself says so."""
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_W", connection)
    arguments = {**task, "sql": "SELECT phone FROM due", "sql_conn_id": "w"}
    del arguments["recipients"]
    facts = render(arguments).operator.get_openlineage_facets_on_start()
    assert (facts.inputs, facts.job_facets["sql"].query) == ([], "SELECT phone FROM due")


def test_lineage_of_a_form_whose_query_is_empty_is_its_table(task: dict[str, Any], openlineage: Any) -> None:
    """Airflow renders an empty field as the text *None*."""
    run = try_task({**task, "sql": "{{ params.query }}"}, params={"query": None})
    facts = run.operator.get_openlineage_facets_on_complete(None)
    assert [(one.name, one.inputFacets["inputStatistics"].rowCount) for one in facts.inputs] == [
        (task["recipients"], 3)
    ]
    assert facts.job_facets == {}


def test_lineage_of_a_dry_run_is_what_it_read(task: dict[str, Any], openlineage: Any) -> None:
    """It writes nothing."""
    facts = try_task({**task, "dry_run": True}).operator.get_openlineage_facets_on_complete(None)
    assert [one.inputFacets["dataQualityMetrics"].rowCount for one in facts.inputs] == [3]
    assert facts.outputs == []


def test_lineage_of_a_slice_does_not_say_that_the_table_has_no_more_rows(
    task: dict[str, Any], openlineage: Any
) -> None:
    """Only how many it read."""
    run = try_task({**task, "slice": "1/2"})
    facts = run.operator.get_openlineage_facets_on_complete(None)
    (read,) = facts.inputs
    assert list(read.inputFacets) == ["inputStatistics"]
    assert read.inputFacets["inputStatistics"].rowCount == run.summary["rows"]


def test_lineage_of_rows_by_value_says_nothing_of_them(task: dict[str, Any], people: People, openlineage: Any) -> None:
    """They have no name, and their text is not one."""
    rows = people(2)
    facts = render({**task, "recipients": rows}).operator.get_openlineage_facets_on_start()
    assert facts.inputs == []
    assert not any(phone in repr(facts) for phone in phones(rows))


@pytest.mark.parametrize(
    ("given", "namespace", "name"),
    [
        ("s3://lake/due/2026-11-22/", "s3://lake", "due/2026-11-22"),
        ("s3://key:secret@lake/due/", "s3://lake", "due"),
        ("s3://key:sec/ret@lake/due/", "s3://lake", "due"),
        ("https://lake:443/due/home.csv?sig=secret", "https://lake:443", "due/home.csv"),
        ("file:///data/due.parquet", "file", "/data/due.parquet"),
        ("/data/due.parquet", "file", "/data/due.parquet"),
    ],
)
def test_a_path_is_named_as_openlineage_names_it(given: str, namespace: str, name: str) -> None:
    """And no user or password goes with it."""
    from airflow_provider_uspeedo.operators.lineage import dataset_of_path

    found = dataset_of_path(given)
    assert found is not None
    assert (found.namespace, found.name) == (namespace, name)


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        [{"phone": "(86)13800138000"}],
        "phone\n(86)13800138000\n",
        "[{'phone': '(86)13800138000'}]",
        "+8613800138000, +8613800138001",
    ],
)
def test_what_is_no_path_is_no_dataset(given: Any) -> None:
    """Rows, and text of rows."""
    from airflow_provider_uspeedo.operators.lineage import dataset_of_path

    assert dataset_of_path(given) is None


@pytest.mark.parametrize(
    ("connection", "table", "namespace", "name"),
    [
        ("postgres://u:p@db:6543/warehouse", None, "postgres://db:6543", "warehouse.public.uspeedo_results"),
        ("postgres://u:p@db/warehouse", "sms.results", "postgres://db:5432", "warehouse.sms.results"),
        ("mysql://u:p@db/warehouse", None, "mysql://db:3306", "warehouse.uspeedo_results"),
        ("mysql://u:p@db/warehouse", "sms.results", "mysql://db:3306", "sms.results"),
    ],
)
def test_the_results_are_named_as_openlineage_names_them(
    connection: str, table: str | None, namespace: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the database that the connection leads to."""
    from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
    from airflow_provider_uspeedo.operators.lineage import dataset_of_results

    monkeypatch.setenv("AIRFLOW_CONN_NAMED", connection)
    found = dataset_of_results(LedgerLocation.of("named", table))
    assert (found.namespace, found.name) == (namespace, name)


def _success() -> Any:
    from airflow.utils.state import TaskInstanceState

    return TaskInstanceState.SUCCESS


def test_a_collector_that_fails_changes_no_outcome(
    task: dict[str, Any], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was answered is recorded as answered, and the task succeeds."""
    from airflow.providers.common.compat.sdk import Stats

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("collector")

    for name in ("timing", "gauge", "incr"):
        monkeypatch.setattr(Stats, name, fail)
    run = try_task(task)
    assert run.error is None
    assert run.counts == {"accepted": 3}
    assert "No metrics are reported: OSError." in caplog.text
