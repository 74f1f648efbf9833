# SPDX-License-Identifier: Apache-2.0
"""Plays every scene with every tool and writes what came of it into the documents.

``python -m tests.comparison PEERS``: the folder with the peers' ``python`` and ``drt``. It needs PostgreSQL, for the
ledger of drt; ``USPEEDO_TEST_POSTGRES`` says where, as for the tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa

from airflow_provider_uspeedo import __version__
from tests.comparison import page
from tests.comparison.page import Results
from tests.comparison.scenes import SCENES
from tests.comparison.stage import play
from tests.comparison.tools import TOOLS, Tool
from tests.ledger.servers import administrator, server_url


def versions(peers: Path) -> dict[str, str]:
    """The versions of the tools, as installed."""
    names = sorted({tool.distribution for tool in TOOLS} - {"airflow-provider-uspeedo"})
    program = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    answer = subprocess.run([peers / "python", "-c", program, *names], check=True, capture_output=True, text=True)
    return {"airflow-provider-uspeedo": __version__, **json.loads(answer.stdout)}


def compare(peers: Path) -> Results:
    """Every scene with every tool, two tools at a time."""
    with ThreadPoolExecutor(2) as threads:
        found = threads.map(lambda tool: (tool.name, play_all(tool, peers)), TOOLS)
        return {"versions": versions(peers), "outcomes": dict(found)}


def play_all(tool: Tool, peers: Path) -> Results:
    """Every scene with one tool, as often as the scene is to be played."""
    found: Results = {}
    for scene in SCENES:
        began = time.monotonic()
        plays = [play(tool, scene, peers).to_json() for _ in range(scene.plays)]
        found[scene.name] = plays
        took = f"{page.twice(plays)} texted twice, {time.monotonic() - began:.1f} s"
        sys.stderr.write(f"{tool.name}, {scene.title.lower()}: {took}\n")
    return found


def main(peers: Path) -> None:
    try:
        administrator("postgresql").connect().close()
    except sa.exc.OperationalError:
        sys.exit(f"No PostgreSQL at {server_url('postgresql')!r}: set USPEEDO_TEST_POSTGRES to the URL of one.")
    page.write(compare(peers))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
