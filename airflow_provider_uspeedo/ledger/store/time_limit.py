# SPDX-License-Identifier: Apache-2.0
"""Ends queries that take too long: the database itself stops, and the connection and its thread are free again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.errors import LedgerUnavailable
from airflow_provider_uspeedo.ledger.store.dialects import dialect_for


@contextmanager
def time_limit(connection: Connection, seconds: float) -> Iterator[None]:
    """Within it no statement that reads runs longer; on SQLite all of them together.

    :raises LedgerUnavailable: one did, and was ended.
    """
    began = time.monotonic()
    with dialect_for(connection.dialect.name).time_limit(connection, seconds):
        try:
            yield
        except exc.DBAPIError:
            if time.monotonic() - began < seconds:
                raise
            raise LedgerUnavailable(
                f"The ledger's database was not done within {seconds:.0f} seconds, and the query was cancelled. Is the "
                "database busy? Try again later."
            ) from None
