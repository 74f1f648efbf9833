# SPDX-License-Identifier: Apache-2.0
"""Mistakes planted into the loop, to see that these tests would see them."""

from __future__ import annotations

import re

import pytest

from tests.crash.endings import Endings
from tests.crash.gaps import CRASHED
from tests.crash.stage import Stage

TWICE = re.compile(r"was texted \d+ times")


def texted_twice(endings: Endings) -> bool:
    return any(TWICE.search(complaint) for complaint in endings.found)


@pytest.mark.parametrize("mistake", ["claim after send", "mark sending after send", "sending may be taken"])
def test_a_mistake_about_the_order_shows_at_the_first_crash_after_a_send(stage: Stage, mistake: str) -> None:
    """The vendor has the request and the ledger does not know: the next try sends it again."""
    scene = stage.scene()
    names = scene.copy().run(mistake=mistake)["gaps"]
    assert scene.crash(at=names.index("use the answer"), mistake=mistake)
    endings = Endings()
    endings.finish(scene, mistake, mistake=mistake)
    assert texted_twice(endings)


@pytest.mark.parametrize("fault", ["accept and drop", "500 after accepting", "truncated", "stall after accepting"])
def test_a_lost_answer_taken_as_not_sent_shows_at_every_lost_answer(stage: Stage, fault: str) -> None:
    """No crash is needed: the request is made again at once."""
    endings = Endings()
    endings.finish(stage.scene({2: fault}), fault, mistake="a lost answer is not sent")
    assert texted_twice(endings)


def test_a_claim_that_is_not_looked_at_again_shows_when_a_frozen_try_comes_back(stage: Stage) -> None:
    """Frozen after its claim and before *sending*, taken over, and awake again: it sends what is no longer its own."""
    mistake = "claim is not looked at again"
    scene = stage.scene()
    report = scene.copy().run(mistake=mistake)
    gap = report["gaps"].index("send")
    before = max(n for n in range(gap) if report["gaps"][n] == "BEGIN IMMEDIATE")
    frozen = scene.start(at=before, act="freeze", mistake=mistake)
    assert frozen.wait() == "frozen"
    scene.run(mistake=mistake)
    frozen.go_on()
    assert frozen.wait() != f"ended {CRASHED}"
    endings = Endings()
    endings.finish(scene, mistake)
    assert texted_twice(endings)


@pytest.mark.parametrize(
    ("fault", "truth"), [("partial, flat", "the truth is rejected"), ("short count", "the truth is unknown")]
)
def test_an_answer_taken_for_acceptance_shows_row_by_row(stage: Stage, fault: str, truth: str) -> None:
    """Nobody is texted twice, and yet the results lie: they are compared with the journal, not only counted."""
    endings = Endings()
    endings.finish(stage.scene({2: fault}), fault, mistake="answered is accepted")
    assert any(truth in complaint for complaint in endings.found)


def test_without_a_mistake_the_same_stories_end_well(stage: Stage) -> None:
    """The crash after a send, as above, with the loop as it is."""
    scene = stage.scene()
    assert scene.crash(at=scene.copy().run()["gaps"].index("use the answer"))
    endings = Endings()
    endings.finish(scene, "no mistake")
    assert endings.found == []
