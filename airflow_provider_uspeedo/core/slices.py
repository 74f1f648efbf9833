# SPDX-License-Identifier: Apache-2.0
"""A slice of a table: the recipients that one of several mapped tasks sends to, chosen by their keys.

All rows of a recipient are in one slice, so duplicates are found; the slice depends on the key alone, not on the order
of the table. A row without a key is assigned by its row number, so that it is counted once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.errors import ConfigurationError

MAX_SLICES = 1024
"""Airflow's default limit of mapped tasks."""
BUCKET_BYTES = 2
"""The number of leading bytes of a key that decide; the ledger computes the same in SQL."""
_WRITTEN = re.compile(r"\s*([0-9]{1,4})\s*/\s*([0-9]{1,4})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Slice:
    """Slice ``number`` (from 0) of ``count``.

    >>> Slice.parse("3/8")
    Slice(number=2, count=8)

    :raises ConfigurationError: the numbers are out of range.
    """

    number: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not (1 <= self.count <= MAX_SLICES and 0 <= self.number < self.count):
            raise ConfigurationError(
                f"slice={str(self)!r} is not a slice: write it as '1/8' to '8/8', of at most {MAX_SLICES:,} slices."
            )

    @classmethod
    def parse(cls, text: str) -> Slice:
        """Reads ``"3/8"``: the third of eight."""
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise ConfigurationError(f"slice={text[:20]!r} is not a slice: write it as '1/8', the first of eight.")
        return cls(int(written[1]) - 1, int(written[2]))

    @property
    def is_whole(self) -> bool:
        """True if it is the whole table."""
        return self.count == 1

    def holds(self, row: Recipient | BadRow) -> bool:
        """True if the row is in this slice."""
        return slice_of(row.key, row.row_number, self.count) == self.number

    def holds_key(self, key: bytes) -> bool:
        """True if the recipient with this key is in this slice."""
        return slice_of(key, 0, self.count) == self.number

    def __str__(self) -> str:
        return f"{self.number + 1}/{self.count}"


WHOLE = Slice()
"""The whole table."""


def slice_of(key: bytes | None, row_number: int, count: int) -> int:
    """The number, from 0, of the slice that a row is in."""
    return (row_number if key is None else int.from_bytes(key[:BUCKET_BYTES], "big")) % count
