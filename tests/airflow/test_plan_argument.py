# SPDX-License-Identifier: Apache-2.0
"""The argument ``plan``: what a dry run returned, handed on in any way, and never nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.people import People, phones
from tests.airflow.running import try_task

Accepted = Callable[[], list[str]]


@pytest.fixture
def task(tmp_path: Path, ledger: Path, sandbox: Sandbox, people: People) -> dict[str, Any]:
    people.table(tmp_path / "people.parquet", 3)
    return {
        "recipients": str(tmp_path / "people.parquet"),
        "template_id": "UTA_REMINDER",
        "param_columns": ["name", "amount"],
        "results_conn_id": "ledger",
        "campaign_id": str(tmp_path),
        "prices": {"CN": 0.05},
    }


def planned(task: dict[str, Any]) -> Any:
    run = try_task({**task, "dry_run": True})
    assert run.error is None
    return run.summary


WAYS: dict[str, Callable[[Any], Any]] = {
    "the summary": lambda summary: summary,
    "its plan": lambda summary: summary["plan"],
    "the fingerprint": lambda summary: summary["plan"]["fingerprint"],
    "JSON": json.dumps,
    "a Python literal": str,
    "JSON of the plan": lambda summary: json.dumps(summary["plan"]),
    "a literal of the plan": lambda summary: repr(summary["plan"]),
    "JSON of the fingerprint": lambda summary: json.dumps(summary["plan"]["fingerprint"]),
    "JSON in JSON": lambda summary: json.dumps(json.dumps(summary)),
    "with spaces": lambda summary: f"  {summary['plan']['fingerprint']}\n",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("native", [False, True])
def test_a_plan_is_taken_however_it_is_handed_on(
    task: dict[str, Any], way: str, native: bool, accepted: Accepted
) -> None:
    """By value, or by a template of it; a form gives a text."""
    plan = WAYS[way](planned(task))
    run = try_task({**task, "plan": "{{ params.plan }}"}, params={"plan": plan}, native=native)
    assert (run.error, run.counts) == (None, {"accepted": 3})
    again = try_task({**task, "plan": plan, "campaign_id": "another"})
    assert "Changed since: campaign_id." in str(again.error)
    assert len(accepted()) == 3


def test_the_plan_is_an_xcom_of_its_own(task: dict[str, Any]) -> None:
    """``plan_task.output["plan"]`` is what Airflow finds under that key. A run that sends has none."""
    run = try_task({**task, "dry_run": True})
    assert run.instance.xcoms["plan"] == run.summary["plan"]
    assert "plan" not in try_task({**task, "plan": run.instance.xcoms["plan"]}).instance.xcoms


EMPTY = "plan is empty: the task that should have made it was skipped, failed, or returned nothing."


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        *((nothing, EMPTY) for nothing in (None, "", "  ", "None", "null", '""')),
        ({}, "plan is a dict without a fingerprint."),
        ([], "plan is of type list and no plan of a dry run."),
        ({"plan": None}, "plan is a dict without a fingerprint."),
        ({"fingerprint": None}, "plan is of type NoneType and no plan of a dry run."),
        ({"chosen_options": ["Approve"], "params_input": {}}, "plan is the answer to an approval"),
        ({"accepted_now": 0, "rows": 3}, "plan is the summary of a task that made no plan: set its dry_run=True."),
        ("yes", "plan is a text and no plan of a dry run."),
        (True, "plan is of type bool and no plan of a dry run."),
        ("{not json", "plan is a text that is neither JSON nor a Python literal."),
        ("plan1.00ff00ff.00", "It seems to be cut."),
    ],
    ids=str,
)
def test_what_is_no_plan_is_refused(
    task: dict[str, Any], plan: Any, message: str, accepted: Accepted, ledger: Path
) -> None:
    """A plan that was skipped must not mean no plan."""
    run = try_task({**task, "plan": plan})
    assert type(run.error).__name__ == "AirflowFailException"
    assert message in str(run.error)
    assert "Nothing was sent." in str(run.error)
    assert accepted() == []
    assert not ledger.exists()


def test_a_plan_that_was_not_rendered_is_refused(task: dict[str, Any]) -> None:
    """As inside a ``@task``."""
    run = try_task({**task, "plan": "{{ params.plan }}"}, params={"plan": "{{ ti.xcom_pull('plan') }}"})
    assert "plan holds a template, which was not rendered." in str(run.error)


def test_a_changed_plan_is_a_failure_that_names_its_page(
    task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """No retry can fix it."""
    plan = planned(task)
    for changes, named in (
        ({"prices": {"CN": 0.06}}, "prices"),
        ({"sender_id": "shop"}, "sender_id"),
        ({"policy": {"countries": ["CN"]}}, "policy (of the DAG or the connection)"),
        ({"max_cost": 3}, "max_cost"),
    ):
        error = try_task({**task, **changes, "plan": plan}).error
        assert type(error).__name__ == "AirflowFailException"
        assert f"Changed since: {named}. Nothing was sent." in str(error)
        assert str(error).endswith("What to do: `airflow-uspeedo explain plan-changed`.")
    assert accepted() == []


def test_a_dry_run_with_a_plan_only_compares(task: dict[str, Any], accepted: Accepted) -> None:
    """It says whether the plan still holds, and sends nothing."""
    plan = planned(task)
    assert try_task({**task, "dry_run": True, "plan": plan}).error is None
    changed = try_task({**task, "dry_run": True, "plan": plan, "sender_id": "shop"})
    assert "Changed since: sender_id." in str(changed.error)
    assert accepted() == []


@pytest.mark.parametrize("text", ["0.15", " 0.15 ", 0.15])
def test_max_cost_is_a_decimal_number_as_it_is_written(task: dict[str, Any], text: Any) -> None:
    """Three times five hundredths."""
    assert try_task({**task, "max_cost": text, "max_segments": "1"}).error is None
    less = try_task({**task, "max_cost": "0.1499", "campaign_id": "another"})
    assert "The campaign would cost 0.15 (3 recipients), and max_cost=0.1499 is less." in str(less.error)
    assert str(less.error).endswith("What to do: `airflow-uspeedo explain refused-before-sending`.")


def test_everything_together(
    task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query, a plan, a policy, slices, a canary, all guards and limits, in tasks that may sleep."""
    rows, path = people(40), tmp_path / "warehouse.db"
    with closing(sqlite3.connect(path)) as warehouse, warehouse:
        warehouse.execute("CREATE TABLE due (phone, name, amount)")
        known = [(row["phone"], row["name"], row["amount"]) for row in [*rows, *rows[:3]]]
        warehouse.executemany("INSERT INTO due VALUES (?, ?, ?)", known)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    now = datetime.now(UTC)  # China's clocks are eight hours ahead
    hours = [f"{now + timedelta(hours=8 - 6):%H:%M}", f"{now + timedelta(hours=8 + 6):%H:%M}"]
    given = {
        **task, "recipients": None, "sql": "SELECT * FROM due", "sql_conn_id": "warehouse",
        "policy": {"countries": ["CN"], "hours": hours, "not_after": "2099-01-01T00:00Z"},
        "max_cost": 2, "max_segments": 1,
    }  # fmt: skip
    how = {
        "canary": 2, "max_recipients": 40, "max_failure_ratio": 0.2, "max_invalid_ratio": 0.2,
        "max_unknown_requests": 2, "deferrable": True, "chunk_size": 5,
    }  # fmt: skip
    plan = planned(given)
    runs = [try_task({**given, **how, "plan": plan, "slice": f"{number}/3"}) for number in (1, 2, 3)]
    assert [run.error for run in runs] == [None] * 3
    assert sum(run.summary["rows"] for run in runs) == 43
    assert sorted(accepted()) == phones(rows)
