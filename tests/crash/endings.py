# SPDX-License-Identifier: Apache-2.0
"""How every story must end: a new process goes on, a person settles what nobody knows, and everyone has one message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.crash.stage import Scene

MAX_ATTEMPTS = 4
"""Tries until nothing is *not sent* any more, each of them stopped by at most one fault of the plan."""


class Endings:
    """Resumes scenes and complains. What two crashes left alike, down to the last cell, is resumed once.

    :param once_more: when all is done, another try must send nothing.
    """

    def __init__(self, *, once_more: bool = True) -> None:
        self._once_more = once_more
        self.found: list[str] = []
        self.resumed = 0
        self._seen: set[str] = set()

    def is_new(self, scene: Scene) -> bool:
        state = scene.state()
        new = state not in self._seen
        self._seen.add(state)
        return new

    def finish(self, scene: Scene, told: str, **what: Any) -> None:
        """Resumes a scene that nobody works on any more, to the very end, and removes it."""
        self.resumed += 1
        self.found += [f"{told}: {complaint}" for complaint in resume(scene, once_more=self._once_more, **what)]
        scene.remove()

    def finish_if_new(self, scene: Scene, told: str, **what: Any) -> None:
        if self.is_new(scene):
            self.finish(scene, told, **what)
        else:
            scene.remove()


def resume(scene: Scene, *, once_more: bool, **what: Any) -> Iterator[str]:
    """Tries until all is sent that can be, then has a person settle what is unknown, and tries again."""
    yield from _until_sent(scene, **what)
    for _ in range(MAX_ATTEMPTS):
        if not (unknown := [line for line in scene.lines() if line.status == "unknown"]):
            break
        texted = {phone for arrival in scene.arrivals() for phone in arrival.accepted}
        scene.run(resolve=[line.key for line in unknown if line.phone in texted])
        scene.resolved = True
        yield from _until_sent(scene, **what)
    yield from (f"{line.phone} is unknown in the end" for line in scene.lines() if line.status == "unknown")
    if once_more:
        yield from _nothing_more(scene, **what)


def _nothing_more(scene: Scene, **what: Any) -> Iterator[str]:
    report = scene.run(**what)
    if report["summary"]["requests"] or report["summary"]["accepted_now"] or report["summary"]["not_sent"]:
        yield "a campaign that was done went on"
    yield from scene.complaints(report)


def _until_sent(scene: Scene, **what: Any) -> Iterator[str]:
    for _ in range(MAX_ATTEMPTS):
        report = scene.run(**what)
        yield from scene.complaints(report)
        if report["cause"]:
            continue
        if not report["summary"]["not_sent"]:
            return
        yield "a try that met no trouble left somebody not sent"
    yield f"after {MAX_ATTEMPTS} attempts the campaign is not through"
