# SPDX-License-Identifier: Apache-2.0
"""The picture: ``python -m tests.benchmarks.plot RESULTS PICTURE``, where matplotlib is, among the peers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.results import BARE, LIMIT, MARIADB, OWN, POSTGRESQL, SDK, SQLITE, Results

STYLES: dict[str, tuple[str, str, str]] = {
    LIMIT: ("#000000", ":", ""),
    BARE: ("#56B4E9", "--", "v"),
    SQLITE: ("#0072B2", "-", "o"),
    POSTGRESQL: ("#009E73", "-", "s"),
    MARIADB: ("#F0E442", "-", "d"),
    SDK: ("#D55E00", "-.", "^"),
    "dlt": ("#CC79A7", "-.", "D"),
    "drt": ("#E69F00", "-.", "P"),
    "drt, ledger": ("#8C6D00", "-.", "X"),
}
"""Colours that a colour-blind reader can tell apart (Okabe and Ito), and a dash and a mark of each, for print."""
LATENCIES = {100: "-", 300: "--"}


def draw(results: Results, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True})
    plt.rcParams.update({"grid.color": "#dddddd", "grid.linewidth": 0.6, "axes.axisbelow": True})
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    draw_sizes(left, results)
    draw_latencies(right, results)
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)


def draw_sizes(axes: Any, results: Results) -> None:
    """Rate against rows, without latency; both logarithmic, so that equal ratios look equal."""
    scenes = results.scenes(sizes=True)
    for name, (colour, dash, mark) in STYLES.items():
        points = [(scene.rows, rate) for scene in scenes if (rate := results.rate(scene, name))]
        if points:
            rows, rates = zip(*points, strict=True)
            wide = 2.4 if name in OWN else 1.4
            axes.plot(rows, rates, color=colour, linestyle=dash, marker=mark or ".", linewidth=wide, label=name)
    axes.set(xscale="log", yscale="log", xlabel="rows of the table", ylabel="recipients a second")
    axes.set_title("The API answers at once: what each takes itself", loc="left")
    ticks = [scene.rows for scene in scenes]
    axes.set_xticks(ticks, [short(tick) for tick in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: short(value))
    axes.legend(fontsize=8, frameon=True, framealpha=0.9, loc="best")


def draw_latencies(axes: Any, results: Results) -> None:
    """Rate against concurrency, for each latency: the theoretical maximum, and what is reached."""
    scenes = [scene for scene in results.scenes(sizes=False) if scene.latency]
    for latency in sorted({scene.latency for scene in scenes}):
        dash = LATENCIES.get(latency, "-")
        some = sorted((scene for scene in scenes if scene.latency == latency), key=lambda scene: scene.concurrency or 0)
        allowed = [(scene.concurrency, scene.most) for scene in some]
        axes.plot(
            *zip(*allowed, strict=True), color="#999999", linestyle=dash, linewidth=1, label=f"maximum, {latency} ms"
        )
        for name in (*OWN, BARE):
            colour, _, mark = STYLES[name]
            points = [(scene.concurrency, rate) for scene in some if (rate := results.rate(scene, name))]
            if points:
                label = f"{name}, {latency} ms"
                axes.plot(*zip(*points, strict=True), color=colour, linestyle=dash, marker=mark, label=label)
    axes.set(xscale="log", yscale="log", xlabel="concurrency", ylabel="recipients a second")
    axes.set_title("The API takes its time: requests at once", loc="left")
    ticks = sorted({scene.concurrency or 1 for scene in scenes})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: short(value))
    axes.legend(fontsize=8, frameon=True, framealpha=0.9, loc="best")


def short(value: float) -> str:
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1000:g} k" if value >= 1000 else f"{value:g}"


if __name__ == "__main__":
    draw(Results(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), Path(sys.argv[2]))
