# SPDX-License-Identifier: Apache-2.0
"""An Airflow to be mistreated: what a person does in its pages, and what happens to its processes.

Runs are triggered, cleared and backfilled through the API that Airflow's own pages call.
"""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from tests.airflow.scheduler import Airflow, services, started

PATIENCE = 240.0
"""Seconds after which something that does not happen is a failure."""
DEAD_AFTER = 12
"""Seconds without a heartbeat after which Airflow gives up a scheduler or a task."""
DAGS = ("whole", "daily", "sliced")
SETTINGS = {
    "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": str(DEAD_AFTER),
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(DEAD_AFTER),
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
}
ENDS = ("success", "failed", "removed", "skipped", "upstream_failed")
Json = dict[str, Any]


@dataclass(frozen=True)
class Instance:
    """A task instance as Airflow shows it.

    :param pid: of the process that runs the operator, or ran it last.
    """

    map_index: int
    state: str | None
    try_number: int
    pid: int | None

    @property
    def is_running(self) -> bool:
        return self.state == "running" and self.pid is not None

    def is_later(self, than: Instance) -> bool:
        return self.try_number > than.try_number

    def kill(self) -> None:
        """``kill -9`` of the process that runs the operator; its supervisor lives on."""
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        assert self.pid, self
        os.kill(self.pid, number)

    def is_alive(self) -> bool:
        return psutil.pid_exists(self.pid) if self.pid else False

    def supervisor(self) -> psutil.Process:
        """The process that watches over the task's."""
        found = psutil.Process(self.pid).parent()
        assert found
        return found


@dataclass
class Home:
    """A running Airflow and its API."""

    airflow: Airflow

    # -- what a person does -------------------------------------------------------------------------------------

    def connect(self, conn_id: str, **about: Any) -> None:
        """Makes a connection."""
        self.call("POST", "connections", connection_id=conn_id, **about)

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> Run:
        self.call("POST", f"dags/{dag_id}/dagRuns", dag_run_id=run_id, conf=conf, logical_date=None)
        return Run(self, dag_id, run_id)

    def backfill(self, dag_id: str, first: str, last: str, conf: Mapping[str, Any]) -> list[Run]:
        """Runs the days from the first to the last, all at once."""
        how = {"from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z", "max_active_runs": 4}
        self.call("POST", "backfills", dag_id=dag_id, dag_run_conf=conf, **how)
        found = self.call("GET", f"dags/{dag_id}/dagRuns")["dag_runs"]
        return [Run(self, dag_id, one["dag_run_id"]) for one in found]

    # -- what happens to its processes --------------------------------------------------------------------------

    def kill_scheduler(self) -> None:
        """``kill -9`` of the scheduler alone: the processes of its tasks live on."""
        self.airflow.kill("scheduler")

    def start_scheduler(self) -> None:
        self.airflow.start("scheduler", services(self.airflow.port)["scheduler"])

    # -- its API ------------------------------------------------------------------------------------------------

    def wait(self, what: Callable[[], bool], name: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < deadline, f"{name}: not within {PATIENCE} seconds"
            time.sleep(0.3)

    def knows_its_dags(self) -> bool:
        try:
            for dag_id in DAGS:
                self.call("GET", f"dags/{dag_id}/details")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    @cached_property
    def _token(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.airflow.port}/auth/token", timeout=30) as answer:
            return str(json.load(answer)["access_token"])

    def call(self, method: str, path: str, **body: Any) -> Json:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.airflow.port}/api/v2/{path}",
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                found: Json = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            error.add_note(error.read().decode(errors="replace"))
            raise


@dataclass(frozen=True)
class Run:
    """A DAG run; its task is named *send*."""

    home: Home
    dag_id: str
    run_id: str

    def clear(self) -> None:
        """Clears the task, or all its mapped instances, as the *Clear* button does: running or not."""
        how = {"dag_run_id": self.run_id, "task_ids": ["send"], "only_failed": False, "dry_run": False}
        self.home.call("POST", f"dags/{self.dag_id}/clearTaskInstances", **how)

    def mark_failed(self) -> None:
        """Marks the task as failed, running or not."""
        self.home.call("PATCH", f"{self._path}/taskInstances/send", new_state="failed")

    def instances(self) -> list[Instance]:
        found = self.home.call("GET", f"{self._path}/taskInstances")["task_instances"]
        fields = ("map_index", "state", "try_number", "pid")
        return [Instance(*(one[name] for name in fields)) for one in found]

    def is_done(self) -> bool:
        """True once nothing runs any more, and Airflow has said so of the run too: a Clear before that may be lost."""
        ended = all(one.state in ENDS for one in self.instances())
        return ended and self.home.call("GET", self._path)["state"] in ENDS

    def done(self) -> list[Instance]:
        """The instances, once the run has ended."""
        self.home.wait(self.is_done, f"{self.run_id} ends")
        return self.instances()

    def running(self, *, after: Instance | None = None) -> Instance:
        """The first instance that runs, once one does.

        :param after: only a later try than this one. If the run has ended without it, somebody clears it.
        """
        found: list[Instance] = []

        def runs() -> bool:
            if self.is_done():
                self.clear()
            found.extend(one for one in self.instances() if one.is_running and (not after or one.is_later(after)))
            return bool(found)

        self.home.wait(runs, f"{self.run_id} runs")
        return found[0]

    @property
    def _path(self) -> str:
        return f"dags/{self.dag_id}/dagRuns/{self.run_id}"


@contextmanager
def home(folder: Path, **environment: str) -> Iterator[Home]:
    """An Airflow that knows the DAGs; nothing of it is left when the block is."""
    with started(folder, **{**SETTINGS, **environment}) as airflow:
        found = Home(airflow)
        found.wait(found.knows_its_dags, "Airflow is there and has found the DAGs")
        yield found
