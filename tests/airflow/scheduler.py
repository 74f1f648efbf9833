# SPDX-License-Identifier: Apache-2.0
"""An Airflow that runs: only the processes that a task needs, and nothing of them afterwards."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

STARTED_WITHIN = 120.0
"""Seconds that Airflow may take for each step; it is slow on a busy machine."""


@dataclass(frozen=True)
class Airflow:
    """A running Airflow with a home of its own."""

    home: Path
    environment: dict[str, str] = field(repr=False)

    def command(self, *arguments: str) -> None:
        """Runs one command of Airflow's."""
        subprocess.run(
            [sys.executable, "-m", "airflow", *arguments], check=True, capture_output=True, env=self.environment
        )

    def wait_for(self, what: Callable[[sqlite3.Connection], bool], name: str) -> None:
        """Waits until Airflow's database says so."""
        deadline = time.monotonic() + STARTED_WITHIN
        while not self._ask(what):
            assert time.monotonic() < deadline, f"{name}: not within {STARTED_WITHIN} seconds"
            time.sleep(0.3)

    def _ask(self, what: Callable[[sqlite3.Connection], bool]) -> bool:
        with closing(sqlite3.connect(self.home / "airflow.db")) as connection:
            return what(connection)


@contextmanager
def started(home: Path, **environment: str) -> Iterator[Airflow]:
    """A scheduler and what it needs; ended with all their children when the block is left."""
    port = free_port()
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of sixty-four characters that no one needs to guess ....",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__SCHEDULER__PARSING_PROCESSES": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # Airflow 2 starts tasks by name
    }
    airflow = Airflow(home, {**os.environ, **settings, **environment})
    airflow.command("db", "migrate")
    with ExitStack() as stack:
        for command in services(port):
            stack.enter_context(service(airflow, command))
        yield airflow


def services(port: int) -> list[list[str]]:
    """The commands that run a task: one on Airflow 2, three on Airflow 3."""
    import airflow

    scheduler = ["scheduler", "--skip-serve-logs"]
    if airflow.__version__.startswith("2."):
        return [scheduler]
    return [["api-server", "--host", "127.0.0.1", "--port", str(port)], scheduler, ["dag-processor"]]


@contextmanager
def service(airflow: Airflow, command: list[str]) -> Iterator[None]:
    """One process of Airflow; its output is in its home."""
    with (airflow.home / f"{command[0]}.out").open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "airflow", *command], stdout=output, stderr=output, env=airflow.environment
        )
        try:
            yield
        finally:
            end(psutil.Process(running.pid))
            running.wait()


def end(process: psutil.Process) -> None:
    """Ends a process of ours and its descendants, gently first."""
    family = [*process.children(recursive=True), process]
    process.terminate()
    _, alive = psutil.wait_procs(family, timeout=10)
    for left in alive:
        left.kill()
    psutil.wait_procs(alive, timeout=10)


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])
