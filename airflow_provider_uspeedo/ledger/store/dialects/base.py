# SPDX-License-Identifier: Apache-2.0
"""What a database must do for the ledger: stage rows, leave existing rows alone, lock, and say which failures pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.dml import Insert

from airflow_provider_uspeedo.core.arrays import TEXT, column_of_numbers
from airflow_provider_uspeedo.ledger.store.staged_rows import StagedRows, staged_table

ROWS_AT_ONCE = 7_500
"""Rows of one staging statement: more are hardly faster, take more memory, and may exceed a server's packet."""

REFUSED = "it refuses connections at that host and port: is it running there?"
NO_ANSWER = "it does not answer at that host and port: can this machine reach it?"

Columns = Mapping[str, Any]
"""Name to an Arrow array with one value for each row, or to one value for all rows."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What some error codes mean to a person.

    :param codes: numbers, or beginnings of SQL states.
    :param texts: parts of the driver's own text, for drivers that give no code while they connect.
    :param lasts: waiting does not help: something must be changed first. Failures that a listed text alone tells
        are otherwise repeated, as every failure to connect.
    :param at_first: waiting does not help as long as there has been no connection at all.
    """

    words: str
    codes: tuple[int | str, ...] = ()
    texts: tuple[str, ...] = ()
    lasts: bool = False
    at_first: bool = False


