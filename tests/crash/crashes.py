# SPDX-License-Identifier: Apache-2.0
"""Crashes in every gap of a try, and the states that they leave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.crash.stage import Scene, Stage
from tests.sampling import sampled

SHARE = 4
"""One in so many combinations of a crash and something else is in a sample."""


@dataclass(frozen=True)
class Crashed:
    """What a crash in a gap left; the gap is the first that leaves it."""

    gap: int
    scene: Scene


def gaps_of(scene: Scene, **what: Any) -> list[str]:
    """The gaps of a try that goes on from this scene, if nothing kills it."""
    trial = scene.copy()
    names: list[str] = trial.run(**what)["gaps"]
    trial.remove()
    return names


def crash_in_each(scene: Scene, gaps: Iterable[int], **what: Any) -> Iterator[Crashed]:
    """One crash in each of the gaps, each in a copy of the scene; every state that is left, once."""
    seen: set[str] = set()
    for gap in gaps:
        dying = scene.copy()
        if dying.crash(at=gap, **what) and (state := dying.state()) not in seen:
            seen.add(state)
            yield Crashed(gap, dying)
        else:
            dying.remove()


class OneCrash:
    """Every state that one crash leaves, without faults and with one.

    A fault is the vendor's and shows only in the answer to its request. So what a crash leaves before that request is
    taken from the try without faults.
    """

    def __init__(self, stage: Stage, **what: Any) -> None:
        self._what = what
        self._empty = stage.scene()
        self._stage = stage
        self.gaps = gaps_of(self._empty, **what)
        self.states = list(crash_in_each(self._empty, range(len(self.gaps)), **what))

    def with_fault(self, request: int, fault: str) -> Iterator[Crashed]:
        """The same with one fault, at the request of that number, counted from 1.

        Of the crashes before it and of those after it a sample, another one for each request and fault.
        """
        plan, drawn = {request: fault}, f"{fault} at {request}"
        sends = [gap for gap, name in enumerate(self.gaps) if name == "send"]
        for state in sampled([state for state in self.states if state.gap <= sends[request - 1]], SHARE, drawn):
            before = state.scene.copy()
            before.plan(plan)
            yield Crashed(state.gap, before)
        scene = self._stage.scene(plan)
        rest = range(sends[request - 1] + 1, len(gaps_of(scene, **self._what)))
        yield from crash_in_each(scene, sampled(rest, SHARE, drawn), **self._what)
        scene.remove()


one_crash = cache(OneCrash)
"""The states of one crash on a stage, made once: those who go on from one of them copy it."""
