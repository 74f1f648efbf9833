# SPDX-License-Identifier: Apache-2.0
"""Values of drivers that have no type of their own in a table, as values that have one.

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
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import singledispatch

import numpy as np
import pyarrow as pa

from airflow_provider_uspeedo.tables.batch import Unreadable
from airflow_provider_uspeedo.tables.values import text


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
