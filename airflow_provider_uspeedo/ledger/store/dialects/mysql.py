# SPDX-License-Identifier: Apache-2.0
"""MySQL and MariaDB: rows are staged as one value of bytes for each column, which SQL takes apart.

A value for each cell would cost the server's parser more than the insert.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.sql.dml import Insert

from airflow_provider_uspeedo.errors import LedgerError, LedgerUnavailable
from airflow_provider_uspeedo.ledger.store.dialects.base import NO_ANSWER, REFUSED, Columns, DatabaseDialect, Meaning
from airflow_provider_uspeedo.ledger.store.dialects.packed_cells import BYTES, NUMBER, PackedCells, packed
from airflow_provider_uspeedo.ledger.store.dialects.pooled import ask_idle_connections

CREATION_LOCK = "24061786578412399"
"""The named lock that one creator at a time holds."""
LACKS_RIGHT = (1044, 1142)
CONTENTION = (1205, 1213, 3572)
"""Lock wait timeout, deadlock."""
READ_ONLY = (1290, 1792, 1836)
TIMED_OUT = (1317, 1969, 3024)
"""A statement that was cancelled, or took too long (of MariaDB, of MySQL)."""
PASSING = frozenset({
    *CONTENTION, *READ_ONLY, *TIMED_OUT, 1040, 1041, 1042, 1043, 1047, 1053, 1077, 1079, 1080, 1152, 1153, 1158, 1159,
    1160, 1161, 1184, 1203, 1226, 1927, 2002, 2003, 2005, 2006, 2012, 2013, 2014, 2055, 3032, 3100, 3101, 3168, 3169,
    4031,
})  # fmt: skip
"""Too many connections, no memory, host not reachable, server shut down, gone or offline, connection killed, a replica
group that refuses for now; read-only during a failover."""
UNFIT_TEXT = (1267, 1300, 1366, 3854, 3988)
"""Mixed collations, an invalid or an incorrect string value, a conversion that loses characters."""
CANNOT_CONNECT = (2002, 2003)
UNRESOLVED = "its host name cannot be resolved: look at the connection's host"
_NO_CONNECTION = (
    (UNRESOLVED, ("Errno -2", "Errno -3", "Errno -5", "Errno 8]", "Errno 11001"), True),
    (REFUSED, ("Errno 111]", "(111)", "(115)", "Errno 61]", "(61)"), False),
    (NO_ANSWER, ("timed out", "(110)", "Errno 113]", "(113)"), False),
)
WIDE = "utf8mb4"
"""The character set that holds every text."""
FULL = frozenset({1021, 1114})
MAX_BYTES = 2**20
"""Of the cells of one staging statement: a server takes no packet above a limit, and keeps it in memory."""


class MySQL(DatabaseDialect):
    """Through mysqlclient or PyMySQL; MySQL from 8.0.4, MariaDB from 10.6 on."""

    name = "mysql"
    looks_before_inserting = locks_taken_keys = counts_locked_rows = True
    needs_database_name = True
    updates_on_conflict = ddl_in_savepoints = False
    missing_driver = "pip install 'airflow-provider-uspeedo[mysql]'"
    temporary = "TEMPORARY"
    contention = CONTENTION
    lacks_right = (*LACKS_RIGHT, 1143, 1227, 1370)
    unfit_text = UNFIT_TEXT
    counts_own_rows = False  # of a row that is not committed yet, an index must ask the table itself
    meanings = (
        Meaning("the disk is full: make room", tuple(FULL)),
        Meaning(
            "too many connections: raise its limit or the user's, or run fewer tasks and a lower concurrency at once",
            (1040, 1203, 1226),
        ),
        Meaning(
            "it does not let this user in: look at login, password and the server's rules",
            (1044, 1045, 1130, 1251, 1698),
        ),
        Meaning(
            "there is no such database: look at the connection's schema field, and at what results_table names before "
            "its dot; or create it",
            (1049,),
        ),
        Meaning("the connection names no database: enter it in its schema field", (1046,)),
        Meaning("this user lacks a right", (1142, 1143, 1227)),
        Meaning("it is read-only now, as during a failover", READ_ONLY),
        Meaning("it is starting or shutting down", (1053, 1077, 1079, 3032)),
        Meaning("a statement was cancelled, or took longer than the server allows", TIMED_OUT),
        Meaning("other transactions were in the way for too long", CONTENTION),
        Meaning(UNRESOLVED, (2005,), at_first=True),
        Meaning(
            "TLS could not be agreed on: look at the connection's extras for it, and at the server's certificate",
            (2026,),
            lasts=True,
        ),
        Meaning("it cannot hold one of the texts", UNFIT_TEXT),
    )

    # -- connections --------------------------------------------------------------------------------------------

    def engine_options(self) -> dict[str, Any]:
        return {"isolation_level": "READ COMMITTED", "paramstyle": "format", "connect_args": {"charset": WIDE}}

    def configure(self, engine: Engine) -> None:
        event.listen(engine, "connect", _on_connect)
        ask_idle_connections(engine)

    @contextmanager
    def time_limit(self, connection: Connection, seconds: float) -> Iterator[None]:
        if getattr(connection.dialect, "is_mariadb", False):
            variable, value = "max_statement_time", f"{seconds:.3f}"
        else:
            variable, value = "max_execution_time", str(int(seconds * 1000))
        connection.exec_driver_sql(f"SET SESSION {variable} = {value}")
        try:
            yield
        finally:
            with suppress(sa.exc.SQLAlchemyError):  # a connection that is lost is not used again
                connection.exec_driver_sql(f"SET SESSION {variable} = DEFAULT")

    # -- staging ------------------------------------------------------------------------------------------------

    def staged_schema(self, schema: str | None) -> str | None:
        return schema

    def make_staged(self, connection: Connection, table: sa.Table) -> None:
        try:
            super().make_staged(connection, table)
        except sa.exc.DBAPIError as error:
            if self.code_of(error.orig) not in LACKS_RIGHT:
                raise
            raise LedgerError(
                "The ledger's user may not create temporary tables, which every claim needs: GRANT CREATE TEMPORARY "
                "TABLES ON ... TO ... (airflow-uspeedo grants prints it)."
            ) from None

    def insert_staged(self, connection: Connection, table: sa.Table, columns: Columns) -> None:
        quote = connection.dialect.identifier_preparer.quote
        cells = {name: packed(cells) if isinstance(cells, pa.Array) else cells for name, cells in columns.items()}
        arrays = [column for column in cells.values() if isinstance(column, PackedCells)]
        selected = ", ".join(_taken_apart(one) if isinstance(one, PackedCells) else "%s" for one in cells.values())
        into = f"INSERT INTO {self.quoted_table(connection, table)} ({', '.join(map(quote, columns))})"
        rows = len(arrays[0].cells)
        # One long text makes all cells of its column as wide: fewer rows go into a statement then.
        step = max(1, min(rows, MAX_BYTES // sum(map(_width, arrays))))
        for start in range(0, rows, step):
            values = [
                _written(one, one.cells[start : start + step]) if isinstance(one, PackedCells) else one
                for one in cells.values()
            ]
            numbers = _numbers(min(step, rows - start))
            connection.exec_driver_sql(f"{into} SELECT {selected} FROM {numbers} ORDER BY nth.number", tuple(values))  # noqa: S608 - names of our own

    # -- statements ---------------------------------------------------------------------------------------------

    def new_only(self, table: sa.Table) -> Insert:
        """``INSERT IGNORE`` would swallow other errors, too."""
        first = next(iter(table.primary_key.columns))
        # The table is named, since a SELECT may bring a column of the same name.
        unchanged: Any = sa.literal_column(f"{_named(table)}.{first.name}")
        return mysql.insert(table).on_duplicate_key_update({first.name: unchanged})

    def move_recipients(self, recipients: str, staged: str, quote: Any, values: Sequence[str], conditions: str) -> str:
        changes = ", ".join(f"r.{name} = s.{name}" for name in values)
        joined = f"{staged} AS s STRAIGHT_JOIN {recipients} AS r ON r.{quote('key')} = s.hash"
        return f"UPDATE {joined} SET {changes} WHERE {conditions}"  # noqa: S608 - names of our own

    # -- creating -----------------------------------------------------------------------------------------------

    def lock_creation(self, connection: Connection) -> None:
        """The session's lock: every DDL statement commits the transaction."""
        if connection.exec_driver_sql(f"SELECT GET_LOCK('{CREATION_LOCK}', 60)").scalar() != 1:
            raise LedgerUnavailable("Another task has been creating a ledger on this server for a minute. Try again.")

    def unlock_creation(self, connection: Connection) -> None:
        if not connection.invalidated:
            connection.exec_driver_sql(f"SELECT RELEASE_LOCK('{CREATION_LOCK}')")

    # -- failures -----------------------------------------------------------------------------------------------

    def code_of(self, error: BaseException | None) -> int | None:
        # First of all the number: a driver may name a state, too, and 1205's is that of any error.
        first = error.args[0] if error is not None and error.args else None
        return first if isinstance(first, int) else None

    def is_passing(self, code: int | str | None, error: BaseException) -> bool:
        return code in PASSING if code is not None else isinstance(error, sa.exc.OperationalError)

    def is_full(self, code: int | str | None) -> bool:
        return code in FULL

    def meaning(self, code: int | str | None, error: BaseException) -> Meaning | None:
        if code in CANNOT_CONNECT:  # the same numbers for all that keeps a driver from connecting
            text = str(error)
            for words, parts, at_first in _NO_CONNECTION:
                if any(part in text for part in parts):
                    return Meaning(words, at_first=at_first)
        return super().meaning(code, error)

    # -- texts --------------------------------------------------------------------------------------------------

    def narrow_text(self, connection: Connection, tables: Sequence[sa.Table]) -> str:
        asked = "SELECT @@character_set_client, @@character_set_connection, @@character_set_results"
        for found in connection.exec_driver_sql(asked).one():
            if found != WIDE:
                return (
                    f"The ledger's connection speaks the character set {found}: it needs {WIDE}. Remove what sets it: "
                    "the extras charset and init_command of the connection, or init_connect of the server."
                )
        schema = tables[0].schema or connection.engine.url.database
        names = [table.name for table in tables]
        of_columns = (
            "SELECT TABLE_NAME, CHARACTER_SET_NAME FROM information_schema.COLUMNS "  # noqa: S608 - values are bound
            f"WHERE TABLE_SCHEMA = %s AND TABLE_NAME IN ({', '.join(['%s'] * len(names))})"
        )
        there = connection.exec_driver_sql(of_columns, (schema, *names)).all()
        for table, found in there:
            if found not in (None, WIDE):
                return (
                    f"Table {table} of the ledger has the character set {found}, which cannot hold every text: have "
                    f"its owner run ALTER TABLE {table} CONVERT TO CHARACTER SET {WIDE} COLLATE {WIDE}_bin."
                )
        of_database = "SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
        found = connection.exec_driver_sql(of_database, (schema,)).scalar()
        if not there and found not in (None, WIDE):
            return (
                f"Database {schema!r} has the character set {found}, which cannot hold every text: before a ledger is "
                f"made in it, run ALTER DATABASE {schema} CHARACTER SET {WIDE}, or name another database."
            )
        return ""


