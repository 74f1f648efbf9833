# SPDX-License-Identifier: Apache-2.0
"""Which of several rows of one recipient is sent: the one with the smallest digest, wherever it stands.

So that the order of a table changes nothing. The rows go to a temporary file by the first bits of their keys, and one
part after the other is put in order: the memory does not grow with the table, only with the rows that are not sent.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np

from airflow_provider_uspeedo.core.arrays import key_cells, numbers_of
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.errors import SourceUnavailable

PARTS = 64
ROWS_IN_MEMORY = 100_000
"""Rows that are kept before they are written to the file; a smaller table needs none."""
RECORD = np.dtype([
    ("key", "<u8", 2), ("digest", "<u8", 2), ("row", "<i8"), ("segments", "<u4"), ("country", "<u2"), ("known", "u1"),
])  # fmt: skip
"""What is kept of a row: the first half of its digest is enough to choose by."""
Records: TypeAlias = np.ndarray[Any, Any]


def records_of(recipients: RecipientBatch, digests: np.ndarray[Any, Any] | None) -> Records:
    """One record for each recipient.

    :param digests: of 32 bytes each; ``None``: the first row of a recipient is sent.
    """
    found = np.zeros(len(recipients), RECORD)
    found["key"] = key_cells(recipients.column("key")).view("<u8").reshape(-1, 2)
    found["row"] = numbers_of(recipients.column("row_number"))
    if digests is not None:
        found["digest"] = digests[:, :16].view("<u8")
    return found


@dataclass(frozen=True, slots=True)
class NotChosen:
    """The rows that are not sent because another row of the same recipient is.

    :param rows: their numbers, ascending.
    :param instead: for each the number of the row that is sent.
    """

    rows: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(0, np.int64))
    instead: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(0, np.int64))

    def apart(self, recipients: RecipientBatch) -> tuple[RecipientBatch, BadRows]:
        """The recipients without these rows, and these as duplicates."""
        numbers = numbers_of(recipients.column("row_number"))
        if not len(self.rows) or not len(numbers):
            return recipients, BadRows.of(())
        places = np.minimum(np.searchsorted(self.rows, numbers), len(self.rows) - 1)
        lost = self.rows[places] == numbers
        if not lost.any():
            return recipients, BadRows.of(())
        duplicates = BadRows.duplicates(recipients.only(lost), self.instead[places[lost]])
        return recipients.only(~lost), duplicates


class RowChoice:
    """Takes the rows of a table, then says which are sent."""

    def __init__(self) -> None:
        self._kept: list[Records] = []
        self._rows_kept = 0
        self._file: BinaryIO | None = None
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(PARTS)]

    def add(self, records: Records) -> None:
        """Takes some more rows.

        :raises SourceUnavailable: there is no room for them on the disk.
        """
        self._kept.append(records)
        self._rows_kept += len(records)
        if self._rows_kept > ROWS_IN_MEMORY:
            self._write()

    def _write(self) -> None:
        try:
            self._write_kept()
        except OSError as error:
            raise SourceUnavailable(
                f"The rows of the table cannot be noted in a temporary file: {os.strerror(error.errno or 0)}. Free "
                "space there, or let TMPDIR name a folder on a larger disk."
            ) from None

    def _write_kept(self) -> None:
        if self._file is None:
            file = tempfile.TemporaryFile("w+b", prefix="uspeedo-")  # noqa: SIM115 - open as long as this
            self._file = cast("BinaryIO", file)
        records = np.concatenate(self._kept)
        parts = records["key"][:, 0] % PARTS
        records = records[np.argsort(parts, kind="stable")]
        ends = np.cumsum(np.bincount(parts.astype(np.int64), minlength=PARTS)).tolist()
        start = self._file.tell()
        for part, (first, end) in enumerate(zip([0, *ends], ends, strict=False)):
            if end > first:
                self._places[part].append((start + first * RECORD.itemsize, end - first))
        self._file.write(records.tobytes())
        self._file.flush()
        self._kept, self._rows_kept = [], 0

    def chosen(self) -> Iterator[tuple[Records, Records, np.ndarray[Any, Any]]]:
        """A part of the keys at a time: the rows that are sent; those that are not, and the row instead of each."""
        if self._file is None:
            yield _choose(np.concatenate([np.zeros(0, RECORD), *self._kept]))
            return
        if self._kept:
            self._write()
        for places in self._places:
            yield _choose(np.concatenate([np.zeros(0, RECORD), *(self._read(*place) for place in places)]))

    def _read(self, start: int, rows: int) -> Records:
        file = cast("BinaryIO", self._file)
        file.seek(start)
        return np.frombuffer(file.read(rows * RECORD.itemsize), RECORD)

    def close(self) -> None:
        """Frees the space on the disk."""
        self._kept = []
        if self._file is not None:
            with suppress(OSError):  # a full disk, once more
                self._file.close()


def _choose(records: Records) -> tuple[Records, Records, np.ndarray[Any, Any]]:
    keys, digests = records["key"], records["digest"]
    order = np.lexsort((records["row"], digests[:, 1], digests[:, 0], keys[:, 1], keys[:, 0]))
    ordered = records[order]
    begins = np.ones(len(ordered), bool)
    begins[1:] = (ordered["key"][1:] != ordered["key"][:-1]).any(axis=1)
    chosen = ordered[begins]
    instead = chosen["row"][np.cumsum(begins) - 1][~begins]
    return chosen, ordered[~begins], instead
