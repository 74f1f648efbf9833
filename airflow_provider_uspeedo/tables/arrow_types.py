# SPDX-License-Identifier: Apache-2.0
"""Classifies Arrow types: which can be text or a list of texts, and which kind of key they make.

The text of a date, a timestamp, a time or a boolean differs from what the same column would give as a string or a
number, so a recipient key depends on the *kind* of its columns: two types either make the same key of equal values, or
are of two kinds. All strings and numbers are one kind, ``text``, but for floats shorter than 64 bits: their 0.1 is
another number. A timestamp with a zone is a moment, whichever the zone; one without is a clock's reading.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.types as pt

from airflow_provider_uspeedo.core.keys import FRACTIONS, TEXTS, WHOLE_NUMBERS

TEXT = "text"
NULL = "null"
WITH_ZONE = " with zone"
_READABLE_EXTENSIONS = frozenset({"arrow.json", "arrow.uuid"})


def kind_of(arrow_type: pa.DataType) -> str | None:
    """Return the kind: ``text``, ``date``, ``timestamp``, ``timestamp with zone``, ``time``, ``boolean``, ``null``, ...

    :returns: ``None`` for types without text (durations, structs, maps, lists, intervals, unions, unknown extensions).
    """
    inner = value_type(arrow_type)
    for test, kind in _TESTS:
        if test(inner):
            return kind
    return TEXT if is_uuid(inner) else None


def value_type(arrow_type: pa.DataType) -> pa.DataType:
    """Return the type of the values behind dictionary or run-end encoding, and behind a JSON extension."""
    if pt.is_dictionary(arrow_type) or pt.is_run_end_encoded(arrow_type):
        return value_type(arrow_type.value_type)
    if extension_name(arrow_type) == "arrow.json":
        return arrow_type.storage_type
    return arrow_type


def extension_name(arrow_type: pa.DataType) -> str | None:
    """Return the name of an extension type that can be read, else ``None``."""
    name = getattr(arrow_type, "extension_name", None)
    return name if name in _READABLE_EXTENSIONS else None


def is_uuid(arrow_type: pa.DataType) -> bool:
    """Return whether this is Arrow's UUID type: 16 bytes, shown with dashes."""
    return extension_name(arrow_type) == "arrow.uuid"


def is_text(arrow_type: pa.DataType) -> bool:
    """Return whether the type holds characters."""
    return bool(pt.is_string(arrow_type) or pt.is_large_string(arrow_type) or pt.is_string_view(arrow_type))


def is_bytes(arrow_type: pa.DataType) -> bool:
    """Return whether the type holds bytes."""
    return bool(
        pt.is_binary(arrow_type)
        or pt.is_large_binary(arrow_type)
        or pt.is_fixed_size_binary(arrow_type)
        or pt.is_binary_view(arrow_type)
    )


def is_list(arrow_type: pa.DataType) -> bool:
    """Return whether the type is one of Arrow's five kinds of list."""
    return bool(pt.is_list(arrow_type) or pt.is_large_list(arrow_type) or pt.is_fixed_size_list(arrow_type)) or (
        is_list_view(arrow_type)
    )


def is_list_view(arrow_type: pa.DataType) -> bool:
    """Return whether the type is a list whose offsets need not be in order."""
    return bool(pt.is_list_view(arrow_type) or pt.is_large_list_view(arrow_type))


def can_be_list(arrow_type: pa.DataType) -> bool:
    """Return whether lists of texts can be read from it: lists of a type that has text, JSON text, or only nulls."""
    inner = value_type(arrow_type)
    if is_list(inner):
        return kind_of(inner.value_type) is not None
    return is_text(inner) or is_bytes(inner) or bool(pt.is_null(inner))


def form_of(arrow_type: pa.DataType) -> str:
    """Return what a key column of this type holds: texts, whole numbers, numbers with a fraction; ``""`` for nulls."""
    inner = value_type(arrow_type)
    if pt.is_null(inner):
        return ""
    if pt.is_integer(inner) or (pt.is_decimal(inner) and inner.scale <= 0):
        return WHOLE_NUMBERS
    return FRACTIONS if pt.is_floating(inner) or pt.is_decimal(inner) else TEXTS


def is_short_float(arrow_type: pa.DataType) -> bool:
    """Return whether the type is float32 or float16, which hold about 7 and 3 digits, fewer than a phone has."""
    inner = value_type(arrow_type)
    return bool(pt.is_float32(inner) or pt.is_float16(inner))


_TESTS = (
    (is_text, TEXT),
    (pt.is_integer, TEXT),
    (pt.is_float16, "float16"),
    (pt.is_float32, "float32"),
    (pt.is_floating, TEXT),
    (pt.is_decimal, TEXT),
    (is_bytes, TEXT),
    (pt.is_date, "date"),
    (lambda arrow_type: pt.is_timestamp(arrow_type) and arrow_type.tz is not None, "timestamp" + WITH_ZONE),
    (pt.is_timestamp, "timestamp"),
    (pt.is_time, "time"),
    (pt.is_boolean, "boolean"),
    (pt.is_null, NULL),
)
