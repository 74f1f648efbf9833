# SPDX-License-Identifier: Apache-2.0
"""An Airflow that runs: only the processes that a task needs, and nothing of them afterwards."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.airflow.migrated import migrate

STARTED_WITHIN = 300.0
"""Seconds that Airflow may take for each step; it is slow on a busy machine."""
ENDED_WITHIN = 5.0
"""Seconds that its services are given to end by themselves."""


@dataclass(frozen=True)
class Airflow:
    """A running Airflow with a home of its own.

    :param port: of its API server, if it has one.
    :param running: its services by name.
    """

    home: Path
    port: int
    environment: Mapping[str, str] = field(repr=False)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, repr=False)

    def command(self, *arguments: str) -> None:
        """Runs one command of Airflow's."""
        subprocess.run(
            [sys.executable, "-m", "airflow", *arguments], check=True, capture_output=True, env=self.environment
        )

    def start(self, name: str, command: Sequence[str]) -> None:
        """Starts a service; its output is in its home."""
        with (self.home / f"{name}.out").open("ab") as output:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", *command], stdout=output, stderr=output, env=self.environment
            )

    def kill(self, name: str) -> None:
        """``kill -9`` of a service, and of nothing that it has started."""
        service = self.running.pop(name)
        service.kill()
        service.wait()

    def family(self) -> list[psutil.Process]:
        """All processes that were started with this home, also those whose parent is gone."""
        return [process for process in psutil.process_iter() if process.pid != os.getpid() and self._is_of(process)]

    def end(self) -> None:
        """Ends all of it, the services gently first."""
        for service in self.running.values():
            service.terminate()
        _, alive = psutil.wait_procs(self.family(), timeout=ENDED_WITHIN)
        while alive:
            for process in alive:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(alive, timeout=ENDED_WITHIN)
            alive = self.family()
        for service in self.running.values():
            service.wait()
        self.running.clear()

    def wait_for(self, what: Callable[[sqlite3.Connection], bool], name: str) -> None:
        """Waits until Airflow's database says so."""
        deadline = time.monotonic() + STARTED_WITHIN
        while not self._ask(what):
            assert time.monotonic() < deadline, f"{name}: not within {STARTED_WITHIN} seconds"
            time.sleep(0.3)

    def _ask(self, what: Callable[[sqlite3.Connection], bool]) -> bool:
        with closing(sqlite3.connect(self.home / "airflow.db")) as connection:
            return what(connection)

    def _is_of(self, process: psutil.Process) -> bool:
        try:
            is_ours = process.environ().get("AIRFLOW_HOME") == str(self.home)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            return False
        return is_ours and process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@contextmanager
def started(home: Path, *, triggerer: bool = False, **environment: str) -> Iterator[Airflow]:
    """A scheduler and what it needs; ended with all they started when the block is left.

    :param triggerer: tasks may sleep.
    """
    port = free_port()
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of sixty-four characters that no one needs to guess ....",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": str(STARTED_WITHIN),  # a new server takes long for its first request
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__SCHEDULER__PARSING_PROCESSES": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # Airflow 2 starts tasks by name
        "SPT_NOENV": "1",  # a process that gives itself a title keeps its environment, by which it is found
    }
    airflow = Airflow(home, port, {**os.environ, **settings, **environment})
    if "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in environment:
        airflow.command("db", "migrate")
    else:
        migrate(home)
    try:
        for name, command in services(port).items():
            airflow.start(name, command)
        if triggerer:
            airflow.start("triggerer", ["triggerer", "--skip-serve-logs"])
        yield airflow
    finally:
        airflow.end()


def services(port: int) -> dict[str, list[str]]:
    """The commands that run a task: one on Airflow 2, three on Airflow 3."""
    import airflow

    scheduler = {"scheduler": ["scheduler", "--skip-serve-logs"]}
    if airflow.__version__.startswith("2."):
        return scheduler
    api_server = ["api-server", "--host", "127.0.0.1", "--port", str(port)]
    return {"api-server": api_server, **scheduler, "dag-processor": ["dag-processor"]}


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])
