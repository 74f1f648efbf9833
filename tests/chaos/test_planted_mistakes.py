# SPDX-License-Identifier: Apache-2.0
"""The suite can fail: with a mistake planted into the package, its scenarios find somebody texted twice, or a lie."""

from __future__ import annotations

import os
import random
import signal

from tests.chaos.people import people
from tests.chaos.stage import Scene, Stage

CHUNK_SIZE = 20


def scene_with(stage: Stage, mistake: str, chance: random.Random, plan: dict[str, object]) -> Scene:
    how = {"chunk_size": CHUNK_SIZE, "concurrency": 1, "timeout": 2.0}
    return stage.scene("sqlite", people(200, chance), plan=plan, mistake=mistake, **how)


def test_a_lost_answer_that_is_sent_again_is_seen(stage: Stage, chance: random.Random) -> None:
    """The mistake of a client that takes silence for a failure."""
    scene = scene_with(stage, "a lost answer is not sent", chance, {"3": "accept and drop"})
    scene.run()
    assert any("was texted 2 times" in complaint for complaint in scene.complaints())


def test_what_was_under_way_and_is_sent_again_is_seen(stage: Stage, chance: random.Random) -> None:
    """The mistake of a ledger that takes over from the dead what they may have sent."""
    scene = scene_with(stage, "sending may be taken", chance, {"3": "held"})
    child = scene.start()
    scene.wait_until(lambda: scene.arrived() == 3, "the third request")
    os.kill(child.pid, signal.SIGSTOP)
    (scene.folder / "released").touch()
    scene.kill(child)
    scene.run()
    assert any("was texted 2 times" in complaint for complaint in scene.complaints())


def test_a_claim_that_is_not_looked_at_again_is_seen(stage: Stage, chance: random.Random) -> None:
    """The mistake of a try that was taken for dead, comes back and goes on."""
    scene = scene_with(stage, "claim is not looked at again", chance, {"3": "held"})
    frozen = scene.start()
    scene.wait_until(lambda: scene.arrived() == 3, "the third request")
    os.kill(frozen.pid, signal.SIGSTOP)
    (scene.folder / "released").touch()
    scene.start().wait()
    frozen.go_on()
    frozen.wait()
    assert any("was texted 2 times" in complaint for complaint in scene.complaints())
