# SPDX-License-Identifier: Apache-2.0
"""The tools, each set up as its own documents say, and how to read what it reports."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parents[2]
KEYS = {"USPEEDO_KEY": "key", "USPEEDO_SECRET": "not-a-secret"}


@dataclass(frozen=True)
class Place:
    """Where one tool plays one scene.

    :param peers: the folder with the peers' ``python`` and ``drt``.
    :param database: the URL of an empty PostgreSQL database, for those that keep their ledger there.
    """

    folder: Path
    table: Path
    url: str
    peers: Path
    database: Any


@dataclass(frozen=True)
class Reported:
    """What one run of a tool said.

    :param code: its exit code, negative for a signal.
    :param sent: rows that it calls sent, or ``None`` if it did not come to say so.
    :param words: its own words, without ids, times and phones.
    """

    code: int
    sent: int | None
    words: str

    @property
    def success(self) -> bool:
        return self.code == 0


@dataclass(frozen=True)
class Tool:
    """One row of the table.

    :param name: of the row.
    :param distribution: whose version counts.
    :param settings: what is set, and what is left at its default, in words.
    :param command: what its user types.
    :param prepare: writes its files.
    :param environment: beside what all have.
    :param read: its output to the rows it calls sent and its words.
    :param ledger: it needs the database.
    :param people: in the table; fewer where a request carries one.
    :param slow: seconds that an answer takes where two runs are to meet.
    """

    name: str
    distribution: str
    settings: str
    command: Callable[[Place], Sequence[str]]
    read: Callable[[str], tuple[int | None, str]]
    prepare: Callable[[Place], None] = lambda place: None
    environment: Callable[[Place], dict[str, str]] = lambda place: {}
    ledger: bool = False
    people: int = 5000
    slow: float = 0.5

    def surroundings(self, place: Place) -> dict[str, str]:
        """The whole environment of its process: nothing of this one's but where programs are."""
        common = {"PATH": os.environ["PATH"], "HOME": str(place.folder), "LANG": "C.UTF-8", "NO_PROXY": "127.0.0.1"}
        plain = {"NO_COLOR": "1", "COLUMNS": "300", "DO_NOT_TRACK": "1", "RUNTIME__DLTHUB_TELEMETRY": "false"}
        return {**common, **plain, **KEYS, **self.environment(place)}


def reported(output: str) -> int | None:
    """The number after REPORT, which our own programs print last."""
    found = re.search(r"^REPORT (.*)$", output, re.MULTILINE)
    return int(json.loads(found[1])["sent"]) if found else None


# -- this package ----------------------------------------------------------------------------------------------------


def of_airflow(output: str) -> tuple[int | None, str]:
    """The counts, which it raises when something went wrong, and logs, a line for each; the rest names a page."""
    raised = re.search(r"^(Airflow\w+) (?:(.*?) )??Of [\d,]+ rows", output, re.MULTILINE)
    counts = re.findall(r"Of [\d,]+ rows: [^;]+", output)
    if raised is None:
        rows = re.findall(r"Of ([\d,]+) rows \(", output)
        found = re.findall(r"\] +([\d,]+)  ([a-z_]+)(?= |$)", output, re.MULTILINE)
        counts = [f"Of {rows[-1]} rows: {', '.join(map(' '.join, found))}"] if rows else []
    lead = f"{raised[1]}: {raised[2]} " if raised else ""
    return reported(output), f"{lead}{counts[-1]}" if counts else ""


