# SPDX-License-Identifier: Apache-2.0
"""Plays one scene with one tool, in processes of their own, and measures it from the vendor's journal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from tests.comparison import people
from tests.comparison.scenes import Runs, Scene
from tests.comparison.tools import ROOT, TOOLS, Place, Reported, Tool
from tests.ledger.servers import empty_database

TIMEOUT = 120.0
"""Seconds that no run comes near to."""
SETTLING = 1.0
"""Seconds between the third request and the kill: what was answered by then has been written down by the tool."""


@dataclass(frozen=True)
class Outcome:
    """What came of one scene, in people; the vendor's journal says it.

    :param texted_twice: people with two messages or more.
    :param messages_too_many: messages beyond the first of each.
    :param not_texted: people who got none and whom the vendor did not reject.
    :param not_texted_called_sent: of those, how many a run called sent.
    :param rejected: people whom the vendor rejected and who got none.
    :param rejected_called_sent: of those, how many a run called sent.
    :param runs: what each run reported.
    """

    people: int
    requests: int
    texted_twice: int
    messages_too_many: int
    not_texted: int
    not_texted_called_sent: int
    rejected: int
    rejected_called_sent: int
    runs: list[Reported]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def play(tool: Tool, scene: Scene, peers: Path) -> Outcome:
    """Plays it in an empty folder that is gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="comparison-")))
        database = stack.enter_context(empty_database("postgresql", folder)) if tool.ledger else None
        many = scene.people if scene.people and tool.people == TOOLS[0].people else tool.people
        found = people.rows(many, repeated=scene.repeated)
        people.write(folder / "people.parquet", found)
        slow = {"slow": tool.slow} if scene.runs is Runs.TWO_AT_ONCE else {}
        down = {"down": scene.down} if scene.down else {}
        (folder / "plan.json").write_text(json.dumps({**scene.faults, **slow, **down}))
        url = stack.enter_context(vendor(folder))
        place = Place(folder, folder / "people.parquet", url, peers, database)
        tool.prepare(place)
        runs = stack.enter_context(Player(tool, place)).play(scene.runs, pause=scene.down)
        return measure([row["phone"] for row in found], journal(folder), runs)


@contextmanager
def vendor(folder: Path) -> Iterator[str]:
    """The vendor of one folder; its base URL."""
    program = Path(__file__).with_name("vendor.py")
    command = [sys.executable, "-I", "-S", str(program), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        yield f"http://127.0.0.1:{int(running.stdout.readline())}"
        running.stdin.close()


def journal(folder: Path) -> list[dict[str, Any]]:
    """The whole journal, when nobody writes to it any more."""
    path = folder / "journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def arrived(folder: Path) -> int:
    """Requests so far; the journal's last line may be half written."""
    path = folder / "journal.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


class Player:
    """Starts one tool, as its user would."""

    def __init__(self, tool: Tool, place: Place) -> None:
        self._tool = tool
        self._place = place
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        """Nothing that was started stays behind, whatever happened."""
        for running in self._started:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()

    def play(self, how: Runs, *, pause: float = 0.0) -> list[Reported]:
        """What each run reported, in order.

        :param pause: seconds before a run that follows one which did not report success.
        """
        if how is Runs.TWO_AT_ONCE:
            both = [self._start(), self._start()]
            self._wait_for(1)
            if any(running.poll() == 0 for running in self._started):
                raise RuntimeError(f"{self._tool.name}: one run ended well before any had begun to send")
            return [self._end(*one) for one in both]
        done = [self._killed()] if how is Runs.KILLED_ONCE else []
        done.append(self._end(*self._start()))
        if not done[-1].success:
            time.sleep(pause)
            done.append(self._end(*self._start()))
        return done

    def _start(self) -> tuple[subprocess.Popen[bytes], Path]:
        output = self._place.folder / f"output{len(self._started) + 1}.txt"
        where = {"PYTHONPATH": str(ROOT)} if self._tool.command(self._place)[0] == sys.executable else {}
        with output.open("wb") as file:
            running = subprocess.Popen(
                self._tool.command(self._place),
                cwd=self._place.folder,
                env={**self._tool.surroundings(self._place), **where},
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self._started.append(running)
        return running, output

    def _end(self, running: subprocess.Popen[bytes], output: Path) -> Reported:
        code = running.wait(timeout=TIMEOUT)
        return Reported(code, *self._tool.read(output.read_text()))

    def _killed(self) -> Reported:
        running, output = self._start()
        if not self._wait_for(3):
            raise RuntimeError(f"{self._tool.name} ended before its third request")
        time.sleep(SETTLING)
        os.killpg(running.pid, signal.SIGKILL)
        return self._end(running, output)

    def _wait_for(self, requests: int) -> bool:
        """True when so many have come, false if every run has ended before."""
        deadline = time.monotonic() + TIMEOUT
        while arrived(self._place.folder) < requests:
            if all(running.poll() is not None for running in self._started):
                return False
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self._tool.name}: request {requests} did not come")
            time.sleep(0.01)
        return True


def measure(rows: list[str], calls: list[dict[str, Any]], runs: list[Reported]) -> Outcome:
    """The journal against the table and against what was reported."""
    texted = Counter(phone for call in calls for phone in call["accepted"])
    rejected = {phone for call in calls for phone in call["rejected"]} - texted.keys()
    everybody = set(rows)
    true_rows = sum(phone in texted for phone in rows)
    rejected_rows = sum(phone in rejected for phone in rows)
    called = max((run.sent for run in runs if run.sent is not None), default=0)
    wrong = max(0, min(called, len(rows)) - true_rows)  # a run that took over another's work counts a row twice
    return Outcome(
        people=len(everybody),
        requests=len(calls),
        texted_twice=sum(times > 1 for times in texted.values()),
        messages_too_many=sum(times - 1 for times in texted.values()),
        not_texted=len(everybody - texted.keys() - rejected),
        not_texted_called_sent=max(0, wrong - rejected_rows),
        rejected=len(rejected),
        rejected_called_sent=min(wrong, rejected_rows),
        runs=runs,
    )
