# SPDX-License-Identifier: Apache-2.0
"""The results as the page has them: tables between two marks of ``docs/performance.md``."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from tests.benchmarks import page_own, with_policy
from tests.benchmarks.contender import ROOT, all_contenders
from tests.benchmarks.goals import GOALS
from tests.benchmarks.page_own import NOT_RUN, written
from tests.benchmarks.results import LIMIT, MEGABYTE, OWN, SDK, Results
from tests.benchmarks.scenes import Scene
from tests.comparison.page import table

PAGE = ROOT / "docs" / "performance.md"
BEGIN = "<!-- Made by `make benchmark`: from here -->"
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB"}
END = "<!-- Made by `make benchmark`: to here -->"


def page(results: Results) -> str:
    """The whole page with other tables."""
    before, _, after = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{tables(results)}{after.partition(END)[2]}"


def tables(results: Results) -> str:
    """All that stands between the marks, and the marks."""
    parts = [BEGIN, *errors(results), "### Machine", machine(results), "### Contenders", contenders(results)]
    parts += ["### Goals", goals(results)]
    for scene in results.scenes(sizes=True):
        parts += [f"### {scene.rows:,} rows, no latency", no_latency(scene, results)]
    parts += ["### With latency", *latency(results)]
    parts += ["### Reruns", reruns(results)]
    parts += ["### Messy tables", *page_own.messy(results)]
    parts += with_policy.page(results.raw.get("policy"))
    parts += ["### A ledger with a history", *page_own.history(results)]
    parts += ["### Small tables", *page_own.small(results), "### Import", imports(results)]
    return "\n\n".join([*parts, END])


def errors(results: Results) -> Iterator[str]:
    if not results.raw["whole"]:
        yield "**Not a whole run**: some scenes, rounds or contenders were left out. These figures only show the form."
    if results.raw["errors"]:
        yield "**Some measurements failed and are missing below:** " + "; ".join(results.raw["errors"])


def machine(results: Results) -> str:
    found = results.raw["machine"]
    return table(
        ["", ""],
        [
            ["Date", found["date"]],
            ["Processor", f"{found['processor']}, {found['cores']} cores"],
            ["Memory", f"{found['memory_gb']} GB"],
            ["System", found["system"]],
            ["Python", found["python"]],
            ["Databases", ", ".join(f"{name} {found.get(kind) or '(none)'}" for kind, name in DATABASES.items())],
            ["Load average before", f"{found['load_before']}"],
            ["Rounds", rounds(results)],
            ["The whole run", f"{results.raw['minutes']} minutes" if "minutes" in results.raw else NOT_RUN],
        ],
    )


def rounds(results: Results) -> str:
    """How often each was measured at most; slow contenders were measured less often."""
    played = []
    for scene in results.scenes(sizes=True):
        most = max((len(results.plays(scene, name)) for name in all_contenders()), default=0)
        played.append(f"{scene.rows:,} rows: {most}")
    own = (("messy", "messy tables"), ("history", "history"), ("small", "small tables"))
    played += [f"{title}: {results.raw[part]['rounds']}" for part, title in own if part in results.raw]
    return ", ".join(played)


def contenders(results: Results) -> str:
    versions = results.raw["versions"]
    rows = []
    for name, (_, one) in all_contenders().items():
        version = f"`{one.distribution}` {versions.get(one.distribution, NOT_RUN)}" if one.distribution else ""
        rows.append([name, version, one.about])
    return table(["", "Version", "What it does"], rows)


def goals(results: Results) -> str:
    rows = []
    for goal in GOALS:
        sign = "≥" if goal.least else "≤"
        limits = [f"{sign} {goal.write(limit)}" if limit is not None else "" for limit in (goal.must, goal.wanted)]
        rows.append([goal.what, *limits, goal.write(goal.found(results)), goal.verdict(results)])
    return table(["", "Must be", "Should be", "Found", ""], rows)


def no_latency(scene: Scene, results: Results) -> str:
    heads = ["", "Recipients a second", "Least to most", "Times the SDK", "Seconds, times the limit's"]
    heads += ["CPU seconds per million", "Peak memory, MB", "of it before the start"]
    return table(heads, (row(scene, name, results) for name in all_contenders() if results.plays(scene, name)))


def row(scene: Scene, name: str, results: Results) -> list[str]:
    rates = sorted(scene.rows / play["seconds"] for play in results.plays(scene, name))
    cpu = median(play["cpu"] for play in results.plays(scene, name)) / scene.rows * 1_000_000
    return [
        name,
        written(results.rate(scene, name), "{:,.0f}"),
        f"{rates[0]:,.0f} to {rates[-1]:,.0f}" if len(rates) > 1 else "once",
        written(results.times(scene, name, SDK), "{:.1f}"),
        written(results.times(scene, LIMIT, name), "{:.1f}"),
        f"{cpu:.1f}",
        *(megabytes(results.median(scene, name, figure)) for figure in ("peak", "before")),
    ]


def megabytes(figure: float | None) -> str:
    return NOT_RUN if figure is None else f"{figure / MEGABYTE:,.0f}"


def latency(results: Results) -> Iterator[str]:
    yield (
        "Recipients a second; in brackets the share of `concurrency * chunk_size / latency`, the theoretical maximum."
    )
    names = [name for name, (_, one) in all_contenders().items() if one.threads]
    rows = []
    for scene in results.scenes(sizes=False):
        allowed = f"{scene.most:,.0f}" if scene.most else ""
        cells = (rate_and_share(scene, name, results) for name in names)
        rows.append([f"{scene.latency} ms", f"{scene.concurrency}", f"{scene.rows:,}", allowed, *cells])
    yield table(["Latency", "Concurrency", "Rows", "Maximum", *names], rows)


def rate_and_share(scene: Scene, name: str, results: Results) -> str:
    share = results.share(scene, name)
    return written(results.rate(scene, name), "{:,.0f}") + (f" ({share:.0%})" if share else "")


def reruns(results: Results) -> str:
    rows = []
    for scene in results.scenes(sizes=True):
        for name in OWN:
            first, again = (results.median(scene, name, "seconds", run) for run in ("first", "again"))
            if first and again:
                rows.append([name, f"{scene.rows:,}", f"{first:.2f}", f"{again:.2f}", f"{again / first:.2f}"])
    return table(["", "Rows", "First run, s", "Rerun, s", "Rerun / first"], rows)


def imports(results: Results) -> str:
    found = [seconds * 1000 for seconds in results.raw["imports"]]
    if not found:
        return NOT_RUN
    return (
        f"The operator's module adds {median(found):.0f} ms to a process that has imported Airflow's operator base "
        f"({min(found):.0f} to {max(found):.0f} in {len(found)} processes)."
    )
