# SPDX-License-Identifier: Apache-2.0
"""SIGTERM as Airflow sends it: on Airflow 3 it means ``on_kill`` and nothing else, and SIGKILL follows in five seconds.

(On Airflow 2 it raises in the main thread, and a minute is left.)
"""

from __future__ import annotations

import os
import random
import signal
import time

from tests.chaos.people import people
from tests.chaos.stage import Scene, Stage
from tests.crash.programs import Child

CHUNK_SIZE = 20
CONCURRENCY = 4
GRACE = 5.0
"""Seconds that Airflow gives a task which was told to end."""
TERMS, PEOPLE = 15, 4_000
TERMS_OF_SHORT_FORM, PEOPLE_OF_SHORT_FORM = 4, 1_200


def test_what_is_answered_within_the_grace_is_settled(
    stage: Stage, kind: str, chance: random.Random, long: bool
) -> None:
    """Told to end again and again, at random moments: nothing new leaves, no answer is lost, the next try goes on."""
    terms, number = (TERMS, PEOPLE) if long else (TERMS_OF_SHORT_FORM, PEOPLE_OF_SHORT_FORM)
    scene = stage.scene(
        kind, people(number, chance), plan={"latency": [0.02, 0.1]}, chunk_size=CHUNK_SIZE, concurrency=CONCURRENCY
    )
    for _ in range(terms):
        child = scene.start()
        wait_for_request(scene, child, scene.arrived() + chance.randint(1, 6))
        time.sleep(chance.uniform(0.0, 0.05))
        before = scene.arrived()
        ended = terminate(scene, child)
        assert ended == "ended 0", f"{ended}: it did not end by itself"
        assert scene.arrived() - before <= CONCURRENCY, "requests left after the task was told to end"
        assert scene.complaints() == []
        assert not [line for line in scene.lines() if line.status == "unknown"], "an answer that came was lost"
    report = scene.finish()
    assert report["state"] == "success"
    assert scene.complaints(report, finished=True) == []


def test_told_to_end_before_it_has_begun_it_begins_nothing(stage: Stage, chance: random.Random, long: bool) -> None:
    """While Airflow renders the task there is nothing to stop yet; what was said then still holds a moment later."""
    for _ in range(24 if long else 6):
        plan = {"latency": [0.02, 0.3]}
        scene = stage.scene("sqlite", people(600, chance), plan=plan, chunk_size=CHUNK_SIZE, concurrency=1)
        child = scene.start()
        time.sleep(chance.uniform(0.0, 0.3))
        before = scene.arrived()  # a fast machine may have begun by now
        assert terminate(scene, child) != "running", scene.said()
        assert scene.arrived() - before <= 2, "requests left after the task was told to end"
        assert not scene.arrived() or "unknown" not in {line.status for line in scene.lines()}


def test_a_task_that_was_stopped_says_so_and_may_be_retried(stage: Stage, kind: str, chance: random.Random) -> None:
    """What it tells Airflow: to try again, how far it came, and the page about it."""
    plan = {"latency": 0.2}
    scene = stage.scene(kind, people(200, chance), plan=plan, chunk_size=CHUNK_SIZE, concurrency=1)
    child = scene.start()
    wait_for_request(scene, child, 2)
    assert terminate(scene, child) == "ended 0"
    report = child.report()
    assert report["state"] in ("up_for_retry", "failed")  # on Airflow 2 the exception is Airflow's own
    if report["state"] == "up_for_retry":
        assert "airflow-uspeedo explain stopped" in report["error"]
        told = report["xcoms"]["return_value"]
        assert told["accepted"] == sum(line.status == "accepted" for line in scene.lines())
        assert told["requests"] == scene.arrived()


def test_an_answer_that_does_not_come_in_time_is_all_that_is_lost(
    stage: Stage, some_kind: str, chance: random.Random
) -> None:
    """One request is not answered within the grace: after SIGKILL its people are unknown, and nobody else."""
    plan = {"2": "held", "latency": 0.02}
    scene = stage.scene(some_kind, people(300, chance), plan=plan, timeout=20.0, chunk_size=CHUNK_SIZE, concurrency=2)
    child = scene.start()
    wait_for_request(scene, child, 5)
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait(GRACE) == "running"
    (scene.folder / "released").touch()
    os.kill(child.pid, signal.SIGSTOP)  # so that the answer is lost, however soon it comes now
    assert scene.kill(child)
    held = next(arrival for arrival in scene.journal() if arrival.fault == "held")
    unknown = [line.phone for line in scene.lines() if line.status == "unknown"]
    assert sorted(unknown) == sorted(held.phones)
    report = scene.finish()
    assert scene.complaints(report, finished=True, leeway=CHUNK_SIZE) == []
    assert sorted(line.phone for line in scene.lines() if line.status == "unknown") == sorted(held.phones)


def terminate(scene: Scene, child: Child) -> str:
    """SIGTERM; how it ended. On a busy machine what is in flight takes longer than Airflow's five seconds."""
    os.kill(child.pid, signal.SIGTERM)
    ended = child.wait()
    if ended == "running":
        scene.kill(child)
    scene.stage.vendor.quiet()
    return ended


def wait_for_request(scene: Scene, child: Child, number: int) -> None:
    scene.wait_until(lambda: scene.arrived() >= number or child.wait(0) != "running", f"request {number}")
