# SPDX-License-Identifier: Apache-2.0
"""Columns of Arrow, and the same memory as numpy sees it.

Arrow's own ways from lists, and to and from numpy, load pandas, of which nothing is used: half a second and forty
megabytes.
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
"""Large: all texts of a column together may be longer than two gigabytes."""


def key_cells(column: pa.Array) -> np.ndarray[Any, Any]:
    """Keys, or other bytes of one width, as cells of an array that sees the same memory."""
    width = column.type.byte_width
    return np.frombuffer(column.buffers()[1], f"V{width}", len(column), column.offset * width)


def column_of_keys(keys: Sequence[bytes]) -> pa.Array:
    """Keys, or other bytes of one width, as a column."""
    return column_of_cells(b"".join(keys), len(keys[0]) if keys else KEY_BYTES)


def column_of_cells(cells: bytes, width: int) -> pa.Array:
    """Bytes of one width that stand one after the other, as a column."""
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
    """Numbers as a column, in the same memory."""
    return pa.Array.from_buffers(
        pa.int64(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers, np.int64))]
    )


def numbers_of(column: pa.Array) -> np.ndarray[Any, Any]:
    """A column of integers, none of them null, as numbers in the same memory."""
    width = column.type.bit_width // 8
    return np.frombuffer(column.buffers()[1] or b"", f"i{width}", len(column), column.offset * width)


def column_of_lists(columns: Sequence[pa.Array], rows: int) -> pa.Array:
    """For each row the list of what stands there in each column of texts."""
    width = len(columns)
    offsets = column_of_numbers(np.arange(rows + 1) * width)
    if not columns:
        return pa.LargeListArray.from_arrays(offsets, column_of_texts([]))
    by_row = np.arange(rows * width).reshape(width, rows).T.ravel()
    return pa.LargeListArray.from_arrays(offsets, pa.concat_arrays(columns).take(column_of_numbers(by_row)))


def one_text(text: str) -> pa.Scalar:
    """A text for all rows of a column."""
    return column_of_texts([text])[0]


def column_of_text_lists(lists: Sequence[Sequence[str]]) -> pa.Array:
    """Lists of texts as a column."""
    ends = np.cumsum([0, *map(len, lists)])
    return pa.LargeListArray.from_arrays(column_of_numbers(ends), column_of_texts(list(chain.from_iterable(lists))))


def side_by_side(parts: Sequence[pa.Array | str]) -> pa.Array:
    """For each row one text: what stands there in each column of texts, and the texts between them."""
    joined: list[Any] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    texts = [one_text(part) if isinstance(part, str) else part for part in joined]
    return pc.binary_join_element_wise(*texts, one_text(""))


def cells_of(column: pa.Array) -> tuple[np.ndarray[Any, Any], memoryview]:
    """Where each text of a column begins and the last one ends, from 0; and all of them, one after the other."""
    column = column.cast(TEXT)
    _, ends, texts = column.buffers()
    offsets = np.frombuffer(ends, np.int64)[column.offset : column.offset + len(column) + 1]
    found = memoryview(texts or b"")[offsets[0] : offsets[-1]]
    return offsets - offsets[0], found


def hexadecimal(column: pa.Array) -> pa.Array:
    """Keys, or other bytes of one width, as a column of hexadecimal texts."""
    width = 2 * column.type.byte_width
    ends = np.arange(0, width * len(column) + 1, width)
    digits = key_cells(column).tobytes().hex().encode()
    return pa.LargeStringArray.from_buffers(len(column), pa.py_buffer(ends), pa.py_buffer(digits))
