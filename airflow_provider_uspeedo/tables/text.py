# SPDX-License-Identifier: Apache-2.0
"""Converts cells to text as people write them, by Arrow and for a whole array at a time.

===========================  ==========================================================================
strings, bytes               as they are; bytes must be UTF-8
integers                     ``42``
floats                       ``42`` if whole, else the shortest digits that give the number back, written
                             out: ``0.1``, ``0.0000001``; also for float32 and float16; NaN is a null
decimals                     with their scale: ``12.50`` (as a key without it: ``12.5``)
booleans                     ``true``, ``false``
dates                        ``2026-11-22``
timestamps                   ``2026-11-22 14:30:00``, with the fraction if it is not zero; with a zone the
                             wall clock there and the offset: ``2026-11-22 14:30:00+08:00`` (as a key: in UTC)
times                        ``14:30:00``, with the fraction if it is not zero
UUIDs                        in lower case with dashes
dictionary, run-end encoded  their values
nulls                        ``None``
===========================  ==========================================================================

A cell that cannot be text (bytes that are not UTF-8, infinite numbers, years outside 1 to 9999) becomes
:class:`.Unreadable`. Durations, structs, maps, intervals and lists have no text: :func:`.kind_of` says so
before anything is read.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from airflow_provider_uspeedo.tables.arrow_types import extension_name, is_bytes, is_text, is_uuid, value_type
from airflow_provider_uspeedo.tables.batch import ArrowTexts, Text
from airflow_provider_uspeedo.tables.odd_cells import listed, with_odd_texts
from airflow_provider_uspeedo.tables.time_text import dates, instant_keys, times, timestamps
from airflow_provider_uspeedo.tables.values import (
    INFINITE,
    key_text,
    short,
    shortest,
    text,
    texts_of,
)

_WHOLE_LIMIT = {"double": 2.0**53, "float": 2.0**24}
"""From here on an integer would show more digits than the float holds."""


def texts(array: pa.Array) -> Sequence[Text]:
    """Return the text of each cell.

    :param array: any Arrow array whose type has a kind (:func:`.kind_of`).
    :raises pyarrow.ArrowException: its message may quote values; the caller hides it.
    """
    for test, make in _RULES:
        if test(array.type):
            return make(array)
    return _cast(array)


def key_texts(array: pa.Array) -> Sequence[Text]:
    """Return the text of each cell as a key: the same for equal values of all types of one kind.

    Decimals lose the zeros that end their fraction, times with a zone are in UTC, large floats are written out exactly.
    """
    for test, make in _KEY_RULES:
        if test(value_type(array.type)):
            return make(_decoded(array))
    return texts(array)


def differs_as_key(arrow_type: pa.DataType) -> bool:
    """Return whether :func:`key_texts` may differ from :func:`texts`."""
    return any(test(value_type(arrow_type)) for test, _ in _KEY_RULES)


def _decoded(array: pa.Array) -> pa.Array:
    if pt.is_dictionary(array.type):
        return _decoded(array.dictionary_decode())
    return _decoded(pc.run_end_decode(array)) if pt.is_run_end_encoded(array.type) else array


def _decimal_keys(array: pa.Array) -> Sequence[Text]:
    return [shortest(cell) if isinstance(cell, str) else cell for cell in texts(array)]


def _float_keys(array: pa.Array) -> Sequence[Text]:
    """An integer of the same value has all of its digits."""
    found = texts(array)
    large = pc.indices_nonzero(pc.greater_equal(pc.abs(array), _WHOLE_LIMIT["double"])).to_pylist()
    if not large:
        return found
    cells = list(found)
    for index in large:
        cells[index] = key_text(array[index].as_py())
    return cells


def _cast(array: pa.Array) -> Sequence[Text]:
    return ArrowTexts(pc.cast(array, pa.string()))


def _strings(array: pa.Array) -> Sequence[Text]:
    if is_utf8(array):
        return ArrowTexts(array)
    try:
        return listed(array)
    except (pa.ArrowException, UnicodeDecodeError):  # written without a check: bytes that are not UTF-8
        return _bytes(array.view(_BYTES_BEHIND[str(array.type)]))


def is_utf8(array: pa.Array) -> bool:
    """Return whether each cell is UTF-8 text or null; false for arrays of other types, including string views."""
    if not (pt.is_string(array.type) or pt.is_large_string(array.type)):
        return False
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


_BYTES_BEHIND = {"string": "binary", "large_string": "large_binary", "string_view": "binary_view"}


def _bytes(array: pa.Array) -> Sequence[Text]:
    return texts_of(listed(array))


def _uuids(array: pa.Array) -> Sequence[Text]:
    return [None if cell is None else str(uuid.UUID(bytes=cell)) for cell in listed(array.storage)]


def _nulls(array: pa.Array) -> Sequence[Text]:
    return [None] * len(array)


def _dictionary(array: pa.DictionaryArray) -> Sequence[Text]:
    # A slice of a large dictionary: only the values in use (but not every Arrow can take from string views).
    if len(array.dictionary) > len(array) and not pt.is_string_view(array.dictionary.type):
        return texts(array.dictionary_decode())
    if is_utf8(array.dictionary):
        return ArrowTexts(array.dictionary_decode())
    words = np.array([*texts(array.dictionary), None], object)
    # A null is the last word. Numpy takes half the time of a loop.
    return words[array.indices.cast(pa.int64()).fill_null(-1).to_numpy()].tolist()  # type: ignore[no-any-return]


def _run_ends(array: pa.Array) -> Sequence[Text]:
    return texts(pc.run_end_decode(array))


def _storage(array: pa.Array) -> Sequence[Text]:
    return texts(array.storage)


def _half_floats(array: pa.Array) -> Sequence[Text]:
    """Value by value: Arrow writes out the exact value of a float16, ``0.0999755859375`` for ``0.1``."""
    cells = array.to_numpy(zero_copy_only=False)
    return [text(cell) if valid else None for cell, valid in zip(cells, array.is_valid().to_pylist(), strict=True)]


def _floats(array: pa.Array) -> Sequence[Text]:
    limit = pa.scalar(_WHOLE_LIMIT[str(array.type)], array.type)
    whole = pc.and_(pc.equal(pc.floor(array), array), pc.less(pc.abs(array), limit))
    null = pa.scalar(None, array.type)
    integers = pc.cast(pc.cast(pc.if_else(whole, array, null), pa.int64()), pa.string())
    if array.null_count == integers.null_count:
        return ArrowTexts(integers)
    others = pc.cast(pc.if_else(whole, null, array), pa.string())
    return with_odd_texts(pc.coalesce(integers, others), pc.match_substring_regex(others, "[en]"), _float_text)


def _float_text(number: str) -> Text:
    if number.endswith("nan"):
        return None
    return INFINITE if number.endswith("inf") else short(number)


def _decimals(array: pa.Array) -> Sequence[Text]:
    found = pc.cast(array, pa.string())
    return with_odd_texts(found, pc.match_substring(found, "E"), _decimal_text)


def _decimal_text(number: str) -> Text:
    return text(Decimal(number))


_RULES: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], Sequence[Text]]], ...] = (
    (is_text, _strings),
    (is_bytes, _bytes),
    (pt.is_float16, _half_floats),
    (pt.is_floating, _floats),
    (pt.is_decimal, _decimals),
    (pt.is_date, dates),
    (pt.is_timestamp, timestamps),
    (pt.is_time, times),
    (pt.is_null, _nulls),
    (pt.is_dictionary, _dictionary),
    (pt.is_run_end_encoded, _run_ends),
    (is_uuid, _uuids),
    (lambda arrow_type: extension_name(arrow_type) is not None, _storage),
)
"""The first match applies; integers and booleans are cast by Arrow."""

_KEY_RULES: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], Sequence[Text]]], ...] = (
    (pt.is_decimal, _decimal_keys),
    (lambda arrow_type: pt.is_timestamp(arrow_type) and arrow_type.tz is not None, instant_keys),
    (pt.is_float64, _float_keys),
)
"""What keys have otherwise."""
