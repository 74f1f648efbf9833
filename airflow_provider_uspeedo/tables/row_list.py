# SPDX-License-Identifier: Apache-2.0
"""A list of dicts as a source: its columns are all keys of all rows; a key that a row lacks is a null."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence

from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables.source import Part, RawBatch


class RowList:
    """A list or tuple of dicts.

    :raises TableError: for the first row that is not a dict.
    """

    def __init__(self, rows: Sequence[Mapping[Hashable, object]]) -> None:
        self._rows = rows
        self.description = f"<{len(rows):,} recipients (list of dicts)>"
        self._keys = _all_keys(rows)
        names = tuple(str(key) for key in self._keys)
        self.parts = (Part(self.description, names, dict.fromkeys(names), len(rows)),)

    def raw_batches(self, columns: Sequence[str], rows: int) -> Iterator[RawBatch]:
        keys = {str(key): key for key in self._keys}
        for start in range(0, len(self._rows), rows):
            raw = self._rows[start : start + rows]
            cells = {name: [row.get(keys[name]) for row in raw] for name in columns}
            yield RawBatch(self.description, len(raw), cells)


def _all_keys(rows: Sequence[Mapping[Hashable, object]]) -> tuple[Hashable, ...]:
    """Return the keys of all rows in order of first appearance."""
    known: dict[Hashable, None] = {}
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise TableError(
                f"row {number} of the list is a {type(row).__name__}; each row must be a dict of column and value. "
                f"Pass a list of dicts, a frame, or the path of a Parquet file.",
                row_number=number,
            )
        if not row.keys() <= known.keys():
            known.update(dict.fromkeys(row))
    return tuple(known)
