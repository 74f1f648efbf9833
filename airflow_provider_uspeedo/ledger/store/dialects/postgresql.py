# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: rows are staged by COPY in its binary form.

Of a binary COPY neither the server's log nor an error names a value: the text form quotes the whole line. It needs no
escapes either. The statements that follow hold no value of a row.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.dml import Insert

from airflow_provider_uspeedo.errors import LedgerError
from airflow_provider_uspeedo.ledger.store.dialects.base import NO_ANSWER, REFUSED, Columns, DatabaseDialect, Meaning
from airflow_provider_uspeedo.ledger.store.dialects.copy_rows import binary_rows
from airflow_provider_uspeedo.ledger.store.dialects.pooled import ask_idle_connections

CREATION_LOCK = 0x5573_7065_6564_6F
"""The advisory lock that one creator at a time holds (its bytes spell the vendor's name)."""
PIECE = 1 << 18
"""Bytes that the driver takes at once."""
PASSING = ("08", "25006", "25P03", "25P04", "40", "53", "55P03", "57", "58")
"""Connection lost, read-only during a failover, a transaction that took too long, rolled back (deadlock,
serialization), no resources, lock not available, a statement cancelled or timed out (57014), shut down, a file that
cannot be read or written."""
CONTENTION = ("40", "55P03")
WIDE = "UTF8"
"""The encoding that holds every text."""
FULL = "53100"
LACKS_RIGHT = "42501"
UNFIT_TEXT = ("22021", "22P05")
"""A character that is not in the repertoire, or has no equivalent in the database's encoding."""


