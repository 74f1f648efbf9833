# SPDX-License-Identifier: Apache-2.0
"""Python values as database drivers give them, as Arrow columns that keep the text, the kind and the key of each.

A column becomes the Arrow type that holds every value exactly: of decimals, only if all have the same scale. What no
Arrow type holds exactly (decimals of several scales, times of several zones, infinite numbers) is kept value by value
in :mod:`.exact_values`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from airflow_provider_uspeedo.tables.exact_values import EXACT, exact
from airflow_provider_uspeedo.tables.plain_values import plain
from airflow_provider_uspeedo.tables.values import texts_of

MAX_SCALE = 76
"""Digits that Arrow's largest decimal holds."""
_DECIMAL_128 = 38
_PLAIN = frozenset({str, int, float, bool, bytes, Decimal, dt.date, dt.datetime, dt.time})


def column_of(values: Sequence[object], before: pa.DataType | None) -> pa.Array:
    """One column of a batch.

    :param before: the type of the same column in the batch before: it is kept where it holds these values too, so
        that the type changes seldom.
    """
    types = set(map(type, values)) - {type(None)}
    if not types <= _PLAIN:
        values = [plain(value) for value in values]
        types = set(map(type, values)) - {type(None)}
    if not types:
        return pa.nulls(len(values), before)
    if types <= _TEXT_LIKE and before == pa.string():
        return _mixed(values)
    if before == EXACT and types == {Decimal}:
        return exact(values)
    try:
        if len(types) > 1:
            return _mixed(values, types)
        make: Callable[[Sequence[Any]], pa.Array] = _MAKERS.get(types.pop(), exact)
        return make(values)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, ValueError):
        return exact(values)


_TEXT_LIKE = {str, int, float}


def _mixed(values: Sequence[object], types: set[type] | None = None) -> pa.Array:
    """Values of several types: as text, which loses nothing unless some is a decimal, whose key differs from it."""
    if types and Decimal in types:
        return exact(values)
    found = texts_of(values)
    if not all(cell is None or isinstance(cell, str) for cell in found):
        return exact(values)
    return pa.array(found, pa.string())


def _integers(values: Sequence[object]) -> pa.Array:
    try:
        return pa.array(values, pa.int64())
    except (pa.ArrowException, OverflowError):  # unsigned 64 bits and more
        return _mixed(values)


def _decimals(values: Sequence[Any]) -> pa.Array:
    scales = {value.as_tuple().exponent for value in values if value is not None}
    (exponent,) = scales  # several: ValueError, kept exactly
    if not isinstance(exponent, int) or not -MAX_SCALE <= exponent <= 0:
        return exact(values)
    try:
        return pa.array(values, pa.decimal128(_DECIMAL_128, -exponent))
    except (pa.ArrowException, ValueError):
        return pa.array(values, pa.decimal256(MAX_SCALE, -exponent))


def _timestamps(values: Sequence[Any]) -> pa.Array:
    (offset,) = {value.utcoffset() for value in values if value is not None}
    if offset is None:
        return pa.array(values, pa.timestamp("us"))
    minutes = offset // dt.timedelta(minutes=1)
    if offset != dt.timedelta(minutes=minutes):
        return exact(values)
    sign, ahead = "-" if minutes < 0 else "+", abs(minutes)
    return pa.array(values, pa.timestamp("us", f"{sign}{ahead // 60:02}:{ahead % 60:02}"))


def _times(values: Sequence[Any]) -> pa.Array:
    if any(value is not None and value.tzinfo for value in values):
        return exact(values)
    return pa.array(values, pa.time64("us"))


def _of(arrow_type: pa.DataType) -> Callable[[Sequence[Any]], pa.Array]:
    return lambda values: pa.array(values, arrow_type)


_MAKERS: dict[type, Callable[[Sequence[Any]], pa.Array]] = {
    str: _of(pa.string()),
    bool: _of(pa.bool_()),
    int: _integers,
    float: _of(pa.float64()),
    bytes: _of(pa.binary()),
    Decimal: _decimals,
    dt.datetime: _timestamps,
    dt.date: _of(pa.date32()),
    dt.time: _times,
}
