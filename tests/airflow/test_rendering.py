# SPDX-License-Identifier: Apache-2.0
"""Templates: text stays text under native rendering, and what was not rendered is refused."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from airflow_provider_uspeedo.operators.rendering import OBJECT_ARGUMENTS
from airflow_provider_uspeedo.sandbox.server import running
from tests.airflow.conftest import SECRET, connection_to
from tests.airflow.dag_runs import DagRuns
from tests.airflow.people import People
from tests.airflow.running import finish, render, try_task
from tests.airflow.test_arguments import FORM, params  # noqa: F401 - a fixture

Accepted = Callable[[], list[str]]


@pytest.mark.parametrize(
    "text", ["2026_11_22", "1_0", "0x10", "1e3", "(1, 2)", "['a']", "True", "'quoted'", "1+2j", "007", "{'a': 1}"]
)
@pytest.mark.parametrize("argument", ["campaign_id", "template_id", "phone_column", "sender_id", "results_table"])
def test_text_is_rendered_as_text_whatever_the_dag_says(params: dict[str, Any], argument: str, text: str) -> None:  # noqa: F811
    """Python's literals in every text argument, alone and beside other text."""
    rendered = render(FORM, {**params, argument: text}, native=True)
    assert getattr(rendered.operator, argument) == text
    joined = render({**FORM, argument: "{{ params." + argument + " }}_0"}, {**params, argument: "1"}, native=True)
    assert getattr(joined.operator, argument) == "1_0"


@pytest.mark.parametrize("argument", ["param_columns", "key_columns"])
def test_texts_in_a_list_are_rendered_as_text(params: dict[str, Any], argument: str) -> None:  # noqa: F811
    """Columns may be named 1_0."""
    rendered = render({**FORM, argument: ["{{ '1_0' }}", "b"]}, params, native=True)
    assert getattr(rendered.operator, argument) == ["1_0", "b"]


@pytest.mark.parametrize("given", [[2, 3], ["2", "3"], "2/3"])
def test_a_slice_may_be_rendered_as_a_list(
    params: dict[str, Any],  # noqa: F811
    people: People,
    tmp_path: Path,
    given: Any,
) -> None:
    people.table(tmp_path / "people.parquet", 12)
    for native in (True, False):
        run = try_task(FORM, {**params, "slice": given}, native=native)
        assert run.error is None
        assert 0 < run.summary["rows"] < 12


def test_a_campaign_under_the_name_of_native_rendering_is_refused(
    params: dict[str, Any],  # noqa: F811
    people: People,
    tmp_path: Path,
    accepted: Accepted,
) -> None:
    """An earlier version sent under 20261122: under 2026_11_22 everyone would get the message again."""
    people.table(tmp_path / "people.parquet", 2)
    assert try_task(FORM, {**params, "campaign_id": "20261122"}).error is None
    for dry_run in ("True", "False"):
        run = try_task(FORM, {**params, "campaign_id": "2026_11_22", "dry_run": dry_run}, native=True)
        assert "'2026_11_22'" in str(run.error)
        assert "'20261122'" in str(run.error)
    assert len(accepted()) == 2
    assert try_task(FORM, {**params, "campaign_id": "2026_11_22"}).error is None, "never rendered natively"


@pytest.mark.parametrize("argument", [name for name in FORM if name != "recipients"])
@pytest.mark.parametrize("text", ["{{ ds }}", "a{% if x %}b", "{# note #}", "{{\nds\n}}"])
def test_unrendered_template_text_is_refused_by_name(
    params: dict[str, Any],  # noqa: F811
    argument: str,
    text: str,
    accepted: Accepted,
) -> None:
    """As ``execute()`` inside a ``@task`` leaves it."""
    rendered = render(params)
    setattr(rendered.operator, argument, [text] if argument.endswith("columns") else text)
    run = finish(rendered)
    which = "a template" if argument in OBJECT_ARGUMENTS else "the template "
    assert str(run.error).startswith(f"{argument} holds {which}")
    assert accepted() == []


LOOSE = [
    "{ ds }",
    "due {ds_nodash}",
    "{ dag.dag_id }/{ task.task_id }/{ run_id }",
    "{ macros.ds_add(ds, 1) }",
    "{ ts | lower }",
]
HALF = ["{{ ds }", "{ ds }}", "due {{ ds", "ds }}", "{% if x"]


