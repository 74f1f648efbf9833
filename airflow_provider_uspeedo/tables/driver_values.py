# SPDX-License-Identifier: Apache-2.0
"""Python values as database drivers give them, as Arrow columns that keep the text, the kind and the key of each.

A column becomes the Arrow type that holds every value exactly: of decimals, only if all have the same scale. What no
Arrow type holds exactly (decimals of several scales, times of several zones, infinite numbers) is kept value by value,
as :data:`EXACT`, and read back as the Python objects that it was.

======================================  =============================================================================
driver's value                          text
======================================  =============================================================================
text, number, date, time, bool, bytes   as in :mod:`.text`
UUID, IP address, range                 as the database writes it
enum                                    its label
array, list                             JSON text, in which decimals, dates and floats are strings: ``["Ann", "12.50"]``
JSON object                             JSON text; a JSON string without its quotes
set                                     its elements, separated by commas
interval, MySQL ``TIME``                ``14:30:00``; with days ``2 days`` or ``1 day 02:30:00``
======================================  =============================================================================
"""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import singledispatch
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_uspeedo.tables.batch import Unreadable
from airflow_provider_uspeedo.tables.values import text, texts_of

EXACT = pa.struct([pa.field("type", pa.string()), pa.field("value", pa.binary())])
"""The storage of values of which each keeps its own type."""
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


# -- values that have no type of their own in a table ------------------------------------------------------------------


@singledispatch
def plain(value: object) -> object:
    """The value as one of the types that a column can have; itself if it has no text."""
    if type(value).__module__.partition(".")[0] in ("psycopg", "psycopg2"):  # ranges, network addresses
        return str(value)
    return value


@plain.register
def _(value: str) -> object:
    return str.__str__(value)


@plain.register
def _(value: int) -> object:
    return value.name if isinstance(value, enum.Enum) else int(value)


@plain.register
def _(value: float) -> object:
    return float(value)


@plain.register(bool)
def _(value: object) -> object:
    return value


@plain.register
def _(value: Decimal) -> object:
    return Decimal(value)


@plain.register
def _(value: dt.date) -> object:
    if isinstance(value, dt.datetime):
        return value if type(value) is dt.datetime else dt.datetime.fromisoformat(value.isoformat())
    return value if type(value) is dt.date else dt.date.fromisoformat(value.isoformat())


@plain.register
def _(value: np.generic) -> object:
    return plain(value.item())


@plain.register
def _(value: bytearray | memoryview) -> object:
    return bytes(value)


@plain.register
def _(value: enum.Enum) -> object:
    return value.value if isinstance(value.value, str) else value.name


@plain.register(uuid.UUID)
@plain.register(ipaddress.IPv4Address)
@plain.register(ipaddress.IPv6Address)
@plain.register(ipaddress.IPv4Interface)
@plain.register(ipaddress.IPv6Interface)
@plain.register(ipaddress.IPv4Network)
@plain.register(ipaddress.IPv6Network)
def _(value: object) -> object:
    return str(value)


@plain.register
def _(value: dt.timedelta) -> object:
    return interval_text(0, value.days, value - dt.timedelta(days=value.days), negative=value < dt.timedelta(0))


@plain.register(list)
@plain.register(tuple)
def _(value: Sequence[object]) -> object:
    if isinstance(value, pa.MonthDayNano):
        return interval_text(value.months, value.days, dt.timedelta(microseconds=value.nanoseconds // 1000))
    return _json(value)


@plain.register(dict)
def _(value: Mapping[object, object]) -> object:
    return _json(value)


@plain.register(set)
@plain.register(frozenset)
def _(value: frozenset[object]) -> object:
    return ",".join(sorted(str(plain(element)) for element in value))


def _json(value: object) -> object:
    """JSON text, or the value itself if something in it has no text."""
    try:
        return json.dumps(_json_value(value), ensure_ascii=False)
    except (TypeError, RecursionError):
        return value


def _json_value(value: object) -> object:
    """JSON has no decimals and dates: they are written as texts, with all their digits."""
    if value is None or (isinstance(value, bool | int) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, Mapping):
        return {str(plain(key)): _json_value(element) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(element) for element in value]
    found = text(plain(value))
    if isinstance(found, Unreadable):
        raise TypeError(found.reason)
    return found


def interval_text(months: int, days: int, rest: dt.timedelta, *, negative: bool = False) -> str:
    """A length of time as people write it.

    >>> interval_text(0, 1, dt.timedelta(hours=2, minutes=30))
    '1 day 02:30:00'
    """
    if negative:
        whole = abs(dt.timedelta(days=days) + rest)
        return "-" + interval_text(0, whole.days, whole - dt.timedelta(days=whole.days))
    parts = [
        f"{count} {name}{'' if count == 1 else 's'}" for count, name in ((months, "month"), (days, "day")) if count
    ]
    if rest or not parts:
        seconds, fraction = divmod(rest // dt.timedelta(microseconds=1), 1_000_000)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        parts.append(clock + (f".{fraction:06}" if fraction else ""))
    return " ".join(parts)


# -- value by value ----------------------------------------------------------------------------------------------------


def exact(values: Sequence[object]) -> pa.Array:
    """Each value with its own type."""
    cells = [None if value is None else _written(value) for value in values]
    return pa.array(cells, EXACT)


def objects_of(array: pa.Array) -> list[object]:
    """The values that :func:`exact` was given; of one that has no text, :class:`.Unreadable`."""
    return [None if cell is None else _READ[cell["type"]](cell["value"]) for cell in array.to_pylist()]


def _written(value: object) -> dict[str, object]:
    name, write = _WRITE.get(type(value), ("unreadable", lambda other: type(other).__name__.encode()))
    return {"type": name, "value": write(value)}


_WRITE: dict[type, tuple[str, Callable[[Any], bytes]]] = {
    str: ("text", lambda value: value.encode("utf-8", "surrogatepass")),
    bytes: ("bytes", bytes),
    int: ("int", lambda value: hex(value).encode()),
    float: ("float", lambda value: value.hex().encode()),
    bool: ("bool", lambda value: b"1" if value else b""),
    Decimal: ("decimal", lambda value: str(value).encode()),
    dt.datetime: ("datetime", lambda value: value.isoformat().encode()),
    dt.date: ("date", lambda value: value.isoformat().encode()),
    dt.time: ("time", lambda value: value.isoformat().encode()),
}
_READ: dict[str, Callable[[bytes], object]] = {
    "text": lambda written: written.decode("utf-8", "surrogatepass"),
    "bytes": bytes,
    "int": lambda written: int(written, 16),
    "float": lambda written: float.fromhex(written.decode()),
    "bool": bool,
    "decimal": lambda written: Decimal(written.decode()),
    "datetime": lambda written: dt.datetime.fromisoformat(written.decode()),
    "date": lambda written: dt.date.fromisoformat(written.decode()),
    "time": lambda written: dt.time.fromisoformat(written.decode()),
    "unreadable": lambda written: Unreadable(f"a value of type {written.decode()}"),
}


@text.register
def _(value: Unreadable) -> Unreadable:
    return value
