# SPDX-License-Identifier: Apache-2.0
"""An Airflow whose tasks run on Celery workers, each of which may be lost with everything on it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from sqlalchemy.engine import URL

from tests.airflow.scheduler import free_port
from tests.chaos.airflow_campaigns import Theatre, theatre
from tests.ledger.servers import empty_database

RABBITMQ = os.environ.get("USPEEDO_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672//")
QUEUE = f"uspeedo_test_{os.getpid()}"
"""A queue of this process's own, as RabbitMQ is shared."""


class Workers:
    """The Celery workers of one Airflow."""

    def __init__(self, stage: Theatre, folder: Path) -> None:
        self.stage = stage
        self._folder = folder
        self._airflow = stage.home.airflow

    def start(self, name: str) -> None:
        """A worker with room for two tasks."""
        files = ["--pid", str(self._folder / f"{name}.pid"), "--skip-serve-logs"]
        alone = ["--without-gossip", "--without-mingle", "--queues", QUEUE]
        self._airflow.start(name, ["celery", "worker", "-c", "2", "-H", f"{name}@localhost", *files, *alone])

    def family(self, name: str) -> list[psutil.Process]:
        """A worker and all that it has started."""
        worker = psutil.Process(self._airflow.running[name].pid)
        return [worker, *worker.children(recursive=True)]

    def lose(self, name: str) -> None:
        """``kill -9`` of a worker and all that runs on it, as when its machine is gone."""
        for process in self.family(name):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._airflow.running.pop(name).wait()

    def busy(self, *pids: int | None) -> list[str]:
        """The workers that run one of these processes."""
        names = [name for name in self._airflow.running if name.startswith("worker")]
        return [name for name in names if {process.pid for process in self.family(name)} & set(pids)]

    def delivered_twice(self) -> bool:
        """True once the broker has delivered one and the same task a second time, to whichever worker."""
        logs = "".join(file.read_text() for file in self._airflow.home.glob("worker-*.out"))
        return any(
            times > 1 for times in Counter(re.findall(r"Task execute_workload\[(\S+)\] received", logs)).values()
        )


@contextmanager
def celery(folder: Path, broker: str, **environment: str) -> Iterator[Workers]:
    """An Airflow with the CeleryExecutor and no worker yet; its own database is on PostgreSQL."""
    with (
        empty_database("postgresql", folder) as metadata,
        theatre(
            folder,
            **{
                "AIRFLOW__CELERY__BROKER_URL": broker,
                "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{in_full(metadata)}",
                "AIRFLOW__CELERY__SYNC_PARALLELISM": "1",
                "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": in_full(metadata),
                "AIRFLOW__OPERATORS__DEFAULT_QUEUE": QUEUE,
                **environment,
            },
        ) as stage,
    ):
        yield Workers(stage, folder)


def in_full(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """The address of a Redis of its own, which remembers nothing."""
    program = shutil.which("redis-server")
    if program is None:
        refuse_or_skip("there is no redis-server on PATH")
    port = free_port()
    options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with subprocess.Popen([str(program), "--port", str(port), *options], stdout=subprocess.DEVNULL) as server:
        try:
            wait_for_port(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


@contextmanager
def rabbitmq() -> Iterator[str]:
    """The address of a RabbitMQ that runs already; nothing of ours is left in it."""
    from kombu import Connection

    try:
        with Connection(RABBITMQ, connect_timeout=5) as connection:
            connection.ensure_connection(max_retries=1)
    except OSError:
        refuse_or_skip(f"no RabbitMQ at {RABBITMQ}; set USPEEDO_TEST_RABBITMQ to the URL of one")
    with ExitStack() as afterwards:
        afterwards.callback(forget_queue)
        yield RABBITMQ


def forget_queue() -> None:
    from kombu import Connection

    with Connection(RABBITMQ, connect_timeout=5) as connection:
        connection.channel().queue_delete(QUEUE)


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        with closing(socket.socket()) as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, "Redis did not start"
        time.sleep(0.05)


def refuse_or_skip(reason: str) -> None:
    """Skips the test, except in CI, where that is a failure."""
    if os.environ.get("USPEEDO_CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
