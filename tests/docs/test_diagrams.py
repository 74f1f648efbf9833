# SPDX-License-Identifier: Apache-2.0
"""The drawings were made of their sources, can be read on light and dark pages, and show what the code does."""

from __future__ import annotations

import importlib.util
import itertools
import re
from xml.etree import ElementTree as ET

import pytest

from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.ledger.store import states
from tests.docs.pages import DOCS, read

FOLDER = DOCS / "diagrams"
SOURCES = sorted(FOLDER.glob("*.dot"))
SVG = "{http://www.w3.org/2000/svg}"


def _renderer():
    spec = importlib.util.spec_from_file_location("render", FOLDER / "render.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _texts(name):
    """All words of a drawing, line by line."""
    return [found.text.strip() for found in ET.parse(FOLDER / f"{name}.svg").iter(f"{SVG}text") if found.text]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_drawing_was_made_of_its_source(source):
    """After a change: `make diagrams`."""
    digest = _renderer().source_digest(source.read_text(encoding="utf-8"))
    assert f" from {source.name}, sha256 {digest} -->" in source.with_suffix(".svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_drawing_can_be_read_everywhere(source):
    """It has the colour of the text around it, the width of its page, a title and a text alternative."""
    drawing = ET.parse(source.with_suffix(".svg")).getroot()
    colours = {one.get(name) for one in drawing.iter() for name in ("fill", "stroke")}
    assert colours == {None, "none", "currentColor"}
    assert (drawing.get("role"), drawing.get("width"), drawing.get("height")) == ("img", None, None)
    assert drawing.get("viewBox")
    assert "width: 100%" in drawing.get("style")
    title, text = _renderer().described(source.read_text(encoding="utf-8"))
    assert (drawing.findtext(f"{SVG}title"), drawing.findtext(f"{SVG}desc")) == (title, text)
    named = drawing.get("aria-labelledby").split()
    assert [one.get("id") for one in drawing.iter() if one.get("id")] == named


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_drawing_is_on_a_page(source):
    """As a part of it, so that it has the page's colours."""
    assert any(f"```{{raw}} html\n:file: diagrams/{source.stem}.svg\n```" in read(page) for page in DOCS.glob("*.md"))


def test_every_drawing_has_a_source():
    """None is drawn by hand."""
    assert sorted(path.stem for path in FOLDER.glob("*.svg")) == [path.stem for path in SOURCES]


def test_the_states_go_as_the_code_says():
    """The arrows of the drawing are those of the module that names the states."""
    said = set()
    for line in states.__doc__.split("::\n")[1].splitlines():
        steps = [{name.strip() for name in part.split("|")} for part in line.split("──>")]
        said |= {(one, other) for left, right in itertools.pairwise(steps) for one in left for other in right}
    source = (FOLDER / "request-states.dot").read_text(encoding="utf-8")
    assert set(re.findall(r"^  (\w+) -> (\w+)", source, re.MULTILINE)) - {("begin", "claimed")} == said
    assert set(states.RequestState) <= set(_texts("request-states"))


def test_every_status_is_the_end_of_a_way():
    """In the drawing of one recipient."""
    assert set(STATUSES) <= set(re.findall(r"\w+", " ".join(_texts("one-recipient"))))
