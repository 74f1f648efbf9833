# SPDX-License-Identifier: Apache-2.0
"""A migrated database of Airflow, made once in a process of tests; every home gets a copy."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

DATABASE = "airflow.db"


def migrate(home: Path) -> None:
    """Puts a migrated database into a home that has none: ``airflow db migrate`` takes longer than many a test."""
    home.mkdir(parents=True, exist_ok=True)
    if not _is_migrated(home / DATABASE):
        (home / DATABASE).write_bytes(_migrated())


def _is_migrated(database: Path) -> bool:
    if not database.exists():
        return False
    with closing(sqlite3.connect(database)) as connection:  # whatever connects to one makes an empty file
        return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone())


@cache
def _migrated() -> bytes:
    home = Path(tempfile.mkdtemp(prefix="airflow-migrated-"))
    try:
        environment = {**os.environ, "AIRFLOW_HOME": str(home)}
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, env=environment
        )
        return (home / DATABASE).read_bytes()
    finally:
        shutil.rmtree(home, ignore_errors=True)