def _named(table: sa.Table) -> str:
    return ".".join(f"`{part}`" for part in (table.schema, table.name) if part)


def _numbers(rows: int) -> str:
    """A derived table ``nth`` of the numbers from 0 on; recursion is limited, and there are no sequences on MySQL."""
    digits = " UNION ALL ".join(["SELECT 0 AS n", *(f"SELECT {n}" for n in range(1, 10))])
    places = range(len(str(rows - 1)))
    joined = " CROSS JOIN ".join(f"({digits}) AS d{place}" for place in places)
    number = " + ".join(f"d{place}.n * {10**place}" for place in places)
    return f"(SELECT {number} AS number FROM {joined} WHERE {number} < {rows}) AS nth"  # noqa: S608 - numbers alone


def _taken_apart(column: PackedCells) -> str:
    """How SQL makes of a cell what it was. The value is cut by bytes; a text would be cut by characters."""
    width = _width(column)
    cell = f"SUBSTR(_binary %s, nth.number * {width} + 1, {width})"
    if column.kind == BYTES:
        return f"UNHEX({cell if column.filler is None else f'NULLIF({cell}, REPEAT(0, {width}))'})"
    if column.filler is not None:
        cell = f"TRIM(TRAILING x'{column.filler:02x}' FROM {cell})"
    return f"CAST({cell} AS SIGNED)" if column.kind == NUMBER else f"CONVERT({cell} USING {WIDE})"


