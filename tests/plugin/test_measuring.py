# SPDX-License-Identifier: Apache-2.0
"""The program that measures the pages runs, and every page that it asks for is there; how fast is not tested."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.typing_it import ROOT

pytestmark = pytest.mark.airflow


def test_every_page_is_measured() -> None:
    command = [sys.executable, "-m", "tests.plugin.measure", "--rows", "3000", "--goal", "600"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = [line for line in done.stdout.splitlines() if " s, then " in line]
    assert len(pages) > 20, done.stdout
    assert {"rows, the next page", "rows that are invalid, the next page"} <= {
        line.split(" 200 ")[0].strip() for line in pages
    }
    assert [line for line in pages if " 200 " not in line] == []
