# SPDX-License-Identifier: Apache-2.0
"""Queries on every kind of database: what they give, how they fail, how they end, and what they keep."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_uspeedo.errors import SourceUnavailable, TableError
from airflow_provider_uspeedo.tables import open_table
from airflow_provider_uspeedo.tables.query_errors import no_connection, words
from airflow_provider_uspeedo.tables.spool import SPOOL_ROWS
from airflow_provider_uspeedo.tables.table import Table
from tests.tables.reading import read, read_lists
from tests.tables.warehouse import FAST, MARKER, SERVERS, Connect, connector, query, rows_of, run

PHONE = "+85255311111"
TYPES, KEPT = (
    f"uspeedo_{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}" for name in ("types", "kept")
)
"""Tables of this process alone: others may run the same tests on the same server."""
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i FROM n"
NUMBERS_OF = {"psycopg2": "SELECT generate_series(1, {}) AS i", "pymysql": "SELECT seq AS i FROM seq_1_to_{}"}
NUMBERS_OF |= {"psycopg": NUMBERS_OF["psycopg2"], "MySQLdb": NUMBERS_OF["pymysql"]}
FOREVER = {
    "sqlite3": NUMBERS.format(10**12),
    "duckdb": "SELECT count(*) FROM range(10000000000) a, range(1000000) b WHERE hash(a.range + b.range) = 1",
    "psycopg2": "SELECT pg_sleep(600)",
    "psycopg": "SELECT pg_sleep(600)",
    "pymysql": "SELECT sleep(600)",
    "MySQLdb": "SELECT sleep(600)",
}


@pytest.fixture(params=[*FAST, *SERVERS])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connect(driver: str, tmp_path: Path) -> Connect:
    return connector(driver, tmp_path)


def numbers(driver: str, count: int) -> str:
    return NUMBERS_OF.get(driver, NUMBERS).format(count)


# -- rows --------------------------------------------------------------------------------------------------------------


def test_all_rows_come_in_order_and_can_be_read_again(connect: Connect, driver: str) -> None:
    """More than are fetched at once."""
    count = 2 * SPOOL_ROWS + 7
    table = Table(rows_of(connect, f"SELECT i, 'x' AS name FROM ({numbers(driver, count)}) AS n ORDER BY i"))
    assert (table.rows_at_most(), table.column_names) == (count, ("i", "name"))
    for _ in range(2):
        found = [int(str(cell)) for batch in table.batches(["i"]) for cell in batch.columns["i"]]
        assert found == list(range(1, count + 1))


def test_no_rows_still_have_their_columns(connect: Connect) -> None:
    """An empty result lacks no column that the query names."""
    table = Table(rows_of(connect, "SELECT 'a' AS phone, 2 AS n WHERE 1 = 0;\n"))
    assert (table.rows_at_most(), table.column_names) == (0, ("phone", "n"))
    assert list(table.batches(["phone"])) == []


def test_parameters_fill_the_placeholders_and_a_percent_sign_needs_none(connect: Connect, driver: str) -> None:
    """By position; without parameters the query is given as it is."""
    table = rows_of(connect, f"SELECT {MARKER[driver]} AS x, {MARKER[driver]} AS y", ("Ann", "50"))
    assert (read(table), read(table, "y")) == (["Ann"], ["50"])
    assert read(rows_of(connect, "SELECT '100 %s' AS x")) == ["100 %s"]


def test_two_columns_of_one_name_are_refused_if_needed(connect: Connect, driver: str) -> None:
    """Which of the two is meant cannot be known."""
    table = rows_of(connect, "SELECT 'a' AS x, 'b' AS x, 'c' AS y")
    assert read(table, "y") == ["c"]
    if driver != "duckdb":  # which renames the second
        with pytest.raises(TableError, match="more than one column 'x'"):
            open_table(table).batches(["x"])


@pytest.mark.parametrize("driver", [pytest.param(name, marks=pytest.mark.database) for name in ("psycopg2", "psycopg")])
def test_the_types_of_postgresql_become_the_text_that_people_expect(connect: Connect) -> None:
    """JSON keeps its digits, arrays are JSON text or lists of parameters."""
    table = rows_of(
        connect,
        """SELECT 2.50::numeric a, true b, date '2026-11-22' c, timestamp '2026-11-22 14:30' d, '{"n": 1.50}'::jsonb e,
        '"Ann"'::json f, array['Ann', 'Bob'] g, array[12.50, 3] h, 'x'::bytea i, interval '1 day 2:30' j,
        '0123ec8d-4c1f-4a6b-9d2e-7f00c0ffee00'::uuid k, inet '10.0.0.1' l, null::text m, 'null'::jsonb n,
        timestamptz '2026-11-22 14:30+00' o, int4range(1, 5) p, time '14:30' q, 1e-7::float8 r""",
    )
    assert [read(table, name) for name in "abcdefgijklmnopqr"] == [
        ["2.50"], ["true"], ["2026-11-22"], ["2026-11-22 14:30:00"], ['{"n": 1.50}'], ["Ann"], ['["Ann", "Bob"]'],
        ["x"], ["1 day 02:30:00"], ["0123ec8d-4c1f-4a6b-9d2e-7f00c0ffee00"], ["10.0.0.1"], [None], [None],
        ["2026-11-22 14:30:00+00:00"], ["[1, 5)"], ["14:30:00"], ["0.0000001"],
    ]  # fmt: skip
    assert read_lists(table, "h") == [["12.50", "3"]]


@pytest.mark.parametrize("driver", [pytest.param(name, marks=pytest.mark.database) for name in ("pymysql", "MySQLdb")])
def test_the_types_of_mariadb_become_the_text_that_people_expect(connect: Connect) -> None:
    """TIME is a length of time for its drivers, BIT is bytes."""
    run(
        connect,
        f"CREATE OR REPLACE TABLE {TYPES} (a decimal(10,2), b boolean, c date, d datetime, e time, f bit(3), "
        "g json, h enum('x', 'y'), i set('p', 'q'), j bigint unsigned, k varbinary(9), l text, m year)",
        f"INSERT INTO {TYPES} VALUES (2.5, true, '2026-11-22', '2026-11-22 14:30:00', '14:30:00', b'101', "
        "'[\"Ann\", 1.50]', 'y', 'p,q', 18446744073709551615, 'Ann', 'Änne', 2026)",
    )
    table = rows_of(connect, f"SELECT * FROM {TYPES}")
    run(connect, f"DROP TABLE {TYPES}")
    assert [*(read(table, name)[0] for name in "abcdefhijklm")] == [
        "2.50", "1", "2026-11-22", "2026-11-22 14:30:00", "14:30:00", "5", "y", "p,q", "18446744073709551615", "Ann",
        "Änne", "2026",
    ]  # fmt: skip
    assert read_lists(table, "g") == [["Ann", "1.50"]]


def test_arrow_of_a_driver_is_read_as_the_rows_of_others_are(tmp_path: Path) -> None:
    """A result of duckdb has lists, structs and intervals, which are no text in Arrow."""
    table = rows_of(
        connector("duckdb", tmp_path),
        "SELECT 2.50::DECIMAL(10,2) a, [1.50, 2] b, {'n': 1} c, INTERVAL '1 day 02:30' d, uuid() e, 'x'::BLOB f, "
        "'y'::ENUM('x', 'y') g",
    )
    found = [read(table, name)[0] for name in "abcdfg"]
    assert found == ["2.50", '["1.50", "2.00"]', '{"n": 1}', "1 day 02:30:00", "x", "y"]
    assert len(str(read(table, "e")[0])) == 36


# -- errors ------------------------------------------------------------------------------------------------------------

WRONG = {
    "a column that is not there": "SELECT nmae FROM (SELECT 'a' AS name) AS t",
    "a syntax error": "SELEKT 1",
    "no statement at all": "  -- only a comment",
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_query_is_refused_with_the_databases_words(connect: Connect, case: str) -> None:
    """No retry helps: it names the connection, the class of the error, and what the database said of names."""
    with pytest.raises(TableError, match="'warehouse'") as caught:
        rows_of(connect, WRONG[case])
    assert caught.value.__suppress_context__
    if "nmae" in WRONG[case]:
        assert "nmae" in str(caught.value)


def test_a_table_that_is_not_there_may_come_yet(connect: Connect) -> None:
    """As a path at which nothing is."""
    with pytest.raises(SourceUnavailable, match="no_such_table"):
        rows_of(connect, "SELECT * FROM no_such_table")


def test_a_statement_that_changes_something_changes_nothing(connect: Connect, driver: str) -> None:
    """It is refused, and what it did is not committed."""
    run(connect, f"CREATE TABLE {KEPT} (x integer)", f"INSERT INTO {KEPT} VALUES (1)")
    try:
        # Some versions of duckdb give the number of rows.
        with suppress(TableError) if driver == "duckdb" else pytest.raises(TableError):
            rows_of(connect, f"DELETE FROM {KEPT}")
        assert read(rows_of(connect, f"SELECT x FROM {KEPT}")) == ["1"]
    finally:
        run(connect, f"DROP TABLE {KEPT}")


BAD_VALUE = {"sqlite3": "SELECT json_extract({}, '$')", "duckdb": "SELECT CAST({} AS INTEGER)"}
BAD_VALUE |= dict.fromkeys(("psycopg2", "psycopg"), "SELECT CAST({}::text AS integer)")
BAD_VALUE |= dict.fromkeys(("pymysql", "MySQLdb"), "SELECT 1 FROM seq_1_to_2 WHERE {} REGEXP '('")


def test_an_error_shows_no_parameter(connect: Connect, driver: str, caplog: pytest.LogCaptureFixture) -> None:
    """Databases quote the value that they failed on, drivers the statement; neither gets into message or log."""
    caplog.set_level(logging.DEBUG)
    for value in (PHONE, "Ann Example", "4 Elm St"):
        with pytest.raises((TableError, SourceUnavailable)) as caught:
            rows_of(connect, BAD_VALUE[driver].format(MARKER[driver]), [value])
        assert value not in str(caught.value)
        assert caught.value.__suppress_context__
        with pytest.raises((TableError, SourceUnavailable)) as caught:
            rows_of(connect, BAD_VALUE[driver].format(f"'{value}'"))
        assert value not in str(caught.value)
    assert not any(secret in caplog.text for secret in (PHONE, "Ann Example", "Elm"))


def test_the_wrong_number_of_parameters_is_refused(connect: Connect, driver: str) -> None:
    """The driver's own error, without the values."""
    with pytest.raises(TableError, match="failed on connection 'warehouse'") as caught:
        rows_of(connect, f"SELECT {MARKER[driver]}, {MARKER[driver]}", [PHONE])
    assert PHONE not in str(caught.value)


