# SPDX-License-Identifier: Apache-2.0
"""The text of one Python value, by the same rules as :mod:`.text` has for whole columns.

Used where a column holds Python objects: object columns of pandas and polars, and lists of dicts.
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Sequence
from decimal import Decimal
from functools import singledispatch
from typing import Any

import numpy as np

from airflow_provider_uspeedo.core.keys import EXACT_FLOATS, FRACTIONS, TEXTS, WHOLE_NUMBERS
from airflow_provider_uspeedo.tables.arrow_types import TEXT, WITH_ZONE
from airflow_provider_uspeedo.tables.batch import NOT_UTF8, Text, Unreadable

INFINITE = Unreadable("an infinite number")
OUT_OF_RANGE = Unreadable("a number too large or too small to write out")
ODD_YEAR = Unreadable("a date outside the years 1 to 9999")
ODD_TIME = Unreadable("a time outside the day")
UTC_OFFSET = "+00:00"
MAX_DIGITS = 400
"""More than any float64 or warehouse decimal has; ``Decimal("1e999999")`` would fill the memory."""


@singledispatch
def text(value: object) -> Text:
    """Return the text of any value: see :mod:`.text` for the rules."""
    if value is None or type(value).__name__ == "NAType":
        return None
    return Unreadable(f"a value of type {type(value).__name__}")


@text.register
def _(value: str) -> Text:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:  # half of a surrogate pair: cannot be sent, nor written to a database
            return NOT_UTF8
    return str.__str__(value)


@text.register(bytes)
@text.register(bytearray)
@text.register(memoryview)
def _(value: bytes | bytearray | memoryview) -> Text:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        return NOT_UTF8


@text.register(bool)
@text.register(np.bool_)
def _(value: bool) -> Text:
    return "true" if value else "false"


@text.register(int)
@text.register(np.integer)
def _(value: int) -> Text:
    try:
        return str(int(value))
    except ValueError:  # Python refuses to write out integers of more than 4300 digits
        return OUT_OF_RANGE


@text.register(float)
@text.register(np.float64)
def _(value: float) -> Text:
    if math.isnan(value):
        return None
    return INFINITE if math.isinf(value) else short(float.__repr__(value))


@text.register(np.floating)
def _(value: np.floating[Any]) -> Text:
    if np.isnan(value):
        return None
    return INFINITE if np.isinf(value) else short(np.format_float_positional(value, trim="-"))


@text.register
def _(value: Decimal) -> Text:
    if value.is_nan():
        return None
    if value.is_infinite():
        return INFINITE
    written = str(value or value.copy_abs())
    if len(written) > MAX_DIGITS or abs(value.adjusted()) > MAX_DIGITS:
        return OUT_OF_RANGE
    return format(Decimal(written), "f") if "E" in written else written


@text.register(dt.date)
@text.register(dt.time)
@text.register(uuid.UUID)
def _(value: object) -> Text:
    if type(value).__name__ == "NaTType":  # pandas.NaT is a datetime
        return None
    return str(value) if dt.MINYEAR <= getattr(value, "year", dt.MINYEAR) <= dt.MAXYEAR else ODD_YEAR


@text.register(np.datetime64)
def _(value: np.datetime64) -> Text:
    if np.isnat(value):
        return None
    seconds = value.astype("datetime64[s]")
    whole = seconds.item()
    # A value of another unit may have wrapped around on its way to seconds.
    if not isinstance(whole, dt.datetime) or abs(seconds.astype(value.dtype).astype(int) - value.astype(int)) > 10**18:
        return ODD_YEAR
    fraction = f"{int((value - seconds).astype('timedelta64[ns]').astype(int)):09}"
    fraction = fraction.removesuffix("000")
    return str(whole) + (f".{fraction}" if fraction.strip("0") else "")


def key_text(value: object) -> Text:
    """Return the text of a value as a key; see :func:`.key_texts`."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None and text(value) is not None:
        try:
            return text(value.astimezone(dt.UTC))
        except OverflowError:
            return ODD_YEAR
    if isinstance(value, float) and EXACT_FLOATS <= abs(value) < math.inf:
        return str(int(value))
    found = text(value)
    return shortest(found) if isinstance(value, Decimal) and isinstance(found, str) else found


def is_short_float_value(value: object) -> bool:
    """Return whether this is a float32 or float16 of numpy, which have too few digits for a phone."""
    return isinstance(value, np.float32 | np.float16)


def texts_of(values: Sequence[object]) -> list[Text]:
    """Return :func:`text` of each value; fast where all of them are strings or None."""
    return list(values) if _plain_strings(values) else [text(value) for value in values]  # type: ignore[arg-type]


def key_texts_of(values: Sequence[object]) -> list[Text]:
    """Return :func:`key_text` of each value; fast where all of them are strings or None."""
    return list(values) if _plain_strings(values) else [key_text(value) for value in values]  # type: ignore[arg-type]


def short(number: str) -> str:
    """Write a finite float's ``repr`` out: no exponent, and no fraction if it is nothing but zeros.

    >>> short("1e-07"), short("42.0"), short("-0.0")
    ('0.0000001', '42', '0')
    """
    return shortest(format(Decimal(number), "f") if "e" in number else number)


def shortest(number: str) -> str:
    """Remove the zeros at the end of a fraction.

    >>> shortest("12.50"), shortest("12.00"), shortest("1200")
    ('12.5', '12', '1200')
    """
    cut = number.rstrip("0").rstrip(".") if "." in number else number
    return "0" if cut == "-0" else cut


def kind(value: object) -> str | None:
    """Return the kind of this value, on which keys depend (see :mod:`.arrow_types`), or ``None`` for a null."""
    if text(value) is None:
        return None
    for types, name in _KINDS:
        if isinstance(value, types):
            return f"{name}{WITH_ZONE}" if getattr(value, "tzinfo", None) is not None else name
    return TEXT


def form(value: object) -> str:
    """Return what this value is as a key: see :func:`.form_of`."""
    if text(value) is None:
        return ""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return WHOLE_NUMBERS
    return FRACTIONS if isinstance(value, float | Decimal | np.floating) else TEXTS


_KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((dt.datetime, np.datetime64), "timestamp"),
    ((dt.date,), "date"),
    ((dt.time,), "time"),
    ((bool, np.bool_), "boolean"),
    ((np.float32,), "float32"),
    ((np.float16,), "float16"),
)


def _plain_strings(values: Sequence[object]) -> bool:
    if not set(map(type, values)) <= {str, type(None)}:
        return False
    try:
        "".join(filter(None, values)).encode()  # type: ignore[arg-type]
    except UnicodeEncodeError:
        return False
    return True