def _width(column: PackedCells) -> int:
    """Bytes of a cell as it is written: random bytes as digits, which no driver escapes."""
    return column.width * (2 if column.kind == BYTES else 1)


def _written(column: PackedCells, cells: np.ndarray[Any, Any]) -> str:
    """Some of its cells as one text, which the connection gives the server in the same bytes."""
    value = cells.tobytes()
    return value.hex() if column.kind == BYTES else value.decode()


def _on_connect(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')")  # else it cuts texts silently
    cursor.execute("SHOW VARIABLES LIKE 'idle_transaction_timeout'")
    if cursor.fetchone():  # of MariaDB: an attempt that froze in a transaction would keep all others waiting
        cursor.execute("SET SESSION idle_transaction_timeout = 120")
    cursor.execute("SHOW VARIABLES LIKE 'in_predicate_conversion_threshold'")
    if cursor.fetchone():  # of MariaDB: a thousand keys would become a table, whose order rows are found in
        cursor.execute("SET SESSION in_predicate_conversion_threshold = 0")
    # Of more keys in one list than 200 it would not look how many rows they find, but assume what may be all.
    cursor.execute("SET SESSION eq_range_index_dive_limit = 0")
    cursor.execute("SELECT @@innodb_flush_log_at_trx_commit")
    (written,) = cursor.fetchone()
    cursor.close()
    if written == 0:  # only the server's administrator can change it
        connection.close()
        raise LedgerError(
            "The ledger's server may lose the last second when it crashes, and what was sent in it would be sent "
            "again: have its administrator set innodb_flush_log_at_trx_commit to 1."
        )
