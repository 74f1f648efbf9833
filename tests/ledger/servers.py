# SPDX-License-Identifier: Apache-2.0
"""Databases for the ledger's tests: an empty one of each kind on request, dropped afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine

DEFAULT_URLS = {
    "postgresql": ("USPEEDO_TEST_POSTGRES", "postgresql+psycopg2://root@127.0.0.1/test"),
    "mysql": ("USPEEDO_TEST_MYSQL", "mysql+pymysql://root@127.0.0.1:3306/test"),
}
KINDS = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.database),
    pytest.param("mysql", id="mariadb", marks=pytest.mark.database),
]
SERVERS = KINDS[1:]
_numbers = count(1)


def server_url(kind: str) -> URL:
    """The address of the server's own database, from which others are made."""
    variable, default = DEFAULT_URLS[kind]
    return sa.engine.make_url(os.environ.get(variable, default))


def administrator(kind: str) -> Engine:
    """An engine for what only a superuser may do: every statement is committed at once."""
    return sa.create_engine(server_url(kind), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)


def refuse_or_skip(kind: str) -> None:
    """Skips the test if there is no such server, except in CI, where that is a failure."""
    try:
        with administrator(kind).connect():
            return
    except sa.exc.OperationalError:
        variable, _ = DEFAULT_URLS[kind]
        message = f"no {kind} server at {server_url(kind)!r}; set {variable} to the URL of one"
    if os.environ.get("USPEEDO_CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def empty_database(kind: str, folder: Path) -> Iterator[URL]:
    """An empty database of that kind, of this worker alone."""
    if kind == "sqlite":
        yield URL.create("sqlite", database=str(folder / f"ledger{next(_numbers)}.db"))
        return
    refuse_or_skip(kind)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"uspeedo_test_{worker}_{os.getpid()}_{next(_numbers)}"
    run(kind, f"CREATE DATABASE {name}{' CHARACTER SET utf8mb4' if kind == 'mysql' else ''}")
    try:
        yield server_url(kind).set(database=name)
    finally:
        run(kind, f"DROP DATABASE {name}{' WITH (FORCE)' if kind == 'postgresql' else ''}")


def run(kind: str, *statements: str) -> None:
    """Runs statements as the superuser."""
    with administrator(kind).connect() as connection:
        cursor = connection.connection.cursor()
        for statement in statements:
            cursor.execute(statement)


def plain_connection(url: URL) -> Any:
    """A connection as anybody would open it: the driver's own, with nothing of ours or SQLAlchemy's around it."""
    kind = url.get_backend_name()
    if kind == "sqlite":
        import sqlite3

        return sqlite3.connect(str(url.database))
    if kind == "postgresql":
        import psycopg2

        return psycopg2.connect(
            host=url.host, port=url.port, user=url.username, password=url.password, dbname=url.database
        )
    import pymysql

    return pymysql.connect(
        host=url.host, port=url.port or 3306, user=url.username, password=url.password or "", database=url.database
    )


def select(url: URL, statement: str) -> list[tuple[Any, ...]]:
    """The rows of one SELECT through :func:`plain_connection`."""
    connection = plain_connection(url)
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()]
    finally:
        connection.close()
