# SPDX-License-Identifier: Apache-2.0
"""The example DAGs, as they are in ``dags_examples``."""

from __future__ import annotations

import importlib.util
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from airflow_provider_uspeedo.sandbox.template_store import BUILT_IN
from tests.airflow.dag_runs import DagRuns, bytes_of
from tests.airflow.people import People, phones, write
from tests.airflow.running import Instance, Run, finish, try_task
from tests.leaks import leaks

EXAMPLES = Path(__file__).parents[2] / "dags_examples"
DAY = datetime(2026, 11, 22, tzinfo=UTC)
Accepted = Callable[[], list[str]]


def load(name: str) -> Any:
    """The DAG of an example, made anew."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, "dag", None) if not callable(getattr(module, name, None)) else getattr(module, name)()


def trigger(dag: Any, form: dict[str, Any], **dates: Any) -> Run:
    """Runs the task *send* of a DAG, with these values in its form."""
    operator, instance = dag.task_dict["send"], Instance(dag_id=dag.dag_id)
    params = {**dag.params.dump(), **form}
    context = {"dag": dag, "task": operator, "ti": instance, "run_id": instance.run_id, "params": params, **dates}
    operator.render_template_fields(context)
    return finish(Run(operator, instance, context, None))


NOT_IN_THE_FORM = {"slice", "same_table_as", "plan", "parameters", "sql_hook_params"}
"""What other tasks give, and what only a program can: parameters of a query, and arguments of a hook."""


def test_the_form_has_every_argument_that_a_person_would_set() -> None:
    """A new argument of the operator is in it, or is listed above; every field reaches the operator."""
    dag = load("send_batch_sms")
    operator = dag.task_dict["send"]
    written = {name: str(getattr(operator, name)) for name in operator.template_fields}
    assert {name for name, text in written.items() if "params." not in text} == NOT_IN_THE_FORM
    used = set(re.findall(r"params\.(\w+)", " ".join(written.values())))
    assert used == set(dag.params)


@pytest.mark.parametrize("name", load("send_batch_sms").params)
def test_the_form_explains_what_one_would_set(name: str) -> None:
    """Title, section, description and a type for each."""
    about = load("send_batch_sms").params.get_param(name)
    assert all(about.schema.get(part) for part in ("title", "section", "description_md", "type"))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_triggering_an_example_starts_no_second_run(path: Path) -> None:
    """A run needs a person: a DAG that is switched on to be triggered has no schedule, and catches nothing up."""
    dag = load(path.stem)
    assert (dag.timetable.can_be_scheduled, dag.catchup) == (False, False)
    assert dag.params.validate() is not None  # every field has a value that its own rule allows


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_no_example_waits_for_a_pool_that_is_not_there(path: Path) -> None:
    """Airflow lets a task wait for ever for one."""
    tasks = load(path.stem).task_dict.values()
    assert {getattr(task, "pool", None) or "default_pool" for task in tasks} == {"default_pool"}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_needs_only_what_its_form_names_and_the_sandbox_has(path: Path) -> None:
    """No connection but that to USpeedo, and a template that can be sent at once."""
    dag = load(path.stem)
    for task in dag.task_dict.values():
        given = getattr(task, "partial_kwargs", None) or vars(task)
        own = {name: given.get(name) for name in task.template_fields if name.endswith("conn_id")}
        told = {name for name, conn_id in own.items() if "params." not in str(conn_id)}
        assert {own[name] for name in told} <= {None, "uspeedo_default"}, task.task_id
    assert dag.params.get("template_id", "UTA_REMINDER") in {one.template_id for one in BUILT_IN}


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": "Hong Kong"},
        {"campaign": ""},
        {"sender_id": "longer than eleven"},
        {"max_recipients": -1},
        {"dry_run": "no"},
        {"countries": ["Hong Kong"]},
        {"hours": ["9 o'clock"]},
        {"max_failure_ratio": 50},
        {"chunk_size": 1001},
        {"canary": 0},
    ],
)
def test_the_form_refuses_what_cannot_be_right(wrong: dict[str, Any]) -> None:
    """Airflow checks the form before there is a run."""
    from airflow.providers.common.compat.sdk import ParamValidationError

    params = load("send_batch_sms").params
    with pytest.raises(ParamValidationError):
        params.update(wrong)


@pytest.mark.parametrize(
    "dates",
    [
        {"logical_date": DAY, "dag_run": SimpleNamespace()},  # Airflow 2 knows no run_after
        {"logical_date": None, "dag_run": SimpleNamespace(run_after=DAY)},
        {"dag_run": SimpleNamespace(run_after=DAY)},
    ],
)
def test_a_day_is_a_table_and_a_campaign(
    sandbox: Sandbox, people: People, tmp_path: Path, ledger: Path, accepted: Accepted, dates: dict[str, Any]
) -> None:
    """{date} is the run's date, also where a run has no logical date; the day's second run texts nobody again."""
    rows = write(tmp_path / "due" / "2026-11-22" / "part-0.parquet", people(3))
    form = {
        "table": str(tmp_path / "due" / "{date}"),
        "campaign": f"{tmp_path} {{date}}",
        "template_id": "UTA_REMINDER",
    }
    first, second = (trigger(load("send_batch_sms"), form, **dates) for _ in range(2))
    assert (first.error, first.counts) == (None, {"accepted": 3})
    assert first.summary["campaign_id"] == f"{tmp_path} 2026-11-22"
    assert (second.error, second.summary["accepted_now"]) == (None, 0)
    assert sorted(accepted()) == phones(rows)


def test_columns_can_take_the_place_of_fixed_values(
    sandbox: Sandbox, people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """A table with its own templates and senders, and phones that need the region."""
    (row,) = people(1)
    national = {**row, "phone": row["phone"].removeprefix("(86)"), "template": "UTA_CODE", "sender": "shop"}
    write(tmp_path / "people.parquet", [national])
    form = {
        "table": str(tmp_path / "people.parquet"), "campaign": str(tmp_path), "region": "CN", "template_id": None,
        "template_id_column": "template", "param_columns": ["amount"], "sender_id_column": "sender",
    }  # fmt: skip
    run = trigger(load("send_batch_sms"), form, logical_date=DAY, dag_run=SimpleNamespace())
    assert (run.error, run.counts) == (None, {"accepted": 1})
    entry = sandbox.journal()[-1]
    assert (entry.phone, entry.template_id, entry.sender_id) == (row["phone"], "UTA_CODE", "shop")


def test_a_query_and_brakes_and_rules_can_be_filled_in(
    sandbox: Sandbox, people: People, tmp_path: Path, ledger: Path, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the form at once: a query of the day, who and when, a canary, a price, the ledger."""
    rows, path = people(4), tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    with closing(sqlite3.connect(path)) as warehouse, warehouse:
        warehouse.execute("CREATE TABLE due (phone, name, amount, day)")
        days = ["2026-11-22"] * 3 + ["2026-11-23"]
        known = [(row["phone"], row["name"], row["amount"], day) for row, day in zip(rows, days, strict=True)]
        warehouse.executemany("INSERT INTO due VALUES (?, ?, ?, ?)", known)
    write(tmp_path / "opt-outs.parquet", [{"phone": rows[1]["phone"]}])
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    form = {
        "table": None, "query": "SELECT * FROM due WHERE day = '{date}'", "query_connection": "warehouse",
        "campaign": "all {date}", "key_columns": ["phone", "amount"], "opt_outs": [str(tmp_path / "opt-outs.parquet")],
        "countries": ["CN"], "hours": [f"{now - timedelta(hours=2):%H:%M}", f"{now + timedelta(hours=2):%H:%M}"],
        "not_after": (now + timedelta(hours=2)).isoformat(timespec="minutes"), "most_texts": 2,
        "canary": 1, "prices": {"CN": 0.05}, "max_cost": 0.2, "max_segments": 2, "requests_per_second": 20,
        "concurrency": 2, "chunk_size": 1, "ledger": "ledger", "results_table": "texted",
    }  # fmt: skip
    dag = load("send_batch_sms")
    dag.params.validate()
    dag.params.update(form)  # the form takes them
    run = trigger(dag, form, dag_run=SimpleNamespace(run_after=DAY))
    assert (run.error, run.counts) == (None, {"accepted": 2, "suppressed": 1})
    assert sorted(accepted()) == [rows[0]["phone"], rows[2]["phone"]]
    found = (run.summary["campaign_id"], run.summary["requests"], run.summary["results_conn_id"])
    assert found == ("all 2026-11-22", 2, "ledger")
    dear = {**form, "campaign": "dear", "max_cost": 0.01}
    refused = trigger(load("send_batch_sms"), dear, dag_run=SimpleNamespace(run_after=DAY))
    assert "max_cost" in str(refused.error)
    assert len(accepted()) == 2


