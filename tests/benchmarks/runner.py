# SPDX-License-Identifier: Apache-2.0
"""Plays a scene: each measurement is one process, beside a sink of its own that must have got every number once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.contender import PARAMETERS, ROOT, Contender, Job
from tests.benchmarks.people import table_of
from tests.benchmarks.scenes import Scene
from tests.benchmarks.sink import hashed

LONGEST = 1800
"""Seconds that no measurement comes near to."""
LAST_WORDS = 1500
"""Characters of a failed process's output that are shown."""
Figures = dict[str, Any]


class NotMeasured(Exception):
    """A process failed, or the sink did not get what it should have got."""


@dataclass(frozen=True)
class Stage:
    """Where everything is.

    :param work: tables are kept in it, and the folders of the processes made; on a disk, since a ledger writes to it.
    :param peers: the Python of the peers.
    :param server: makes an empty PostgreSQL database and drops it afterwards.
    :param reads: the sink reads every message, and all together must be those of the table.
    """

    work: Path
    peers: Path
    server: Callable[[], Any]
    reads: bool = False

    def play(self, scene: Scene, contender: Contender, module: str) -> dict[str, Figures]:
        """One measurement, and where the scene asks for it another one of a second run that has nothing to send.

        :raises NotMeasured: it is an error, not a figure.
        """
        table = table_of(scene.rows, self.work / "tables")
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=self.work, prefix="run-"))
            ledger = fields(stack.enter_context(self.server())) if contender.database else None
            job = Job(str(table), "", folder, scene.concurrency or contender.concurrency, ledger)
            found = {"first": self._measure(scene, contender, module, job, scene.rows)}
            if contender.reruns and scene.reruns:
                found["again"] = self._measure(scene, contender, module, job, 0)
        return found

    def _measure(self, scene: Scene, contender: Contender, module: str, job: Job, numbers: int) -> Figures:
        os.sync()  # what the one before left to be written is not this one's
        with sink(scene.latency / 1000, reads=self.reads) as (url, came):
            figures = self._run(contender, module, Job(**{**asdict(job), "url": url}))
        if came["numbers"] != numbers:
            raise NotMeasured(f"{contender.name}: the sink got {came['numbers']:,} numbers instead of {numbers:,}")
        if self.reads and came["content"] != (content_of(Path(job.table)) if numbers else 0):
            raise NotMeasured(f"{contender.name}: the sink got other messages than the table has")
        return {**figures, **came}

    def _run(self, contender: Contender, module: str, job: Job) -> Figures:
        python = str(self.peers) if contender.peer else sys.executable
        figures, output = Path(job.folder) / "figures.json", Path(job.folder) / "output.txt"
        figures.unlink(missing_ok=True)
        command = [python, "-m", "tests.benchmarks.measured", module, contender.name, json.dumps(asdict(job)), figures]
        common = {"PATH": os.environ["PATH"], "HOME": job.folder, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        plain = {"NO_PROXY": "127.0.0.1", "NO_COLOR": "1", "COLUMNS": "300", "DO_NOT_TRACK": "1"}
        surroundings = {**common, **plain, **contender.environment(job)}
        with output.open("wb") as file:
            code = run(command, cwd=job.folder, env=surroundings, stdout=file, stderr=file)
        if code or not figures.exists():
            raise NotMeasured(f"{contender.name} ended with {code}: ...{output.read_text()[-LAST_WORDS:]}")
        return dict(json.loads(figures.read_text()))


def run(command: Sequence[Any], **how: Any) -> int:
    try:
        return subprocess.run(command, timeout=LONGEST, check=False, **how).returncode
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"no end after {LONGEST} s") from None


def content_of(table: Path) -> int:
    """The sum of the messages that a table asks for."""
    from pyarrow import parquet

    columns = ("template", "sender", "phone", *PARAMETERS)
    return sum(hashed([row[name] for name in columns]) for row in parquet.read_table(table).to_pylist())


def fields(url: Any) -> dict[str, Any]:
    """A database's URL as the fields of an Airflow connection."""
    found = {"host": url.host, "port": url.port or 5432, "login": url.username, "schema": url.database}
    return {**found, "password": url.password or ""}


@contextmanager
def sink(latency: float, *, reads: bool = False) -> Iterator[tuple[str, Figures]]:
    """A sink's URL, and what came, which is filled in at the end.

    :param latency: seconds.
    """
    program = Path(__file__).with_name("sink.py")
    command = [sys.executable, "-I", "-S", str(program), str(latency), *(["read"] if reads else [])]
    came: Figures = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin
        assert running.stdout
        try:
            yield f"http://127.0.0.1:{int(running.stdout.readline())}", came
        finally:
            running.stdin.close()
            last = json.loads(running.stdout.readline() or "{}")
            came |= {"sink_cpu" if name == "cpu" else name: value for name, value in last.items()}
