# SPDX-License-Identifier: Apache-2.0
"""Reads a CSV file in blocks: the first line names the columns, and every cell is text, so phones keep their zeros.

An empty cell is a null, ``""`` an empty text. The file is gone through when it is opened, so that a damaged line is
known before any row is used.
"""

from __future__ import annotations

import csv as lines
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pyarrow import csv

from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables.error_mapping import mapped_file_errors
from airflow_provider_uspeedo.tables.file_formats import CSV
from airflow_provider_uspeedo.tables.source import Part
from airflow_provider_uspeedo.tables.storage import Storage

BLOCK_BYTES = 1 << 20
"""Read at a time; no row may be longer."""
DELIMITERS = ",;\t|"
_QUOTED = re.compile(rb'"[^"]*"')
_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


def part(storage: Storage, path: str) -> Part:
    """Read the first line, and count the rows.

    :raises SourceNotFound: the file has vanished, or its storage does not answer.
    :raises TableError: it is not CSV in UTF-8, has no line of names, or a row that is damaged.
    """
    place = storage.shown(path)
    with _errors(place), storage.open(path) as file:
        names, options = _header(file, place)
        if options is None:
            return Part(place, names, dict.fromkeys(names, pa.string()), 0)
        rows = sum(batch.num_rows for batch in _reader(file, names, names[:1], options))
        if _has_quotes(file) and _rows_by_the_letter(file, options.delimiter) != rows:
            raise _refused(place, "a quotation mark in it is not closed")
    return Part(place, names, dict.fromkeys(names, pa.string()), rows)


def batches(storage: Storage, path: str, place: str, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Read these columns, in their order, as text.

    :param rows: the maximum number of rows in one batch.
    """
    with _errors(place), storage.open(path) as file:
        names, options = _header(file, place)
        for batch in _reader(file, names, columns or names[:1], options) if options else ():
            yield from (batch.slice(start, rows) for start in range(0, batch.num_rows, rows))


def _header(file: Any, place: str) -> tuple[tuple[str, ...], csv.ParseOptions | None]:
    """The names, and how to read the rest; ``None`` if there is no more than the one line."""
    head = file.read(BLOCK_BYTES)
    if b"\0" in head or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refused(place, "it is not in UTF-8")
    line = re.split(rb"[\r\n]", _QUOTED.sub(b"", head), maxsplit=1)[0]
    delimiter = max(DELIMITERS, key=lambda mark: line.count(mark.encode()))
    options = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    if not re.search(rb"[\r\n]", head):
        names = next(lines.reader([head.decode("utf-8-sig")], delimiter=delimiter), [])
        return _checked(names, place), None
    # Of the bytes in memory, whose last row may be cut: a reader of the file would read ahead in a thread of its own.
    whole_rows = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=lambda _row: "skip")
    with csv.open_csv(pa.BufferReader(head), csv.ReadOptions(use_threads=False), whole_rows) as reader:
        return _checked(reader.schema.names, place), options


def _checked(names: Sequence[str], place: str) -> tuple[str, ...]:
    if not any(name.strip() for name in names) or any(mask_digits(name) != name for name in names):
        raise _refused(place, "its first line does not name the columns")
    return tuple(names)


def _reader(
    file: Any, names: Sequence[str], columns: Sequence[str], options: csv.ParseOptions
) -> csv.CSVStreamingReader:
    file.seek(0)
    as_text = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=list(columns),
        check_utf8=False,  # a row that is not UTF-8 is invalid, not the table
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    return csv.open_csv(file, csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES), options, as_text)


def _has_quotes(file: Any) -> bool:
    file.seek(0)
    return any(b'"' in block for block in iter(lambda: file.read(BLOCK_BYTES), b""))


def _rows_by_the_letter(file: Any, delimiter: str) -> int:
    """Count the rows; a quotation mark that is not closed, which Arrow takes for a long text, is an error here."""
    file.seek(0)
    text = io.TextIOWrapper(file, "utf-8", "replace", newline="")
    try:
        return sum(1 for row in lines.reader(text, delimiter=delimiter, strict=True) if row) - 1
    except lines.Error:
        return -1
    finally:
        text.detach()


@contextmanager
def _errors(place: str) -> Iterator[None]:
    with mapped_file_errors(place, CSV):
        try:
            yield
        except pa.ArrowInvalid as error:
            ragged = _RAGGED.search(str(error))
            if ragged is None:
                raise
            row, expected, got = map(int, ragged.groups())
            raise _refused(place, f"row {row:,} has {got} cells instead of {expected}") from None


def _refused(place: str, why: str) -> TableError:
    return TableError(
        f"{place} cannot be read as CSV: {why}. Write it in UTF-8 with the names of the columns in the first line and "
        f"quoted as CSV needs it, or write Parquet."
    )
