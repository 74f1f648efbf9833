# SPDX-License-Identifier: Apache-2.0
"""``kill -9`` of the task at random moments of one campaign, again and again; each time a new process goes on."""

from __future__ import annotations

import random
import time
from collections import Counter

from tests.chaos.people import people
from tests.chaos.stage import Scene, Stage, twice
from tests.ledger.servers import select

CHUNK_SIZE = 10
CONCURRENCY = 4
LATENCY = [0.004, 0.008]
"""Seconds that the vendor takes at most, before it accepts and before it answers: a kill finds requests in both."""
TIMEOUT = 3.0
"""Seconds that the last try waits for the requests of those that were killed."""
KILLS, PEOPLE = 50, 8_000
KILLS_OF_SHORT_FORM, PEOPLE_OF_SHORT_FORM = 10, 2_000
JUDGED = 5
"""After every fifth kill the results are judged as they stand; after each of them, the journal."""


def test_killed_again_and_again_everyone_is_texted_at_most_once(
    stage: Stage, kind: str, chance: random.Random, long: bool
) -> None:
    """Whenever it dies, nobody is texted twice, and nobody is unknown but those of requests that were under way."""
    kills, number = (KILLS, PEOPLE) if long else (KILLS_OF_SHORT_FORM, PEOPLE_OF_SHORT_FORM)
    scene = stage.scene(
        kind,
        people(number, chance),
        plan={"latency": LATENCY},
        timeout=TIMEOUT,
        chunk_size=CHUNK_SIZE,
        concurrency=CONCURRENCY,
    )
    share = number // CHUNK_SIZE // kills // 2
    hit = 0
    for n in range(1, kills + 1):
        hit += kill_somewhere(scene, share, chance)
        assert twice(scene) == []
        assert n % JUDGED or scene.complaints() == []
    assert hit > kills * 0.8, f"only {hit} of {kills} kills found the task alive"
    report = scene.finish()
    assert scene.complaints(report, finished=True, leeway=hit * CONCURRENCY * CHUNK_SIZE) == []
    assert lost_requests(scene) <= CONCURRENCY
    assert report["state"] in ("success", "up_for_retry")
    again = scene.finish()
    assert again["xcoms"]["return_value"]["requests"] == 0, "a campaign that was through went on"


def kill_somewhere(scene: Scene, share: int, chance: random.Random) -> bool:
    """A try, killed at a random moment: of its time, or just after a request of it has come to the vendor."""
    child = scene.start()
    enough, seconds = scene.arrived() + chance.randint(1, share), 60.0
    if chance.random() < 0.3:
        enough, seconds = scene.arrived() + share, chance.uniform(0.0, 0.9)
    deadline = time.monotonic() + seconds
    while scene.arrived() < enough and time.monotonic() < deadline and child.wait(0) == "running":
        time.sleep(0.001)
    time.sleep(chance.uniform(0.0, 0.01))
    return scene.kill(child)


def lost_requests(scene: Scene) -> int:
    """The most requests that one dead try left *sending*: no more than it may have under way."""
    states = select(scene.ledger, "SELECT attempt_no, state FROM uspeedo_requests WHERE campaign_no = " + number(scene))
    lost = Counter(attempt for attempt, state in states if state == "sending")
    return max(lost.values(), default=0)


def number(scene: Scene) -> str:
    return f"(SELECT campaign_no FROM uspeedo_campaigns WHERE name = '{scene.campaign}')"