def test_an_empty_form_has_no_rule_and_no_query(people: People, sandbox: Sandbox, tmp_path: Path) -> None:
    """What is left empty is no argument: not a policy without rules, not a query without text."""
    people.table(tmp_path / "people.parquet", 1)
    form = {"table": str(tmp_path / "people.parquet"), "campaign": str(tmp_path)}
    run = trigger(load("send_batch_sms"), form, logical_date=DAY, dag_run=SimpleNamespace())
    assert (run.error, run.counts) == (None, {"accepted": 1})
    assert (run.operator.policy, run.operator.prices, run.operator.sql) == ({}, "null", "None")


@pytest.mark.parametrize(
    "dates",
    [
        {"logical_date": DAY, "dag_run": SimpleNamespace()},
        {"logical_date": None, "dag_run": SimpleNamespace(run_after=DAY)},
        {"dag_run": SimpleNamespace(run_after=DAY)},
    ],
)
def test_a_query_is_about_the_day_of_its_run(dates: dict[str, Any]) -> None:
    """Also where a run was triggered without a date, and ``ds`` is not there."""
    dag = load("send_from_query")
    context = {"dag": dag, "params": dag.params.dump(), **dates}
    for task in dag.tasks:
        task.render_template_fields({**context, "task": task, "ti": Instance()})
    pin, send = dag.task_dict["pin"], dag.task_dict["send"]
    assert "EXISTS due_20261122 AS" in pin.sql
    assert "due_on = '2026-11-22'" in pin.sql
    assert (send.sql.split()[6], send.campaign_id) == ("due_20261122", "due invoices 2026-11-22")


