# SPDX-License-Identifier: Apache-2.0
"""Plays a scene: each measurement is one process, beside a sink of its own that must have got every number once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from tests.benchmarks.contender import PARAMETERS, ROOT, Contender, Job
from tests.benchmarks.people import table_of
from tests.benchmarks.scenes import Scene
from tests.benchmarks.sink import hashed

TIMEOUT = 1800
"""Seconds that no measurement comes near to."""
LAST_WORDS = 1500
"""Characters of a failed process's output that are shown."""
LOCAL_LEDGER = "uspeedo_ledger.db"
"""The ledger's file in a home, where no connection is named."""
CONNECTION_TYPES = {"postgresql": "postgres", "mysql": "mysql"}
DEFAULT_PORTS = {"postgres": 5432, "mysql": 3306}
SENDABLE = r"\(\d{2,3}\)\d{7,12}"
"""The form of the phones that the tables have."""
Figures = dict[str, Any]


class NotMeasured(Exception):
    """A process failed, or the sink did not get what it should have got."""


@dataclass(frozen=True)
class Place:
    """Where the processes of one ledger run.

    :param folder: their current one and their home.
    :param url: of the database with the ledger.
    :param ledger: the same as the fields of an Airflow connection; ``None``: the file in the folder.
    """

    folder: str
    url: URL
    ledger: dict[str, Any] | None


@dataclass(frozen=True)
class Stage:
    """Where everything is.

    :param work: tables are kept in it, and the folders of the processes made; on a disk, since a ledger writes to it.
    :param peers: the Python of the peers.
    :param server: makes an empty database of a kind and drops it afterwards.
    :param reads: the sink reads every message, and all together must be those of the table.
    """

    work: Path
    peers: Path
    server: Callable[[str], Any]
    reads: bool = False

    @property
    def tables(self) -> Path:
        """The folder of the tables."""
        return self.work / "tables"

    def play(self, scene: Scene, contender: Contender, module: str) -> dict[str, Figures]:
        """One measurement, and where the scene asks for it another one of a second run that has nothing to send.

        :raises NotMeasured: it is an error, not a figure.
        """
        table = table_of(scene.rows, self.tables)
        concurrency, latency = scene.concurrency or contender.concurrency, scene.latency
        with self.place(contender) as place:
            job = Job(str(table), "", place.folder, concurrency, place.ledger)
            found = {"first": self.measure(contender, module, job, scene.rows, latency=latency)}
            if contender.reruns and scene.reruns:
                found["again"] = self.measure(contender, module, job, 0, latency=latency, known=table)
        return found

    @contextmanager
    def place(self, contender: Contender) -> Iterator[Place]:
        """An empty folder, and an empty database if the contender needs one."""
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=self.work, prefix="run-"))
            if contender.database:
                url = stack.enter_context(self.server(contender.database))
                yield Place(folder, url, fields(url))
            else:
                yield Place(folder, URL.create("sqlite", database=str(Path(folder) / LOCAL_LEDGER)), None)

    def measure(
        self, contender: Contender, module: str, job: Job, numbers: int, *, latency: int = 0, known: Path | None = None
    ) -> Figures:
        """One process beside a sink of its own.

        :param numbers: so many the sink must get.
        :param latency: milliseconds.
        :param known: a table whose people were texted before; they must not get another message.
        :raises NotMeasured: it is an error, not a figure.
        """
        os.sync()  # what the one before left to be written is not this one's
        with sink(latency / 1000, reads=self.reads) as (url, came):
            figures = self._run(contender, module, replace(job, url=url))
        if came["numbers"] != numbers:
            raise NotMeasured(f"{contender.name}: the sink got {came['numbers']:,} numbers instead of {numbers:,}")
        if self.reads and came["content"] != content_of(Path(job.table), known) * len(job.campaigns):
            raise NotMeasured(f"{contender.name}: the sink got other messages than the table has")
        return {**figures, **came}

    def surroundings(self, contender: Contender, job: Job) -> dict[str, str]:
        """The environment of a process."""
        common = {"PATH": os.environ["PATH"], "HOME": job.folder, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        plain = {"NO_PROXY": "127.0.0.1", "NO_COLOR": "1", "COLUMNS": "300", "DO_NOT_TRACK": "1"}
        return {**common, **plain, **contender.environment(job)}

    def _run(self, contender: Contender, module: str, job: Job) -> Figures:
        python = str(self.peers) if contender.peer else sys.executable
        figures, output = Path(job.folder) / "figures.json", Path(job.folder) / "output.txt"
        figures.unlink(missing_ok=True)
        command = [python, "-m", "tests.benchmarks.measured", module, contender.name, json.dumps(asdict(job)), figures]
        surroundings = self.surroundings(contender, job)
        with output.open("wb") as file:
            code = run(command, cwd=job.folder, env=surroundings, stdout=file, stderr=file)
        if code or not figures.exists():
            raise NotMeasured(f"{contender.name} ended with {code}: ...{output.read_text()[-LAST_WORDS:]}")
        return dict(json.loads(figures.read_text()))


def run(command: Sequence[Any], **how: Any) -> int:
    try:
        return subprocess.run(command, timeout=TIMEOUT, check=False, **how).returncode
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"no end after {TIMEOUT} s") from None


def content_of(table: Path, known: Path | None = None) -> int:
    """The sum of the messages that a table asks for."""
    return sum(map(hashed, messages_of(table, known)))


def messages_of(table: Path, known: Path | None = None) -> Iterator[list[str]]:
    """Template, sender, phone and parameters, once for each phone that can be sent to and is not in ``known``."""
    from pyarrow import parquet

    texted = set(parquet.read_table(known, columns=["phone"])["phone"].to_pylist()) if known else set()
    for row in parquet.read_table(table).to_pylist():
        values = [row[name] for name in ("template", "sender", "phone", *PARAMETERS)]
        if row["phone"] not in texted and None not in values and re.fullmatch(SENDABLE, str(row["phone"])):
            texted.add(row["phone"])
            yield values


def fields(url: URL) -> dict[str, Any]:
    """A server's database as the fields of an Airflow connection."""
    conn_type = CONNECTION_TYPES[url.get_backend_name()]
    found = {"conn_type": conn_type, "host": url.host, "port": url.port or DEFAULT_PORTS[conn_type]}
    return {**found, "login": url.username, "password": url.password or "", "schema": url.database}


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
