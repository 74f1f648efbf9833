# SPDX-License-Identifier: Apache-2.0
"""Ends queries that take too long: the database itself stops, and the connection and its thread are free again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import exc
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.errors import LedgerUnavailable

_STEPS = 50_000
"""Of SQLite's machine between two looks at the clock: less than a millisecond."""


@contextmanager
def time_limit(connection: Connection, seconds: float) -> Iterator[None]:
    """Within it no statement that reads runs longer; on SQLite all of them together.

    :raises LedgerUnavailable: one did, and was ended.
    """
    began = time.monotonic()
    name = connection.dialect.name
    if name == "sqlite":
        limited = _on_sqlite(connection, began + seconds)
    elif name == "postgresql":
        limited = _on_postgresql(connection, seconds)
    else:
        limited = _on_mysql(connection, seconds)
    with limited:
        try:
            yield
        except exc.DBAPIError:
            if time.monotonic() - began < seconds:
                raise
            raise LedgerUnavailable(
                f"The ledger's database was not done within {seconds:.0f} seconds, and the query was cancelled. Is the "
                "database busy? Try again later."
            ) from None


@contextmanager
def _on_sqlite(connection: Connection, ends: float) -> Iterator[None]:
    driver_connection: Any = connection.connection.driver_connection
    driver_connection.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
    try:
        yield
    finally:
        driver_connection.set_progress_handler(None, 0)


@contextmanager
def _on_postgresql(connection: Connection, seconds: float) -> Iterator[None]:
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")  # ends with the transaction
    yield


@contextmanager
def _on_mysql(connection: Connection, seconds: float) -> Iterator[None]:
    if getattr(connection.dialect, "is_mariadb", False):
        variable, value = "max_statement_time", f"{seconds:.3f}"
    else:
        variable, value = "max_execution_time", str(int(seconds * 1000))
    connection.exec_driver_sql(f"SET SESSION {variable} = {value}")
    try:
        yield
    finally:
        with suppress(exc.SQLAlchemyError):  # a connection that is lost is not used again
            connection.exec_driver_sql(f"SET SESSION {variable} = DEFAULT")
