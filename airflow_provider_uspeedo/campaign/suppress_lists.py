# SPDX-License-Identifier: Apache-2.0
"""Reads the lists of phones that may not be texted, once for each attempt, before its first message.

A phone of a list is read in every way in which it could be meant: one that could be two numbers stands for both.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from airflow_provider_uspeedo.core.arrays import column_of_texts
from airflow_provider_uspeedo.core.phone_set import PhoneSet, numbers_of_phones
from airflow_provider_uspeedo.core.phones import BadPhone, PhoneReader
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.suppress_sources import SuppressSource
from airflow_provider_uspeedo.errors import SourceNotFound, SourceUnavailable, TableError
from airflow_provider_uspeedo.tables import Table, open_table
from airflow_provider_uspeedo.tables.batch import Text

log = logging.getLogger(__name__)

MAX_UNREADABLE = 0.01
"""The share of the rows of one list that may be no phones."""
BATCH_ROWS = 5_000
"""Rows read at a time."""
MAX_ROWS_SHOWN = 10
REASONS = 3
WHERE = "policy: suppress"


def read_lists(
    sources: Sequence[SuppressSource], default_region: str | None, bare_digits: str | None = None
) -> PhoneSet:
    """Returns the phones of all lists.

    :param sources: none with a query or a table of a database, whose rows are there already.
    :param default_region: of the table: reads phones without a country code.
    :param bare_digits: of the table; counts only without a default region.
    :raises TableError: a list cannot be read, lacks its column, or more than 1 % of it are no phones.
    :raises SourceNotFound: a list is not there (yet).
    :raises SourceUnavailable: there is no room for a list that can be read only once.
    """
    reader = PhoneReader(default_region, bare_digits)
    return PhoneSet(numbers for source in sources for numbers in _read(source, reader))


@dataclass(slots=True)
class _Unreadable:
    """The rows of one list that are no phones."""

    rows: int = 0
    count: int = 0
    first: list[int] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, row_number: int, reason: str) -> None:
        self.count += 1
        self.reasons[reason] += 1
        if len(self.first) < MAX_ROWS_SHOWN:
            self.first.append(row_number)

    @property
    def are_too_many(self) -> bool:
        return self.count > MAX_UNREADABLE * self.rows

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.first) else ""
        reasons = "; ".join(f"{times:,} x {reason!r}" for reason, times in self.reasons.most_common(REASONS))
        return (
            f"of {counted(self.rows, 'row')} {self.count:,} cannot be read as phones ({self.count / self.rows:.1%}): "
            f"row {', '.join(map(str, self.first))}{more}. Most frequent reasons: {reasons}."
        )


def _read(source: SuppressSource, reader: PhoneReader) -> list[np.ndarray[Any, Any]]:
    found: list[np.ndarray[Any, Any]] = []
    unreadable = _Unreadable()
    column = source.column
    try:
        for batch in _open(source).batches([column], batch_rows=BATCH_ROWS):
            phones: list[str] = []
            for index, text in enumerate(batch.columns[column]):
                reason = _read_phone(text, reader, phones)
                if reason:
                    unreadable.add(batch.first_row + index, reason)
            unreadable.rows += batch.length
            found.append(np.unique(numbers_of_phones(phones)))
    except TableError as error:
        raise TableError(f"{WHERE}: {source.name}: {error}", row_number=error.row_number, column=error.column) from None
    except (SourceNotFound, SourceUnavailable) as error:
        raise type(error)(f"{WHERE}: {source.name}: {error}") from None
    if unreadable.are_too_many:
        raise TableError(
            f"{WHERE}: {source.name} (column {column!r}): {unreadable} At most {MAX_UNREADABLE:.0%} may be, or "
            "people on the list would be texted. Correct the list, or name its column of phones.",
            column=column,
        )
    log.info("Read %s of phones that are not texted: %s.", source.name, counted(unreadable.rows, "row"))
    if unreadable.count:
        log.warning("In %s (column %r) %s", source.name, column, unreadable)
    return found


def _open(source: SuppressSource) -> Table:
    if source.rows is None:
        return open_table(source.path)
    rows = source.rows
    if not isinstance(rows, list | tuple):
        values = getattr(rows, "to_list", None) or getattr(rows, "tolist", None)  # a series, or an array
        rows = values() if callable(values) else rows
    if isinstance(rows, list | tuple) and not any(isinstance(row, dict) for row in rows):
        return _of_phones(rows, source.column)
    return open_table(rows)


def _of_phones(phones: Sequence[Any], column: str) -> Table:
    """A table of phones that are given one by one."""
    import pyarrow as pa

    if all(type(phone) is str for phone in phones):
        return open_table(pa.table({column: column_of_texts(phones)}))
    return open_table([{column: phone} for phone in phones])


def _read_phone(text: Text, reader: PhoneReader, phones: list[str]) -> str:
    """Adds every phone that a text may be, and returns why it is none; ``""`` if it is one."""
    if not isinstance(text, str):
        return "empty" if text is None else text.reason
    try:
        phones.extend(reader.readings(text))
    except BadPhone as bad:
        return bad.reason
    return ""
