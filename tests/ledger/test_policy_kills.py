# SPDX-License-Identifier: Apache-2.0
"""A process is killed after every statement of a mark that judges its recipients; another one sends the rest.

Nobody is texted against a rule, nobody twice, nobody is lost, and the statuses add up.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.crash.programs import Parent
from tests.crash.stage import SHARED_MEMORY
from tests.ledger.policy_children import FOUND
from tests.ledger.policy_stories import DIED, NAMES, STORIES, Story
from tests.ledger.servers import SERVERS, empty_database
from tests.sampling import sampled

QUICK = ("listed", "everything", "a lost COMMIT of an emptied request")
"""The stories that are played on SQLite whenever the tests are, and on every server."""

PATIENCE = 300.0
"""Seconds after which a process that does not end is a failure: one goes on with all runs of a story."""
OTHERS = [story for story in STORIES if story not in QUICK]


def on_servers(kind: str) -> list[str]:
    """Those stories, and of the others a sample of the server's own; ``make slow`` plays all of them on SQLite."""
    return [*QUICK, *sampled(OTHERS, 4, f"policy kills on {kind}")]


@pytest.fixture(scope="module")
def parent() -> Iterator[Parent]:
    program = Parent("tests.ledger.policy_children")
    yield program
    program.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is such a place: some hundred processes write to a ledger of SQLite there."""
    where = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    with TemporaryDirectory(prefix="policy-kills-", dir=where) as name:
        yield Path(name)


class Runs:
    """The runs of one story on one ledger, each of which dies one gate later."""

    def __init__(self, parent: Parent, url: URL, story: str, folder: Path) -> None:
        self._parent, self._folder = parent, folder
        self._ledger = [url.render_as_string(hide_password=False), story, str(folder)]

    def killed_everywhere(self) -> int:
        """How many runs there are; the last one came to its end."""
        assert self._parent.ask(f"warm {json.dumps(self._ledger)}") == "warm"
        for at in count():
            if (ended := self._child(at, 0)) == "ended 0":
                return at + 1
            assert ended == f"ended {DIED}", f"gate {at}"
        raise AssertionError("a story has an end")

    def go_on(self, runs: int) -> list[list[dict[str, Any]]]:
        """What a new process finds, for each run."""
        assert self._child(None, runs) == "ended 0"
        return json.loads((self._folder / FOUND).read_text())  # type: ignore[no-any-return]

    def _child(self, run: int | None, runs: int) -> str:
        return self._parent.fork(json.dumps([*self._ledger, run, runs]), self._folder / FOUND).wait(PATIENCE)


def complaints(story: Story, found: list[dict[str, Any]]) -> list[str]:
    """What must not be so: under the rules, after a person has looked, and without rules."""
    (first, second, last), wrong = found, []
    for name in NAMES:
        expected = "not_sent" if name in story.late else "accepted"
        if name in story.listed + story.capped:
            expected = "suppressed"
        allowed = {expected} if name in story.forbidden else {expected, "unknown"}
        if first["statuses"][name] not in allowed:
            wrong.append(f"{name} is {first['statuses'][name]} before a person has looked")
        if second["statuses"][name] != expected:
            wrong.append(f"{name} is {second['statuses'][name]} under the rules")
        if name in story.forbidden and second["texted"].get(name):
            wrong.append(f"{name} was texted against a rule")
        if (last["statuses"][name], last["texted"].get(name)) != ("accepted", 1):
            wrong.append(f"{name} is {last['statuses'][name]} in the end, and was texted {last['texted'].get(name)}x")
    return wrong + [f"the rows are {one['rows']}" for one in found if one["rows"] != [*range(1, len(NAMES) + 1)]]


@pytest.mark.parametrize(
    ("kind", "story"),
    [
        *(
            pytest.param("sqlite", story, id=f"sqlite-{story}", marks=[] if story in QUICK else pytest.mark.slow)
            for story in STORIES
        ),
        *(
            pytest.param(*kind.values, story, id=f"{kind.id}-{story}", marks=[*kind.marks, pytest.mark.slow])
            for kind in SERVERS
            for story in on_servers(str(kind.id))
        ),
    ],
    indirect=["kind"],
)
def test_a_mark_that_judges_may_be_killed_anywhere(parent: Parent, kind: str, story: str, folder: Path) -> None:
    """By each rule alone and all of them, with requests that are emptied, and repeated after a lost acknowledgement."""
    with empty_database(kind, folder) as url:
        ledger = Ledger(open_engine(url))
        ledger.prepare()
        ledger.close()
        runs = Runs(parent, url, story, folder)
        number = runs.killed_everywhere()
        found = runs.go_on(number)
    assert [f"gate {at}: {text}" for at, of_it in enumerate(found) for text in complaints(STORIES[story], of_it)] == []
    # After the COMMIT of a mark, whether something was sent is unknown; but not where nothing is left to be sent.
    unknown = ["unknown" in first["statuses"].values() for first, *_ in found]
    emptied = not STORIES[story].probe and set(NAMES[:3]) <= {*STORIES[story].forbidden, *STORIES[story].proven}
    assert number > 8
    assert any(unknown) != emptied
