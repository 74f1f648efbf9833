# SPDX-License-Identifier: Apache-2.0
"""What database drivers do differently: a cursor that streams, Arrow where there is some, the end of a running query.

A driver is known by what its objects can do, and by the name of its module where that is not enough. No driver is
imported here: a connection of it exists only after its import.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any

import pyarrow as pa

from airflow_provider_uspeedo.tables.spool import SPOOL_ROWS, empty_batch

MYSQL = frozenset({"pymysql", "MySQLdb"})
DUCKDB = frozenset({"duckdb", "_duckdb"})
_BIT = 16
"""The type of a MySQL column ``BIT(n)``, in the description of a cursor."""


def driver_name(connection: Any) -> str:
    """The top package of the driver, such as ``psycopg2``: the first in the class's ancestry that is known."""
    names = [cls.__module__.partition(".")[0] for cls in type(connection).__mro__]
    return next((name for name in names if name in _CURSORS), names[0])


def open_cursor(connection: Any) -> Any:
    """A cursor that leaves the rows on the server until they are fetched, where the driver has one."""
    return _CURSORS.get(driver_name(connection), _plain_cursor)(connection)


def _plain_cursor(connection: Any) -> Any:
    cursor = connection.cursor()
    with suppress(Exception):  # a hint
        cursor.arraysize = SPOOL_ROWS
    return cursor


def _psycopg2_cursor(connection: Any) -> Any:
    extensions, extras = (importlib.import_module(f"psycopg2.{name}") for name in ("extensions", "extras"))
    connection.autocommit = False  # a named cursor lives in a transaction
    for register in (extras.register_default_json, extras.register_default_jsonb):
        register(connection, globally=False, loads=json_text)
    cursor = connection.cursor("uspeedo", cursor_factory=extensions.cursor)
    cursor.itersize = SPOOL_ROWS
    return cursor


def _psycopg_cursor(connection: Any) -> Any:
    rows, types = importlib.import_module("psycopg.rows"), importlib.import_module("psycopg.types.json")
    connection.autocommit = False
    types.set_json_loads(json_text, connection)
    cursor = connection.cursor("uspeedo", row_factory=rows.tuple_row)
    cursor.itersize = SPOOL_ROWS
    return cursor


def _mysql_cursor(connection: Any) -> Any:
    return connection.cursor(importlib.import_module(f"{driver_name(connection)}.cursors").SSCursor)


def _duckdb_connection(connection: Any) -> Any:
    connection.begin()  # so that no statement changes anything
    return connection  # a cursor of it would be a connection of its own, which interrupt() does not reach


_CURSORS: dict[str, Callable[[Any], Any]] = {
    "psycopg2": _psycopg2_cursor,
    "psycopg": _psycopg_cursor,
    **dict.fromkeys(MYSQL, _mysql_cursor),
    **dict.fromkeys(DUCKDB, _duckdb_connection),
}


def json_text(written: str | bytes) -> str | None:
    """JSON as the database wrote it, with all digits of its numbers; of a JSON string its text, of its null none."""
    found = written.decode() if isinstance(written, bytes) else written
    return json.loads(found) if found[:1] in ('"', "n") else found


# -- rows --------------------------------------------------------------------------------------------------------------


def arrow_batches(cursor: Any, *statement: Any) -> Iterator[pa.RecordBatch] | None:
    """Executes a query, with its parameters if it has some.

    :returns: its rows as Arrow batches, of which the first may be empty; ``None``: the driver has no Arrow, and the
        cursor is ready for :func:`row_batches`.
    """
    if driver_name(cursor) in DUCKDB:
        return _duckdb(cursor, *statement)
    cursor.execute(*statement)
    for name, read in _ARROW:
        if hasattr(type(cursor), name):
            return read(cursor)
    return None


def _duckdb(cursor: Any, sql: str, parameters: Any = None) -> Iterator[pa.RecordBatch]:
    relation = cursor.sql(sql, params=parameters)  # what execute() gives is kept in memory as a whole
    if relation is None:
        raise NoResultError
    # Looked up in the class: on a relation an unknown name means one of its columns.
    read = getattr(type(relation), "to_arrow_reader", None) or type(relation).fetch_arrow_reader
    return iter(_with_schema(read(relation, SPOOL_ROWS)))


def _adbc(cursor: Any) -> Iterator[pa.RecordBatch]:
    return _with_schema(cursor.fetch_record_batch())


def _with_schema(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    yield empty_batch(reader.schema)
    yield from reader


def _snowflake(cursor: Any) -> Iterator[pa.RecordBatch]:
    for table in cursor.fetch_arrow_batches():
        yield from table.to_batches()


def _databricks(cursor: Any) -> Iterator[pa.RecordBatch]:
    while True:
        table = cursor.fetchmany_arrow(SPOOL_ROWS)
        yield from table.to_batches() or [empty_batch(table.schema)]
        if not table.num_rows:
            return


def _bigquery(cursor: Any) -> Iterator[pa.RecordBatch]:
    return iter(cursor.query_job.result().to_arrow_iterable())


_ARROW: tuple[tuple[str, Callable[[Any], Iterator[pa.RecordBatch]]], ...] = (
    ("fetch_record_batch", _adbc),
    ("fetch_arrow_batches", _snowflake),
    ("fetchmany_arrow", _databricks),
    ("query_job", _bigquery),
)


def row_batches(cursor: Any) -> Iterator[tuple[list[str], list[list[object]], int]]:
    """The rows of an executed query by column: names, one list for each column, number of rows.

    The first batch may be empty: then only the columns are known.
    """
    rows = cursor.fetchmany(SPOOL_ROWS)
    if cursor.description is None:  # psycopg2 knows it only now
        raise NoResultError
    names = [str(column[0]) for column in cursor.description]
    bits = [place for place, column in enumerate(cursor.description) if _is_mysql_bit(cursor, column)]
    while True:
        cells = [row.values() if isinstance(row, Mapping) else row for row in rows]
        columns: list[list[object]] = [list(column) for column in zip(*cells, strict=True)] or [[] for _ in names]
        for place in bits:
            columns[place] = [int.from_bytes(cell) if isinstance(cell, bytes) else cell for cell in columns[place]]
        yield names, columns, len(cells)
        rows = cursor.fetchmany(SPOOL_ROWS)
        if not rows:
            return


class NoResultError(Exception):
    """The statement gave no rows and no columns: it is no query."""


def _is_mysql_bit(cursor: Any, column: Any) -> bool:
    return type(cursor).__module__.partition(".")[0] in MYSQL and column[1] == _BIT


# -- the end of a running query ----------------------------------------------------------------------------------------


def canceller(connection: Any, cursor: Any, connect: Callable[[], Any]) -> Callable[[], None]:
    """What ends the query of a cursor from another thread; to be asked for before the query runs.

    :param connect: opens another connection to the same database.
    :returns: does nothing where the driver cannot end a query.
    """
    if driver_name(connection) in MYSQL:
        session = int(connection.thread_id())  # mysqlclient gives it to no other thread

        def kill() -> None:
            with closing(connect()) as other, closing(other.cursor()) as by:
                by.execute(f"KILL QUERY {session}")

        return kill
    for owner, name in ((connection, "cancel"), (connection, "interrupt"), (cursor, "adbc_cancel"), (cursor, "cancel")):
        if callable(end := getattr(owner, name, None)):
            return end  # type: ignore[no-any-return]
    return lambda: None