class DatabaseDialect(ABC):
    """One kind of database. Stateless but for its settings.

    :param rows_at_once: rows of one staging statement; ``None``: :attr:`max_rows_at_once`.
    """

    name: ClassVar[str]
    max_rows_at_once: ClassVar[int] = ROWS_AT_ONCE
    meanings: ClassVar[tuple[Meaning, ...]]
    missing_driver: ClassVar[str]
    """What to do if the driver is not installed."""
    counts_own_rows: ClassVar[bool] = True
    """Counting rows of the running transaction by an index costs less than looking each of them up."""
    key_order: ClassVar[bool] = True
    """A statement that inserts staged rows must say in which order: two transactions with opposite orders deadlock."""

    looks_before_inserting: ClassVar[bool] = False
    """Looking keys up first costs less, or locks less, than an INSERT that meets those that are taken."""

    inserts_plainly: ClassVar[bool] = False
    """A plain INSERT costs less than one that passes over taken keys, and keeps no lock on the row it failed at."""

    locks_taken_keys: ClassVar[bool] = False
    """An INSERT that meets a key taken a moment ago locks the row that has it."""

    locks_rows: ClassVar[bool] = True
    """Transactions that write run at once, so that a row must be locked before it is judged."""

    counts_locked_rows: ClassVar[bool] = False
    """A statement that locks rows returns their number: a row costs a driver more than the server its lock."""

    updates_on_conflict: ClassVar[bool] = True
    """``INSERT ... ON CONFLICT DO UPDATE ... WHERE``; else rows are updated by ``UPDATE a JOIN b ... SET``."""

    is_a_file: ClassVar[bool] = False
    """A file on this machine; else a server, which is connected to."""

    reads_one_moment: ClassVar[bool] = False
    """A transaction that only reads sees one moment by itself."""

    needs_database_name: ClassVar[bool] = False
    """A connection that names no database is let in, and then knows of no tables."""

    def __init__(self, rows_at_once: int | None = None) -> None:
        self.rows_at_once = rows_at_once or self.max_rows_at_once

    # -- connections --------------------------------------------------------------------------------------------

    @abstractmethod
    def engine_options(self) -> dict[str, Any]:
        """Options of :func:`sqlalchemy.create_engine`."""

    def connect_options(self, _driver: str) -> dict[str, Any]:
        """Arguments of that driver's ``connect``, unless others are given."""
        return {}

    @abstractmethod
    def configure(self, engine: Engine) -> None:
        """Adds what every connection and transaction of the engine needs."""

    @abstractmethod
    def time_limit(self, connection: Connection, seconds: float) -> AbstractContextManager[Any]:
        """Within it the database ends a statement that reads for longer; on SQLite all of them together."""

    def one_writer(self) -> AbstractContextManager[Any]:
        """Held by a thread while it writes, where the database lets only one writer in."""
        return nullcontext()

    # -- staging ------------------------------------------------------------------------------------------------

    def stage(self, connection: Connection, rows: StagedRows, schema: str | None = None) -> sa.Table:
        """Puts rows into this transaction's temporary table, in the order of their keys; returns the table.

        Nothing of an earlier claim is in it. There is one at a time; :meth:`drop_staged` ends it.
        """
        table = staged_table(self.staged_schema(schema))
        self.make_staged(connection, table)
        for part in rows.parts:
            for piece in self._pieces(part):
                self.insert_staged(connection, table, piece)
        return table

    def staged_schema(self, _schema: str | None) -> str | None:
        """In which schema the temporary table is named, for a ledger in that schema."""
        return None

    def make_staged(self, connection: Connection, table: sa.Table) -> None:
        """Makes the empty temporary table.

        :raises LedgerError: this user may not create temporary tables.
        """
        name = self.quoted_table(connection, table)
        connection.exec_driver_sql(f"DROP {self.temporary} TABLE IF EXISTS {name}")
        connection.exec_driver_sql(str(CreateTable(table).compile(dialect=connection.dialect)))

    temporary: ClassVar[str] = ""
    """The word between DROP and TABLE."""

    def drop_staged(self, connection: Connection, table: sa.Table) -> None:
        """Frees what the temporary table holds."""
        connection.exec_driver_sql(f"DROP {self.temporary} TABLE {self.quoted_table(connection, table)}")

    @abstractmethod
    def insert_staged(self, connection: Connection, table: sa.Table, columns: Columns) -> None:
        """Inserts rows into the temporary table, without a value of theirs in a statement that a server may log."""

    def _pieces(self, columns: Columns) -> Iterator[Columns]:
        """The same columns in the order of their keys, so many rows at a time."""
        rows = next(len(cells) for cells in columns.values() if isinstance(cells, pa.Array))
        order = _order(columns.get("hash", columns.get("phone_hash")), rows)
        for start in range(0, rows, self.rows_at_once):
            places = column_of_numbers(order[start : start + self.rows_at_once])
            yield {name: _taken(cells, places) for name, cells in columns.items()}

    def read_by_index(self, connection: Connection) -> None:  # noqa: B027 - most databases do so anyway
        """Until the transaction ends, rows that are named by their keys are found by them, not by reading a table."""

    def knows_it_is_large(self, connection: Connection, table: sa.Table) -> bool:  # noqa: ARG002 - for one database
        """True if the planner has statistics of a large table: it reads it whole only where that is faster."""
        return False

    # -- statements ---------------------------------------------------------------------------------------------

    @abstractmethod
    def new_only(self, table: sa.Table) -> Insert:
        """An INSERT that leaves existing rows as they are, and swallows no other error."""

    @abstractmethod
    def move_recipients(self, recipients: str, staged: str, quote: Any, values: Sequence[str], conditions: str) -> str:
        """An UPDATE of recipients ``r`` from the staged rows ``s`` with the same key.

        :param values: columns that are set to those of the same name in ``s``.
        :param conditions: SQL on ``r`` and ``s``; ``r.campaign_no = :campaign`` among them.
        """

    # -- creating -----------------------------------------------------------------------------------------------

    replaces_views: ClassVar[bool] = True
    """``CREATE OR REPLACE VIEW`` keeps a view's grants."""

    ddl_in_savepoints: ClassVar[bool] = True
    """DDL is part of its transaction, and refused where a view needs what it drops."""

    def bytes_literal(self, hexadecimal: str) -> str:
        """Bytes as a script has them."""
        return f"x'{hexadecimal}'"

    def erase_deleted(self, connection: Connection) -> None:  # noqa: B027 - a server's files are out of our hands
        """From now on what the connection deletes and overwrites is no longer readable in the file."""

    def lock_creation(self, connection: Connection) -> None:  # noqa: B027 - SQLite has its BEGIN IMMEDIATE
        """Lets one creator in at a time, until :meth:`unlock_creation` or the end of the transaction."""

    def unlock_creation(self, connection: Connection) -> None:  # noqa: B027 - most locks end with the transaction
        """Lets the next creator in."""

    # -- failures -----------------------------------------------------------------------------------------------

    @abstractmethod
    def code_of(self, error: BaseException) -> int | str | None:
        """The driver's code for an error of its own, if it names one."""

    @abstractmethod
    def is_passing(self, code: int | str | None, error: BaseException) -> bool:
        """True if the same transaction may succeed later without help."""

    @abstractmethod
    def is_full(self, code: int | str | None) -> bool:
        """True if the database has no room left."""

    contention: ClassVar[tuple[int | str, ...]]
    """Codes of transactions in each other's way: they are repeated on the same connection, and after all other
    failures on a new one. A server that has become read-only in a failover stays so for those connected to it."""
    lacks_right: ClassVar[tuple[int | str, ...]]
    """Codes of a user who lacks a right."""
    unfit_text: ClassVar[tuple[int | str, ...]] = ()
    """Codes of a text that the database, or the connection, cannot hold."""

    def is_listed(self, code: int | str | None, codes: Sequence[int | str]) -> bool:
        """True if the code is, or is covered by, one of those."""
        return code is not None and any(self.means(code, listed) for listed in codes)

    def meaning(self, code: int | str | None, error: BaseException) -> Meaning | None:
        """What the code means to a person."""
        for one in self.meanings:
            if self.is_listed(code, one.codes):
                return one
            if code is None and any(text in str(error) for text in one.texts):
                return one
        return None

    def means(self, code: int | str, listed: int | str) -> bool:
        """True if a listed code is this one, or covers it."""
        return code == listed

    # -- texts --------------------------------------------------------------------------------------------------

    def narrow_text(self, _connection: Connection, _tables: Sequence[sa.Table]) -> str:
        """What of the database cannot hold every text, and what to do about it, in words; ``""`` if all of it can.

        :param _tables: the tables of the ledger; some or all of them may not be there yet.
        """
        return ""

    # -- names --------------------------------------------------------------------------------------------------

    @staticmethod
    def quoted_table(connection: Connection, table: sa.Table) -> str:
        """The table's name as SQL has it."""
        return str(connection.dialect.identifier_preparer.format_table(table))


def _order(keys: Any, rows: int) -> np.ndarray[Any, Any]:
    """The places of rows in the order of their keys' bytes.

    The first 8 bytes of a random key decide; where two are the same, any order does.
    """
    if not isinstance(keys, pa.Array):
        return np.arange(rows)
    width = keys.type.byte_width
    cells = np.frombuffer(keys.buffers()[1], ">u8", len(keys) * width // 8, keys.offset * width)
    return np.argsort(cells[:: width // 8], kind="stable")


def _taken(cells: Any, places: pa.Array) -> Any:
    if not isinstance(cells, pa.Array):
        return cells
    taken = cells.take(places)
    return taken.cast(TEXT) if pa.types.is_dictionary(taken.type) else taken
