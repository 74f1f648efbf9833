# SPDX-License-Identifier: Apache-2.0
"""The results of a run, as they are kept in JSON, and what is derived from them: medians, rates, ratios, goals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.benchmarks.contender import Contender
from tests.benchmarks.scenes import Scene

SDK, LIMIT, BARE = "SDK in a loop", "the limit", "bare loop"
SQLITE, POSTGRESQL = "this package, SQLite", "this package, PostgreSQL"
LARGE, MIDDLE, SMALL = 5_000_000, 1_000_000, 100_000
MEGABYTE = 1_000_000
FIGURES = ("seconds", "cpu", "peak", "before")


class Results:
    """One run. Whatever was not measured is ``None``.

    :param raw: as in the JSON: ``whole``, ``machine``, ``versions``, ``scenes``, ``imports``, ``errors``.
    """

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self._plays = {
            (found["rows"], found["latency"], found["concurrency"]): found["plays"] for found in raw["scenes"]
        }

    def scenes(self, *, sizes: bool) -> list[Scene]:
        """Those of the one kind or the other that were played."""
        return [Scene(*where) for where in self._plays if (where[2] is None) == sizes]

    def plays(self, scene: Scene, name: str, run: str = "first") -> list[dict[str, Any]]:
        played = self._plays.get((scene.rows, scene.latency, scene.concurrency), {})
        return list(played.get(name, {}).get(run, []))

    def median(self, scene: Scene, name: str, figure: str, run: str = "first") -> float | None:
        found = [play[figure] for play in self.plays(scene, name, run)]
        return median(found) if found else None

    def rate(self, scene: Scene, name: str) -> float | None:
        """Recipients a second."""
        return divided(scene.rows, self.median(scene, name, "seconds"))

    def times(self, scene: Scene, name: str, other: str) -> float | None:
        """How many times another's rate."""
        return divided(self.rate(scene, name), self.rate(scene, other))

    def share(self, scene: Scene, name: str) -> float | None:
        """Of what latency and concurrency allow."""
        return divided(self.rate(scene, name), scene.most)


def divided(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def record(scene: Scene) -> dict[str, Any]:
    """A scene before it is played."""
    return {"rows": scene.rows, "latency": scene.latency, "concurrency": scene.concurrency, "plays": {}}


def missing(results: Results, expected: Iterator[tuple[Scene, Contender]]) -> list[str]:
    """What should be there and is not, or is no positive number."""
    lost = []
    for scene, contender in expected:
        runs = ("first", "again") if contender.reruns and scene.reruns else ("first",)
        for run in runs:
            plays = results.plays(scene, contender.name, run)
            if len(plays) != scene.times(contender):
                lost.append(f"{scene.name}, {contender.name}: {len(plays)} of {scene.times(contender)} measurements")
            bad = [name for play in plays for name in FIGURES if not is_figure(play.get(name))]
            lost += [f"{scene.name}, {contender.name}: {name} is no figure" for name in bad]
    if not results.raw["imports"] or not all(map(is_figure, results.raw["imports"])):
        lost.append("the import of the operator")
    return lost


def is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value > 0


# -- goals -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Goal:
    """What must be reached, and what is wanted.

    :param wanted: ``None``: no more than what must be.
    :param found: what was reached, or ``None``.
    :param least: a larger figure is better; else a smaller one.
    :param form: how a figure is written.
    """

    what: str
    must: float
    wanted: float | None
    found: Callable[[Results], float | None]
    least: bool
    form: str

    def verdict(self, results: Results) -> str:
        found = self.found(results)
        if found is None:
            return "not measured"
        if self.wanted is not None and self.reached(found, self.wanted):
            return "as wanted"
        return "reached" if self.reached(found, self.must) else "**missed**"

    def reached(self, found: float, goal: float) -> bool:
        return found >= goal if self.least else found <= goal

    def write(self, figure: float | None) -> str:
        return "" if figure is None else self.form.format(figure)


def memory(rows: int) -> Callable[[Results], float | None]:
    return lambda results: divided(results.median(Scene(rows), SQLITE, "peak"), MEGABYTE)


def memory_added(results: Results) -> float | None:
    large, small = memory(LARGE)(results), memory(SMALL)(results)
    return None if large is None or small is None else large - small


def rerun(results: Results) -> float | None:
    scene = Scene(MIDDLE)
    return divided(results.median(scene, SQLITE, "seconds", "again"), results.median(scene, SQLITE, "seconds"))


def slower_per_row(results: Results) -> float | None:
    return divided(results.rate(Scene(SMALL), SQLITE), results.rate(Scene(LARGE), SQLITE))


def import_time(results: Results) -> float | None:
    return median(results.raw["imports"]) * 1000 if results.raw["imports"] else None


BUSY = Scene(500_000, 100, 16)
GOALS = (
    Goal(
        "SQLite: times the SDK's rate, 1,000,000 rows, no latency",
        *(6, 12, lambda found: found.times(Scene(MIDDLE), SQLITE, SDK), True, "{:.1f}"),
    ),
    Goal(
        "SQLite: times the limit's seconds, likewise",
        *(9, 4.5, lambda found: found.times(Scene(MIDDLE), LIMIT, SQLITE), False, "{:.1f}"),
    ),
    Goal(
        "PostgreSQL: times the SDK's rate, likewise",
        *(4, 8, lambda found: found.times(Scene(MIDDLE), POSTGRESQL, SDK), True, "{:.1f}"),
    ),
    Goal(
        "SQLite: recipients a second at 100 ms and concurrency 16 (90 % of 40,000; of 60,000)",
        *(36_000, 54_000, lambda found: found.rate(BUSY, SQLITE), True, "{:,.0f}"),
    ),
    Goal("SQLite: peak memory at 5,000,000 rows beyond that at 100,000, MB", 50, None, memory_added, False, "{:.0f}"),
    Goal("SQLite: peak memory at 5,000,000 rows, MB", 350, None, memory(LARGE), False, "{:.0f}"),
    Goal("SQLite: seconds of a rerun, of those of the first run, 1,000,000 rows", 0.25, None, rerun, False, "{:.2f}"),
    Goal("SQLite: time per row at 5,000,000 rows, times that at 100,000", 1.15, None, slower_per_row, False, "{:.2f}"),
    Goal("Importing the operator's module, ms", 60, None, import_time, False, "{:.0f}"),
)
"""What this package sets itself."""
