# SPDX-License-Identifier: Apache-2.0
"""Where chaos is played: campaigns of real Airflow tasks in children that may be killed, and the vendor they call."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from tests.chaos.judge import complaints, digits, read_lines
from tests.chaos.people import truth, write
from tests.chaos.tries import Try
from tests.crash.people import Row
from tests.crash.programs import Child, Parent, Vendor
from tests.crash.truth import Arrival, Line, read_arrivals
from tests.leaks import numbers

MAX_ATTEMPTS = 8
"""Tries until nothing is *not sent* any more, when nobody kills them."""


class Stage:
    """One vendor and one forking parent with Airflow in it, for any number of scenes.

    :param ledgers: makes, or finds, the database of a kind.
    """

    def __init__(self, folder: Path, ledgers: Callable[[str], URL]) -> None:
        self._folder = folder
        self._ledgers = ledgers
        self._numbers = count(1)
        self.vendor = Vendor(folder)
        self.parent = Parent("tests.chaos.children", airflow_environment(folder / "airflow"))
        assert self.parent.ask("warm all") == "warm", "the children's parent could not start"

    def scene(
        self,
        kind: str,
        rows: Sequence[Row],
        *,
        plan: Mapping[str, Any] | None = None,
        timeout: float = 10.0,
        mistake: str = "",
        **arguments: Any,
    ) -> Scene:
        """A new campaign on a ledger of that kind.

        :param plan: what the vendor does wrongly, and how long it takes; see ``tests/crash/vendor.py``.
        :param timeout: seconds of one request, and of waiting for a request of another try.
        :param mistake: planted into every try of it.
        :param arguments: of the operator.
        """
        folder = self._folder / f"scene{next(self._numbers)}"
        folder.mkdir()
        (folder / "plan.json").write_text(json.dumps(plan or {}))
        scene = Scene(self, folder, self._ledgers(kind), f"{folder} {os.getpid()}", timeout, arguments, mistake)
        scene.put(rows)
        return scene

    def close(self) -> None:
        self.parent.close()
        self.vendor.close()


@dataclass
class Scene:
    """One campaign: its table, the vendor's plan and journal for it, and its lines in the ledger."""

    stage: Stage
    folder: Path
    ledger: URL
    campaign: str
    timeout: float
    arguments: dict[str, Any]
    mistake: str = ""
    rows: Sequence[Row] = ()
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def put(self, rows: Sequence[Row]) -> None:
        """From now on the table is this."""
        self.rows = rows
        write(rows, self.folder / "people.parquet")

    # -- tries --------------------------------------------------------------------------------------------------

    def start(self, **arguments: Any) -> Child:
        """A child that begins a try; of the arguments only those that are different this time."""
        number = next(self._numbers)
        report = self.folder / f"report{number}.json"
        one = Try(
            arguments=self._arguments() | arguments,
            environment=self._connections(),
            log=str(self.folder / "log"),
            report=str(report),
            try_number=number,
            mistake=self.mistake,
        )
        return self.stage.parent.fork(one.as_json(), report)

    def run(self, **arguments: Any) -> dict[str, Any]:
        """A try that ends by itself; what it told Airflow."""
        child = self.start(**arguments)
        assert (ended := child.wait()) == "ended 0", f"{ended}: {self.said()}"
        self.stage.vendor.quiet()
        return child.report()

    def finish(self, most: int = MAX_ATTEMPTS, **arguments: Any) -> dict[str, Any]:
        """Retries as Airflow would, until the task is done or has failed for good; the last report.

        A request that a killed process had under way stays *in flight* for ever, and so does the campaign's last word
        that it should be looked at again: that too is an end, if nothing is *not sent*.
        """
        for _ in range(most):
            report = self.run(**arguments)
            if report["state"] != "up_for_retry" or "explain in-flight" in report["error"]:
                return report
        raise AssertionError(f"after {most} tries the campaign is not through: {report['error']}")

    def kill(self, child: Child) -> bool:
        """``kill -9``; true if it was still alive. Returns when the vendor has dealt with what it had sent."""
        ended = child.wait(0)
        if not ended.startswith("ended"):
            child.kill()
            ended = child.wait()
        self.stage.vendor.quiet()
        return ended == "ended -9"

    def wait_until(self, what: Callable[[], bool], name: str, seconds: float = 60.0) -> None:
        """Waits for something outside that must come."""
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, f"{name}: not within {seconds} seconds; {self.said()}"
            time.sleep(0.002)

    # -- what is known of it ------------------------------------------------------------------------------------

    @property
    def journal_file(self) -> Path:
        return self.folder / "journal.jsonl"

    def journal(self) -> list[Arrival]:
        return read_arrivals(self.journal_file)

    def arrived(self) -> int:
        """How many requests the vendor has seen."""
        return self.journal_file.read_bytes().count(b"\n") if self.journal_file.exists() else 0

    def lines(self) -> list[Line]:
        return read_lines(self.ledger, self.campaign)

    def complaints(self, report: Mapping[str, Any] | None = None, **how: Any) -> list[str]:
        """What the judge says of it, and of what the tries logged and told Airflow.

        :param report: of the last try, if no other one was about.
        """
        summary = report["xcoms"].get("return_value") if report else None
        said = complaints(self.journal(), self.ledger, self.campaign, truth(self.rows), summary=summary, **how)
        return said[:20] + list(self._leaks())

    def said(self) -> str:
        """The end of the log, for whoever reads a failure."""
        log = self.folder / "log"
        return log.read_text()[-3000:] if log.exists() else "nothing was logged"

    def _leaks(self) -> Iterator[str]:
        """No phone is in a log, an XCom, an error or a rendered field."""
        phones = {digits(row.person).removeprefix("852") for row in self.rows if row.person}
        for file in (self.folder / "log", *self.folder.glob("report*.json")):
            if file.exists() and (found := {number[-8:] for number in numbers(file.read_text())} & phones):
                yield f"{len(found)} phones are in {file.name}"

    def _arguments(self) -> dict[str, Any]:
        return {
            "recipients": str(self.folder / "people.parquet"),
            "template_id_column": "template",
            "param_columns": ["name"],
            "campaign_id": self.campaign,
            "results_conn_id": "ledger",
            **self.arguments,
        }

    def _connections(self) -> dict[str, str]:
        uspeedo = {"conn_type": "uspeedo", "login": "id", "password": "a made-up secret"}
        uspeedo |= {"host": f"{self.stage.vendor.url}/{self.folder.name}", "extra": {"timeout": self.timeout}}
        return {
            "AIRFLOW_CONN_USPEEDO_DEFAULT": json.dumps(uspeedo),
            "AIRFLOW_CONN_LEDGER": json.dumps(connection_to_ledger(self.ledger)),
        }


def twice(scene: Scene) -> list[str]:
    """The phones that the vendor accepted more than once."""
    accepted = Counter(phone for arrival in scene.journal() for phone in arrival.accepted)
    return [phone for phone, times in accepted.items() if times > 1]


def connection_to_ledger(url: URL) -> dict[str, Any]:
    """The address of a database as an Airflow connection."""
    kind = {"sqlite": "sqlite", "postgresql": "postgres", "mysql": "mysql"}[url.get_backend_name()]
    if kind == "sqlite":
        return {"conn_type": kind, "host": url.database}
    about = {"host": url.host, "port": url.port, "login": url.username, "password": url.password}
    return {"conn_type": kind, "schema": url.database, **{name: value for name, value in about.items() if value}}


def airflow_environment(home: Path) -> dict[str, str]:
    """This process's environment with an Airflow of the stage's own, and no other setting of Airflow's."""
    (home / "dags").mkdir(parents=True)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    }


def sent_people(rows: Sequence[Row]) -> int:
    """How many people a table holds that can be texted."""
    return len({row.person for row in rows if row.sendable})


def random_of(seed: int, *about: object) -> random.Random:
    """Chance that is the same for the same seed and test."""
    return random.Random(f"{seed} {about}")
