# SPDX-License-Identifier: Apache-2.0
"""What a package index shows of this package: the README without links that lead nowhere there."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from email.message import Message

import pytest

from tests.docs.pages import PACKAGE, ROOT


@pytest.fixture(scope="module")
def metadata() -> Message:
    """Those of the wheel that is installed; in a checkout, as one would be built with them now."""
    if PACKAGE.parent != ROOT:
        return importlib.metadata.metadata("airflow-provider-uspeedo")
    pytest.importorskip("hatchling", reason="the package was built elsewhere")
    done = subprocess.run([sys.executable, "-m", "hatchling", "metadata"], cwd=ROOT, capture_output=True, check=True)
    found = json.loads(done.stdout)
    made = Message()
    made["Description-Content-Type"] = found["readme"]["content-type"]
    for label, address in found["urls"].items():
        made["Project-URL"] = f"{label}, {address}"
    made.set_payload(found["readme"]["text"])
    return made


def test_every_link_is_an_address(metadata):
    """The paths are there as text, and all else as the README has it."""
    # Where the backport of importlib.metadata is imported, it is a header.
    description, readme = (
        metadata.get_payload() or metadata["Description"],
        (ROOT / "README.md").read_text(encoding="utf-8"),
    )
    targets = re.findall(r"\]\(([^)]+)\)", description)
    assert targets == [target for target in re.findall(r"\]\(([^)]+)\)", readme) if target.startswith("https://")]
    assert targets
    assert "Concepts (`docs/concepts.md`)" in description
    assert "see LICENSE." in description
    assert re.findall(r"^#.*|^\|.*|^\$.*", description, re.MULTILINE) == re.findall(
        r"^#.*|^\|.*|^\$.*", readme, re.MULTILINE
    )
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_the_addresses_of_the_project_are_known_ones(metadata):
    """The documents know one address, the vendor's; none is made up."""
    assert metadata.get_all("Project-URL") == ["USpeedo, https://www.uspeedo.com/"]
