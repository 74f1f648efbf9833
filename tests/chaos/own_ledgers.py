# SPDX-License-Identifier: Apache-2.0
"""Campaigns whose ledger has a place of the test's own: a server that may be killed, a proxy before it, a tiny disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import URL

from tests.chaos.database_servers import DatabaseServer
from tests.chaos.people import person
from tests.chaos.proxy import Fault, Link, proxy
from tests.chaos.stage import Scene, Stage, connection_to_ledger, random_of
from tests.chaos.tries import PATIENCE
from tests.crash.people import Row
from tests.crash.programs import Child

CHUNK_SIZE = 3
PEOPLE = [person(number, random_of(1)) for number in range(8)]
"""Eight people: three requests."""
HASTY = (1.0, 1.0)
"""Seconds for which a try waits for its ledger, and for which it offers an answer, where it shall give up soon."""


@dataclass
class OwnScene(Scene):
    """A campaign on a ledger of its own.

    :param route: the address that the task is given, if it is not the ledger's own.
    :param patience: seconds for which the task waits for the ledger, and offers it an answer; ``None``: its own.
    """

    route: URL | None = None
    patience: tuple[float, float] | None = None

    def ended(self, child: Child) -> dict[str, Any]:
        """What a try told Airflow when it had ended by itself."""
        assert (how := child.wait()) == "ended 0", f"{how}: {self.said()}"
        self.stage.vendor.quiet()
        return child.report()

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def release(self) -> None:
        """The vendor answers the request that it held."""
        (self.folder / "released").touch()

    def _connections(self) -> dict[str, str]:
        found = super()._connections()
        found["AIRFLOW_CONN_LEDGER"] = json.dumps(connection_to_ledger(self.route or self.ledger))
        return found | ({PATIENCE: json.dumps(self.patience)} if self.patience else {})


def scene_on(
    stage: Stage,
    ledger: URL,
    rows: Sequence[Row] = PEOPLE,
    *,
    route: URL | None = None,
    patience: tuple[float, float] | None = None,
    **how: Any,
) -> OwnScene:
    """A new campaign on that ledger, one request at a time unless the test says otherwise."""
    how = {"chunk_size": CHUNK_SIZE, "concurrency": 1, "timeout": 2.0, **how}
    made = stage.scene("sqlite", rows, **how)
    return OwnScene(**{**vars(made), "ledger": ledger, "route": route, "patience": patience})


@contextmanager
def behind_proxy(
    stage: Stage, server: DatabaseServer, before: Callable[[Link, bytes], Fault | None], **how: Any
) -> Iterator[OwnScene]:
    """A new campaign in an empty database, whose task reaches it through a proxy."""
    ledger = server.url(server.empty_database())
    with proxy(server.kind, server.port, before) as between:
        yield scene_on(stage, ledger, route=ledger.set(port=between.port), **how)


def assert_done(scene: Scene, report: dict[str, Any], *, leeway: int = 0) -> None:
    """The task has succeeded, or only waits for the word on ``leeway`` people at most; and the results are true."""
    assert report["state"] == "success" or (leeway and "explain in-flight" in report["error"]), report["error"]
    said = scene.complaints(report, finished=True, leeway=leeway)
    assert not said, said


def assert_given_up(scene: Scene, report: dict[str, Any], *words: str) -> None:
    """The task has failed so that it is tried again, and said why and where; what is recorded is true."""
    assert report["state"] == "up_for_retry", report
    for word in words:
        assert word in report["error"], report["error"]
    said = scene.complaints()
    assert not said, said
