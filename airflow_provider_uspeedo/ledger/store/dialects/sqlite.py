# SPDX-License-Identifier: Apache-2.0
"""SQLite: rows are staged as one value of bytes for each column, in cells of one width, which SQL takes apart.

Each of many statements would give Python's lock away and have to win it back from busy threads.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.sql.dml import Insert

from airflow_provider_uspeedo.errors import LedgerError
from airflow_provider_uspeedo.ledger.store.dialects.base import Columns, DatabaseDialect, Meaning
from airflow_provider_uspeedo.ledger.store.dialects.packed_cells import BYTES, NUMBER, PackedCells, packed

OLDEST = (3, 35)
"""The first version with ``ALTER TABLE ... DROP COLUMN``; ``UPDATE ... FROM`` came before it."""
BUSY_SECONDS = 60
PAGE_BYTES = 16_384
"""Random keys change pages all over a large index, and each page costs two system calls, of any size."""
LOOK_UP_CACHE_KIB = 16 * 2**10
"""Of pages that a connection keeps which looks many keys up. SQLite's own two megabytes are a hundred of these pages:
an index over random keys has more after some ten thousand recipients, and each look-up would read another one from the
file. Connections that look nothing up do without: each would hold as much, for nothing."""
LOG_BYTES = 256 * 2**20
"""Of the write-ahead log before it goes into the file: pages that change again are written there once."""
STAGED_KIB = 64 * 2**10
"""Of temporary tables that stay in memory: more than a portion of rows takes."""
STEPS = 50_000
"""Of SQLite's machine between two looks at the clock: less than a millisecond."""
PASSING = frozenset({5, 6, 10, 14, 15})
"""BUSY, LOCKED, IOERR, CANTOPEN, PROTOCOL."""
FULL = 13
LACKS_RIGHT = (3, 8, 23)


class SQLite(DatabaseDialect):
    """A file on a local disk, of processes on one machine."""

    name = "sqlite"
    missing_driver = "this Python was built without sqlite3"
    key_order = locks_rows = False  # one writer at a time; rows come out of the temporary table as they went in
    replaces_views = False
    is_a_file = reads_one_moment = True
    contention = (5, 6)
    lacks_right = LACKS_RIGHT
    meanings = (
        Meaning("the disk is full: make room", (FULL,)),
        Meaning("this user lacks a right: look at the mode of the file and of its folder", LACKS_RIGHT),
        Meaning("other transactions were in the way for too long", (5, 6)),
        Meaning("the file cannot be read or written: is its disk full, or a right missing?", (10, 14, 15)),
        Meaning("the file is damaged, or no SQLite database", (11, 26)),
    )

    def __init__(self, *settings: int) -> None:
        super().__init__(*settings)
        # SQLite lets one writer in; threads of one process wait better on a lock than by polling the file.
        self._writer = threading.RLock()

    # -- connections --------------------------------------------------------------------------------------------

    def engine_options(self) -> dict[str, Any]:
        if sqlite3.sqlite_version_info < OLDEST:
            raise LedgerError(
                f"The SQLite library of this Python is {sqlite3.sqlite_version}; a ledger needs "
                f"{'.'.join(map(str, OLDEST))} or newer. Use another Python, or PostgreSQL, MySQL or MariaDB."
            )
        return {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}}

    def configure(self, engine: Engine) -> None:
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)

    def one_writer(self) -> AbstractContextManager[Any]:
        return self._writer

    @contextmanager
    def time_limit(self, connection: Connection, seconds: float) -> Iterator[None]:
        driver_connection: Any = connection.connection.driver_connection
        ends = time.monotonic() + seconds
        driver_connection.set_progress_handler(lambda: time.monotonic() > ends, STEPS)
        try:
            yield
        finally:
            driver_connection.set_progress_handler(None, 0)

    # -- staging ------------------------------------------------------------------------------------------------

    def staged_schema(self, _schema: str | None) -> str | None:
        return "temp"

    def insert_staged(self, connection: Connection, table: sa.Table, columns: Columns) -> None:
        rows = next(len(cells) for cells in columns.values() if isinstance(cells, pa.Array))
        quote = connection.dialect.identifier_preparer.quote
        selected: list[str] = []
        values: list[Any] = []
        for cells in columns.values():
            if isinstance(cells, pa.Array):
                column = packed(cells)
                selected.append(_taken_apart(column))
                values.append(column.cells.tobytes())
            else:
                selected.append("?")
                values.append(cells)
        connection.exec_driver_sql(
            "WITH RECURSIVE each(number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM each WHERE number < ?) "  # noqa: S608 - names of our own
            f"INSERT INTO {self.quoted_table(connection, table)} ({', '.join(map(quote, columns))}) "
            f"SELECT {', '.join(selected)} FROM each",
            (rows - 1, *values),
        )

    def read_by_index(self, connection: Connection) -> None:
        """They are found so anyway; from now on the connection keeps what it has read of the index."""
        connection.exec_driver_sql(f"PRAGMA cache_size=-{LOOK_UP_CACHE_KIB}")

    # -- statements ---------------------------------------------------------------------------------------------

    def new_only(self, table: sa.Table) -> Insert:
        return sqlite.insert(table).on_conflict_do_nothing()

    def move_recipients(self, recipients: str, staged: str, quote: Any, values: Sequence[str], conditions: str) -> str:
        changes = ", ".join(f"{name} = s.{name}" for name in values)
        return f"UPDATE {recipients} AS r SET {changes} FROM {staged} AS s WHERE r.{quote('key')} = s.hash AND {conditions}"  # noqa: S608, E501 - names of our own

    # -- creating -----------------------------------------------------------------------------------------------

    def erase_deleted(self, connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA secure_delete=ON")

    # -- failures -----------------------------------------------------------------------------------------------

    def code_of(self, error: BaseException | None) -> int | None:
        code = getattr(error, "sqlite_errorcode", None)
        return None if code is None else code & 0xFF

    def is_passing(self, code: int | str | None, error: BaseException) -> bool:
        return code in PASSING if code is not None else isinstance(error, sa.exc.OperationalError)

    def is_full(self, code: int | str | None) -> bool:
        return code == FULL


def _taken_apart(column: PackedCells) -> str:
    """How SQL makes of a cell what it was."""
    cell = f"substr(?, each.number * {column.width} + 1, {column.width})"
    if column.kind == BYTES:
        return cell if column.filler is None else f"nullif({cell}, zeroblob({column.width}))"
    if column.filler is not None:
        cell = f"rtrim(CAST({cell} AS TEXT), char({column.filler}))"
    return f"CAST({cell} AS {'INTEGER' if column.kind == NUMBER else 'TEXT'})"


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not open transactions by itself; see _on_begin
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA page_size={PAGE_BYTES}")  # of a file that is made now; an older one stays as it is
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # a *sending* that power loss takes back would be sent again
    # In files without a name: rows that a statement sorts, and each page of the ledger as it was before the statement,
    # which for a claim are most pages of the index of keys. In memory these would grow with the ledger.
    cursor.execute("PRAGMA temp_store=FILE")
    cursor.execute(f"PRAGMA temp.cache_size=-{STAGED_KIB}")
    (page,) = cursor.execute("PRAGMA page_size").fetchone()
    cursor.execute(f"PRAGMA wal_autocheckpoint={LOG_BYTES // page}")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    # A deferred transaction that reads first and writes later fails at once when another one wrote in between.
    reading = connection.get_execution_options().get("uspeedo_reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
