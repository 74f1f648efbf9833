# SPDX-License-Identifier: Apache-2.0
"""The results of a run, as they are kept in JSON, and what is derived from them: medians, rates, ratios."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from statistics import median
from typing import Any

from tests.benchmarks.contender import Contender
from tests.benchmarks.messy import CASES, CLEAN, INVALID, Case
from tests.benchmarks.scenes import Scene

SDK, LIMIT, BARE = "SDK in a loop", "the limit", "bare loop"
SQLITE, POSTGRESQL, MARIADB = "this package, SQLite", "this package, PostgreSQL", "this package, MariaDB"
OWN = (SQLITE, POSTGRESQL, MARIADB)
MEGABYTE = 1_000_000
FIGURES = ("seconds", "cpu", "peak", "before")


class Results:
    """One run. Whatever was not measured is ``None``.

    :param raw: as in the JSON: ``whole``, ``machine``, ``versions``, ``scenes``, ``imports``, ``errors``, and of the
        parts that were measured ``messy``, ``history``, ``small``.
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

    # -- of this package alone

    def messy(self, case: Case, name: str) -> float | None:
        """Seconds of a messy table, in an empty ledger but for the clean table where the case has it before."""
        return self._messy(case, name, "again" if case.again else "first")

    def messy_times(self, case: Case, name: str) -> float | None:
        """The same as a multiple: of the first run's seconds where there is one, else of the clean table's."""
        clean = self._messy(case, name, "first") if case.again else self._messy(CLEAN, name, "first")
        return divided(self.messy(case, name), clean)

    def _messy(self, case: Case, name: str, run: str) -> float | None:
        return medians(self.raw.get("messy", {}).get("plays", {}).get(case.name, {}).get(name, {}).get(run))

    def ledger(self, part: str, name: str) -> dict[str, Any]:
        """All that was measured of one contender in a part: ``history`` or ``small``."""
        return dict(self.raw.get(part, {}).get("ledgers", {}).get(name, {}))

    def old(self, case: Case, name: str, run: str = "history") -> float | None:
        """Seconds of a table on a ledger with a history, or just before on an empty one (``empty``)."""
        return medians(self.ledger("history", name).get("plays", {}).get(case.name, {}).get(run))

    def old_times(self, case: Case, name: str) -> float | None:
        return divided(self.old(case, name), self.old(case, name, "empty"))

    def queries(self, name: str) -> dict[str, float]:
        """Seconds of the documented queries on a ledger with a history."""
        return dict(self.ledger("history", name).get("queries", {}))

    def small(self, rows: int, name: str, kind: str = "warm", *, beyond_api: bool = False) -> float | None:
        """Seconds from ``execute`` to its return, of a small table on an existing ledger.

        :param kind: ``cold``: in a new process with all that must be imported; ``warm``: without that.
        :param beyond_api: without the processor time of the API's stand-in.
        """
        found = self.ledger("small", name).get(kind, {})
        plays = found.get(str(rows), []) if isinstance(found, dict) else found
        seconds = [play["each"][0] - (play["sink_cpu"] if beyond_api else 0.0) for play in plays]
        return median(seconds) if seconds else None

    def listing(self, name: str, part: str = "small", figure: str = "cpu") -> float | None:
        """Seconds of ``airflow-uspeedo list``."""
        return medians(self.ledger(part, name).get("list"), figure)


def medians(plays: Sequence[dict[str, Any]] | None, figure: str = "seconds") -> float | None:
    return median(play[figure] for play in plays) if plays else None


def divided(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def record(scene: Scene) -> dict[str, Any]:
    """A scene before it is played."""
    return {"rows": scene.rows, "latency": scene.latency, "concurrency": scene.concurrency, "plays": {}}


def missing(
    results: Results, expected: Iterable[tuple[Scene, Contender]], parts: Collection[str], own: Sequence[str]
) -> list[str]:
    """What should be there and is not, or is no positive number.

    :param parts: what was to be measured beside the scenes.
    :param own: with which contenders.
    """
    lost = []
    for scene, contender in expected:
        runs = ("first", "again") if contender.reruns and scene.reruns else ("first",)
        for run in runs:
            plays = results.plays(scene, contender.name, run)
            if len(plays) != scene.times(contender):
                lost.append(f"{scene.name}, {contender.name}: {len(plays)} of {scene.times(contender)} measurements")
            bad = [name for play in plays for name in FIGURES if not is_figure(play.get(name))]
            lost += [f"{scene.name}, {contender.name}: {name} is no figure" for name in bad]
    imports = results.raw["imports"]
    if "small" in parts and not (imports and all(map(is_figure, imports))):
        lost.append("the import of the operator")
    wanted = [(what, name, figure) for what, figure in own_figures().items() for name in own if what[0] in parts]
    lost += [f"{' '.join(what)}, {name}" for what, name, figure in wanted if not is_figure(figure(results, name))]
    return lost


def is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value > 0


def own_figures() -> dict[tuple[str, str], Callable[[Results, str], float | None]]:
    """What must be there of this package with each database, by part and name."""
    found: dict[tuple[str, str], Callable[[Results, str], float | None]] = {
        ("history", "queries"): lambda results, name: max(results.queries(name).values(), default=None),
        ("small", "imports included"): lambda results, name: results.small(0, name, "cold"),
        ("small", "in a row"): lambda results, name: results.ledger("small", name).get("daily", {}).get("seconds"),
        ("small", "list"): lambda results, name: results.listing(name),
    }
    for case in CASES:
        found["messy", case.name] = lambda results, name, case=case: results.messy_times(case, name)
    for case in (CLEAN, INVALID):
        found["history", case.name] = lambda results, name, case=case: results.old_times(case, name)
    return found
