# SPDX-License-Identifier: Apache-2.0
"""Converts between Arrow columns, numpy arrays that share their memory, and Python sequences.

Arrow's own conversions of lists and numpy arrays load pandas, which is not needed here: half a second and 40 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core.keys import KEY_BYTES

TEXT = pa.large_string()
"""Large, because the texts of a column may exceed two gigabytes in total."""


def key_cells(column: pa.Array) -> np.ndarray[Any, Any]:
    """Fixed-width bytes, such as keys, as the cells of an array that shares their memory."""
    width = column.type.byte_width
    return np.frombuffer(column.buffers()[1], f"V{width}", len(column), column.offset * width)


def column_of_keys(keys: Sequence[bytes]) -> pa.Array:
    """Fixed-width bytes, such as keys, as a column."""
    return column_of_cells(b"".join(keys), len(keys[0]) if keys else KEY_BYTES)


def column_of_cells(cells: bytes, width: int) -> pa.Array:
    """Concatenated fixed-width bytes as a column."""
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(cells) // width, [None, pa.py_buffer(cells)])


def column_of_texts(texts: Sequence[str]) -> pa.Array:
    """Texts as a column."""
    whole = "".join(texts)
    given = whole.encode()
    sizes = map(len, texts) if len(given) == len(whole) else (len(text.encode()) for text in texts)
    ends = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(sizes, np.int64, len(texts)), out=ends[1:])
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(given))


def column_of_numbers(numbers: np.ndarray[Any, Any]) -> pa.Array:
    """Integers as a column that shares their memory."""
    return pa.Array.from_buffers(
        pa.int64(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers, np.int64))]
    )


def numbers_of(column: pa.Array) -> np.ndarray[Any, Any]:
    """A column of integers without nulls as an array that shares their memory."""
    width = column.type.bit_width // 8
    return np.frombuffer(column.buffers()[1] or b"", f"i{width}", len(column), column.offset * width)


def mask_of(column: pa.Array) -> np.ndarray[Any, Any]:
    """A column of truth values as an array; a null is false."""
    mask = np.zeros(len(column), bool)
    mask[np.asarray(pc.indices_nonzero(column).to_pylist(), np.int64)] = True
    return mask


def column_of_lists(columns: Sequence[pa.Array], rows: int) -> pa.Array:
    """One column of lists: for each row the list of its texts in these columns."""
    width = len(columns)
    offsets = column_of_numbers(np.arange(rows + 1) * width)
    if not columns:
        return pa.LargeListArray.from_arrays(offsets, column_of_texts([]))
    by_row = np.arange(rows * width).reshape(width, rows).T.ravel()
    return pa.LargeListArray.from_arrays(offsets, pa.concat_arrays(columns).take(column_of_numbers(by_row)))


def one_text(text: str) -> pa.Scalar:
    """A text that applies to all rows."""
    return column_of_texts([text])[0]


def column_of_text_lists(lists: Sequence[Sequence[str]]) -> pa.Array:
    """Lists of texts as a column."""
    ends = np.cumsum([0, *map(len, lists)])
    return pa.LargeListArray.from_arrays(column_of_numbers(ends), column_of_texts(list(chain.from_iterable(lists))))


def side_by_side(parts: Sequence[pa.Array | str]) -> pa.Array:
    """One column of texts: for each row the concatenation of its texts in the columns and of the constants."""
    joined: list[Any] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    texts = [one_text(part) if isinstance(part, str) else part for part in joined]
    return pc.binary_join_element_wise(*texts, one_text(""))


def cells_of(column: pa.Array) -> tuple[np.ndarray[Any, Any], memoryview]:
    """The offsets of the texts of a column, from 0 to the end of the last one, and their concatenated bytes."""
    column = column.cast(TEXT)
    _, ends, texts = column.buffers()
    offsets = np.frombuffer(ends, np.int64)[column.offset : column.offset + len(column) + 1]
    found = memoryview(texts or b"")[offsets[0] : offsets[-1]]
    return offsets - offsets[0], found
