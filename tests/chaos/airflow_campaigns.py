# SPDX-License-Identifier: Apache-2.0
"""Campaigns of a running Airflow: each with a table, a ledger, and an address and a journal at the vendor."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.chaos.airflow_home import PATIENCE, Home, Run, home
from tests.chaos.judge import complaints, digits, read_lines
from tests.chaos.people import truth, write
from tests.chaos.stage import connection_to_ledger, sent_people
from tests.crash.people import Row
from tests.crash.programs import Vendor
from tests.crash.truth import Arrival, Line, read_arrivals
from tests.ledger.acting import resolve

CHUNK_SIZE = 20
CONCURRENCY = 2
IN_FLIGHT = CHUNK_SIZE * CONCURRENCY
"""Recipients whose requests one task has under way when it dies: so many may be unknown for each kill."""
LATENCY = [0.2, 0.3]
"""Seconds that a request takes at most before its numbers are written down, and after."""
TIMEOUT = 2
"""Seconds of one request, and of waiting for a request of another try."""
_numbers = count(1)


class Theatre:
    """One Airflow and one vendor, for any number of campaigns."""

    def __init__(self, folder: Path, home: Home, vendor: Vendor) -> None:
        self.home = home
        self._folder = folder
        self._vendor = vendor

    def campaign(self, rows: Sequence[Row], ledger: URL, latency: Sequence[float] = LATENCY) -> Campaign:
        """A new campaign, to text these people."""
        name = f"campaign{next(_numbers)}"
        folder = self._folder / "vendor" / name
        folder.mkdir()
        (folder / "plan.json").write_text(json.dumps({"latency": latency}))
        write(rows, folder / "people.parquet")
        self._connect(name, ledger)
        return Campaign(name, self.home, folder, ledger, rows)

    def _connect(self, name: str, ledger: URL) -> None:
        extra = json.dumps({"timeout": TIMEOUT})
        at_vendor = {"conn_type": "uspeedo", "login": "id", "password": "a made-up secret", "extra": extra}
        self.home.connect(f"{name}_vendor", host=f"{self._vendor.url}/{name}", **at_vendor)
        self.home.connect(f"{name}_ledger", **connection_to_ledger(ledger))


@contextmanager
def theatre(folder: Path, **environment: str) -> Iterator[Theatre]:
    """Opens one; everything in it ends with the block."""
    (folder / "vendor").mkdir()
    vendor = Vendor(folder / "vendor")
    try:
        with home(folder / "airflow", **environment) as airflow:
            yield Theatre(folder, airflow, vendor)
    finally:
        vendor.close()


@dataclass(frozen=True)
class Campaign:
    """One campaign."""

    name: str
    home: Home
    folder: Path
    ledger: URL
    rows: Sequence[Row]

    @property
    def conf(self) -> dict[str, Any]:
        """What a DAG run is given."""
        return {
            "table": str(self.folder / "people.parquet"),
            "campaign": self.name,
            "ledger": f"{self.name}_ledger",
            "vendor": f"{self.name}_vendor",
            "chunk_size": CHUNK_SIZE,
            "concurrency": CONCURRENCY,
        }

    def trigger(self, dag_id: str, name: str = "run") -> Run:
        return self.home.trigger(dag_id, f"{self.name}_{name}", self.conf)

    def arrivals(self) -> list[Arrival]:
        return read_arrivals(self.folder / "journal.jsonl")

    def wait_for_requests(self, number: int) -> None:
        """Waits until the vendor has seen so many more than now, or as good as all."""
        most = sent_people(self.rows) // CHUNK_SIZE - 2
        wanted = min(len(self.arrivals()) + number, most)
        deadline = time.monotonic() + PATIENCE
        while (found := len(self.arrivals())) < wanted:
            assert time.monotonic() < deadline, f"{found} requests came in {PATIENCE} seconds, not {wanted}"
            time.sleep(0.02)

    def lines(self) -> list[Line]:
        return read_lines(self.ledger, self.name)

    def statuses(self) -> Counter[str]:
        return Counter(line.status for line in self.lines())

    def complaints(self, *, kills: int = 0) -> list[str]:
        """What the judge says of it once it is finished.

        :param kills: of tasks that may have had requests under way.
        """
        about = (self.arrivals(), self.ledger, self.name, truth(self.rows))
        return complaints(*about, finished=True, leeway=kills * IN_FLIGHT)[:20]

    def resolve(self) -> None:
        """Says of everybody who is unknown what a person can read in the vendor's journal."""
        texted = {digits(phone) for arrival in self.arrivals() for phone in arrival.accepted}
        unknown = {line.key: digits(line.phone) for line in self.lines() if line.status == "unknown" and line.key}
        ledger = Ledger(open_engine(self.ledger), "uspeedo_results")
        try:
            for as_sent in (True, False):
                keys = [bytes.fromhex(key) for key, phone in unknown.items() if (phone in texted) is as_sent]
                if keys:
                    assert resolve(ledger, self.name, as_sent=as_sent, by="Pat", only=keys) == len(keys)
        finally:
            ledger.close()

    def finish(self, *runs: Run) -> None:
        """A person settles what nobody knows, and one Clear of each run later everybody has been texted, once."""
        self.resolve()
        for run in runs:
            run.clear()
        assert {one.state for run in runs for one in run.done()} == {"success"}
        assert self.statuses().keys() <= {"accepted", "duplicate", "invalid"}
        texted = Counter(digits(phone) for arrival in self.arrivals() for phone in arrival.accepted)
        assert Counter(texted.values()) == {1: sent_people(self.rows)}
