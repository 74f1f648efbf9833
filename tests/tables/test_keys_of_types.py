# SPDX-License-Identifier: Apache-2.0
"""Keys of every pair of types: equal values make equal keys, or the types are of two kinds and a change is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.keys import number_text
from airflow_provider_uspeedo.tables import open_table
from tests.tables.reading import read_keys

NUMBERS = [
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64()),
    *(pa.decimal128(38, 0), pa.decimal128(38, 2), pa.decimal128(38, 9), pa.decimal256(76, 20), pa.decimal128(9, -2)),
]
WORDS = [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.string_view()]
ZONES = ["UTC", "Etc/UTC", "+00:00", "Europe/Berlin", "Asia/Hong_Kong", "+08:00"]
MOMENTS = [
    *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
    *(pa.timestamp(unit, zone) for unit in ("s", "us", "ns") for zone in ZONES),
    *(pa.date32(), pa.date64()),
    *(pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
]


def encodings(array: pa.Array) -> Iterator[pa.Array]:
    """The same values as they are, in a dictionary and run-end encoded."""
    yield array
    for encode in (array.dictionary_encode, lambda: pa.compute.run_end_encode(array)):
        try:
            yield encode()
        except pa.ArrowException:  # not for every type
            continue


def as_type(value: Any, arrow_type: pa.DataType) -> pa.Array | None:
    """The very value in this type, or ``None`` if the type does not hold it."""
    try:
        if pa.types.is_timestamp(arrow_type) and isinstance(value, dt.datetime):
            if (value.tzinfo is None) != (arrow_type.tz is None):
                return None
            array = pa.array([value], pa.timestamp("us", arrow_type.tz)).cast(arrow_type)
        elif pa.types.is_floating(arrow_type) and not isinstance(value, str | bool | dt.date | dt.time):
            array = pa.array([np.float64(value)]).cast(arrow_type)
        else:
            array = pa.array([value], arrow_type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None
    back = array[0].as_py()
    if isinstance(back, bytes):
        back = back.decode()
    if isinstance(value, Decimal | int | float) and isinstance(back, Decimal | int | float):
        return array if Decimal(back) == Decimal(value) else None
    return array if back == value else None


def assert_same_keys_or_other_kinds(value: Any, types: list[pa.DataType]) -> int:
    made = [(one.type, one) for arrow_type in types if (a := as_type(value, arrow_type)) for one in encodings(a)]
    tables = [(found, pa.table({"x": array})) for found, array in made]
    facts = [(found, open_table(table).kinds(["x"])["x"], read_keys(table)) for found, table in tables]
    for (some, kind, key), (other, other_kind, other_key) in combinations(facts, 2):
        assert kind != other_kind or key == other_key, (value, some, other)
    return len(facts)


WHOLE = st.integers(-(2**63), 2**64 - 1) | st.sampled_from(
    [0, 1, 10, 100, 2**24, 2**24 + 1, 2**24 + 2, 2**53, 2**53 + 1, 2**53 + 2, 2**62, 2**63, 2**63 - 1, 10**16, 10**18]
)
FRACTIONS = st.decimals(-(10**6), 10**6, places=2) | st.sampled_from([0.5, 0.25, 0.1, -0.0, 1e-7, 1.5, 12.5, 1e15])
FRACTIONS |= st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2**40), max_value=2**40)
CLOCKS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))  # noqa: DTZ001
INSTANTS = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.sampled_from([dt.UTC]))  # noqa: DTZ001


@given(WHOLE | FRACTIONS)
@settings(max_examples=40)
def test_equal_numbers_of_two_types_have_one_key_or_two_kinds(value):
    """Integers, floats and decimals of every width and scale."""
    assert assert_same_keys_or_other_kinds(value, NUMBERS) >= 0


@given(WHOLE | FRACTIONS)
@settings(max_examples=40)
def test_a_text_that_spells_a_number_is_read_as_the_key_of_that_number(value):
    """As a campaign does that began with numbers: every column's own text, and Python's."""
    for arrow_type in NUMBERS:
        array = as_type(value, arrow_type)
        if array is None or pa.types.is_float16(arrow_type) or pa.types.is_float32(arrow_type):
            continue
        (key,) = read_keys(pa.table({"x": array}))
        cell = array[0].as_py()
        for spelling in {str(cell), str(cell) if isinstance(cell, float) else f"{Decimal(cell):f}"}:
            assert number_text(spelling) == key, (arrow_type, spelling)


@given(CLOCKS | INSTANTS | st.dates() | st.times() | st.booleans())
@settings(max_examples=40)
def test_equal_moments_of_two_types_have_one_key_or_two_kinds(value):
    """Units and zones; dates and times; and what else takes a boolean."""
    assert assert_same_keys_or_other_kinds(value, [*MOMENTS, pa.bool_(), *WORDS, pa.null()])


@given(st.text(max_size=5))
@settings(max_examples=20)
def test_equal_texts_of_two_types_have_one_key_or_two_kinds(value):
    """Strings, their views, dictionaries and bytes."""
    assert assert_same_keys_or_other_kinds(value, WORDS) >= len(WORDS)


def test_one_is_one_key_in_all_whole_numbers_and_texts():
    """A schema that drifts overnight texts nobody again."""
    others = (pa.float16(), pa.float32(), pa.decimal128(9, -2))
    columns = [pa.array([1], found) for found in NUMBERS if found not in others]
    for column in [*columns, *(pa.array(["1"], found) for found in WORDS)]:
        table = pa.table({"x": column})
        assert (open_table(table).kinds(["x"]), read_keys(table)) == ({"x": "text"}, ["1"])


@pytest.mark.parametrize("zone", ZONES)
def test_a_moment_is_one_key_in_every_zone(zone):
    """Three texts in one campaign became one; a clock without a zone is another kind."""
    moment = dt.datetime(2026, 10, 25, 0, 30, 0, 120000, tzinfo=dt.UTC)  # half past two in Berlin, for the first time
    later = moment + dt.timedelta(hours=1)  # and for the second time
    column = pa.array([moment, later, None], pa.timestamp("us", zone))
    assert read_keys(pa.table({"x": column})) == [
        "2026-10-25 00:30:00.120000+00:00", "2026-10-25 01:30:00.120000+00:00", None,
    ]  # fmt: skip
    assert open_table(pa.table({"x": column})).kinds(["x"]) == {"x": "timestamp with zone"}
    clock = pa.table({"x": column.cast(pa.timestamp("us"))})
    assert open_table(clock).kinds(["x"]) == {"x": "timestamp"}


OBJECTS: list[tuple[Callable[[], list[Any]], str]] = [
    (lambda: [dt.datetime(2026, 11, 22, 6, 30, tzinfo=dt.UTC), pd.Timestamp("2026-11-22 14:30", tz="Asia/Hong_Kong"),
              dt.datetime(2026, 11, 22, 7, 30, tzinfo=ZoneInfo("Europe/Berlin"))], "2026-11-22 06:30:00+00:00"),
    (lambda: [2**63, float(2**63), Decimal(2**63), np.uint64(2**63), str(2**63)], str(2**63)),
    (lambda: [dt.datetime(2026, 11, 22), np.datetime64("2026-11-22", "ns"), np.datetime64("2026-11-22"),  # noqa: DTZ001
              pd.Timestamp("2026-11-22")], "2026-11-22 00:00:00"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "expected"), OBJECTS)
def test_python_values_follow_the_rules_of_columns(make, expected):
    """A list of dicts makes the keys of the Arrow table that holds the same."""
    values = make()
    assert read_keys([{"x": value} for value in values]) == [expected] * len(values)
    assert len({open_table([{"x": value}]).kinds(["x"])["x"] for value in values}) == 1
