# SPDX-License-Identifier: Apache-2.0
"""What this package sets itself, and whether it was reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.messy import CASES, CLEAN, INVALID, NEW_ROWS, Case
from tests.benchmarks.results import LIMIT, MEGABYTE, OWN, POSTGRESQL, SDK, SQLITE, Results, divided
from tests.benchmarks.scenes import Scene

LARGE, MIDDLE, SMALL = 5_000_000, 1_000_000, 100_000


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
            return "as it should be"
        return "reached" if self.reached(found, self.must) else "**missed**"

    def reached(self, found: float, goal: float) -> bool:
        return found >= goal if self.least else found <= goal

    def write(self, figure: float | None) -> str:
        return "" if figure is None else self.form.format(figure)


def worst(found: Callable[[Results, str], float | None]) -> Callable[[Results], float | None]:
    """The largest of all databases; ``None`` unless all were measured."""

    def largest(results: Results) -> float | None:
        figures = [figure for name in OWN if (figure := found(results, name)) is not None]
        return max(figures) if len(figures) == len(OWN) else None

    return largest


def messiest(results: Results, name: str) -> float | None:
    """The largest multiple of the clean table's seconds, but for the case with a run before it."""
    figures = [results.messy_times(case, name) for case in CASES if case not in (CLEAN, NEW_ROWS)]
    return None if None in figures else max(figure for figure in figures if figure is not None)


def on_history(case: Case) -> Callable[[Results], float | None]:
    return worst(lambda results, name: results.old_times(case, name))


def slowest_query(results: Results, name: str) -> float | None:
    return max(results.queries(name).values(), default=None)


def memory(rows: int, name: str = SQLITE) -> Callable[[Results], float | None]:
    return lambda results: divided(results.median(Scene(rows), name, "peak"), MEGABYTE)


def memory_added(name: str) -> Callable[[Results], float | None]:
    def added(results: Results) -> float | None:
        large, small = memory(LARGE, name)(results), memory(SMALL, name)(results)
        return None if large is None or small is None else large - small

    return added


def rerun(results: Results) -> float | None:
    scene = Scene(MIDDLE)
    return divided(results.median(scene, SQLITE, "seconds", "again"), results.median(scene, SQLITE, "seconds"))


def slower_per_row(name: str) -> Callable[[Results], float | None]:
    return lambda results: divided(results.rate(Scene(SMALL), name), results.rate(Scene(LARGE), name))


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
    Goal(
        "SQLite: peak memory at 5,000,000 rows beyond that at 100,000, MB",
        *(50, None, memory_added(SQLITE), False, "{:.0f}"),
    ),
    Goal("PostgreSQL: likewise", 50, None, memory_added(POSTGRESQL), False, "{:.0f}"),
    Goal("SQLite: peak memory at 5,000,000 rows, MB", 350, None, memory(LARGE), False, "{:.0f}"),
    Goal("SQLite: seconds of a rerun, of those of the first run, 1,000,000 rows", 0.25, None, rerun, False, "{:.2f}"),
    Goal(
        "SQLite: time per row at 5,000,000 rows, times that at 100,000",
        *(1.15, None, slower_per_row(SQLITE), False, "{:.2f}"),
    ),
    Goal("PostgreSQL: likewise", 1.15, None, slower_per_row(POSTGRESQL), False, "{:.2f}"),
    Goal(
        "Messy tables: seconds, times the clean table's; the worst table and database",
        *(1.5, 1.2, worst(messiest), False, "{:.2f}"),
    ),
    Goal(
        "1 % new rows in a finished campaign: seconds, times the first run's; the worst database",
        *(1.5, 0.8, worst(lambda results, name: results.messy_times(NEW_ROWS, name)), False, "{:.2f}"),
    ),
    Goal(
        "Ledger with a history: seconds of the clean table, times those in an empty ledger; the worst database",
        *(1.3, 1.1, on_history(CLEAN), False, "{:.2f}"),
    ),
    Goal("Likewise, with 2 % invalid phones", 1.3, 1.1, on_history(INVALID), False, "{:.2f}"),
    Goal(
        "Ledger with a history: seconds of the slowest documented query; the worst database",
        *(1, None, worst(slowest_query), False, "{:.2f}"),
    ),
    Goal(
        "1,000 rows on an existing ledger: seconds of `execute` beyond the API's own; the worst database",
        *(0.3, None, worst(lambda results, name: results.small(1_000, name, beyond_api=True)), False, "{:.2f}"),
    ),
    Goal(
        "`airflow-uspeedo list`: seconds of processor time; the worst database",
        *(1.5, None, worst(lambda results, name: results.listing(name)), False, "{:.2f}"),
    ),
    Goal("Importing the operator's module, ms", 60, None, import_time, False, "{:.0f}"),
)
"""What this package sets itself."""
