# SPDX-License-Identifier: Apache-2.0
"""The phones of a file: a table with a column of them, or plain text with one in each line. Read once, streaming."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables.error_mapping import mapped_file_errors
from airflow_provider_uspeedo.tables.file_formats import HEAD_BYTES, format_of
from airflow_provider_uspeedo.tables.open_table import open_table
from airflow_provider_uspeedo.tables.table import Table

PHONE_COLUMN = "phone"
MAX_LINE_CHARACTERS = 1_000
"""More is no line of a list of phones, and is cut: such a file may have no lines at all."""


def phones_in_file(path: str | os.PathLike[str], column: str | None = None) -> Iterator[str | None]:
    """The phones of a file, as they are written, one for each row.

    :param path: of a Parquet or CSV file, a folder or a pattern of them, or a URI; a local file with another name is
        plain text with one phone in each line, of which the first may be a heading.
    :param column: of a table; ``None``: its only one, or the one that is called ``phone``.
    :returns: ``None`` for an empty cell and for a heading.
    :raises TableError: it is not readable, not of these formats, or has no such column.
    :raises SourceNotFound: there is no such file.
    """
    place = Path(path)
    if not place.is_file():
        return _phones_of(open_table(path), column)
    with mapped_file_errors(str(place)), place.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if format_of(place.name, head):
        return _phones_of(open_table(path), column)
    if not _is_text(head):
        raise TableError(
            f"{place} is no list of phones that can be read: neither Parquet, nor CSV by its name (*.csv, *.tsv), nor "
            "plain text with one phone in each line. Save it as one of these."
        )
    if column is not None:
        raise TableError(f"{place} is plain text, with one phone in each line: it has no column {column!r}.")
    return _phones_of_text(place, head)


def phones_in_lines(lines: TextIO) -> Iterator[str | None]:
    """The phones of plain text, one in each line; ``None`` for a first line without digits, which is a heading."""
    for number, line in enumerate(_cut_lines(lines)):
        is_heading = not number and not any(map(str.isdecimal, line))
        yield None if is_heading else line


def _cut_lines(lines: TextIO) -> Iterable[str]:
    whole = True
    while line := lines.readline(MAX_LINE_CHARACTERS):
        if whole:
            yield line.strip("\r\n\ufeff")
        whole = line.endswith("\n")


def _is_text(head: bytes) -> bool:
    """False for content that begins as no text does: an archive, a workbook, another format of tables."""
    return _is_wide(head) or not any(byte < ord(" ") and byte not in b"\t\r\n" for byte in head)


def _is_wide(head: bytes) -> bool:
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def _phones_of_text(place: Path, head: bytes) -> Iterator[str | None]:
    # What is not in this encoding is no phone: its line is counted as unreadable.
    with (
        mapped_file_errors(str(place)),
        place.open(encoding="utf-16" if _is_wide(head) else "utf-8-sig", errors="replace") as lines,
    ):
        yield from phones_in_lines(lines)


def _phones_of(table: Table, column: str | None) -> Iterator[str | None]:
    name = _column_of(table, column)
    return (
        cell if cell is None or isinstance(cell, str) else cell.reason
        for batch in table.batches([name])
        for cell in batch.columns[name]
    )


def _column_of(table: Table, column: str | None) -> str:
    names = table.column_names
    if column is not None:
        return column
    if len(names) == 1:
        return names[0]
    if PHONE_COLUMN in names:
        return PHONE_COLUMN
    raise TableError(
        f"{table.description}: which of its {len(names)} columns holds the phones? Name it with column; they are "
        f"{', '.join(map(repr, names))}."
    )
