# SPDX-License-Identifier: Apache-2.0
"""Where crashes are played: scenes with a ledger each, children that run on them, and the vendor they call."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from tests.crash.gaps import CRASHED
from tests.crash.one_try import Try, as_json
from tests.crash.people import LATER
from tests.crash.programs import Child, Parent, Vendor
from tests.crash.truth import Arrival, Line, Truth, read_arrivals, read_lines

SHARED_MEMORY = Path("/dev/shm")


class Stage:
    """One vendor and one forking parent, for any number of scenes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count(1)
        self._nowhere = socket.socket()
        self._nowhere.bind(("127.0.0.1", 0))  # bound and never listening: every connection is refused
        self._vendor = Vendor(folder)
        self.url = self._vendor.url
        self.quiet = self._vendor.quiet
        self.parent = Parent("tests.crash.children")
        self.parent.ask(f"warm {as_json(self._new_scene('warm').tries())}")

    @cached_property
    def empty(self) -> Scene:
        """A scene whose ledger has its tables and nothing in them."""
        scene = self._new_scene("empty")
        scene.run(prepare_only=True)
        return scene

    def scene(self, plan: Mapping[int, str] | None = None, *, ledger: bool = True) -> Scene:
        """A new scene.

        :param plan: number of a request that comes -> fault.
        :param ledger: the tables are there already.
        """
        made = self.empty.copy() if ledger else self._new_scene()
        made.plan(plan or {})
        return made

    def close(self) -> None:
        """Both programs end when their input does."""
        for program in (self.parent, self._vendor):
            program.close()
        self._nowhere.close()

    def new_folder(self, name: str = "") -> Path:
        folder = self.folder / (name or f"scene{next(self._numbers)}")
        folder.mkdir()
        return folder

    @property
    def nowhere(self) -> int:
        return int(self._nowhere.getsockname()[1])

    def _new_scene(self, name: str = "") -> Scene:
        return Scene(self, self.new_folder(name))


@dataclass
class Scene:
    """One campaign's ledger, the vendor's plan and journal for it, and what was done to it.

    :param crashes: requests that may have been under way when a try died.
    :param table: what the last try read.
    :param resolved: a person has spoken.
    """

    stage: Stage
    folder: Path
    crashes: int = 0
    table: str = "the same"
    resolved: bool = False
    _numbers: Iterator[int] = field(default_factory=count)

    def tries(self, **what: Any) -> Try:
        name = f"report{next(self._numbers)}.json"
        return Try(str(self.folder), self.stage.url, self.stage.nowhere, report=name, **what)

    def plan(self, faults: Mapping[int, str]) -> None:
        """What goes wrong: number of a request that comes -> fault."""
        (self.folder / "plan.json").write_text(json.dumps(faults))

    def start(self, **what: Any) -> Child:
        """A child that begins a try (see :class:`.one_try.Try`)."""
        self.table = what.get("table", self.table)
        one = self.tries(**what | {"table": self.table})
        return self.stage.parent.fork(as_json(one), self.folder / one.report)

    def run(self, **what: Any) -> dict[str, Any]:
        """A try that ends by itself; its report."""
        child = self.start(**what)
        assert (ended := child.wait()) == "ended 0", ended
        self.stage.quiet()
        return child.report()

    def crash(self, *, at: int, **what: Any) -> bool:
        """A try that dies in a gap; false if it ended before it came there."""
        ended = self.start(at=at, **what).wait()
        assert ended in ("ended 0", f"ended {CRASHED}"), ended
        self.stage.quiet()
        crashed = ended == f"ended {CRASHED}"
        self.crashes += crashed
        return crashed

    def copy(self) -> Scene:
        """The same ledger and journal, as a dead try left them, in another folder."""
        folder = self.stage.new_folder()
        for file in self.folder.iterdir():
            if not file.name.startswith("report"):
                shutil.copyfile(file, folder / file.name)
        return replace(self, folder=folder)

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    # -- what is known of it ------------------------------------------------------------------------------------

    def arrivals(self) -> list[Arrival]:
        return read_arrivals(self.folder / "journal.jsonl")

    def lines(self) -> list[Line]:
        return read_lines(self.folder / "ledger.db")

    def complaints(self, report: Mapping[str, Any] | None = None) -> list[str]:
        """Everything in the results that is not the truth.

        :param report: of the last try, if no other one was about.
        """
        stopped = bool(report and report["cause"])
        truth = Truth(self.arrivals(), crashes=self.crashes, resolved=self.resolved, partly_read=stopped)
        return truth.complaints(LATER[self.table], self.lines(), report["summary"] if report and not stopped else None)

    def state(self) -> str:
        """All that a later try can find, without what differs between two runs of the same: ids and times."""
        with tempfile.TemporaryDirectory(dir=self.stage.folder) as folder:
            for file in self.folder.glob("ledger.db*"):
                shutil.copyfile(file, Path(folder) / file.name)
            with contextlib.closing(sqlite3.connect(Path(folder) / "ledger.db")) as ledger:
                tables = _tables(ledger)
        others = [
            (file.name, file.read_text()) for file in sorted(self.folder.glob("[!l]*")) if "report" not in file.name
        ]
        return repr((tables, others, self.crashes, self.table))


TIMES = ("claimed_at", "sent_at", "settled_at", "created_at", "started_at", "ended_at", "received_at")


def _tables(ledger: sqlite3.Connection) -> dict[str, list[str]]:
    """All rows of all tables; ids of requests are renamed to what can be told without them."""
    ledger.row_factory = sqlite3.Row
    names = [row[0] for row in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    rows = {name: [dict(row) for row in ledger.execute(f"SELECT * FROM {name}")] for name in names}
    new_names = _new_names(rows)
    return {name: sorted(repr(_bare(name, row, new_names)) for row in found) for name, found in rows.items()}


def _new_names(rows: Mapping[str, list[dict[str, Any]]]) -> dict[bytes, str]:
    held: dict[bytes, list[bytes]] = {row["id"]: [] for row in rows.get("uspeedo_requests", ())}
    for row in rows.get("uspeedo_recipients", ()):
        held[row["request_id"]].append(row["key"])
    by_content = sorted(
        rows.get("uspeedo_requests", ()),
        key=lambda row: (row["attempt_no"], sorted(held[row["id"]]), row["state"], row["id"]),
    )
    return {row["id"]: f"request {number}" for number, row in enumerate(by_content)}


def _bare(table: str, row: dict[str, Any], new_names: Mapping[bytes, str]) -> dict[str, Any]:
    changed = {name: "a time" for name in TIMES if row.get(name)} | ({"uuid": ""} if "uuid" in row else {})
    identity = "id" if table == "uspeedo_requests" else "request_id"
    for name in (identity, "proven_request_id"):
        if row.get(name):
            changed[name] = new_names[row[name]]
    return row | changed


@contextlib.contextmanager
def open_stage() -> Iterator[Stage]:
    where = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="crash-", dir=where) as folder:
        stage = Stage(Path(folder))
        try:
            yield stage
        finally:
            stage.close()
