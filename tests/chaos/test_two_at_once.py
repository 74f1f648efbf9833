# SPDX-License-Identifier: Apache-2.0
"""Two processes of one campaign at once: one frozen in mid-request while another finishes, or both racing."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import Any

from tests.chaos.people import people
from tests.chaos.stage import Scene, Stage
from tests.crash.programs import Child

CHUNK_SIZE = 20
HELD_UP = 3.0
"""Seconds that another try gets while the frozen one may hold a lock that the database cannot take from it."""


def frozen_in_mid_request(stage: Stage, kind: str, chance: random.Random) -> tuple[Scene, Child]:
    """A try that was frozen when the vendor had accepted its fourth request; the answer is there when it wakes up."""
    rows = people(300, chance)
    plan = {"4": "held", "latency": 0.005}
    scene = stage.scene(kind, rows, plan=plan, timeout=2.0, chunk_size=CHUNK_SIZE, concurrency=1)
    child = scene.start()
    scene.wait_until(lambda: scene.arrived() == 4, "the fourth request")
    freeze(child)
    (scene.folder / "released").touch()
    return scene, child


def test_a_frozen_try_that_comes_back_settles_its_request_and_sends_no_other(
    stage: Stage, kind: str, chance: random.Random
) -> None:
    """The new try texts all the others, and says that one request is still in flight; nobody is lost in the end."""
    scene, frozen = frozen_in_mid_request(stage, kind, chance)
    other = ended(scene, scene.start(chunk_size=33, concurrency=2))
    assert (other["state"], "explain in-flight" in other["error"]) == ("up_for_retry", True)
    assert other["xcoms"]["return_value"]["unknown"] == len(scene.journal()[3].phones)
    assert scene.complaints(other, finished=True, leeway=CHUNK_SIZE) == []
    before = scene.arrived()
    frozen.go_on()
    ended(scene, frozen)
    assert scene.arrived() == before, "what had been taken over was sent once more"
    assert scene.complaints() == []
    assert_all_is_known(scene, scene.finish())


def test_a_frozen_try_that_dies_after_all_leaves_its_request_unknown(
    stage: Stage, kind: str, chance: random.Random
) -> None:
    """Only the request that it had under way is unknown, however often the task is tried again."""
    scene, frozen = frozen_in_mid_request(stage, kind, chance)
    ended(scene, scene.start())
    assert scene.kill(frozen)
    for _ in range(2):
        report = scene.finish()
        assert scene.complaints(report, finished=True, leeway=CHUNK_SIZE) == []
        unknown = [line.phone for line in scene.lines() if line.status == "unknown"]
        assert sorted(unknown) == sorted(scene.journal()[3].phones)


def test_attempts_that_are_frozen_anywhere_send_no_duplicates(
    stage: Stage, kind: str, chance: random.Random, long: bool
) -> None:
    """Frozen at random moments, in a transaction perhaps; nobody dies, so in the end everything is known."""
    for _ in range(12 if long else 2):
        rows = people(1_000, chance)
        plan = {"latency": [0.01, 0.01]}
        scene = stage.scene(kind, rows, plan=plan, timeout=20.0, chunk_size=CHUNK_SIZE, concurrency=4)
        first = scene.start()
        time.sleep(chance.uniform(0.2, 1.0))
        frozen = freeze(first)
        second = scene.start(chunk_size=chance.randint(10, 50))
        second.wait(HELD_UP)
        if frozen:
            first.go_on()
        for child in (first, second):
            assert_counts_its_rows(scene, ended(scene, child))
        assert_all_is_known(scene, scene.finish())


def test_tries_that_race_share_the_people_between_them(
    stage: Stage, kind: str, chance: random.Random, long: bool
) -> None:
    """With requests of different sizes, and all started together: each says how all rows fared, and nobody waits."""
    for _ in range(10 if long else 2):
        rows = people(2_000, chance)
        scene = stage.scene(kind, rows, plan={"latency": [0.005, 0.01]}, timeout=20.0)
        sizes = [chance.randint(7, 60) for _ in range(3)]
        racing = [scene.start(chunk_size=size, concurrency=chance.randint(1, 6)) for size in sizes]
        reports = [ended(scene, child) for child in racing]
        for report in reports:
            assert_counts_its_rows(scene, report)
        assert scene.complaints() == []
        assert_all_is_known(scene, scene.finish())


def freeze(child: Child) -> bool:
    """SIGSTOP; false if it had ended before."""
    if child.wait(0) != "running":
        return False
    os.kill(child.pid, signal.SIGSTOP)
    return child.wait() == "frozen"


def ended(scene: Scene, child: Child) -> dict[str, Any]:
    assert (how := child.wait()) == "ended 0", f"{how}: {scene.said()}"
    return child.report()


def assert_counts_its_rows(scene: Scene, report: dict[str, Any]) -> None:
    """Whatever the others do meanwhile, a try counts every row of its own reading once."""
    assert report["xcoms"]["return_value"]["rows"] == len(scene.rows), report


def assert_all_is_known(scene: Scene, report: dict[str, Any]) -> None:
    assert report["state"] == "success", report["error"]
    assert scene.complaints(report, finished=True) == []
