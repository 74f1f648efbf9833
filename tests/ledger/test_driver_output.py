# SPDX-License-Identifier: Apache-2.0
"""Nothing that a driver or a server prints carries a row, whatever fails: what C code writes to standard error, too."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.ledger.acting import people
from tests.ledger.failing_child import FAULTS, NAMES
from tests.ledger.servers import KINDS

ROOT = Path(__file__).resolve().parents[2]
ROWS = re.compile(r"\(852\)5\d{7}|85251234\d{3}|user name \d+|secret of")


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        pytest.param(kind.values[0], fault, marks=kind.marks, id=f"{kind.id}-{fault}")
        for kind in KINDS
        for fault in FAULTS
        if kind.values[0] != "sqlite" or fault == "none"
    ],
    indirect=["kind"],
)
def test_no_row_is_printed(empty_url: URL, kind: str, fault: str) -> None:
    """At every statement of a campaign: the session ended, also inside a COPY; cancelled; disk full; a constraint."""
    address = empty_url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.ledger.failing_child", address, fault]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout == "done\n", done.stderr[-2000:]
    assert ("LedgerError" in done.stderr or "LedgerUnavailable" in done.stderr) or fault in (
        "none", "ended", "ended inside", "cancelled",
    )  # fmt: skip
    assert "sqlalchemy.engine" in done.stderr  # it logs statements, and would log rows
    found = ROWS.findall(done.stdout + done.stderr)
    assert not found, found[:3]
    assert people(NAMES)[0].key.hex() not in done.stderr
