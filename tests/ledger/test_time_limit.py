# SPDX-License-Identifier: Apache-2.0
"""The database ends what takes too long, and its connection is as good as before."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.errors import LedgerUnavailable
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.time_limit import time_limit

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(30)",
}


def _endless(connection: Connection) -> None:
    connection.execute(sa.text(ENDLESS.get(connection.dialect.name, "SELECT sleep(30)"))).all()


def test_a_long_query_is_cancelled_by_the_database(ledger: Ledger) -> None:
    database = ledger.database
    connections: list[int] = []

    def work(connection: Connection) -> None:
        connections.append(id(connection.connection.driver_connection))
        with time_limit(connection, 0.3):
            _endless(connection)

    began = time.monotonic()
    with pytest.raises(LedgerUnavailable, match="query was cancelled"):
        database.read(work)
    assert time.monotonic() - began < 10
    assert len(connections) == 1, "it is not repeated"

    def short(connection: Connection) -> None:
        connection.execute(sa.text("SELECT 1")).all()
        time.sleep(0.4)
        connection.execute(sa.text("SELECT 1")).all()

    database.read(short)
