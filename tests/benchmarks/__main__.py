# SPDX-License-Identifier: Apache-2.0
"""Measures how fast and how flat this package is beside other ways to text a table, and writes it into the documents.

``python -m tests.benchmarks --help`` says what can be chosen. It needs the environment of the peers, PostgreSQL and
MariaDB; without one of them, those that need it are left out, and the run says so (in CI that is an error).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from tests.benchmarks import imports, machine, own, page
from tests.benchmarks.contender import ROOT, Contender, all_contenders
from tests.benchmarks.people import table_of
from tests.benchmarks.results import Results, missing, record
from tests.benchmarks.runner import Stage
from tests.benchmarks.scenes import SHORT, SIZES, WAITS, Scene
from tests.benchmarks.turns import Turns, Who, say
from tests.benchmarks.with_policy import with_policy
from tests.ledger.servers import DEFAULT_URLS, administrator, empty_database, server_url

DOCS = ROOT / "docs"
WORK = ROOT / "build" / "benchmarks"
PEERS = ROOT / ".venv-peers" / "bin" / "python"
CONTENDERS = all_contenders()
IMPORTS, IMPORTS_SHORT = 9, 1
PARTS = ("sizes", "waits", "messy", "policy", "history", "small")
"""What can be measured by itself."""


def server_version(kind: str) -> str:
    """Of the server of the tests, or ``""`` if there is none."""
    try:
        with administrator(kind).connect() as connection:
            return re.split(r"[ -]", str(connection.scalar(sa.text("SELECT version()"))).removeprefix("PostgreSQL "))[0]
    except sa.exc.OperationalError:
        return ""


def left_out(contender: Contender, peers: Path, servers: dict[str, str]) -> str:
    """Why a contender cannot be measured here, or ``""``."""
    if contender.peer and not peers.exists():
        return f"no {peers}: run `make benchmark`, which makes it"
    if contender.database and not servers[contender.database]:
        variable, _ = DEFAULT_URLS[contender.database]
        return f"no server at {server_url(contender.database)!r}: set {variable} to the URL of one"
    return ""


def measure(turns: Turns, scenes: tuple[Scene, ...]) -> list[Any]:
    """Every scene with every contender, in turn."""
    measured = []
    for scene in scenes:
        found = record(scene)
        measured.append(found)
        table_of(scene.rows, turns.stage.tables)
        plays = ((f"{scene.name}, {name}", partial(one, turns, scene, name)) for name in in_turn(scene, turns.who))
        for name, runs in turns.all(plays):
            for run, figures in runs.items():
                found["plays"].setdefault(name, {}).setdefault(run, []).append(figures)
        keep(turns, "scenes", measured)
    return measured


def keep(turns: Turns, part: str, measured: Any) -> None:
    """Writes down what was measured so far, in case the run is broken off."""
    (turns.stage.work / f"{part}-so-far.json").write_text(json.dumps(measured))


def in_turn(scene: Scene, who: Who) -> Iterator[str]:
    """Whose turn it is: everybody's in each round, so that a slow moment of the machine is not one contender's."""
    for number in range(scene.rounds):
        for name, (_, contender) in who.items():
            if scene.takes(contender) and number < scene.times(contender):
                yield name


def one(turns: Turns, scene: Scene, name: str) -> tuple[str, dict[str, Any]]:
    module, contender = turns.who[name]
    runs = turns.stage.play(scene, contender, module)
    for run, figures in runs.items():
        rate, peak = scene.rows / figures["seconds"], figures["peak"] / 1e6
        say(f"{scene.name}, {name}, {run}: {figures['seconds']:.2f} s, {rate:,.0f} a second, peak {peak:.0f} MB")
    return name, runs


def write(raw: dict[str, Any], folder: Path, peers: Path) -> None:
    """The figures, the page and the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    figures, picture = folder / "performance.json", folder / "performance.png"
    figures.write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "performance.md").write_text(page.page(Results(raw)), encoding="utf-8")
    if peers.exists():
        command = [str(peers), "-m", "tests.benchmarks.plot", str(figures), str(picture)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    say(f"Written: performance.json, performance.md{', performance.png' if peers.exists() else ''} in {folder}")


def chosen(parts: set[str], short: bool, rows: tuple[int, ...], rounds: int | None) -> tuple[Scene, ...]:
    """The scenes of the old kind that are played."""
    sizes, waits = (SHORT[:1], SHORT[1:]) if short else (SIZES, WAITS)
    played = (*(sizes if "sizes" in parts else ()), *(waits if "waits" in parts else ()))
    scenes = tuple(scene for scene in played if not rows or scene.rows in rows)
    return tuple(replace(scene, rounds=rounds) for scene in scenes) if rounds else scenes


def measure_own(turns: Turns, parts: set[str], size: own.Size, imported: int) -> dict[str, Any]:
    """What is measured of this package alone."""
    found: dict[str, Any] = {"imports": []}
    if "small" in parts:
        found["imports"] = imports.seconds_of_imports(imported)
    if "policy" in parts:
        found["policy"] = with_policy(turns, size.messy_rows, size.rounds, listed=size.listed)
        keep(turns, "policy", found["policy"])
    for part in ("messy", "history", "small"):
        if part in parts:
            found[part] = getattr(own, part)(turns, size)
            keep(turns, part, found[part])
    return found


@click.command(context_settings={"show_default": True, "max_content_width": 110})
@click.option(
    "--short",
    is_flag=True,
    help="Small tables, once: that everything runs and sends the right messages, not how long it takes.",
)
@click.option("--contender", "names", multiple=True, type=click.Choice(list(CONTENDERS)), help="Only these.")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Only these parts.")
@click.option("--rows", multiple=True, type=int, help="Only sizes and waits whose table has so many rows.")
@click.option("--messy-rows", type=click.IntRange(1_000), help="Rows of each messy table, instead of 200,000.")
@click.option("--history", type=click.IntRange(10_000), help="Recipients in an old ledger, instead of 10,000,000.")
@click.option("--rounds", type=click.IntRange(1), help="So many in every scene, instead of its own number.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="A folder for figures, page and "
              "picture. Without it: docs/ after the whole thing, else a temporary one.")  # fmt: skip
@click.option("--figures", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Measure nothing: make "
              "page and picture of the figures of an earlier run.")  # fmt: skip
@click.option("--work", default=WORK, type=click.Path(path_type=Path), help="Tables are kept there; ledgers are made "
              "there, so it should be on a disk.")  # fmt: skip
@click.option("--peers", default=PEERS, type=click.Path(path_type=Path), help="The Python of the other tools.")
def main(
    short: bool,
    names: tuple[str, ...],
    only: tuple[str, ...],
    rows: tuple[int, ...],
    messy_rows: int | None,
    history: int | None,
    rounds: int | None,
    output: Path | None,
    figures: Path | None,
    work: Path,
    peers: Path,
) -> None:
    """Measure this package beside other ways to text a table. The whole takes about 45 minutes on two quiet cores."""
    work, peers = work.absolute(), peers.absolute()
    if figures:
        write(json.loads(figures.read_text(encoding="utf-8")), output or DOCS, peers)
        return
    work.mkdir(parents=True, exist_ok=True)
    servers = {kind: server_version(kind) for kind in DEFAULT_URLS}
    who = {name: pair for name, pair in CONTENDERS.items() if not names or name in names}
    out = {name: why for name, (_, one) in who.items() if (why := left_out(one, peers, servers))}
    for name, why in out.items():
        say(f"LEFT OUT {name}: {why}")
    if out and os.environ.get("USPEEDO_CI") == "true":
        sys.exit("In CI everything has to run.")
    about = machine.about_this_machine(servers)
    stage = Stage(work, peers, lambda kind: empty_database(kind, work), reads=short)
    turns = Turns(stage, {name: pair for name, pair in who.items() if name not in out}, 2 if short else 1)
    parts = set(only or (("sizes", "waits") if rows else PARTS))
    scenes = chosen(parts, short, rows, rounds)
    size = resized(own.SHORT if short else own.Size(), rounds=rounds, messy_rows=messy_rows, history=history)
    whole = not (short or names or rows or rounds or out or only or messy_rows or history)
    began = time.monotonic()
    raw = {
        "whole": whole,
        "machine": about,
        "versions": machine.versions((one.distribution for _, one in turns.who.values()), peers),
        "scenes": measure(turns, scenes),
        **measure_own(turns, parts, size, IMPORTS_SHORT if short else IMPORTS),
        "errors": turns.errors,
    }
    raw["minutes"] = round((time.monotonic() - began) / 60)
    with ExitStack() as stack:
        if output is None and short:
            output = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-")))
        output = output or (DOCS if whole else Path(tempfile.mkdtemp(prefix="benchmarks-")))
        write(raw, output, peers)
    expected = [(scene, one) for scene in scenes for _, one in turns.who.values() if scene.takes(one)]
    lost = missing(Results(raw), expected, parts, list(turns.own))
    for text in lost:
        say(f"MISSING {text}")
    if turns.errors or lost:
        sys.exit(f"{len(turns.errors)} measurements failed.")


def resized(size: own.Size, **given: int | None) -> own.Size:
    return replace(size, **{name: value for name, value in given.items() if value})


if __name__ == "__main__":
    main()
