# SPDX-License-Identifier: Apache-2.0
"""Ledgers as older versions of the package left them; their tables and rows are in folders beside this module."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.ledger.servers import plain_connection

FOLDER = Path(__file__).parent
VERSIONS = [1, 3]
only_1 = pytest.mark.parametrize("version", [1], indirect=True)
only_3 = pytest.mark.parametrize("version", [3], indirect=True)


def tables_of(version: int, kind: str) -> str:
    """The DDL that the version printed."""
    return (FOLDER / f"version_{version}" / f"{kind}.sql").read_text()


def rows_of(version: int) -> str:
    """What it had written, as SQL for SQLite and MariaDB."""
    return (FOLDER / f"version_{version}" / "rows.sql").read_text()


def load(kind: str, url: URL, version: int) -> None:
    """Makes such a ledger in an empty database."""
    connection = plain_connection(url)
    cursor = connection.cursor()
    if kind == "mysql":
        cursor.execute("SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')")
    rows = rows_of(version)
    if kind == "postgresql":
        rows = re.sub(r"X'([0-9A-F]+)'", r"'\\x\1'", rows)
    for statement in re.sub("^--.*$", "", tables_of(version, kind) + rows, flags=re.MULTILINE).split(";\n"):
        if statement.strip():
            cursor.execute(statement)
    connection.commit()
    connection.close()
