# SPDX-License-Identifier: Apache-2.0
"""What a DAG file costs the DAG processor, which parses it all day."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "dags_examples").glob("*.py"))
WATCH = """
import builtins, importlib.util, json, sys

HEAVY = {"pandas", "pyarrow", "sqlalchemy", "requests", "urllib3", "phonenumbers", "polars", "numpy"}
seen, real = set(), builtins.__import__

def watching(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if level == 0 and name.partition(".")[0] in HEAVY and importer.startswith("airflow_provider_uspeedo"):
        seen.add(f"{importer}: {name}")
    return real(name, globals, locals, fromlist, level)

builtins.__import__ = watching
for number, path in enumerate(sys.argv[1:]):
    spec = importlib.util.spec_from_file_location(f"example_{number}", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
at_parse = sorted(seen)
import airflow_provider_uspeedo.get_provider_info
import airflow_provider_uspeedo.hooks.uspeedo
at_discovery = sorted(seen)
import airflow_provider_uspeedo.tables
print(json.dumps({"at parse": at_parse, "at discovery": at_discovery, "afterwards": sorted(seen)}))
"""


def test_parsing_a_dag_imports_no_heavy_library_of_ours() -> None:
    """Neither DAG files with our operator nor discovery make us import pandas, pyarrow, SQLAlchemy or requests."""
    watched = subprocess.run(
        [sys.executable, "-c", WATCH, *map(str, EXAMPLES)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    seen = json.loads(watched.stdout.splitlines()[-1])
    assert len(EXAMPLES) >= 5
    assert seen["at parse"] == seen["at discovery"] == []
    assert any(line.endswith(": pyarrow") for line in seen["afterwards"]), "the watch sees nothing at all"
