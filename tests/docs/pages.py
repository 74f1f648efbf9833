# SPDX-License-Identifier: Apache-2.0
"""The documents as tests see them: their tables, headings, links and pieces of code."""

from __future__ import annotations

import importlib
import pkgutil
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_uspeedo

PACKAGE = Path(airflow_provider_uspeedo.__file__).parent
"""Wherever it is installed: beside this folder, or from a wheel."""
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*(path for path in DOCS.rglob("*.md") if "_build" not in path.parts), *ROOT.glob("*.md")])
"""All of them, the README among them."""
ENGLISH = [path for path in PAGES if path.parent != DOCS / "zh" and not path.name.endswith(".zh-CN.md")]
"""Without the Chinese ones, whose code is that of the English ones."""

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[^\n]*)\n(?P<code>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LABEL = re.compile(r"^\(([\w-]+)\)=$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Code:
    """A fenced piece of code.

    :param heading: the last heading above it.
    """

    page: Path
    language: str
    text: str
    heading: str

    def __str__(self) -> str:
        return f"{self.page.name} {self.heading}"


def read(page: str | Path) -> str:
    """The text of a page, by its path or its name below ``docs``."""
    return (DOCS / page).read_text(encoding="utf-8")


def prose(page: str | Path) -> str:
    """The text of a page without its code."""
    return _FENCE.sub("", read(page))


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next one."""
    return re.split(r"^#+ ", prose(page).split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(page: str, heading: str = "") -> dict[str, list[str]]:
    """The rows of the tables of a page, or below one heading, that begin with a name in backticks.

    :returns: the name to the other cells.
    """
    found = {}
    for line in (section(page, heading) if heading else prose(page)).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(r"`[^`]+`", cells[0]):
            found[cells[0].strip("`")] = cells[1:]
    return found


def code(language: str, pages: list[Path] = ENGLISH) -> list[Code]:
    """All pieces of code in one programming language."""
    found = []
    for page in pages:
        text = read(page)
        for piece in _FENCE.finditer(text):
            if piece["language"] == language:
                above = _HEADING.findall(_FENCE.sub("", text[: piece.start()]))
                found.append(Code(page, language, textwrap.dedent(piece["code"]), above[-1] if above else ""))
    return found


def anchors(page: str | Path) -> set[str]:
    """What a link may name after ``#``: the headings as the builder and code hosts slug them, and labels."""
    text = prose(page)
    slugs = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text))
    return {*slugs, *_LABEL.findall(text)}


def links(page: Path) -> list[str]:
    """The targets of all links that stay inside the project."""
    return [link for link in _LINK.findall(prose(page)) if "://" not in link]


def named(name: str) -> Any:
    """The object with a full name; skips the test where its module says that it needs a newer Airflow."""
    try:
        return pkgutil.resolve_name(name)
    except (AttributeError, ImportError):  # which hides why a module cannot be imported
        try:
            importlib.import_module(name.rpartition(".")[0])
        except ImportError as error:
            if "Airflow 3" in str(error):
                pytest.skip(str(error))
            raise
        raise
