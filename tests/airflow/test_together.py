# SPDX-License-Identifier: Apache-2.0
"""What goes together: the table of the page, pair by pair, played by the operator itself."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_uspeedo.operators.sms import slices
from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.people import People, Row, phones
from tests.airflow.running import try_task
from tests.docs.pages import section

Accepted = Callable[[], list[str]]
ROWS = 12
NOW, AROUND = datetime.now(ZoneInfo("Asia/Shanghai")), timedelta(hours=9)
OPEN = [f"{NOW - AROUND:%H:%M}", f"{NOW + AROUND:%H:%M}"]
"""Hours that are open in all of China now, and not always."""
FEATURES: dict[str, dict[str, Any]] = {
    "canary": {"canary": 3},
    "slice": {"slice": "1/2"},
    "max_recipients": {"max_recipients": ROWS},
    "ratios": {"max_failure_ratio": 0.1, "max_invalid_ratio": 0.1},
    "circuit breaker": {"max_unknown_requests": 1},
    "plan": {},  # what a dry run of the same arguments gives
    "policy": {"policy": {"countries": ["CN"], "at_most": {"texts": 1, "days": 7}, "hours": OPEN}},
    "dry_run": {"dry_run": True},
    "deferrable": {"deferrable": True, "policy": {"hours": OPEN}},
    "sql": {"recipients": None, "sql": "SELECT * FROM due", "sql_conn_id": "warehouse"},
}
"""The rows and columns of the table, and how each is given."""


def documented() -> tuple[dict[tuple[str, str], str], set[str]]:
    """The cell of each pair, and the letters that are explained below the table."""
    text = section("operator.md", "What goes together")
    lines = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in text.splitlines() if "|" in line]
    (_, *columns), _, *rows = lines
    cells = {(row[0], column): cell for row in rows for column, cell in zip(columns, row[1:], strict=True) if cell}
    return cells, set(re.findall(r"\*\*(\w)\*\*:", text))


@pytest.fixture
def table(tmp_path: Path, people: People, monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """People in a file, and the same in a database."""
    rows = people.table(tmp_path / "people.parquet", ROWS)
    database = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(database)}))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE due (customer, phone, name, amount)")
        connection.executemany("INSERT INTO due VALUES (?, ?, ?, ?)", [tuple(row.values()) for row in rows])
    return rows


@pytest.fixture
def task(tmp_path: Path, table: list[Row], ledger: Path, sandbox: Sandbox) -> dict[str, Any]:
    return {
        "recipients": str(tmp_path / "people.parquet"),
        "template_id": "UTA_REMINDER",
        "param_columns": ["name", "amount"],
        "results_conn_id": "ledger",
        "campaign_id": str(tmp_path),
    }


def given(task: dict[str, Any], *features: str) -> dict[str, Any]:
    """The arguments of a task with these features; with ``plan``, a dry run of the same comes first."""
    arguments = task.copy()
    for feature in features:
        arguments |= FEATURES[feature]
    if "plan" in features:
        planned = try_task({**arguments, "dry_run": True})
        assert planned.error is None
        arguments["plan"] = planned.summary
    return arguments


def test_the_table_has_every_pair_once_and_explains_its_letters() -> None:
    """A feature more, and the page must say with what it goes together."""
    cells, letters = documented()
    assert set(cells) == set(combinations(FEATURES, 2))
    assert set(cells.values()) - {"yes"} == letters


@pytest.mark.parametrize(("one", "other"), combinations(FEATURES, 2))
def test_every_pair_works_together(
    task: dict[str, Any], table: list[Row], one: str, other: str, accepted: Accepted
) -> None:
    """As the page says: nothing is refused, and everybody is sent to once, or nobody by a dry run."""
    arguments = given(task, one, other)
    runs = [try_task({**arguments, "slice": each} if "slice" in (one, other) else arguments) for each in slices(2)]
    assert [run.error for run in runs] == [None, None]
    sent = [] if "dry_run" in (one, other) else phones(table)
    assert sorted(accepted()) == sorted(sent)
    if "dry_run" in (one, other):
        assert all(run.summary["plan"]["fingerprint"] for run in runs)


def test_all_of_them_work_together(task: dict[str, Any], table: list[Row], accepted: Accepted) -> None:
    """Every slice, with everything but the dry run; and a dry run with everything."""
    features = [name for name in FEATURES if name != "dry_run"]
    arguments = given(task, *features)
    assert try_task({**arguments, "dry_run": True}).error is None
    assert not accepted()
    for each in slices(2):
        assert try_task({**arguments, "slice": each}).error is None
    assert sorted(accepted()) == sorted(phones(table))


def refusal(task: dict[str, Any], *features: str, **changed: Any) -> str:
    """What a task is refused with, that has these features and some arguments more."""
    run = try_task({**given(task, *features), **changed})
    assert run.error is not None
    return str(run.error)


@pytest.mark.parametrize("others", [("slice",), ("slice", "policy"), ("dry_run",), ("slice", "sql")])
def test_max_recipients_looks_at_the_whole_table(
    task: dict[str, Any], others: tuple[str, ...], accepted: Accepted
) -> None:
    """**f** and **j**: a slice, or a dry run, of a table with one too many is refused, though it has fewer itself."""
    assert "more than max_recipients=11" in refusal(task, *others, max_recipients=ROWS - 1)
    assert not accepted()


def test_rows_that_a_policy_excludes_are_no_recipients(
    task: dict[str, Any], table: list[Row], accepted: Accepted
) -> None:
    """**i**: neither for ``max_recipients``, nor as invalid rows."""
    policy = {"suppress": phones(table)[:8]}
    run = try_task({**task, **FEATURES["ratios"], "max_recipients": ROWS - 8, "policy": policy})
    assert run.error is None
    assert sorted(accepted()) == sorted(phones(table)[8:])


def test_a_plan_is_of_the_whole_table_for_every_slice(task: dict[str, Any]) -> None:
    """**f** and **g**: the dry run of a slice counts the slice, and its fingerprint is that of the table."""
    whole = try_task({**task, "dry_run": True}).summary["plan"]
    parts = [try_task({**task, "dry_run": True, "slice": each}).summary["plan"] for each in slices(3)]
    assert {part["fingerprint"] for part in parts} == {whole["fingerprint"]}
    assert sum(part["recipients"] for part in parts) == whole["recipients"] == ROWS
