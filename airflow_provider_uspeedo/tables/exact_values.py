# SPDX-License-Identifier: Apache-2.0
"""Python values of several types in one Arrow column: each is written with its own type, and read back as it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from airflow_provider_uspeedo.tables.batch import Unreadable
from airflow_provider_uspeedo.tables.values import text

EXACT = pa.struct([pa.field("type", pa.string()), pa.field("value", pa.binary())])
"""The storage of values of which each keeps its own type."""


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
