# SPDX-License-Identifier: Apache-2.0
"""The rows of one query, read once and kept in a :class:`.SpooledTable`; the connection is closed before they are used.

It talks to the driver alone, never through an Airflow hook's own ``run``: that writes statement and parameters to the
log, and hands them to lineage listeners.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from airflow_provider_uspeedo.errors import SourceUnavailable, TableError, USpeedoError
from airflow_provider_uspeedo.tables.arrow_types import is_list, kind_of, value_type
from airflow_provider_uspeedo.tables.driver_values import column_of
from airflow_provider_uspeedo.tables.drivers import NoResultError, arrow_batches, canceller, open_cursor, row_batches
from airflow_provider_uspeedo.tables.query_errors import is_database_error, no_connection, query_failed
from airflow_provider_uspeedo.tables.spool import SpooledTable


class TableQuery:
    """One query. :meth:`read` runs in one thread; :meth:`stop` may be called in any other.

    :param connect: opens a DB-API connection; called once (on MySQL and MariaDB once more, to end a running query).
    :param sql: one statement that gives rows.
    :param parameters: for its placeholders, as the driver takes them; ``None``: none.
    :param name: how errors name the connection; never a value.
    """

    def __init__(self, connect: Callable[[], Any], sql: str, parameters: Any, name: str) -> None:
        self._connect = connect
        self._sql = sql
        self._parameters = parameters
        self._name = name
        self._stopped = threading.Event()
        self._running: Callable[[], None] | None = None

    def read(self) -> SpooledTable:
        """Runs the query, keeps its rows, and closes transaction and connection.

        :raises TableError: the query is wrong; no later attempt can succeed.
        :raises SourceUnavailable: it failed for a cause that may pass, was stopped, or there is no room for the rows.
        """
        with _quiet():
            return self._read()

    def stop(self) -> None:
        """Ends the query, as far as the driver can; :meth:`read` then raises."""
        self._stopped.set()
        self._cancel()

    def _read(self) -> SpooledTable:
        self._check()
        try:
            connection = self._connect()
        except USpeedoError:
            raise
        except Exception as error:  # noqa: BLE001 - any driver may be below
            raise no_connection(error, self._name) from None
        try:
            table = self._spool(connection)
            with suppress(Exception):  # every row is here; not every driver has transactions
                connection.rollback()
            return table
        finally:
            self._running = None
            with suppress(Exception):
                connection.close()

    def _spool(self, connection: Any) -> SpooledTable:
        cursor = None
        try:
            cursor = open_cursor(connection)
            self._running = canceller(connection, cursor, self._connect)
            self._check()  # stopped just before: then the query was not cancelled
            batches = arrow_batches(cursor, *self._statement())
            table = SpooledTable(f"query of connection {self._name}")
            if batches is None:
                table.write(self._from_rows(cursor))
            else:
                table.write(self._from_arrow(batches))
            with suppress(Exception):
                cursor.close()
        except BaseException as error:
            self._abandon(cursor, still_running=not is_database_error(error))
            self._check()
            if isinstance(error, NoResultError):
                raise TableError(
                    f"sql gives no rows on connection {self._name}: it must be one statement that does, such as SELECT."
                ) from None
            if isinstance(error, USpeedoError | MemoryError) or not isinstance(error, Exception):
                raise
            raise query_failed(error, self._name, self._sql, self._parameters) from None
        else:
            return table

    def _statement(self) -> tuple[Any, ...]:
        """Without parameters a driver must not be given any: it would take every ``%`` for a placeholder."""
        return (self._sql, self._parameters) if self._parameters else (self._sql,)

    def _from_arrow(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        types: list[pa.DataType | None] = []
        for batch in batches:
            self._check()
            types = types or [None] * batch.num_columns
            arrays = [_readable(array, before) for array, before in zip(batch.columns, types, strict=True)]
            types = [array.type for array in arrays]
            yield pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)

    def _from_rows(self, cursor: Any) -> Iterator[pa.RecordBatch]:
        types: list[pa.DataType | None] = []
        for names, columns, _rows in row_batches(cursor):
            self._check()
            types = types or [None] * len(names)
            arrays = [column_of(column, before) for column, before in zip(columns, types, strict=True)]
            types = [array.type for array in arrays]
            yield pa.RecordBatch.from_arrays(arrays, names=names)

    def _abandon(self, cursor: Any, *, still_running: bool) -> None:
        """Ends what still runs: closing a cursor could otherwise read all rows that are left."""
        if still_running:
            self._cancel()
        if cursor is not None:
            with suppress(Exception):
                cursor.close()

    def _cancel(self) -> None:
        running = self._running
        if running is not None:
            with suppress(Exception):  # it has ended meanwhile, or the server is gone
                running()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise SourceUnavailable(f"The task was stopped while the query of connection {self._name} ran.")


def _readable(array: pa.Array, before: pa.DataType | None) -> pa.Array:
    """Arrow's arrays, structs, maps, durations and intervals become what Python drivers give for them."""
    if kind_of(array.type) is not None or not _is_nested(value_type(array.type)):
        return array
    return column_of(array.to_pylist(), before)


def _is_nested(arrow_type: pa.DataType) -> bool:
    tests = (pt.is_nested, is_list, pt.is_duration, pt.is_interval)
    return any(test(arrow_type) for test in tests)


@contextmanager
def _quiet() -> Iterator[None]:
    """Some drivers write statements, with their parameters, to the log at level INFO."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.INFO))
    try:
        yield
    finally:
        logging.disable(before)