class _Told(Exception):
    pass


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ('invalid input syntax for type integer: "Ann"', "invalid input syntax for type integer: [hidden]"),
        (
            "Incorrect integer value: 'Ann' for column `due`.`age`",
            "Incorrect integer value: [hidden] for column `due`.[hidden]",
        ),
        (
            "Incorrect integer value: 'O'Neil Ada' for column `due`.`age`",
            "Incorrect integer value: [hidden] for column `due`.[hidden]",
        ),
        ("400 Bad int64 value: Ann Lee", "400 Bad int64 value: [hidden]"),
        ("Invalid date: Ann Lee, 1 Main St", "Invalid date: [hidden]"),
        ("Numeric value '+852 5531 1111' is not recognized", "Numeric value [hidden] is not recognized"),
        ('relation "due" does not exist\nLINE 1: SELECT 4711', 'relation "due" does not exist'),
        ("Duplicate entry +85255311111", "Duplicate entry ****1111"),
        ("could not reach https://me:secret@host/x?token=1", "could not reach [hidden]"),
        ("login failed, password=hunter2", "login failed, password [hidden]"),
        ("value 4711 of code", "value [hidden] of code"),
    ],
)
def test_words_of_a_database_keep_names_and_lose_values(told: str, expected: str) -> None:
    """What is quoted is shown only if the query has it as a name."""
    assert words(_Told(told), "SELECT * FROM due WHERE x = 'Ann' AND code = %s", ["4711"]) == f"_Told: {expected}."