def test_a_table_of_another_task_is_texted_and_its_failures_handed_on(
    sandbox: Sandbox, airflow_home: Path, tmp_path: Path, ledger: Path, accepted: Accepted
) -> None:
    """The whole of send_from_task.py in a DAG run of Airflow's own, with a ledger that the settings name."""
    runs = DagRuns(airflow_home)
    settings = {"AIRFLOW__USPEEDO__RESULTS_CONN_ID": "ledger", "AIRFLOW__USPEEDO__RESULTS_TABLE": "texted"}
    runs.test("send_from_task", {"folder": str(tmp_path)}, AIRFLOW__CORE__DAGS_FOLDER=str(EXAMPLES), **settings)
    states = runs.states("send_from_task")
    assert states == dict.fromkeys(("choose_people", "send", "follow_up"), ("success", 1))
    assert sorted(accepted()) == ["(852)55311111", "(852)55312222"]
    assert runs.xcoms("send_from_task")["follow_up"] == ["C-3"]
    summary = runs.xcoms("send_from_task")["send"]
    assert (summary["results_conn_id"], summary["results_table"]) == ("ledger", "texted")
    with closing(sqlite3.connect(ledger)) as results:
        kept = results.execute("SELECT campaign_id, count(*) FROM texted GROUP BY campaign_id").fetchall()
    assert kept == [(summary["campaign_id"], 3)]
    assert summary["campaign_id"].startswith("reminders ")


def test_the_table_of_a_function_is_sent_by_its_task(
    sandbox: Sandbox, people: People, airflow_home: Path, tmp_path: Path, ledger: Path, accepted: Accepted
) -> None:
    """The whole of send_from_function.py in a DAG run of Airflow's own; no row is left in what Airflow writes."""
    rows = people.table(tmp_path / "invoices.parquet", 3)
    write(tmp_path / "invoices.parquet", [*rows[:2], {**rows[2], "amount": "9.99"}])
    runs, settings = DagRuns(airflow_home), {"AIRFLOW__USPEEDO__RESULTS_CONN_ID": "ledger"}
    form = {"table": str(tmp_path / "invoices.parquet"), "template_id": "UTA_REMINDER"}
    runs.test("send_from_function", form, AIRFLOW__CORE__DAGS_FOLDER=str(EXAMPLES), **settings)
    assert runs.states("send_from_function") == {"send": ("success", 1)}
    assert sorted(accepted()) == phones(rows[:2])
    summary = runs.xcoms("send_from_function")["send"]
    assert (summary["rows"], summary["campaign_id"].startswith("large invoices ")) == (2, True)
    rendered = runs.rendered("send_from_function")["send"]
    assert rendered["op_args"] == [form["table"], "10"]
    written = json.dumps([rendered, summary]) + runs.output("send_from_function").read_text()
    assert not any(phone.partition(")")[2] in written for phone in phones(rows))


