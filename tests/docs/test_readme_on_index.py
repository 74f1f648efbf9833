# SPDX-License-Identifier: Apache-2.0
"""What a package index shows of this package: the README without links that lead nowhere there."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT


@pytest.fixture(scope="module")
def metadata():
    """As the package is built with them."""
    pytest.importorskip("hatchling", reason="the package was built elsewhere")
    done = subprocess.run([sys.executable, "-m", "hatchling", "metadata"], cwd=ROOT, capture_output=True, check=True)
    return json.loads(done.stdout)


def test_every_link_is_an_address(metadata):
    """The paths are there as text, and all else as the README has it."""
    description, readme = metadata["readme"]["text"], (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)]+)\)", description)
    assert targets == [target for target in re.findall(r"\]\(([^)]+)\)", readme) if target.startswith("https://")]
    assert targets
    assert "Concepts (`docs/concepts.md`)" in description
    assert "see LICENSE." in description
    assert re.findall(r"^#.*|^\|.*|^\$.*", description, re.MULTILINE) == re.findall(
        r"^#.*|^\|.*|^\$.*", readme, re.MULTILINE
    )
    assert metadata["readme"]["content-type"] == "text/markdown"


def test_the_addresses_of_the_project_are_known_ones(metadata):
    """The documents know one address, the vendor's; none is made up."""
    assert set(metadata["urls"].values()) == {"https://www.uspeedo.com/"}
