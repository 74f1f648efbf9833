# SPDX-License-Identifier: Apache-2.0
"""Storms: several attempts and a person at once, with faults of database and vendor at random; then the truth.

``--storm-run=N`` plays only run N of a seed, ``--storm-runs=N`` as many.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.chaos.conftest import KINDS, OpenStorm
from tests.chaos.storm.run import play
from tests.chaos.storm.storm_mistakes import MISTAKES

RUNS = 500
SHORT_RUNS = {"sqlite": 8, "postgresql": 4, "mysql": 4}
CAUGHT_WITHIN = 40
SHORT_MISTAKES = 2
IN_LOCK_ORDER = ("sqlite", "postgresql", "mysql")
"""Kinds on which no two transactions lock in opposite orders: the database finds no deadlock by itself."""
MUST_HAPPEN = {
    "stops the campaign", "resumes the campaign", "has re-opened rejected people", "dies",
    "is told to stop", "stands still before the socket",
    "is frozen for minutes before the socket", "was held up for too long, and drops",
    "gives up a request that is still under way", "calls unknown", "has released", "may not send",
    "at its database: closed", "at its database: deadlock", "at its database: away", "at its database: cancelled",
    "its commit fails: acknowledgement lost", "its commit fails: taken back", "'lost after'", "'500 before'",
    "'rejects some'", "'refused whole'", "'held'", "'slow'", "'miscounts'",
}  # fmt: skip
"""Otherwise a storm of the long form was none."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_storm_ends_in_the_truth(kind: str, open_storm: OpenStorm, pytestconfig: pytest.Config, seed: int) -> None:
    """No second text, rows that add up, nothing accepted that the vendor did not accept, and nothing left over."""
    only, long = pytestconfig.getoption("--storm-run"), pytestconfig.getoption("--chaos") == "long"
    number = pytestconfig.getoption("--storm-runs") or (RUNS if long else SHORT_RUNS[kind])
    database, happened = open_storm(kind), Counter[str]()
    failed: list[str] = []
    for run in range(number) if only is None else [only]:
        played = play(f"{seed}/{run}", database, f"storm {seed}/{run}")
        happened += played.counts
        if played.complaints:
            again = f"pytest -m chaos tests/chaos/test_storm.py -k '{kind} and truth' --chaos-seed={seed} "
            again += f"--storm-run={run}"
            told = [f"Run {run}. Its draws again (threads may meet otherwise):", again, *played.complaints]
            failed.append("\n".join(told))
        assert len(failed) < 5, "\n\n".join(failed)
    for what, times in sorted(happened.items()):
        print(f"{times:>7} {what}")
    print(f"{database.deadlocks.total():>7} deadlocks that the database found by itself")
    for met, times in database.deadlocks.most_common():
        print(f"{times:>7} {met}")
    assert failed == [], "\n\n".join(failed)
    assert kind not in IN_LOCK_ORDER or not database.deadlocks, database.deadlocks
    if only is None and number >= RUNS:
        assert happened.keys() >= MUST_HAPPEN, MUST_HAPPEN - happened.keys()


def planted_mistakes(config: pytest.Config) -> Iterator[tuple[str, str]]:
    """All of them on every kind of database where they do harm; in the short form some, on SQLite."""
    pairs = [(kind, name) for name, mistake in MISTAKES.items() for kind in mistake.kinds]
    if config.getoption("--chaos", "short") == "long":
        yield from pairs
        return
    on_sqlite = [pair for pair in pairs if pair[0] == "sqlite"]
    yield from random.Random(f"{config.getoption('--chaos-seed', 1)} mistakes").sample(on_sqlite, SHORT_MISTAKES)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "planted" in metafunc.fixturenames:
        metafunc.parametrize("planted", list(planted_mistakes(metafunc.config)), ids=": ".join)


def test_a_planted_mistake_is_seen(planted: tuple[str, str], open_storm: OpenStorm, seed: int) -> None:
    """A storm is worth something: with one rule of the protocol left out, it does not end in the truth."""
    kind, mistake = planted
    with MISTAKES[mistake].plant(kind):
        database = open_storm(kind)
        for run in range(CAUGHT_WITHIN):
            if complaints := play(f"{seed}/{run}", database, f"storm {run}").complaints:
                print(f"run {run}: {complaints[0]}")
                return
    pytest.fail(f"{CAUGHT_WITHIN} storms did not show that {mistake}")