@pytest.mark.parametrize(
    "argument", ["campaign_id", "recipients", "template_id", "sender_id", "results_table", "chunk_size"]
)
@pytest.mark.parametrize("text", [*LOOSE, *HALF])
def test_what_an_f_string_makes_of_a_template_is_refused(
    params: dict[str, Any],  # noqa: F811
    argument: str,
    text: str,
    accepted: Accepted,
) -> None:
    """All days would share one campaign, as with a template that was not rendered."""
    rendered = render(params)
    setattr(rendered.operator, argument, f"/lake/{text}/" if argument == "recipients" else text)
    assert re.match(
        rf"{argument} holds '[^']*', which Airflow does not take for a template", str(finish(rendered).error)
    )
    assert accepted() == []


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("SELECT phone FROM due WHERE day = '{ ds }'", True),
        ("SELECT phone FROM due WHERE day < '{data_interval_end}'", True),
        ("SELECT phone, data #>> '{params,name}', data #>> '{task}' FROM due", False),
        ("SELECT phone FROM due WHERE day = {ts '2026-11-22 00:00:00'}", False),
        ("SELECT {'ds': day} FROM due", False),
    ],
)
def test_braces_of_sql_stay(params: dict[str, Any], text: str, refused: bool) -> None:  # noqa: F811
    """Paths into JSON, escapes of ODBC and structs are no templates."""
    rendered = render({**params, "recipients": None, "sql": text, "sql_conn_id": "nowhere"})
    assert ("does not take for a template" in str(finish(rendered).error)) is refused


def test_a_name_may_have_braces(params: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted) -> None:  # noqa: F811
    people.table(tmp_path / "people.parquet", 1)
    assert try_task({**params, "campaign_id": "due {abc-123} {B}"}).error is None
    assert len(accepted()) == 1


@pytest.mark.parametrize("argument", ["sql", "parameters"])
def test_an_array_of_sql_is_no_template(params: dict[str, Any], argument: str, accepted: Accepted) -> None:  # noqa: F811
    rendered = render(params)
    setattr(rendered.operator, argument, "{{1,2},{3,4}}")
    assert "not rendered" not in str(finish(rendered).error)


@pytest.mark.parametrize("path", ["/lake/{{ ds }}/", PurePosixPath("/lake/{{ ds }}")])
def test_an_unrendered_path_is_refused(params: dict[str, Any], path: Any) -> None:  # noqa: F811
    rendered = render(params)
    rendered.operator.recipients = path
    assert str(finish(rendered).error).startswith("recipients holds the template '{{ ds }}'")


def test_a_row_may_hold_braces(params: dict[str, Any], people: People, accepted: Accepted) -> None:  # noqa: F811
    """Rows are values, not templates."""
    row = {**people(1)[0], "name": "{{ Ada }}"}
    assert try_task({**params, "recipients": [row]}).error is None
    assert accepted() == [row["phone"]]


@pytest.mark.parametrize("argument", ["recipients", "campaign_id", "chunk_size"])
def test_the_output_of_another_task_that_was_not_resolved_is_refused(
    params: dict[str, Any],  # noqa: F811
    argument: str,
) -> None:
    """Its text is a template."""
    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    rendered = render(params)
    other = SendBatchSMSOperator(task_id="other", recipients="x", dag=rendered.operator.dag)
    setattr(rendered.operator, argument, other.output)
    assert str(finish(rendered).error).startswith(f"{argument} refers to a value that was not resolved")


@pytest.mark.parametrize("given", [object(), print, b"text"])
def test_an_object_is_no_name_of_a_campaign(params: dict[str, Any], given: Any) -> None:  # noqa: F811
    """The text of a function or an object differs between processes: each attempt would be another campaign."""
    rendered = render(params)
    rendered.operator.campaign_id = given
    assert str(finish(rendered).error).startswith("campaign_id holds an object of type ")


def test_airflow_renders_so_in_a_dag_run(airflow_home: Path, tmp_path: Path) -> None:
    """A task, mapped tasks and a call inside a ``@task``, in a DAG with native rendering."""
    People(first=7000).table(tmp_path / "people.parquet", 2)
    file = tmp_path / "ledger.db"
    ledger = '{"conn_type": "sqlite", "host": "' + str(file) + '"}'
    runs = DagRuns(airflow_home)
    with running(access_key_secret=SECRET) as sandbox:
        runs.test(
            "rendering",
            RENDERING=str(tmp_path),
            AIRFLOW_CONN_USPEEDO_DEFAULT=connection_to(sandbox.url),
            AIRFLOW_CONN_LEDGER=ledger,
        )
        senders = {entry.sender_id for entry in sandbox.journal()}
    with closing(sqlite3.connect(file)) as connection:
        found = {name for (name,) in connection.execute("SELECT name FROM uspeedo_campaigns")}
    assert found == {"2026_11_22", "1_0", "2_0", "3_0", "4_0"}
    assert senders == {"", "1e3"}
    assert runs.states("rendering")["inside"][0] == "failed"


def test_a_run_without_a_logical_date_may_name_itself() -> None:
    """As the quickstart says: where ``ds`` is missing, the run's id stands for it."""
    from jinja2 import UndefinedError

    run = render({"recipients": "x", "campaign_id": "reminder {{ ds | default(run_id) }}"})
    assert run.operator.campaign_id == "reminder a_run"
    with pytest.raises(UndefinedError, match="'ds' is undefined"):
        render({"recipients": "x", "campaign_id": "reminder {{ ds }}"})
