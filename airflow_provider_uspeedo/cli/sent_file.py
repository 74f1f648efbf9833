# SPDX-License-Identifier: Apache-2.0
"""Numbers out of a file that the vendor's console exported: one in each line, or one column of a CSV."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.errors import ConfigurationError

MAX_BYTES = 256 * 1024 * 1024
"""Ten million numbers. A larger file is hardly the right one."""
DELIMITERS = ",;\t|"
_HEADINGS = (
    re.compile(r"phone|mobile|msisdn|\bcell|手机|電話|电话", re.IGNORECASE),
    re.compile(r"recipient|receiver|\btel|number|号码|號碼|\bto\b", re.IGNORECASE),
)
"""Names of a column of phones; the more specific ones first."""
_BOOKS = {b"PK\x03\x04": "an Excel workbook or a ZIP archive", b"\xd0\xcf\x11\xe0": "an old Excel workbook"}
_MIN_DIGITS = 5


def read_numbers(path: Path, column: str | None = None) -> list[str]:
    """The numbers as they are written, without a heading.

    :param column: the name of the column, or its number counted from 1; not given, it is found by its name.
    :raises ConfigurationError: no numbers can be read from it; the message quotes no line but a heading.
    """
    text = _text(path)
    try:
        lines = csv.reader(text.splitlines(), delimiter=_delimiter(text))
        rows = [row for row in ([cell.strip() for cell in line] for line in lines) if any(row)]
    except csv.Error as error:
        raise ConfigurationError(f"{str(path)!r} is no CSV file: {error}.") from None
    if not rows:
        raise ConfigurationError(f"{str(path)!r} is empty: it must hold one number in each line, or be a CSV file.")
    index, headings = _find(rows, column, path)
    numbers = [row[index] for row in rows[headings:] if index < len(row) and row[index]]
    if not any(map(_may_be_phone, numbers)):
        where = f" in column {index + 1}" if len(rows[0]) > 1 else ""
        raise ConfigurationError(f"{str(path)!r} holds no phone number{where}.")
    return numbers


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigurationError(f"{str(path)!r} is larger than {MAX_BYTES // 1024**2} MB: is it the right file?")
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{str(path)!r} cannot be read: {error.strerror or type(error).__name__}.") from None
    book = next((kind for mark, kind in _BOOKS.items() if content.startswith(mark)), None)
    if book:
        raise ConfigurationError(f"{str(path)!r} is {book}: open it and save the sheet as CSV.")
    for encoding in _encodings(content):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not re.search(r"[\x00-\x08\x0e-\x1f]", text):
            return text
    raise ConfigurationError(f"{str(path)!r} is no text file: save it as CSV, or as text with one number in each line.")


def _encodings(content: bytes) -> Sequence[str]:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    return ("utf-8-sig", "gb18030")  # what a spreadsheet in China saves


def _delimiter(text: str) -> str:
    """The most frequent one in the first line; where there is none, any will do."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=first.count)


def _find(rows: Sequence[Sequence[str]], column: str | None, path: Path) -> tuple[int, int]:
    """Which column holds the numbers, and how many rows are above the first one."""
    first = rows[0]
    headed = not any(map(_may_be_phone, first))
    if column is not None:
        return _named(first, column, headed, path)
    if len(first) == 1:
        return 0, int(headed)
    found = _by_heading(first) if headed else _by_content(rows)
    if len(found) == 1:
        return found[0], int(headed)
    which = "none is called phone" if not found else f"it may be any of {', '.join(str(one + 1) for one in found)}"
    columns = f": {_shown(first)}" if headed else ""
    raise ConfigurationError(
        f"Which of the {len(first)} columns of {str(path)!r} holds the numbers ({which})? "
        f"Name it with --column{columns}."
    )


def _named(first: Sequence[str], column: str, headed: bool, path: Path) -> tuple[int, int]:
    if headed:
        same = [index for index, name in enumerate(first) if name.casefold() == column.strip().casefold()]
        if same:
            return same[0], 1
    if column.isascii() and column.isdigit() and 1 <= int(column) <= len(first):
        return int(column) - 1, int(headed)
    there = f"its columns are {_shown(first)}" if headed else "its first line has no names; give the column's number"
    raise ConfigurationError(f"{str(path)!r} has no column {column!r}: {there}.")


def _shown(names: Sequence[str]) -> str:
    """The headings, masked: they may be the first line of a file without headings."""
    return mask_digits(", ".join(names))


def _by_heading(names: Sequence[str]) -> list[int]:
    for pattern in _HEADINGS:
        found = [index for index, name in enumerate(names) if pattern.search(name)]
        if found:
            return found
    return []


def _by_content(rows: Sequence[Sequence[str]]) -> list[int]:
    """Columns with something like a phone in each of the first rows."""
    first = rows[:100]
    return [i for i in range(len(first[0])) if all(len(row) > i and _may_be_phone(row[i]) for row in first)]


def _may_be_phone(text: str) -> bool:
    """Enough digits, no letters; times and prices of an export have colons and points."""
    return sum(map(str.isdecimal, text)) >= _MIN_DIGITS and not any(char.isalpha() or char in ":." for char in text)
