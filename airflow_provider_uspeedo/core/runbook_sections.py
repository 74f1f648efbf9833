# SPDX-License-Identifier: Apache-2.0
"""Cuts the runbook into its sections; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEADING = re.compile(r"^(#{1,3}) (.+)$")
_FENCE = "```"
_STRONG = re.compile(r"\*\*")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*]+)(?<=\S)\*(?!\w)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)\s]+\)")
_LEAD = re.compile(r"^(?:What was seen\.\s+|看到的现象[：:]\s*)")  # noqa: RUF001 - Chinese has a colon of its own
_NAMED = re.compile(r"^(.+?) \(([a-z][a-z-]*)\)$")
"""A translated heading: the words, and the name that the section has in every language."""
_TARGET = re.compile(r"^\([\w-]+\)=$")
"""What documents link to; no text."""


@dataclass(frozen=True, slots=True)
class RunbookSection:
    """One section.

    :param name: as links and messages name it, such as ``not-sent``.
    :param title: its heading.
    :param markdown: its text below the heading, with the sections that it has below it.
    :param summary: its first sentence as plain text, for lists.
    :param parent: the name of the section that it is a part of; ``""`` if it is part of none.
    """

    name: str
    title: str
    markdown: str
    summary: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class RunbookText:
    """The runbook.

    :param introduction: the Markdown above its first section.
    :param sections: name to section, in the order of the text.
    :param anchors: what the text's own links call a section, to its name.
    """

    introduction: str
    sections: dict[str, RunbookSection]
    anchors: dict[str, str]


def name_of(title: str) -> str:
    """The name that a heading is linked by.

    >>> name_of("API does not answer")
    'api-does-not-answer'
    """
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def read_runbook(text: str) -> RunbookText:
    """Cuts the Markdown of the whole page.

    :param text: it has one heading of the first level, sections of the second, and parts of these of the third. A
        heading of a translation ends with the name of its section, in parentheses.
    """
    lines = [line for line in text.splitlines() if not _TARGET.match(line)]
    headings = list(_headings(lines))
    sections: dict[str, RunbookSection] = {}
    anchors: dict[str, str] = {}
    parent = ""
    for number, level, title in headings:
        if found := _NAMED.match(title):
            lines[number] = f"{'#' * level} {found[1]}"
    for place, (number, level, title) in enumerate(headings):
        if level == 1:
            continue
        words, name = found.groups() if (found := _NAMED.match(title)) else (title, name_of(title))
        end = next((line for line, other, _ in headings[place + 1 :] if other <= level), len(lines))
        markdown = "\n".join(lines[number + 1 : end]).strip()
        parent = name if level == 2 else parent  # noqa: PLR2004 - a section's own heading
        sections[name] = RunbookSection(
            name, words, markdown, _first_sentence(markdown), "" if name == parent else parent
        )
        anchors[name_of(title)] = name
    begin = next((number + 1 for number, level, _ in headings if level == 1), 0)
    first = next((number for number, level, _ in headings if level > 1), len(lines))
    return RunbookText("\n".join(lines[begin:first]).strip(), sections, anchors)


def without_marks(markdown: str) -> str:
    """A piece of prose without the marks of strong words and links. Quotations get quotation marks; code keeps its own.

    >>> without_marks("**Look** at the [reasons](#not-sent) of `a * b` below *Unknown*.")
    'Look at the reasons of `a * b` below "Unknown".'
    """
    plain, codes = re.sub(r"`[^`]*`", "\0", _LINK.sub(r"\1", markdown)), iter(re.findall(r"`[^`]*`", markdown))
    plain = _EMPHASIS.sub(r'"\1"', _STRONG.sub("", plain))
    return re.sub("\0", lambda _: next(codes), plain)


def _headings(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """The number of its line, its level and its text, of each heading outside code."""
    in_code = False
    for number, line in enumerate(lines):
        if line.startswith(_FENCE):
            in_code = not in_code
        elif not in_code and (found := _HEADING.match(line)):
            yield number, len(found[1]), found[2]


def _first_sentence(markdown: str) -> str:
    paragraph = " ".join(markdown.split("\n\n", 1)[0].split())
    plain = _LEAD.sub("", without_marks(paragraph))
    ends = r"(?<=[.:])\s+(?=[A-Z`*-])|(?<=:)$|(?<=。)|(?<=：)$"  # noqa: RUF001 - as above
    return re.split(ends, plain, maxsplit=1)[0].rstrip(".:。：")  # noqa: RUF001