def test_those_on_call_are_texted_when_a_task_has_failed(
    sandbox: Sandbox, airflow_home: Path, tmp_path: Path, ledger: Path, accepted: Accepted
) -> None:
    """The whole of notify_on_failure.py, whose table is no table: one text for each phone of the Variable."""
    (tmp_path / "people.parquet").write_text("no table")
    runs, environment = DagRuns(airflow_home), {"AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES)}
    environment["AIRFLOW__USPEEDO__RESULTS_CONN_ID"] = "ledger"
    environment["AIRFLOW_VAR_ON_CALL"] = "+852 5531 7316, +852 5531 7317"
    runs.test("notify_on_failure", {"table": str(tmp_path / "people.parquet")}, **environment)
    assert runs.states("notify_on_failure")["send"][0] == "failed"
    assert sorted(accepted()) == ["(852)55317316", "(852)55317317"]
    assert sandbox.journal()[-1].params == ["notify_on_failure", "send, try 1"]
    written = bytes_of(airflow_home / "airflow.db").decode("latin-1") + runs.output("notify_on_failure").read_text()
    assert leaks(written, "+852 5531 7316", "+852 5531 7317") == []


def test_the_rows_of_a_query_are_pinned_and_sent_to(
    sandbox: Sandbox, people: People, airflow_home: Path, tmp_path: Path, accepted: Accepted
) -> None:
    """The whole of send_from_query.py in a DAG run of Airflow's own, and again after the warehouse has changed."""
    rows, path = people(3), tmp_path / "warehouse.db"
    with closing(sqlite3.connect(path)) as warehouse, warehouse:
        warehouse.execute("CREATE TABLE invoices (customer, phone, name, amount, due_on, paid_on)")
        known = [(row["customer"], row["phone"], row["name"], row["amount"], f"{DAY:%Y-%m-%d}", None) for row in rows]
        warehouse.executemany("INSERT INTO invoices VALUES (?, ?, ?, ?, ?, ?)", known)
    runs = DagRuns(airflow_home)
    environment = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
        "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(path)}),
    }
    for paid in (0, 1):
        with closing(sqlite3.connect(path)) as warehouse, warehouse:
            warehouse.execute("UPDATE invoices SET paid_on = due_on WHERE rowid = ?", (paid,))
        runs.test("send_from_query", {"template_id": "UTA_REMINDER"}, date=f"{DAY:%Y-%m-%d}", **environment)
        assert runs.states("send_from_query") == dict.fromkeys(("pin", "send"), ("success", 1))
        assert runs.xcoms("send_from_query")["send"]["rows"] == 3
    assert runs.xcoms("send_from_query")["send"]["accepted_now"] == 0
    assert sorted(accepted()) == sorted(phones(rows))
    rendered = runs.rendered("send_from_query")["send"]
    assert rendered["sql"].startswith("SELECT customer, phone, name, amount FROM due_20261122")
    said = runs.output("send_from_query").read_text()
    assert "The query gave 3 rows; its connection is closed." in said
    assert not any(phone in said or phone.partition(")")[2] in said for phone in phones(rows))


