# SPDX-License-Identifier: Apache-2.0
"""The table is another one at the next try: rows added, removed, reordered, corrected; with a kill in between."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.chaos.people import again, people, person
from tests.chaos.stage import Scene, Stage
from tests.crash.people import Row

CHUNK_SIZE = 20
CONCURRENCY = 3
PEOPLE = 600
TIMEOUT = 3.0
"""Seconds that the last try waits for the requests of those that were killed."""
Change = Callable[[Sequence[Row], random.Random], list[Row]]


def test_the_table_is_replaced_between_tries(stage: Stage, kind: str, chance: random.Random, long: bool) -> None:
    """Every change by itself, and any of them together; the results are about the table as it is in the end."""
    for n in range(len(CHANGES) * 3 if long else 3):
        names = [list(CHANGES)[n % len(CHANGES)]] if long else chance.sample(list(CHANGES), 2)
        scene = stage.scene(
            kind,
            people(PEOPLE, chance),
            plan={"latency": [0.01, 0.01]},
            timeout=TIMEOUT,
            chunk_size=CHUNK_SIZE,
            concurrency=CONCURRENCY,
        )
        kills = 0
        for _ in range(2):
            kills += killed_in_the_middle(scene, chance)
            for name in names:
                scene.put(CHANGES[name](scene.rows, chance))
        report = scene.finish()
        leeway = kills * CONCURRENCY * CHUNK_SIZE
        assert scene.complaints(report, finished=True, leeway=leeway) == [], names
        assert report["xcoms"]["return_value"]["rows"] == len(scene.rows), names


def test_what_was_texted_stays_in_the_results_when_the_table_is_empty(
    stage: Stage, kind: str, chance: random.Random
) -> None:
    """Nobody vanishes: those who were texted, or may have been, keep their lines without a row."""
    scene = stage.scene(kind, people(300, chance), plan={"latency": 0.01}, chunk_size=CHUNK_SIZE, concurrency=1)
    scene.run()
    scene.put([])
    report = scene.finish()
    assert report["state"] == "success"
    assert scene.complaints(report, finished=True) == []
    assert {line.row_number for line in scene.lines()} == {None}


def killed_in_the_middle(scene: Scene, chance: random.Random) -> bool:
    child = scene.start()
    wanted = scene.arrived() + chance.randint(1, 8)
    scene.wait_until(lambda: scene.arrived() >= wanted or child.wait(0) != "running", "some requests")
    hit = scene.kill(child)
    assert scene.complaints() == []
    return hit


def added(rows: Sequence[Row], chance: random.Random) -> list[Row]:
    """New people anywhere, and some who are there already."""
    longer = list(rows)
    for new in people(60, chance, first=1_000_000 + chance.randrange(1_000_000)):
        longer.insert(chance.randrange(len(longer) + 1), new)
    for row in chance.sample([row for row in rows if row.person], 10):
        longer.insert(chance.randrange(len(longer) + 1), again(row, chance))
    return longer


def removed(rows: Sequence[Row], chance: random.Random) -> list[Row]:
    return [row for row in rows if chance.random() < 0.7]


def reordered(rows: Sequence[Row], chance: random.Random) -> list[Row]:
    return chance.sample(list(rows), len(rows))


def corrected(rows: Sequence[Row], chance: random.Random) -> list[Row]:
    """Phones that were wrong are right, and some that were right are somebody else's."""
    first = 3_000_000 + chance.randrange(1_000_000)
    return [
        person(first + n, chance) if row.person is None or chance.random() < 0.1 else row for n, row in enumerate(rows)
    ]


def reworded(rows: Sequence[Row], chance: random.Random) -> list[Row]:
    """Other parameters, another template."""
    return [row._replace(name=row.name and f"dear {row.name}", template="T3") for row in rows]


def gone_bad(rows: Sequence[Row], chance: random.Random) -> list[Row]:
    """Some parameters are missing now, and some that were missing are there."""
    return [row._replace(name=None if chance.random() < 0.1 else row.name or "Found") for row in rows]


CHANGES: dict[str, Change] = {
    "added": added,
    "removed": removed,
    "reordered": reordered,
    "corrected": corrected,
    "reworded": reworded,
    "gone bad": gone_bad,
}
