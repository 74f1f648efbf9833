# SPDX-License-Identifier: Apache-2.0
"""The results as the documents have them: a file of JSON, and tables between two marks of a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from tests.comparison.scenes import SCENES, Runs, Scene
from tests.comparison.tools import ROOT, TOOLS, Tool

PAGE = ROOT / "docs" / "reliability.md"
RESULTS = ROOT / "docs" / "reliability.json"
BEGIN = "<!-- Made by `make compare-reliability`: from here -->"
END = "<!-- Made by `make compare-reliability`: to here -->"

Results = dict[str, Any]


def write(results: Results) -> None:
    """Replaces what is between the marks, and the file of JSON."""
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    before, _, after = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{tables(results)}{after.partition(END)[2]}", encoding="utf-8")


def tables(results: Results) -> str:
    """All that stands between the marks, and the marks."""
    parts = [BEGIN, "### Set up", settings(results), "### In short: people texted twice", summary(results)]
    for scene in measured(results)[1:]:
        parts += [f"### {scene.title}", scene.about, details(scene, results["outcomes"])]
    return "\n\n".join([*parts, END])


def measured(results: Results) -> list[Scene]:
    """The scenes that were played; one that is new has no results yet."""
    played = results["outcomes"][TOOLS[0].name]
    return [scene for scene in SCENES if scene.name in played]


def settings(results: Results) -> str:
    rows = (
        [tool.name, f"`{tool.distribution}` {results['versions'][tool.distribution]}", tool.settings] for tool in TOOLS
    )
    return table(["", "Version", "Settings"], rows)


def summary(results: Results) -> str:
    *scenes, rejecting = measured(results)
    rows = []
    for tool in TOOLS:
        found = results["outcomes"][tool.name]
        (rejected,) = found[rejecting.name]
        last = f"{rejected['rejected_called_sent']:,} of {rejected['rejected']:,}"
        rows.append([tool.name, *(twice(found[scene.name]) for scene in scenes), last])
    return table(["", *(scene.title for scene in scenes), "Rejected, called sent"], rows)


def twice(plays: Sequence[Results]) -> str:
    """Of fewer people than the others have, the number of people is said."""
    people = plays[0]["people"]
    return number(plays, "texted_twice") + (f" of {people:,}" if people < TOOLS[0].people else "")


def number(plays: Sequence[Results], name: str) -> str:
    """The least and the most, where they differ."""
    found = sorted({play[name] for play in plays})
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"


def details(scene: Scene, outcomes: Results) -> str:
    heads = ["", "Texted twice", "Messages too many", "Rejected, called sent", "Reported"]
    if scene.down:
        heads.insert(3, "Not texted in the end")
    return table(heads, (row(tool, scene, outcomes[tool.name][scene.name]) for tool in TOOLS))


def row(tool: Tool, scene: Scene, plays: Sequence[Results]) -> list[str]:
    """The numbers of all plays, and what was reported in the worst."""
    worst = max(plays, key=lambda play: play["messages_too_many"])
    names = ["messages_too_many", *(["not_texted"] if scene.down else []), "rejected_called_sent"]
    numbers = (number(plays, name) for name in names)
    return [tool.name, twice(plays), *numbers, told(scene, worst["runs"])]


def told(scene: Scene, runs: Sequence[Results]) -> str:
    """What each run said, in order; what two runs said alike is said once."""
    words = [(said, len(list(alike))) for said, alike in groupby(map(one, runs))]
    link = "; and " if scene.runs is Runs.TWO_AT_ONCE else "; then "
    return link.join(f"{said}, twice" if times > 1 else said for said, times in words)


def one(run: Results) -> str:
    if run["code"] < 0:
        return "killed"
    return f"exit {run['code']}" + (f", `{run['words']}`" if run["words"] else "")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(heads), ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(re.sub(r'[|]', '/', cell) for cell in line)} |" for line in lines)
