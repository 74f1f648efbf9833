# SPDX-License-Identifier: Apache-2.0
"""pandas and polars frames as sources: column by column and batch by batch; the pandas index is ignored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from airflow_provider_uspeedo.tables.error_mapping import mapped_row_errors
from airflow_provider_uspeedo.tables.source import Cells, Part, RawBatch

if TYPE_CHECKING:
    import pandas as pd


class PandasFrame:
    """A ``pandas.DataFrame``."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._names = tuple(str(name) for name in frame.columns)
        self.description = f"<{len(frame):,} recipients (pandas DataFrame)>"

    @cached_property
    def parts(self) -> Sequence[Part]:
        types = {name: _pandas_type(self._frame.iloc[:0, place]) for place, name in enumerate(self._names)}
        return (Part(self.description, self._names, types, len(self._frame)),)

    def raw_batches(self, columns: Sequence[str], rows: int) -> Iterator[RawBatch]:
        places = {name: self._names.index(name) for name in columns}
        for start in range(0, len(self._frame), rows):
            stop = min(start + rows, len(self._frame))
            with mapped_row_errors(self.description):
                cells = {name: _pandas_cells(self._frame.iloc[start:stop, place]) for name, place in places.items()}
            yield RawBatch(self.description, stop - start, cells)


def _pandas_type(empty: pd.Series[Any]) -> pa.DataType | None:
    cells = _pandas_cells(empty)
    return None if isinstance(cells, list) else cells.type


def _pandas_cells(series: pd.Series[Any]) -> Cells:
    """As Arrow if it has such a type; else the objects: an object column may hold another type in every batch."""
    if series.dtype == object:
        return series.tolist()
    try:
        return whole_array(pa.array(series, from_pandas=True))
    except (pa.ArrowException, TypeError, ValueError):  # sparse, complex, mixed categories, not UTF-8, ...
        return series.tolist()


def whole_array(found: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return one array where some versions of Arrow give it in chunks."""
    if not isinstance(found, pa.ChunkedArray):
        return found
    return found.chunk(0) if found.num_chunks == 1 else pa.concat_arrays(found.chunks or [pa.array([], found.type)])


class PolarsFrame:
    """A ``polars.DataFrame``.

    Its Object columns never go through Arrow: polars exports their addresses, or ends the whole process.
    """

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self._objects = {name for name, dtype in frame.schema.items() if str(dtype) == "Object"}
        self.description = f"<{frame.height:,} recipients (polars DataFrame)>"

    @cached_property
    def parts(self) -> Sequence[Part]:
        names = tuple(self._frame.columns)
        with mapped_row_errors(self.description):
            schema = self._frame.clear().select(self._arrow_names(names)).to_arrow().schema
        types = {name: None if name in self._objects else schema.field(name).type for name in names}
        return (Part(self.description, names, types, self._frame.height),)

    def raw_batches(self, columns: Sequence[str], rows: int) -> Iterator[RawBatch]:
        for start in range(0, self._frame.height, rows):
            with mapped_row_errors(self.description):
                raw = self._frame.select(columns).slice(start, rows)
                cells = self._cells(raw, columns)
            yield RawBatch(self.description, min(rows, self._frame.height - start), cells)

    def _cells(self, raw: Any, columns: Sequence[str]) -> dict[str, Cells]:
        table = raw.select(self._arrow_names(columns)).to_arrow()
        return {
            name: raw[name].to_list() if name in self._objects else whole_array(table.column(name)) for name in columns
        }

    def _arrow_names(self, columns: Sequence[str]) -> list[str]:
        return [name for name in columns if name not in self._objects]