def test_a_plan_is_made_and_sent_and_refused_once_its_table_has_changed(
    sandbox: Sandbox, people: People, airflow_home: Path, tmp_path: Path, accepted: Accepted
) -> None:
    """The whole of plan_and_approve.py but for the approval, which a test with a scheduler has; then by hand."""
    rows = people.table(tmp_path / "due.parquet", 4)
    form = {
        "table": str(tmp_path / "due.parquet"), "campaign": str(tmp_path), "template_id": "UTA_REMINDER",
        "prices": {"CN": 0.05, "HK": 0.05}, "max_cost": 1,
    }  # fmt: skip
    runs = DagRuns(airflow_home)
    runs.test("plan_and_approve", form, skip="approve", AIRFLOW__CORE__DAGS_FOLDER=str(EXAMPLES))
    states = {task: state for task, (state, _) in runs.states("plan_and_approve").items()}
    assert {states["plan"], states["send"], states.get("approve", "success")} == {"success"}
    planned, sent = (runs.xcoms("plan_and_approve")[task] for task in ("plan", "send"))
    assert planned["plan"]["recipients"] == 4
    assert (planned["campaign_id"], planned["accepted"]) == (sent["campaign_id"], 0) == (str(tmp_path), 0)
    assert sorted(accepted()) == phones(rows)
    said = runs.output("plan_and_approve").read_text()
    assert not any(phone in said or phone.partition(")")[2] in said for phone in phones(rows))

    people.table(tmp_path / "due.parquet", 5)
    arguments = {name: getattr(load("plan_and_approve").task_dict["send"], name) for name in PLANNED}
    refused = try_task({**arguments, "plan": planned}, params=form)
    assert "Changed since: the table" in str(refused.error)
    assert "earlier ones sent to 4 recipients of the campaign" in str(refused.error)
    assert len(accepted()) == 4


PLANNED = ("recipients", "template_id", "param_columns", "prices", "max_cost", "max_segments", "campaign_id")


def test_the_policy_example_texts_only_those_who_may_be_texted(
    sandbox: Sandbox, accepted: Accepted, tmp_path: Path, ledger: Path
) -> None:
    """Not those who opted out, and not those abroad; at a time of day that is allowed in Hong Kong."""
    numbers = ["(852)55310001", "(852)55310002", "(853)62345678", "(1)2125550123"]
    write(tmp_path / "people.parquet", [{"phone": phone, "name": "Ann", "amount": "5"} for phone in numbers])
    write(tmp_path / "opt-outs" / "part-0.parquet", [{"phone": "+852 5531-0002"}])
    now = datetime.now(ZoneInfo("Asia/Hong_Kong"))
    form = {
        "table": str(tmp_path / "people.parquet"),
        "opt_outs": f"{tmp_path}/opt-outs",
        "hours": [f"{now - timedelta(hours=2):%H:%M}", f"{now + timedelta(hours=2):%H:%M}"],
        "not_after": f"{now + timedelta(hours=2):%Y-%m-%dT%H:%M%z}",
        "template_id": "UTA_REMINDER",
    }
    run = trigger(load("send_with_policy"), form)
    assert (run.error, run.counts) == (None, {"accepted": 2, "suppressed": 2})
    assert sorted(accepted()) == [numbers[0], numbers[2]]
    assert trigger(load("send_with_policy"), {**form, "opt_outs": str(tmp_path / "none")}).error is not None


SENT_IN_SLICES = (
    "recipients", "template_id", "param_columns", "campaign_id", "results_conn_id", "max_failure_ratio",
)  # fmt: skip


def test_the_slices_example_texts_everybody_once(
    sandbox: Sandbox, accepted: Accepted, people: People, tmp_path: Path, ledger: Path, airflow_home: Path
) -> None:
    """The whole of send_in_slices.py in a DAG run of Airflow's own; then once more by hand, in other slices."""
    rows = people.table(tmp_path / "due.parquet", 20)
    form = {"table": str(tmp_path / "due.parquet"), "campaign": "slices", "slices": 3, "ledger": "ledger"}
    runs = DagRuns(airflow_home)
    runs.test("send_in_slices", form, AIRFLOW__CORE__DAGS_FOLDER=str(EXAMPLES))
    summaries = runs.xcoms("send_in_slices")["send"]
    assert (len(summaries), sum(one["accepted"] for one in summaries)) == (3, 20)
    assert sorted(accepted()) == sorted(phones(rows))
    dag = load("send_in_slices")
    given = {name: dag.task_dict["send"].partial_kwargs[name] for name in SENT_IN_SLICES}
    for written in ("1/2", "2/2"):
        run = try_task({**given, "slice": written}, params={**dag.params.dump(), **form})
        assert (run.error, run.summary["accepted_now"]) == (None, 0)
    assert sorted(accepted()) == sorted(phones(rows))