def test_the_text_of_an_exception_that_a_function_raises_is_not_shown() -> None:
    """RAISE EXCEPTION may quote anything, and without quotes."""
    error = _Told("bad customer Ann")
    error.pgcode = "P0001"  # type: ignore[attr-defined]
    assert words(error, "SELECT f()", None) == "_Told P0001."


@pytest.mark.database
@pytest.mark.parametrize("driver", ["psycopg2", "psycopg", "pymysql"])
def test_a_server_that_is_away_is_worth_a_retry(driver: str) -> None:
    """The connection is named, its password is not."""
    module: Any = pytest.importorskip(driver)
    with pytest.raises(SourceUnavailable, match="No connection to the database of 'warehouse'") as caught:
        rows_of(lambda: module.connect(host="127.0.0.1", port=9, user="u", password="hunter2"), "SELECT 1")
    assert "hunter2" not in str(caught.value)


def test_a_driver_that_is_missing_needs_a_person() -> None:
    """As do fields that the driver does not take."""
    assert isinstance(no_connection(ImportError("MySQLdb"), "'w'"), TableError)
    assert isinstance(no_connection(ValueError("port is not a number: hunter2"), "'w'"), TableError)
    assert "hunter2" not in str(no_connection(ValueError("hunter2"), "'w'"))


