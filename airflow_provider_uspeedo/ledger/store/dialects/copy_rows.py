# SPDX-License-Identifier: Apache-2.0
"""Rows in the binary form that PostgreSQL's COPY reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core.arrays import cells_of, column_of_cells

_BYTES = pa.large_binary()
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"


def binary_rows(columns: Mapping[str, Any]) -> bytes:
    """Rows as COPY reads them in its binary form: for each field its length and its bytes.

    :param columns: name to an Arrow array of integers, texts or 16-byte keys with one value for each row, or to one
        such value for all.
    """
    parts: list[Any] = [len(columns).to_bytes(2, "big")]
    for cells in columns.values():
        for part in _field(cells):
            if isinstance(part, bytes) and isinstance(parts[-1], bytes):
                parts[-1] += part
            else:
                parts.append(part)
    joined = [_scalar(part) if isinstance(part, bytes) else part for part in parts]
    rows = pc.binary_join_element_wise(*joined, _scalar(b""))
    return b"".join((_HEADER, cells_of(rows.view(pa.large_string()))[1], _TRAILER))


def _field(cells: Any) -> Sequence[Any]:
    if cells is None:
        return (_NULL,)
    if not isinstance(cells, pa.Array):
        return (_measured(_as_bytes(cells)),)
    if pa.types.is_integer(cells.type):
        numbers = np.frombuffer(cells.buffers()[1], np.int64, len(cells), cells.offset * 8).astype(">i8")
        return b"\0\0\0\x08", column_of_cells(numbers.tobytes(), 8).cast(_BYTES)
    if pa.types.is_fixed_size_binary(cells.type):
        size = cells.type.byte_width.to_bytes(4, "big")
        if not cells.null_count:
            return size, cells.cast(_BYTES)
        whole = pc.binary_join_element_wise(_scalar(size), cells.cast(_BYTES), _scalar(b""))
        return (pc.if_else(cells.is_valid(), whole, _scalar(_NULL)),)
    offsets, _ = cells_of(cells)
    sizes = np.diff(offsets).astype(">i4").tobytes()
    return column_of_cells(sizes, 4).cast(_BYTES), cells.cast(pa.large_string()).view(_BYTES)


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, int):
        return value.to_bytes(8, "big", signed=True)
    return value.encode() if isinstance(value, str) else bytes(value)


def _measured(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _scalar(value: bytes) -> pa.Scalar:
    """One value for all rows; Arrow's own way from Python would load pandas."""
    ends = pa.py_buffer(np.array([0, len(value)], np.int64))
    return pa.LargeBinaryArray.from_buffers(_BYTES, 1, [None, ends, pa.py_buffer(value)])[0]
