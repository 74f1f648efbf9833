# SPDX-License-Identifier: Apache-2.0
"""Two live tries of one campaign: frozen and resumed, killed while frozen, or simply both at once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.crash.crashes import SHARE
from tests.crash.endings import Endings
from tests.crash.gaps import CRASHED, WHEN_FREE
from tests.crash.people import PEOPLE
from tests.crash.programs import PATIENCE
from tests.crash.stage import Scene, Stage
from tests.sampling import sampled

HELD_UP = 0.05
"""Seconds: long enough to see that the other try cannot go on, since the frozen one holds the ledger's only pen."""


def gaps(stage: Stage, **what: object) -> list[tuple[int, bool]]:
    """The gaps of an undisturbed try; true for those inside a transaction that writes."""
    scene = stage.scene()
    report = scene.run(**what)
    return list(enumerate(report["writing"]))


@pytest.mark.parametrize(
    ("threads", "step"),
    [
        ("in turn", 9),
        pytest.param("in turn", 1, marks=pytest.mark.slow),
        pytest.param("at the end", 2, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("act", ["freeze", "freeze and die"])
def test_one_is_frozen_in_a_gap_and_goes_on_when_the_other_is_done(
    stage: Stage, threads: str, act: str, step: int
) -> None:
    """A try that was taken for dead comes back (or dies at last): what it sends then is only what is still its own."""
    endings = Endings()
    for gap, writing in sampled(gaps(stage, threads=threads)[::step], 1 if step > 2 else SHARE, f"{act}, {threads}"):
        scene = stage.scene()
        frozen = scene.start(at=gap, act=act, threads=threads)
        assert frozen.wait() == "frozen"
        other = scene.start(threads=threads, patience=0.01)
        other.wait(HELD_UP if writing else PATIENCE)
        frozen.go_on()
        assert frozen.wait() == ("ended 0" if act == "freeze" else f"ended {CRASHED}")
        assert other.wait() == "ended 0"
        scene.crashes += act == "freeze and die"
        for child in [other] if act == "freeze and die" else [other, frozen]:
            endings.found += [f"{act} in gap {gap}: {text}" for text in lost_rows(child.report())]
        end(endings, scene, f"{act} in gap {gap}, {threads}")
    assert endings.found == []


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 4))])
def test_both_are_frozen_in_turn(stage: Stage, seed: int) -> None:
    """One is frozen, the other runs into a gap of its own; the first ends, then the second: a spread of such pairs."""
    chance = random.Random(seed)
    number = len(gaps(stage))
    endings = Endings()
    for one, other in [(chance.randrange(number), chance.randrange(number)) for _ in range(30 if seed else 8)]:
        scene = stage.scene()
        first = scene.start(at=one, act=WHEN_FREE)
        reached = first.wait()
        second = scene.start(at=other, act=WHEN_FREE)
        for child, state in ((first, reached), (second, second.wait())):
            if state == "frozen":
                child.go_on()
            assert child.wait() == "ended 0"
        end(endings, scene, f"frozen in gaps {one} and {other}")
    assert endings.found == []


@pytest.mark.parametrize(
    "seeds", [range(8), *(pytest.param(range(n, n + 20), marks=pytest.mark.slow) for n in range(100, 160, 20))], ids=str
)
def test_both_at_once(stage: Stage, seeds: range) -> None:
    """Two tries begin together, with three threads each and random pauses in every gap."""
    endings = Endings()
    for seed in sampled(seeds, 1 if len(seeds) == 8 else 2, str(seeds)):
        scene = stage.scene()
        both = [scene.start(threads="real", seed=2 * seed + n, patience=60.0) for n in (0, 1)]
        assert [child.wait() for child in both] == ["ended 0", "ended 0"]
        for child in both:
            endings.found += [f"seed {seed}: {text}" for text in (*lost_rows(child.report()), *guesses(child.report()))]
        end(endings, scene, f"seed {seed}")
    assert endings.found == []


def lost_rows(report: dict[str, Any]) -> Iterator[str]:
    """Whatever the other one does meanwhile, a try counts every row of its own reading once."""
    if report["summary"]["rows"] != len(PEOPLE):
        yield f"a try counts {report['summary']['rows']} rows"


def guesses(report: dict[str, Any]) -> Iterator[str]:
    """Neither one died, so a try that waits for the other has nothing to guess."""
    if report["summary"]["unknown"] or report["cause"]:
        yield f"{report['summary']['unknown']} unknown, {report['cause'] or 'no cause'}"


def end(endings: Endings, scene: Scene, told: str) -> None:
    """What both left is the truth already, and so is what follows."""
    scene.stage.quiet()
    endings.found += [f"{told}: {complaint}" for complaint in scene.complaints()]
    endings.finish_if_new(scene, told)
