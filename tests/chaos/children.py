# SPDX-License-Identifier: Apache-2.0
"""The program whose children are Airflow tasks: Airflow, the operator and its libraries are imported once, here."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from pathlib import Path
from typing import TextIO

from tests.chaos.tries import AIRFLOW_2, Try, play, runtime_instance
from tests.crash.forks import serve

LAYERS = ("api", "campaign", "core", "hooks", "ledger", "operators", "tables")
LIBRARIES = ("pyarrow.parquet", "pandas", "requests", "sqlite3", "psycopg2", "pymysql", "phonenumbers")
DIALECTS = ("sqlite", "postgresql", "mysql")


def load(_: str) -> None:
    """Imports whatever a try needs, and does nothing that could start a thread."""
    for layer in LAYERS:
        package = importlib.import_module(f"airflow_provider_uspeedo.{layer}")
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    for name in (*LIBRARIES, *(f"sqlalchemy.dialects.{dialect}" for dialect in DIALECTS)):
        importlib.import_module(name)
    if not AIRFLOW_2:
        runtime_instance(Try({"recipients": [], "template_id": "T"}, {}, "", "")).get_template_context()
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threads == 1, f"{threads} threads: forking would not be safe"


def own_output() -> TextIO:
    """Standard output for the answers alone: from now on, whatever Airflow says goes elsewhere."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


if __name__ == "__main__":
    serve(play, load, own_output())
