# SPDX-License-Identifier: Apache-2.0
"""The tables of the page that are about this package alone: messy tables, a ledger with a history, small tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from tests.benchmarks.documented import LIMIT
from tests.benchmarks.messy import CASES, CLEAN, INVALID
from tests.benchmarks.results import OWN, Results
from tests.comparison.page import table

NOT_RUN = "-"
HEADS = ["Must be at most", "Should be at most", *(name.rpartition(", ")[2] for name in OWN)]
HISTORY_GOALS = (1.3, 1.1)
QUERY_GOAL = 1.0
SMALL_GOAL = 0.3
LIST_GOAL = 1.5


def written(figure: float | None, form: str) -> str:
    return NOT_RUN if figure is None else form.format(figure)


def judged(figure: float | None, must: float | None, form: str, more: str = "") -> str:
    """A figure, in bold where it is more than it must be."""
    bold = "**" if figure is not None and must is not None and figure > must else ""
    return f"{bold}{written(figure, form)}{bold}{more}"


def times(multiple: float | None, seconds: float | None, must: float) -> str:
    return judged(multiple, must, "{:.2f}", "" if seconds is None else f" ({seconds:.2f} s)")


def messy(results: Results) -> Iterator[str]:
    found = results.raw.get("messy")
    if not found:
        yield "Not measured."
        return
    yield (
        f"{found['rows']:,} rows, no latency, an empty ledger. Seconds as a multiple of the clean table's on the same "
        "database; for the last row, of those of the first run, which sent the clean table. In brackets the seconds."
    )
    rows = [[CLEAN.title, "", "", *(written(results.messy(CLEAN, name), "1 ({:.2f} s)") for name in OWN)]]
    for case in CASES[1:]:
        cells = [times(results.messy_times(case, name), results.messy(case, name), case.must) for name in OWN]
        rows.append([case.title, f"{case.must}", f"{case.should}", *cells])
    yield table(["Table", *HEADS], rows)


def history(results: Results) -> Iterator[str]:
    found = results.raw.get("history")
    if not found:
        yield "Not measured."
        return
    ledgers = {name: results.ledger("history", name) for name in OWN if results.ledger("history", name)}
    made = ", ".join(f"{name.rpartition(', ')[2]} in {one['made']['seconds']:,.0f} s" for name, one in ledgers.items())
    yield (
        f"{found['recipients']:,} recipients are in the ledger already, in {found['campaigns']} other campaigns, which "
        f"this package sent before ({made}). Seconds of {found['rows']:,} rows as a multiple of those in an empty "
        "ledger, measured in turn. Nothing was analysed by hand."
    )
    must, should = HISTORY_GOALS
    rows = []
    for case in (CLEAN, INVALID):
        cells = (times(results.old_times(case, name), results.old(case, name), must) for name in OWN)
        rows.append([case.title, f"{must}", f"{should}", *cells])
    yield table(["Table", *HEADS], rows)
    yield "The [documented queries](results.md#queries) on that ledger, and `airflow-uspeedo list`, in seconds:"
    titles = dict.fromkeys(title for name in OWN for title in results.queries(name))
    rows = [query(title, lambda name, title=title: results.queries(name).get(title)) for title in titles]
    listed = (written(results.listing(name, "history", "seconds"), "{:.2f}") for name in OWN)
    yield table(["Query", *HEADS], [*rows, ["`airflow-uspeedo list`, a whole process", "", "", *listed]])


def query(title: str, seconds: Callable[[str], float | None]) -> list[str]:
    return [title, f"{QUERY_GOAL:g}", "", *(asked(seconds(name)) for name in OWN)]


def asked(seconds: float | None) -> str:
    cancelled = seconds is not None and seconds >= LIMIT
    return f"**more than {LIMIT:.0f}**" if cancelled else judged(seconds, QUERY_GOAL, "{:.3f}")


def small(results: Results) -> Iterator[str]:
    found = results.raw.get("small")
    if not found:
        yield "Not measured."
        return
    yield "Seconds from `execute` to its return, no latency, on a ledger that has been used before. Medians."
    rows = []
    for size in found["rows"]:
        cells = (written(results.small(size, name), "{:.3f}") for name in OWN)
        rows.append([f"{size:,} rows", "", "", *cells])
        must = SMALL_GOAL if size == found["rows"][0] else None
        figures = (results.small(size, name, beyond_api=True) for name in OWN)
        cells = (judged(figure, must, "{:.3f}") for figure in figures)
        rows.append([f"{size:,} rows, without the stand-in's own time", f"{must or ''}", "", *cells])
    first = found["rows"][0]
    cells = (written(results.small(first, name, "cold"), "{:.3f}") for name in OWN)
    rows.append([f"{first:,} rows, with what a new process imports", "", "", *cells])
    days = [results.ledger("small", name).get("daily") for name in OWN]
    ways = {"all": sum, "median": median, "the longest": max}
    for what, way in ways.items():
        label = f"{found['daily']} daily campaigns of {first:,} in a row, one process: {what}"
        rows.append([label, "", "", *(daily(way, figures) for figures in days)])
    cells = (judged(results.listing(name), LIST_GOAL, "{:.2f}") for name in OWN)
    rows.append(["`airflow-uspeedo list`, a whole process: processor time", f"{LIST_GOAL}", "", *cells])
    yield table(["", *HEADS], rows)


def daily(way: Callable[[list[float]], Any], figures: dict[str, Any] | None) -> str:
    return written(way(figures["each"]) if figures else None, "{:.2f}")
