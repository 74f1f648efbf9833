# SPDX-License-Identifier: Apache-2.0
"""Text of dates, timestamps and times of day, by Arrow; the table in :mod:`.text` says which."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from airflow_provider_uspeedo.tables.batch import ArrowTexts, Text
from airflow_provider_uspeedo.tables.odd_cells import with_odd_texts
from airflow_provider_uspeedo.tables.values import ODD_TIME, ODD_YEAR, UTC_OFFSET, texts_of

_NO_FRACTION = (r"\.0+$", "")
_FRACTIONS = {
    "s": (),
    "ms": (_NO_FRACTION, (r"(\.\d{3})$", r"\1000")),
    "us": (_NO_FRACTION,),
    "ns": (_NO_FRACTION, (r"(\.\d{6})000$", r"\1")),
}

_FIRST_SECOND, _AFTER_LAST_SECOND = -62_135_596_800, 253_402_300_800
_YEARS = {
    unit: (_FIRST_SECOND * part // whole, _AFTER_LAST_SECOND * part // whole)
    for unit, part, whole in (("D", 1, 86_400), ("s", 1, 1), ("ms", 10**3, 1), ("us", 10**6, 1), ("ns", 10**9, 1))
}
"""The numbers behind the first moment of the year 1 and of the year 10000."""


def dates(array: pa.Array) -> Sequence[Text]:
    """Return the day of each cell."""
    if pt.is_date64(array.type):
        array = array.cast(pa.int64()).cast(pa.timestamp("ms"))
        return _in_years(array, lambda cells: ArrowTexts(pc.utf8_slice_codeunits(pc.cast(cells, pa.string()), 0, 10)))
    return _in_years(array, lambda cells: ArrowTexts(pc.cast(cells, pa.string())))


def timestamps(array: pa.Array) -> Sequence[Text]:
    """Return date and time of each cell, with the offset of its zone if it has one."""
    return _in_years(array, (lambda cells: ArrowTexts(_clock(cells))) if array.type.tz is None else _zoned)


def _zoned(array: pa.Array) -> Sequence[Text]:
    try:
        there = pc.local_timestamp(array)
    except pa.ArrowInvalid:  # Arrow has no such zone (no zone database, or an offset in an old version); Python may
        return texts_of(array.to_pylist())
    offsets = _offsets(array, there)
    return _in_years(there, lambda cells: ArrowTexts(pc.binary_join_element_wise(_clock(cells), offsets, "")))


def _in_years(array: pa.Array, make: Callable[[pa.Array], Sequence[Text]]) -> Sequence[Text]:
    """Make the texts of those in the years 1 to 9999; Arrow writes something else for others."""
    first, after = _YEARS["D" if pt.is_date32(array.type) else array.type.unit]
    if first < -(2**63):  # nanoseconds end in 2262
        return make(array)
    numbers = array.cast(pa.int32() if pt.is_date32(array.type) else pa.int64())
    odd = pc.or_(pc.less(numbers, first), pc.greater_equal(numbers, after))
    if not pc.any(odd).as_py():
        return make(array)
    cells = list(make(pc.if_else(odd, pa.scalar(None, array.type), array)))
    for index in pc.indices_nonzero(odd).to_pylist():
        cells[index] = ODD_YEAR
    return cells


def _offsets(array: pa.Array, there: pa.Array) -> pa.Array:
    """Return the offset of the wall clock from UTC; computed as numbers, ten times faster than Arrow's ``%z``."""
    ahead = pc.cast(pc.subtract(there, pc.cast(array, there.type)), pa.duration("s")).cast(pa.int64())
    few = ahead.dictionary_encode()
    return pa.array([_offset_text(seconds) for seconds in few.dictionary.to_pylist()], pa.string()).take(few.indices)


def _offset_text(seconds: int) -> str:
    minutes, rest = divmod(abs(seconds), 60)
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}" + (f":{rest:02}" if rest else "")


def times(array: pa.Array) -> Sequence[Text]:
    """Return the time of day of each cell."""
    found = _clock(array)
    return with_odd_texts(found, pc.match_substring(found, "<"), lambda _: ODD_TIME)  # "<value out of range: ...>"


def _clock(array: pa.Array) -> pa.Array:
    """Write fractions of a second as Python does: none if zero, else 6 digits, or 9 if the last 3 are not zero."""
    try:
        return pc.cast(pc.cast(array, _whole_seconds(array.type)), pa.string())
    except pa.ArrowInvalid:  # some have a fraction
        found = pc.cast(array, pa.string())
    for pattern, replacement in _FRACTIONS[array.type.unit]:
        found = pc.replace_substring_regex(found, pattern, replacement)
    return found


def _whole_seconds(arrow_type: pa.DataType) -> pa.DataType:
    return pa.timestamp("s") if pt.is_timestamp(arrow_type) else pa.time32("s")


def instant_keys(array: pa.Array) -> Sequence[Text]:
    """Return the time of each cell in UTC: the same moment in two zones is one key."""
    utc = array.cast(pa.int64()).cast(pa.timestamp(array.type.unit))
    return _in_years(utc, lambda cells: ArrowTexts(pc.binary_join_element_wise(_clock(cells), UTC_OFFSET, "")))
