# SPDX-License-Identifier: Apache-2.0
"""DAG runs by Airflow's own command, and what Airflow's database says of them afterwards."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DagRuns:
    """The DAG runs of one AIRFLOW_HOME."""

    home: Path

    def test(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, *, date: str = "", skip: str = "", **environment: str
    ) -> None:
        """Runs a DAG to its end, whether it succeeds or not.

        :param skip: the task that is taken as done.
        """
        with self.started(dag_id, conf, date=date, skip=skip, **environment):
            pass

    @contextmanager
    def started(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, *, date: str = "", skip: str = "", **environment: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Starts a DAG run in a process of its own, and waits for its end when the block is left."""
        command = [sys.executable, "-m", "airflow", "dags", "test", dag_id, *[date] * bool(date)]
        command += ["--conf", json.dumps(conf or {}), *["--mark-success-pattern", f"^{skip}$"] * bool(skip)]
        with self.output(dag_id).open("ab") as file:
            running = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, **environment})
            try:
                yield running
                running.wait(timeout=480)
            finally:
                running.kill()
                running.wait()

    def output(self, name: str) -> Path:
        """The file under AIRFLOW_HOME that a command writes to."""
        (self.home / "logs").mkdir(exist_ok=True)
        return self.home / "logs" / f"{name}.out"

    def states(self, dag_id: str) -> dict[str, tuple[str, int]]:
        """State and number of attempts of every task; of a mapped one those of its instances as one state."""
        rows = self._ask("SELECT task_id, state, try_number FROM task_instance WHERE dag_id = ?", dag_id)
        return {task_id: (state, tries) for task_id, state, tries in rows}

    def xcoms(self, dag_id: str, key: str = "return_value") -> dict[str, Any]:
        """The values of a key by task, as last pushed; of a mapped task a list, in order."""
        rows = self._ask(
            "SELECT task_id, map_index, value FROM xcom WHERE dag_id = ? AND key = ? ORDER BY map_index, timestamp",
            dag_id,
            key,
        )
        found: dict[str, Any] = {}
        for task_id, map_index, value in rows:
            if map_index < 0:
                found[task_id] = decoded(value)
            else:
                found.setdefault(task_id, []).append(decoded(value))
        return found

    def rendered(self, dag_id: str) -> dict[str, Any]:
        """The rendered fields of every task, as Airflow shows them."""
        rows = self._ask("SELECT task_id, rendered_fields FROM rendered_task_instance_fields WHERE dag_id = ?", dag_id)
        return {task_id: decoded(fields) for task_id, fields in rows}

    def _ask(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.home / "airflow.db")) as connection:
            return connection.execute(query, values).fetchall()


def bytes_of(path: Path) -> bytes:
    """A file of a home, read by another process.

    A lock belongs to a process and a file: closing the database's file here would drop the locks of this process's own
    connections to it, and its log be deleted under them.
    """
    return subprocess.run(["cat", str(path)], check=True, capture_output=True).stdout


def decoded(value: Any) -> Any:
    """A JSON cell; some versions of Airflow wrap JSON in JSON."""
    while isinstance(value, str | bytes):
        try:
            value = json.loads(value)
        except ValueError:
            break
    return value
