# SPDX-License-Identifier: Apache-2.0
"""Databases that queries are tested on: each as a function that opens a connection of its own driver."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.tables.query import TableQuery
from airflow_provider_uspeedo.tables.spool import SpooledTable
from tests.ledger.servers import server_url

Connect = Callable[[], Any]
MARKER = {"psycopg2": "%s", "psycopg": "%s", "pymysql": "%s", "MySQLdb": "%s", "sqlite3": "?", "duckdb": "?"}
"""How a driver writes a placeholder."""
FAST = ["sqlite3", "duckdb"]
SERVERS = [pytest.param(name, marks=pytest.mark.database) for name in ("psycopg2", "psycopg", "pymysql", "MySQLdb")]


def connector(driver: str, folder: Path) -> Connect:
    """Opens connections to one database: a file in the folder, or the server's own."""
    if importlib.util.find_spec(driver) is None:
        pytest.skip(f"{driver} is not installed")
    module = importlib.import_module(driver)
    if driver == "sqlite3":
        return lambda: sqlite3.connect(folder / "warehouse.db")
    if driver == "duckdb":
        return lambda: module.connect(str(folder / "warehouse.duckdb"))
    kind = "postgresql" if driver.startswith("psycopg") else "mysql"
    url = server_url(kind)
    how = {"host": url.host, "user": url.username, "password": url.password or ""}
    if kind == "postgresql":
        return lambda: module.connect(**how, port=url.port or 5432, dbname=url.database)
    return lambda: module.connect(**how, port=url.port or 3306, database=url.database)


def query(connect: Connect, sql: str, parameters: Any = None) -> TableQuery:
    return TableQuery(connect, sql, parameters, "'warehouse'")


def rows_of(connect: Connect, sql: str, parameters: Any = None) -> SpooledTable:
    return query(connect, sql, parameters).read()


def run(connect: Connect, *statements: str) -> None:
    """Statements that are committed."""
    connection = connect()
    for statement in statements:
        connection.cursor().execute(statement)
    connection.commit()
    connection.close()
