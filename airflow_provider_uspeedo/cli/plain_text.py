# SPDX-License-Identifier: Apache-2.0
"""The runbook's Markdown as plain text for a terminal: wrapped prose, indented code, tables in columns."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from airflow_provider_uspeedo.core.runbook_sections import without_marks

_ITEM = re.compile(r"^(\s*)([-*]|\d+\.) (.*)$")
_CELL_END = re.compile(r"(?<!\\)\|")
_HEADING = "#"
_FENCE = "```"
CODE_INDENT = "    "
GAP = "  "
MIN_COLUMN = 12
"""Characters that the narrowest column of a table may be squeezed to."""


def plain_text(markdown: str, width: int) -> str:
    """The text, whose prose and tables are at most so wide; code is never broken.

    :param markdown: headings, paragraphs, lists, tables and fenced code.
    :param width: in characters.
    """
    return "\n\n".join("\n".join(block) for block in _blocks(markdown.splitlines(), width))


def _blocks(lines: Sequence[str], width: int) -> Iterator[list[str]]:
    """The lines of one heading, paragraph, list item, table or piece of code after the other."""
    number = 0
    while number < len(lines):
        line = lines[number]
        if not line.strip():
            number += 1
        elif line.startswith(_FENCE):
            end = next(at for at in range(number + 1, len(lines)) if lines[at].startswith(_FENCE))
            yield [f"{CODE_INDENT}{one}".rstrip() for one in lines[number + 1 : end]]
            number = end + 1
        else:
            end = _end_of_block(lines, number)
            yield _block(lines[number:end], width)
            number = end


def _end_of_block(lines: Sequence[str], begin: int) -> int:
    """A block ends before an empty line or code; a list is one block."""
    for number in range(begin + 1, len(lines)):
        if not lines[number].strip() or lines[number].startswith(_FENCE):
            return number
    return len(lines)


def _block(lines: Sequence[str], width: int) -> list[str]:
    if lines[0].startswith(_HEADING):
        return underlined(lines[0].lstrip("# "), "-")
    if lines[0].startswith("|"):
        return _table(lines, width)
    if not any(_ITEM.match(line) for line in lines):
        return textwrap.wrap(without_marks(" ".join(lines)), width, break_long_words=False, break_on_hyphens=False)
    return [line for begin, text in _items(lines) for line in _wrapped_item(begin, text, width)]


def underlined(title: str, line: str) -> list[str]:
    """A heading."""
    return [title, line * len(title)]


def _items(lines: Sequence[str]) -> list[tuple[str, str]]:
    """What each item of a list begins with, and its text; a paragraph right before the list begins with nothing."""
    items: list[tuple[str, str]] = []
    for line in lines:
        if found := _ITEM.match(line):
            items.append((f"{found[1]}{found[2]} ", found[3]))
        elif items:
            begin, text = items[-1]
            items[-1] = (begin, f"{text} {line.strip()}")
        else:
            items.append(("", line.strip()))
    return items


def _wrapped_item(begin: str, text: str, width: int) -> list[str]:
    plain = without_marks(text)
    after = " " * len(begin)
    return textwrap.wrap(
        plain, width, initial_indent=begin, subsequent_indent=after, break_long_words=False, break_on_hyphens=False
    )


def _table(lines: Sequence[str], width: int) -> list[str]:
    rows = [_cells(line) for line in lines if not re.fullmatch(r"[|\s:-]+", line)]
    widths = _widths(rows, width - len(GAP) * (len(rows[0]) - 1))
    ruled = [rows[0], ["-" * one for one in widths], *rows[1:]]
    return [line for row in ruled for line in _table_row(row, widths)]


def _cells(line: str) -> list[str]:
    cells = _CELL_END.split(line.strip().removeprefix("|").removesuffix("|"))
    return [without_marks(cell.strip().replace("\\|", "|")) for cell in cells]


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Of the columns: what they need, while the widest gives way."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while sum(widths) > width and max(widths) > MIN_COLUMN:
        widths[widths.index(max(widths))] -= 1
    return widths


def _table_row(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    wrapped = [
        textwrap.wrap(cell, size, break_on_hyphens=False) or [""] for cell, size in zip(row, widths, strict=True)
    ]
    for number in range(max(map(len, wrapped))):
        cells = (lines[number] if number < len(lines) else "" for lines in wrapped)
        yield GAP.join(cell.ljust(size) for cell, size in zip(cells, widths, strict=True)).rstrip()