# -- the end -----------------------------------------------------------------------------------------------------------


def test_a_running_query_is_cancelled(connect: Connect, driver: str) -> None:
    """A task that is told to end does not wait for the warehouse."""
    running = query(connect, FOREVER[driver])
    failures: list[BaseException] = []

    def read_it() -> None:
        try:
            running.read()
        except BaseException as error:  # noqa: BLE001 - looked at below
            failures.append(error)

    thread = threading.Thread(target=read_it)
    thread.start()
    while running._running is None:
        time.sleep(0.01)
    time.sleep(0.2)  # into the query; if it is not there yet, it is stopped before
    while thread.is_alive():
        running.stop()
        thread.join(0.5)
    (error,) = failures
    assert isinstance(error, SourceUnavailable)
    assert "was stopped while the query of connection 'warehouse' ran" in str(error)


def test_a_query_that_was_stopped_before_does_not_connect(connect: Connect) -> None:
    """Airflow may end a task while it is still being prepared."""
    never = query(lambda: pytest.fail("connected"), "SELECT 1")
    never.stop()
    with pytest.raises(SourceUnavailable, match="stopped"):
        never.read()


def test_the_connection_is_closed_before_the_rows_are_used(connect: Connect) -> None:
    """Also if the query fails."""
    opened: list[Any] = []

    def counting() -> Any:
        opened.append(connect())
        return opened[-1]

    assert read(rows_of(counting, "SELECT 1 AS x")) == ["1"]
    with pytest.raises((TableError, SourceUnavailable)):
        rows_of(counting, "SELECT nmae")
    assert len(opened) == 2
    for connection in opened:
        with pytest.raises(Exception):  # noqa: B017, PT011 - each driver has its own
            connection.cursor().execute("SELECT 1")


def test_what_drivers_log_of_a_query_is_not_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Some write statements with their parameters at level INFO; afterwards the log is as before."""
    plain = connector("sqlite3", tmp_path)

    def talkative() -> Any:
        logging.getLogger("a.driver").info("query: [SELECT '%s']", PHONE)
        return plain()

    caplog.set_level(logging.INFO)
    assert read(rows_of(talkative, "SELECT 1 AS x")) == ["1"]
    logging.getLogger("a.driver").info("heard again")
    assert [record.getMessage() for record in caplog.records] == ["heard again"]


@pytest.mark.database
@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_postgresql_streams_whatever_the_hook_prepared(connect: Connect) -> None:
    """A connection with autocommit, or with rows as dicts, gives the same."""

    def prepared() -> Any:
        connection = connect()
        connection.autocommit = True
        return connection

    table = rows_of(prepared, "SELECT generate_series(1, 12000) AS i")
    assert table.rows == 12_000
    assert pa.types.is_integer(table.parts[0].types["i"])
