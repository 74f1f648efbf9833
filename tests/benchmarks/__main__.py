# SPDX-License-Identifier: Apache-2.0
"""Measures how fast and how flat this package is beside other ways to text a table, and writes it into the documents.

``python -m tests.benchmarks --help`` says what can be chosen. It needs the environment of the peers and PostgreSQL;
without one of them, those that need it are left out, and the run says so (in CI that is an error).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from tests.benchmarks import imports, machine, page
from tests.benchmarks.contender import ROOT, Contender, all_contenders
from tests.benchmarks.people import table_of
from tests.benchmarks.results import Results, missing, record
from tests.benchmarks.runner import NotMeasured, Stage
from tests.benchmarks.scenes import SHORT, SIZES, WAITS, Scene
from tests.ledger.servers import administrator, empty_database, server_url

DOCS = ROOT / "docs"
WORK = ROOT / "build" / "benchmarks"
PEERS = ROOT / ".venv-peers" / "bin" / "python"
CONTENDERS = all_contenders()
IMPORTS, IMPORTS_SHORT = 9, 1


def say(text: str) -> None:
    click.echo(text, err=True)


def postgresql_version() -> str:
    """Of the server of the tests, or ``""`` if there is none."""
    try:
        with administrator("postgresql").connect() as connection:
            return str(connection.scalar(sa.text("SHOW server_version"))).split()[0]
    except sa.exc.OperationalError:
        return ""


def left_out(contender: Contender, peers: Path, postgresql: str) -> str:
    """Why a contender cannot be measured here, or ``""``."""
    if contender.peer and not peers.exists():
        return f"no {peers}: run `make benchmark`, which makes it"
    if contender.database and not postgresql:
        return f"no PostgreSQL at {server_url('postgresql')!r}: set USPEEDO_TEST_POSTGRES to the URL of one"
    return ""


def measure(stage: Stage, scenes: tuple[Scene, ...], who: list[str], at_once: int) -> tuple[list[Any], list[str]]:
    """Every scene with every contender, in turn; what was measured, and what went wrong."""
    measured, errors = [], []
    for scene in scenes:
        found = record(scene)
        measured.append(found)
        table_of(scene.rows, stage.work / "tables")
        with ThreadPoolExecutor(at_once) as threads:
            for name, runs in threads.map(partial(one, stage, scene), turns(scene, who)):
                if isinstance(runs, str):
                    errors.append(runs)
                    continue
                for run, figures in runs.items():
                    found["plays"].setdefault(name, {}).setdefault(run, []).append(figures)
        (stage.work / "scenes-so-far.json").write_text(json.dumps(measured))
    return measured, errors


def turns(scene: Scene, who: list[str]) -> Iterator[str]:
    """Whose turn it is: everybody's in each round, so that a slow moment of the machine is not one contender's."""
    for number in range(scene.rounds):
        for name in who:
            contender = CONTENDERS[name][1]
            if scene.takes(contender) and number < scene.times(contender):
                yield name


def one(stage: Stage, scene: Scene, name: str) -> tuple[str, dict[str, Any] | str]:
    module, contender = CONTENDERS[name]
    try:
        runs = stage.play(scene, contender, module)
    except NotMeasured as error:
        say(f"ERROR {scene.name}: {error}")
        return name, f"{scene.name}: {str(error).partition(':')[0]}"
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


def chosen(short: bool, rows: tuple[int, ...], rounds: int | None) -> tuple[Scene, ...]:
    played = SHORT if short else (*SIZES, *WAITS)
    scenes = tuple(scene for scene in played if not rows or scene.rows in rows)
    return tuple(replace(scene, rounds=rounds) for scene in scenes) if rounds else scenes


@click.command(context_settings={"show_default": True, "max_content_width": 110})
@click.option(
    "--short",
    is_flag=True,
    help="Small tables, once: that everything runs and sends the right messages, not how long it takes.",
)
@click.option("--contender", "names", multiple=True, type=click.Choice(list(CONTENDERS)), help="Only these.")
@click.option("--rows", multiple=True, type=int, help="Only the scenes whose table has so many rows.")
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
    rows: tuple[int, ...],
    rounds: int | None,
    output: Path | None,
    figures: Path | None,
    work: Path,
    peers: Path,
) -> None:
    """Measure this package beside other ways to text a table. The whole takes about 40 minutes on two quiet cores."""
    work, peers = work.absolute(), peers.absolute()
    if figures:
        write(json.loads(figures.read_text(encoding="utf-8")), output or DOCS, peers)
        return
    work.mkdir(parents=True, exist_ok=True)
    postgresql = postgresql_version()
    who = [name for name in CONTENDERS if not names or name in names]
    out = {name: why for name in who if (why := left_out(CONTENDERS[name][1], peers, postgresql))}
    for name, why in out.items():
        say(f"LEFT OUT {name}: {why}")
    if out and os.environ.get("CI") == "true":
        sys.exit("In CI everything has to run.")
    who = [name for name in who if name not in out]
    about = machine.about_this_machine(postgresql)
    scenes = chosen(short, rows, rounds)

    def server() -> AbstractContextManager[Any]:
        return empty_database("postgresql", work)

    measured, errors = measure(Stage(work, peers, server, reads=short), scenes, who, 2 if short else 1)
    whole = not (short or names or rows or rounds or out)
    raw = {
        "whole": whole,
        "machine": about,
        "versions": machine.versions((CONTENDERS[name][1].distribution for name in who), peers),
        "scenes": measured,
        "imports": imports.seconds_of_imports(IMPORTS_SHORT if short else IMPORTS),
        "errors": errors,
    }
    with ExitStack() as stack:
        if output is None and short:
            output = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-")))
        output = output or (DOCS if whole else Path(tempfile.mkdtemp(prefix="benchmarks-")))
        write(raw, output, peers)
    expected = ((scene, CONTENDERS[name][1]) for scene in scenes for name in who)
    lost = missing(Results(raw), ((scene, one) for scene, one in expected if scene.takes(one)))
    for text in lost:
        say(f"MISSING {text}")
    if errors or lost:
        sys.exit(f"{len(errors)} measurements failed.")


if __name__ == "__main__":
    main()
