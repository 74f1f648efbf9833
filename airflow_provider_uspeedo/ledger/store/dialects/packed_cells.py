# SPDX-License-Identifier: Apache-2.0
"""A column as one value of bytes, in cells of one width, which SQL takes apart.

A bound value for each cell costs a driver, or a server's parser, more than the insert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core.arrays import TEXT, cells_of, column_of_cells, key_cells

CONTROLS = range(0x1F, 0, -1)
"""Characters that may fill a cell after its text: one with which no text of the column ends."""
BYTES, NUMBER, WORDS = "bytes", "number", "words"


@dataclass(frozen=True, slots=True)
class PackedCells:
    """The cells of one column.

    :param cells: bytes of one width for each row.
    :param kind: what each of them is.
    :param filler: the character after texts that are shorter; of bytes, 0 where some are zeros in place of nothing;
        ``None``: all are as they were.
    """

    cells: np.ndarray[Any, Any]
    kind: str
    filler: int | None = None

    @property
    def width(self) -> int:
        """Bytes of each cell."""
        return int(self.cells.dtype.itemsize)


def packed(column: pa.Array) -> PackedCells:
    """Packs fixed-width bytes, integers or texts."""
    if pa.types.is_fixed_size_binary(column.type):
        if not column.null_count:
            return PackedCells(key_cells(column), BYTES)
        nothing = bytes(column.type.byte_width)
        filled = pc.if_else(column.is_valid(), column, column_of_cells(nothing, len(nothing))[0])
        return PackedCells(key_cells(filled), BYTES, 0)
    offsets, data = cells_of(column.cast(TEXT))
    lengths = np.diff(offsets)
    width, given = int(lengths.max(initial=1)) or 1, np.frombuffer(data, np.uint8)
    kind = NUMBER if pa.types.is_integer(column.type) else WORDS
    if lengths.min(initial=width) == width:
        return PackedCells(given.view(f"V{width}"), kind)
    ends = set(np.unique(given[offsets[1:][lengths > 0] - 1]).tolist())
    filler = next(one for one in (*CONTROLS, *range(0x20, 0x80)) if one not in ends)
    cells = np.full((len(column), width), filler, np.uint8)
    cells[np.arange(width) < lengths[:, None]] = given
    return PackedCells(cells.view(f"V{width}").ravel(), kind, filler)
