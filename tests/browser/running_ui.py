# SPDX-License-Identifier: Apache-2.0
"""``make airflow-ui`` as a person types it, and what it says."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from dags_examples.airflow_ui.airflow_api import AirflowApi

ROOT = Path(__file__).parents[2]
DAGS = Path(__file__).parent / "dags"
STARTED_WITHIN = 300.0
"""Seconds; on a busy machine Airflow is slow, and in a new clone the wheel is built first."""
RUN_WITHIN = 240.0
"""Seconds for one run of a DAG, likewise."""


@dataclass(frozen=True)
class RunningUi:
    """An Airflow that ``make airflow-ui`` has started.

    :param said: what was printed until it was ready.
    :param started: the ``make``, at the head of a process group as in a terminal.
    """

    folder: Path
    said: str
    started: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return re.search(r"Airflow +(http://\S+)", self.said)[1]

    @property
    def sandbox_url(self) -> str:
        return re.search(r"Inbox +(http://\S+)", self.said)[1]

    @property
    def people(self) -> Path:
        return self.folder / "people.parquet"

    def password(self, user: str) -> str:
        return re.search(rf"user {user} +password (\S+)", self.said)[1]

    def api(self, user: str = "admin") -> AirflowApi:
        return AirflowApi(self.url, user, self.password(user))

    def run(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> str:
        """Triggers a DAG through the API, unpaused, and waits; returns the run's state."""
        api = self.api()
        api.call("PATCH", f"dags/{dag_id}", {"is_paused": False})
        api.call("POST", f"dags/{dag_id}/dagRuns", {"dag_run_id": run_id, "conf": conf, "logical_date": None})
        return self.ended(dag_id, run_id)

    def ended(self, dag_id: str, run_id: str) -> str:
        """Waits until a run has ended; returns its state."""
        api, deadline = self.api(), time.monotonic() + RUN_WITHIN
        while (state := api.call("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"]) not in ("success", "failed"):
            assert time.monotonic() < deadline, f"{dag_id} is {state} after {RUN_WITHIN} seconds"
            time.sleep(0.5)
        return str(state)

    def journal(self) -> list[dict[str, Any]]:
        """What the sandbox has accepted."""
        return [json.loads(line) for line in (self.folder / "sandbox-journal.jsonl").read_text().splitlines()]

    def fault(self, **what: Any) -> None:
        """Queues a fault at the sandbox."""
        address, headers = f"{self.sandbox_url}/sandbox/faults", {"Content-Type": "application/json"}
        request = urllib.request.Request(address, json.dumps(what).encode(), headers)
        urllib.request.urlopen(request, timeout=30).close()

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for it, but for the ``make`` and what it runs itself."""
        return [process for process in psutil.process_iter() if self._is_of(process)]

    def interrupt(self) -> int:
        """Ctrl-C in the terminal: a signal for the whole group in the foreground; returns the exit code."""
        os.killpg(self.started.pid, signal.SIGINT)
        return self.started.wait(timeout=60)

    def _is_of(self, process: psutil.Process) -> bool:
        try:
            is_ours = process.environ().get("AIRFLOW_HOME") == str(self.folder)
            return is_ours and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


@contextmanager
def started(folder: Path) -> Iterator[RunningUi]:
    """One that ends with the block, if not before."""
    options = f"--folder {folder} --port 18080 --sandbox-port 18025 --dags {DAGS}"
    output = folder.parent / "said.txt"
    with output.open("wb") as said:
        make = subprocess.Popen(
            ["make", "-s", "airflow-ui", f"AIRFLOW_UI={options}"],
            cwd=ROOT,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    found = RunningUi(folder, "", make)
    try:
        deadline = time.monotonic() + STARTED_WITHIN
        while "Ctrl-C stops" not in output.read_text():
            assert make.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.3)
        yield RunningUi(folder, output.read_text(), make)
    finally:
        if make.poll() is None:
            os.killpg(make.pid, signal.SIGTERM)
            make.wait()
        for process in found.processes():
            process.kill()
