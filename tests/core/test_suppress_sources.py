# SPDX-License-Identifier: Apache-2.0
"""What can be given as lists of phones that may not be texted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from airflow_provider_uspeedo.core.suppress_sources import SuppressSource, sources_of
from airflow_provider_uspeedo.errors import ConfigurationError

PHONES = ["+85255311111", "5531 2222"]
ROWS = [{"phone": phone, "why": "asked"} for phone in PHONES]


def read(given: Any) -> list[tuple[str, Any, str]]:
    """Of each source what it is, its value, and its column."""
    found = []
    for source in sources_of(given, "suppress"):
        kinds = [(name, getattr(source, name)) for name in ("path", "rows", "table", "sql")]
        kind, value = next((name, value) for name, value in kinds if value is not None and not isinstance(value, str))
        found.append((kind, value, source.column))
    return found


def one(given: Any) -> SuppressSource:
    (source,) = sources_of(given, "suppress")
    return source


@pytest.mark.parametrize("path", ["/lake/opt-outs.parquet", "s3://lake/opt-outs/", "opt-outs", "lake/*.csv"])
def test_a_text_is_a_path(path: str) -> None:
    """Alone, in a dict, and, where it looks like one, in a list."""
    assert one(path).path == one({"path": path}).path == path
    if "/" in path:
        assert one([path]).path == one(json.dumps([path])).path == path
    assert one(path).column == "phone"
    assert one({"path": path, "column": "mobile"}).column == "mobile"


def test_a_path_may_be_an_object() -> None:
    """Such as Airflow's, which is no text."""
    path = Path("/lake/opt-outs.parquet")
    assert one(path).path == one([path]).path == one({"path": path}).path == path


@pytest.mark.parametrize("given", [PHONES, tuple(PHONES), json.dumps(PHONES), str(PHONES)])
def test_phones_may_be_given_one_by_one(given: Any) -> None:
    """As numbers, too."""
    assert one(given).rows == PHONES
    assert one([85255311111]).rows == [85255311111]
    assert one(PHONES[1]).rows == [PHONES[1]]
    assert set(one(set(PHONES)).rows) == set(PHONES)


@pytest.mark.parametrize("given", [ROWS, json.dumps(ROWS), {"table": ROWS}])
def test_rows_may_be_given(given: Any) -> None:
    """With a column of another name only in a dict."""
    assert one(given).rows == ROWS
    assert one({"table": ROWS, "column": "mobile"}).column == "mobile"


def test_a_frame_may_be_given() -> None:
    """It is not copied."""
    frame = pd.DataFrame(ROWS)
    assert one(frame).rows is one([frame]).rows is one({"table": frame}).rows is frame


def test_a_database_may_be_named() -> None:
    """Its table, or a query."""
    table = one({"table": "crm.opt_outs", "sql_conn_id": "warehouse", "column": "mobile"})
    assert (table.table, table.sql, table.sql_conn_id, table.column) == ("crm.opt_outs", "", "warehouse", "mobile")
    query = one({"sql": "SELECT phone FROM x", "sql_conn_id": "warehouse"})
    assert (query.table, query.sql, query.sql_conn_id) == ("", "SELECT phone FROM x", "warehouse")
    assert (table.name, query.name) == (
        "table 'crm.opt_outs' of connection 'warehouse'",
        "query of connection 'warehouse'",
    )


def test_several_lists_may_be_given_at_once() -> None:
    """Of every kind; phones and rows among them are lists of their own."""
    sql = {"sql": "SELECT 1", "sql_conn_id": "warehouse"}
    found = sources_of(["/lake/a.csv", PHONES[0], sql, ROWS[0], 85255311112, {"path": "b"}], "suppress")
    assert [source.path for source in found] == ["/lake/a.csv", None, "b", None, None]
    assert found[1].sql == "SELECT 1"
    assert [source.rows for source in found[3:]] == [[ROWS[0]], [PHONES[0], 85255311112]]


def test_an_empty_list_is_a_list() -> None:
    """A day on which nobody has opted out."""
    assert one([]).rows == one("[]").rows == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "leave it out"),
        ("", "leave it out"),
        ("none", "leave it out"),
        ({}, "has none"),
        ({"path": "a", "sql": "b"}, "has 'path' and 'sql'"),
        ({"file": "a"}, "unknown key 'file'"),
        (ROWS[0], "unknown key 'phone'"),
        ({"path": ""}, "'path' is empty"),
        ({"path": None}, "'path' is empty"),
        ({"path": 5}, "'path' must be a path"),
        ({"path": PHONES[0]}, "'path' must be a path"),
        ({"path": "a", "column": None}, "'column' is empty"),
        ({"path": "a", "column": 5}, "'column' must be a text"),
        ({"path": "a", "sql_conn_id": "warehouse"}, "goes with 'table' or 'sql'"),
        ({"table": "opt_outs"}, "needs 'sql_conn_id'"),
        ({"sql": "SELECT 1"}, "needs 'sql_conn_id'"),
        ({"sql": ROWS, "sql_conn_id": "warehouse"}, "'sql' must be a text"),
        ({"table": ROWS, "sql_conn_id": "warehouse"}, "'table' must be a text"),
        (85255311111, "must be a list of phones, or where there is one, and is of type int"),
        (b"85255311111", "is of type bytes"),
        ("phone\n+85255311111\n", "text of rows"),
        ("Ann,+85255311111", "text of rows"),
    ],
)
def test_what_is_no_list_is_refused(given: Any, said: str) -> None:
    """The message quotes no phone."""
    with pytest.raises(ConfigurationError) as raised:
        sources_of(given, "policy: suppress")
    text = str(raised.value)
    assert text.startswith("policy: suppress")
    assert said in text
    assert "5531" not in text


def test_no_text_of_a_source_shows_its_rows() -> None:
    """Neither the name in messages nor the representation."""
    source = one(PHONES)
    assert "5531" not in f"{source.name}{source!r}"