def airflow_home(place: Place) -> dict[str, str]:
    extra = {"timeout": 5}
    connection = {"conn_type": "uspeedo", "login": "key", "password": "not-a-secret", "host": place.url, "extra": extra}
    return {
        "AIRFLOW_HOME": str(place.folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_USPEEDO_DEFAULT": json.dumps(connection),
    }


# -- drt ---------------------------------------------------------------------------------------------------------------


def drt_project(attempts: int, *, ledger: bool) -> Callable[[Place], None]:
    """A folder as ``drt init`` makes it."""

    def write(place: Place) -> None:
        url = place.database
        values = {"table": place.table, "url": place.url, "attempts": attempts}
        values |= {"host": url.host, "port": url.port or 5432, "user": url.username, "database": url.database}
        for source, target in (("syncs/texts.yml", "syncs/texts.yml"), ("profiles.yml", ".drt/profiles.yml")):
            (place.folder / target).parent.mkdir(exist_ok=True)
            text = Template((PROGRAMS / "drt" / source).read_text()).substitute(values)
            (place.folder / target).write_text(text)
        project = (PROGRAMS / "drt" / "drt_project.yml").read_text()
        more = (PROGRAMS / "drt" / "ledger.yml").read_text() if ledger else ""
        (place.folder / "drt_project.yml").write_text(project + more)

    return write


def of_drt(output: str) -> tuple[int | None, str]:
    end = next(iter(re.findall(r"[✓⚠✗] .*$", output, re.MULTILINE)), "")
    counts = {name: int(number) for number, name in re.findall(r"(\d+) (synced|skipped|failed)", end)}
    return counts["synced"] + counts.get("skipped", 0) if counts else None, re.sub(r" *\([\d.]+s\)$", "", end)


def drt(name: str, settings: str, attempts: int, *, ledger: bool) -> Tool:
    return Tool(
        name,
        "drt-core",
        settings,
        lambda place: [str(place.peers / "drt"), "run"],
        of_drt,
        drt_project(attempts, ledger=ledger),
        lambda place: {"LEDGER_PASSWORD": place.database.password or ""},
        ledger=True,
    )


# -- dlt ---------------------------------------------------------------------------------------------------------------


DLT_KEEPS_FAILED = {
    "LOAD__RAISE_ON_FAILED_JOBS": "false",
    "LOAD__PARALLELISM_STRATEGY": "sequential",
    "NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS": "1000",
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "1000",
}


def of_dlt(output: str) -> tuple[int | None, str]:
    """What it says of its load package, or the class of what it raised."""
    raised = re.findall(r"^(?:\w+\.)*([A-Z]\w*(?:Error|Exception|Failed|NotFound))(?::|$)", output, re.MULTILINE)
    ends = re.findall(r"^Load package \S+ is (.*)$", output, re.MULTILINE)
    if ends:
        return reported(output), " and ".join(dict.fromkeys(f"Load package ... is {end}" for end in ends))
    return reported(output), raised[-1] if raised else ""


def dlt(name: str, settings: str, batch_size: int, *, keep_failed: bool = False, **about: Any) -> Tool:
    def command(place: Place) -> list[str]:
        program = str(PROGRAMS / "with_dlt.py")
        more = ["keep-failed"] if keep_failed else []
        return [str(place.peers / "python"), program, str(place.table), place.url, str(batch_size), *more]

    settled = DLT_KEEPS_FAILED if keep_failed else {}
    return Tool(name, "dlt", settings, command, of_dlt, environment=lambda place: settled, **about)


# -- the SDK -----------------------------------------------------------------------------------------------------------


def of_sdk(output: str) -> tuple[int | None, str]:
    return reported(output), next(iter(re.findall(r"^\d+ accepted, .*$", output, re.MULTILINE)), "")


TOOLS = (
    Tool(
        "this package",
        "airflow-provider-uspeedo",
        "`SendBatchSMSOperator` with the defaults of its arguments, ledger in SQLite; `timeout` of the connection 5 s",
        lambda place: [sys.executable, "-m", "tests.comparison.programs.with_airflow", str(place.table)],
        of_airflow,
        environment=airflow_home,
    ),
    drt("drt", "`rest_api` in batch mode, `batch_size: 1000`, retries by default (3 attempts)", 3, ledger=False),
    drt(
        "drt, ledger",
        "the same with `state.backend: warehouse` (PostgreSQL), `state.idempotency: true`, `idempotency_key` the phone",
        3,
        ledger=True,
    ),
    drt("drt, ledger, no retries", "the same with `retry.max_attempts: 1`", 1, ledger=True),
    dlt("dlt", "`@dlt.destination(batch_size=1000)`, retries by default (5 in a run)", 1000),
    dlt(
        "dlt, failed jobs kept",
        "the same with one file for each batch, loaded one at a time, every error raised as "
        "`DestinationTerminalException`, and `load.raise_on_failed_jobs=false`",
        1000,
        keep_failed=True,
    ),
    dlt(
        "dlt, batches of 1",
        "`batch_size=1`, as its page says for systems that tolerate no duplicates; 100 people, since each is a request",
        1,
        people=100,
        slow=0.05,
    ),
    Tool(
        "SDK in a loop",
        "uspeedo-sdk-py",
        "1000 people a call, `max_retries: 3`, and up to 3 tries of a call that raised",
        lambda place: [str(place.peers / "python"), str(PROGRAMS / "with_sdk.py"), str(place.table), place.url],
        of_sdk,
    ),
)
