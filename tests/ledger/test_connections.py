# SPDX-License-Identifier: Apache-2.0
"""Connections that the server has closed while they were not in use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.store.dialects import pooled
from airflow_provider_uspeedo.ledger.store.engine import Database, open_engine
from tests.ledger.servers import SERVERS, administrator

ASK_NUMBER = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
CLOSE = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}

pytestmark = pytest.mark.parametrize("kind", SERVERS, indirect=True)


@pytest.fixture
def database(url: URL) -> Iterator[Database]:
    opened = Database(open_engine(url), timeout=20)
    yield opened
    opened.engine.dispose()


def number_of(database: Database, kind: str) -> int:
    """The server's number of the connection that the next transaction uses."""
    return int(database.read(lambda connection: connection.exec_driver_sql(ASK_NUMBER[kind]).scalar_one()))


def close_from_outside(kind: str, number: int) -> None:
    with administrator(kind).connect() as connection:
        connection.execute(sa.text(CLOSE[kind].format(number)))


def test_one_that_is_used_again_soon_is_not_asked_first(
    database: Database, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be one more way to the server and back for each transaction."""
    asked: list[object] = []
    ping = database.engine.dialect.do_ping
    monkeypatch.setattr(database.engine.dialect, "do_ping", lambda connection: asked.append(1) or ping(connection))
    first = number_of(database, kind)
    assert (number_of(database, kind), asked) == (first, [])
    monkeypatch.setattr(pooled, "IDLE_LIMIT", -1.0)
    assert (number_of(database, kind), asked) == (first, [1])


def test_one_that_was_closed_soon_after_its_use_costs_a_repetition(database: Database, kind: str) -> None:
    """Nobody notices but the transaction, which is repeated as a whole on another connection."""
    closed = number_of(database, kind)
    close_from_outside(kind, closed)
    assert number_of(database, kind) != closed


def test_one_that_was_closed_while_it_was_idle_is_replaced(
    database: Database, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is used: a stream of results is not repeated."""
    closed = number_of(database, kind)
    close_from_outside(kind, closed)
    monkeypatch.setattr(pooled, "IDLE_LIMIT", -1.0)
    with database.streaming() as connection:
        assert connection.exec_driver_sql(ASK_NUMBER[kind]).scalar_one() != closed
