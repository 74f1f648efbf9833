# SPDX-License-Identifier: Apache-2.0
"""A batch: some consecutive rows of a table as text, column by column: Python lists, or Arrow's columns as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, overload

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core.arrays import cells_of
from airflow_provider_uspeedo.core.row_rules import NUL

Cell = TypeVar("Cell")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cell that cannot become text. It makes its row invalid, not the table.

    :param reason: why, such as ``not UTF-8 text``; never the value itself.
    """

    reason: str


NOT_UTF8 = Unreadable("not UTF-8 text")

Text: TypeAlias = str | Unreadable | None
"""What a cell becomes; ``None`` is null, NaN, NaT or NA."""

TextList: TypeAlias = list[str | None] | Unreadable | None
"""What a cell of a list column becomes; ``None`` is a list that is null as a whole."""


class ArrowTexts(Sequence[Text]):
    """A column of texts as Arrow has it; a Python text is made when it is accessed.

    :param array: of strings, all of them UTF-8.
    """

    def __init__(self, array: pa.Array) -> None:
        self.array = array.cast(
            pa.large_string()
        )  # shares the memory of the texts; only their offsets are written anew

    @property
    def clean(self) -> pa.Array | None:
        """The column itself, if every cell is a text that can be stored and sent: none is null, or has a NUL."""
        if self.array.null_count or NUL.encode() in cells_of(self.array)[1].tobytes():
            return None
        return self.array

    def different(self) -> Sequence[Text]:
        """The distinct texts."""
        return ArrowTexts(pc.unique(self.array))

    def followed_by(self, others: Iterable[ArrowTexts]) -> ArrowTexts:
        """This column and the others, one after the other."""
        return ArrowTexts(pa.concat_arrays([self.array, *(other.array for other in others)]))

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, index: int) -> Text: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Text]: ...
    def __getitem__(self, index: int | slice) -> Text | Sequence[Text]:
        if isinstance(index, slice):
            return ArrowTexts(self.array[index])
        return self.array[index].as_py()  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Text]:
        return iter(self.array.to_pylist())  # by way of numpy it would load pandas, which is not needed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} texts>"


@dataclass(frozen=True, slots=True, repr=False)
class TextBatch:
    """Rows ``first_row`` to ``first_row + length - 1`` of a table. Its ``repr`` shows no value.

    :param first_row: the number of its first row in the table, counted from 1.
    :param length: the number of rows; every sequence below has this length.
    :param columns: the requested columns as text.
    :param lists: the requested list columns, a list of texts for each row.
    :param keys: the requested key columns as text in which 1, 1.0 and ``Decimal("1.00")`` are the same ``"1"``.
    """

    first_row: int
    length: int
    columns: Mapping[str, Sequence[Text]]
    lists: Mapping[str, Sequence[TextList]]
    keys: Mapping[str, Sequence[Text]]

    def __repr__(self) -> str:
        return f"<rows {self.first_row:,} to {self.first_row + self.length - 1:,}>"


def join(batches: Iterable[TextBatch], max_rows: int) -> Iterator[TextBatch]:
    """Give the same rows in fewer batches: neighbouring small ones become one batch of at most ``most_rows`` rows.

    A folder of many small files would otherwise be read in many small batches.
    """
    held: list[TextBatch] = []
    rows = 0
    for batch in batches:
        if held and rows + batch.length > max_rows:
            yield _merge(held)
            held, rows = [], 0
        held.append(batch)
        rows += batch.length
    if held:
        yield _merge(held)


def _merge(batches: Sequence[TextBatch]) -> TextBatch:
    if len(batches) == 1:
        return batches[0]
    return TextBatch(
        first_row=batches[0].first_row,
        length=sum(batch.length for batch in batches),
        columns=_append([batch.columns for batch in batches]),
        lists=_append([batch.lists for batch in batches]),
        keys=_append([batch.keys for batch in batches]),
    )


def _append(parts: Sequence[Mapping[str, Sequence[Cell]]]) -> dict[str, Sequence[Cell]]:
    return {name: _joined([part[name] for part in parts]) for name in parts[0]}


def _joined(columns: Sequence[Any]) -> Any:
    if all(isinstance(column, ArrowTexts) for column in columns):
        return columns[0].followed_by(columns[1:])
    return [cell for column in columns for cell in column]