class PostgreSQL(DatabaseDialect):
    """Through psycopg2 or psycopg 3: the drivers whose COPY this speaks."""

    name = "postgresql"
    max_rows_at_once = 35_000  # COPY is a stream: each one more costs a turn of Python's lock
    key_order = False  # a scan of a temporary table gives its rows as they went in
    looks_before_inserting = inserts_plainly = True
    missing_driver = "pip install 'airflow-provider-uspeedo[postgres]'"
    meanings = (
        Meaning("the disk is full: make room", (FULL,)),
        Meaning(
            "too many connections: raise its limit or the user's, or run fewer tasks and a lower concurrency at once",
            ("53300",),
            ("too many clients", "too many connections", "remaining connection slots"),
        ),
        Meaning(
            "it does not let this user in: look at login, password and the server's rules",
            ("28",),
            ("authentication failed", "no password supplied", "no pg_hba.conf entry", 'role "'),
            lasts=True,
        ),
        Meaning(
            "it is starting or shutting down",
            ("57P",),
            ("starting up", "shutting down", "recovery mode", "not yet accepting", "not currently accepting"),
        ),
        Meaning(
            "there is no such database: look at the connection's schema field, which names it",
            ("3D",),
            ('database "',),
            lasts=True,
        ),
        Meaning("there is no such schema: create it, or name another one before the dot of results_table", ("3F",)),
        Meaning("this user lacks a right", (LACKS_RIGHT,)),
        Meaning("it is read-only now, as during a failover", ("25006",)),
        Meaning("a statement was cancelled, or took longer than the server allows", ("57014", "25P03", "25P04")),
        Meaning("other transactions were in the way for too long", CONTENTION),
        Meaning(
            "its host name cannot be resolved: look at the connection's host",
            (),
            ("could not translate host name", "failed to resolve host", "getaddrinfo"),
            at_first=True,
        ),
        Meaning(REFUSED, (), ("Connection refused",)),
        Meaning(NO_ANSWER, (), ("timeout expired", "timed out", "No route to host", "Network is unreachable")),
        Meaning(
            "TLS could not be agreed on: look at the connection's extras sslmode and sslrootcert, and at the server's "
            "certificate",
            (),
            ("SSL was required", "does not support SSL", "certificate", "private key file", "tlsv1 alert"),
            lasts=True,
        ),
        Meaning(
            "what answers at its host and port is no PostgreSQL: look at the connection's port",
            (),
            ("invalid response to", "expected authentication request"),
            lasts=True,
        ),
        Meaning(
            "the driver or the server refuses one of the connection's fields or extras",
            ("22023", "42704"),
            ("invalid ", "unrecognized configuration parameter", "unsupported startup parameter"),
            lasts=True,
        ),
        Meaning("it cannot hold one of the texts", UNFIT_TEXT),
    )
    contention = CONTENTION
    lacks_right = (LACKS_RIGHT,)
    unfit_text = UNFIT_TEXT

    def __init__(self, *settings: int) -> None:
        super().__init__(*settings)
        self._settings: WeakKeyDictionary[Any, str] = WeakKeyDictionary()  # of a transaction that has just begun

    # -- connections --------------------------------------------------------------------------------------------

    def engine_options(self) -> dict[str, Any]:
        return {
            "isolation_level": "READ COMMITTED",
            "paramstyle": "format",
            "connect_args": {"client_encoding": "utf8"},
        }

    def connect_options(self, driver: str) -> dict[str, Any]:
        # A statement that psycopg 3 has prepared is another session's behind a pool in transaction mode.
        return {"prepare_threshold": None} if driver == "psycopg" else {}

    def configure(self, engine: Engine) -> None:
        if engine.dialect.driver not in ("psycopg2", "psycopg"):
            raise LedgerError(
                f"The driver {engine.dialect.driver!r} cannot hold a ledger, use psycopg2 or psycopg: "
                f"{self.missing_driver}."
            )
        event.listen(engine, "begin", self._on_begin)
        event.listen(engine, "do_execute", self._on_execute)
        event.listen(engine, "do_executemany", self._on_other_execution)
        event.listen(engine, "do_execute_no_params", self._on_other_execution)
        ask_idle_connections(engine)

    def _on_begin(self, connection: Connection) -> None:
        """Settings belong to the transaction: behind a pool another client has the session a moment later."""
        server = connection.dialect.server_version_info
        if server is None:  # SQLAlchemy is asking which version it is
            return
        settings = [
            # An attempt that froze inside a transaction would keep all others waiting for as long as it sleeps.
            "SET LOCAL lock_timeout = '20s'",
            "SET LOCAL idle_in_transaction_session_timeout = '120s'",
            # A *sending* that a crash of the server takes back would be sent again.
            "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'",
        ]
        if server >= (11,):  # the server overrates the results relation and would compile it for seconds first
            settings.append("SET LOCAL jit = off")
        if connection.get_execution_options().get("uspeedo_by_index"):
            settings.append("SET LOCAL enable_seqscan = off")
        text = "; ".join(settings)
        if connection.dialect.driver == "psycopg2" and not connection.get_execution_options().get("stream_results"):
            self._settings[connection.connection.dbapi_connection] = (
                text  # it takes several statements at once: the first one brings them
            )
        else:  # not by the cursor of a stream, which takes a SELECT alone
            plainly = {"stream_results": False, "yield_per": None}
            connection.exec_driver_sql(text, execution_options=plainly)

    def _on_execute(self, cursor: Any, statement: str, values: Any, _context: Any) -> bool:
        """SQLAlchemy's event ``do_execute``: runs what the driver needs another call for.

        That is a COPY with its one value, and a transaction's settings together with its first statement. Run here,
        their errors are translated, and their transactions repeated, as those of others are.
        """
        settings = self._settings.pop(cursor.connection, "")
        if settings and not statement.startswith("COPY "):
            cursor.execute(f"{settings}; {statement}", values)
            return True
        if settings:
            cursor.execute(settings)
        if not statement.startswith("COPY "):
            return False
        (given,) = values
        if hasattr(cursor, "copy_expert"):
            cursor.copy_expert(statement, io.BytesIO(given), PIECE)
        else:
            with cursor.copy(statement) as destination:
                destination.write(given)
        return True

    def _on_other_execution(self, cursor: Any, *_rest: Any) -> None:
        """SQLAlchemy's other ways to run a transaction's first statement, such as for many rows at once."""
        if settings := self._settings.pop(cursor.connection, ""):
            cursor.execute(settings)

    @contextmanager
    def time_limit(self, connection: Connection, seconds: float) -> Iterator[None]:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")  # ends with the transaction
        yield

    # -- staging ------------------------------------------------------------------------------------------------

    def make_staged(self, connection: Connection, table: sa.Table) -> None:
        try:
            connection.exec_driver_sql(str(CreateTable(table).compile(dialect=connection.dialect)))
        except sa.exc.DBAPIError as error:
            if self.code_of(error.orig) != LACKS_RIGHT:
                raise
            raise LedgerError(
                "The ledger's user may not create temporary tables, which every claim needs: GRANT TEMPORARY ON "
                "DATABASE ... TO ... (airflow-uspeedo grants prints it)."
            ) from None

    def insert_staged(self, connection: Connection, table: sa.Table, columns: Columns) -> None:
        names = ", ".join(connection.dialect.identifier_preparer.quote(name) for name in columns)
        text = f"COPY {self.quoted_table(connection, table)} ({names}) FROM STDIN (FORMAT binary)"
        connection.exec_driver_sql(text, (binary_rows(columns),))

    def read_by_index(self, connection: Connection) -> None:
        # It takes a table that it has no statistics of yet for a small one, and reads it whole. Of a thousand keys it
        # expects so many rows that it starts parallel workers, which takes longer than finding them.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0")

    def knows_it_is_large(self, connection: Connection, table: sa.Table) -> bool:
        query = sa.text("SELECT reltuples >= 1000000 FROM pg_class WHERE oid = CAST(:name AS regclass)")
        return bool(connection.execute(query, {"name": self.quoted_table(connection, table)}).scalar())

    # -- statements ---------------------------------------------------------------------------------------------

    def new_only(self, table: sa.Table) -> Insert:
        return postgresql.insert(table).on_conflict_do_nothing()

    def move_recipients(self, recipients: str, staged: str, quote: Any, values: Sequence[str], conditions: str) -> str:
        changes = ", ".join(f"{name} = s.{name}" for name in values)
        return f"UPDATE {recipients} AS r SET {changes} FROM {staged} AS s WHERE r.{quote('key')} = s.hash AND {conditions}"  # noqa: S608, E501 - names of our own

    # -- creating -----------------------------------------------------------------------------------------------

    def lock_creation(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({CREATION_LOCK})")

    def bytes_literal(self, hexadecimal: str) -> str:
        return f"decode('{hexadecimal}', 'hex')"

    # -- failures -----------------------------------------------------------------------------------------------

    def code_of(self, error: BaseException | None) -> str | None:
        return getattr(error, "pgcode", None) or getattr(error, "sqlstate", None)

    def is_passing(self, code: int | str | None, error: BaseException) -> bool:
        if not code:
            return isinstance(error, sa.exc.OperationalError)  # no state is named when there is no connection
        return str(code).startswith(PASSING) and code != FULL

    def is_full(self, code: int | str | None) -> bool:
        return code == FULL

    def means(self, code: int | str, listed: int | str) -> bool:
        return str(code).startswith(str(listed))

    # -- texts --------------------------------------------------------------------------------------------------

    def narrow_text(self, connection: Connection, _tables: Sequence[sa.Table]) -> str:
        database, client = (
            str(connection.exec_driver_sql(f"SHOW {name}").scalar()) for name in ("server_encoding", "client_encoding")
        )
        if database != WIDE:
            return (
                f"The ledger's database has the encoding {database}, which cannot hold every text. An encoding cannot "
                f"be changed: name a database that was made with ENCODING '{WIDE}'."
            )
        if client != WIDE:
            return (
                f"The ledger's connection speaks the encoding {client}: it needs {WIDE}. Remove what sets it: the "
                "extras client_encoding and options of the connection."
            )
        return ""
