# SPDX-License-Identifier: Apache-2.0
"""What every source of rows gives: its parts (with their columns and types), and batches of chosen columns."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import pyarrow as pa

Cells: TypeAlias = pa.Array | list[object]
"""One column of a batch: an Arrow array, or Python objects of any type where Arrow has none for them."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the table with one schema: a file of a folder, or all of a frame.

    :param place: how an error names it: a description, never a value.
    :param names: its columns in order, as often as they occur.
    :param types: the Arrow type of each; ``None`` where the column holds Python objects.
    :param rows: their number, or ``None`` if it is not known without reading.
    """

    place: str
    names: tuple[str, ...]
    types: Mapping[str, pa.DataType | None]
    rows: int | None

    @classmethod
    def from_schema(cls, place: str, schema: pa.Schema, rows: int | None) -> Part:
        """Take columns and types from an Arrow schema."""
        return cls(place, tuple(schema.names), dict(zip(schema.names, schema.types, strict=True)), rows)

    @property
    def is_nothing(self) -> bool:
        """Whether it has neither rows nor columns: an empty list or frame, which lacks no column."""
        return self.rows == 0 and not self.names


@dataclass(frozen=True, slots=True, repr=False)
class RawBatch:
    """Some consecutive rows of chosen columns, as the source has them: not yet text."""

    place: str
    length: int
    columns: Mapping[str, Cells]

    @classmethod
    def from_batch(cls, place: str, batch: pa.RecordBatch, columns: Sequence[str]) -> RawBatch:
        """Take the columns from a record batch that may have more."""
        return cls(place, batch.num_rows, {name: batch.column(batch.schema.get_field_index(name)) for name in columns})


class Source(Protocol):
    """Rows that can be read any number of times."""

    @property
    def description(self) -> str:
        """What it is, between angle brackets; never a value."""

    @property
    def parts(self) -> Sequence[Part]:
        """Its parts in reading order; at least one."""

    def raw_batches(self, columns: Sequence[str], rows: int) -> Iterator[RawBatch]:
        """Read these columns of all rows, in order.

        :param columns: names that every part has exactly once.
        :param rows: the maximum number of rows in one batch.
        """


def is_a(given: object, module: str, name: str) -> bool:
    """Return whether it is one, without importing the library: an object of it exists only after its import."""
    return module in sys.modules and isinstance(given, getattr(sys.modules[module], name, ()))
