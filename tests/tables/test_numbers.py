# SPDX-License-Identifier: Apache-2.0
"""Numbers against Python's own formatting, and whole columns against single values."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.tables import open_table
from tests.tables.reading import read, read_keys

decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=6)


@given(st.floats(allow_infinity=False, allow_nan=False))
def test_a_float_is_written_out_and_reads_back_as_the_same_float(number):
    """No exponent, no digit lost, and nothing after the point if it is whole."""
    (found,) = read(pa.table({"x": [number]}))
    assert float(found) == number
    assert found == f"{Decimal(repr(number)):f}".removesuffix(".0").replace("-0", "-0" if number else "0")


@given(st.floats(width=32, allow_infinity=False, allow_nan=False))
def test_a_float32_is_written_with_its_own_shortest_digits(number):
    """A float32 of 0.1 is 0.1, not 0.10000000149."""
    (found,) = read(pa.table({"x": pa.array([number], pa.float32())}))
    assert np.float32(found) == np.float32(number)
    assert "e" not in found
    assert len(found.strip("-").replace(".", "").strip("0")) <= 9


@given(st.integers(min_value=-(2**53), max_value=2**53))
def test_a_whole_float_is_written_as_the_integer(number):
    """Every integer that a float holds exactly looks like the integer."""
    assert read(pa.table({"x": [float(number)]})) == [str(number)]


@given(decimals)
def test_a_decimal_keeps_its_scale(number):
    """The text of a decimal is its plain format, zeros at the end included."""
    assert read(pa.table({"x": pa.array([number], pa.decimal128(25, 6))})) == [f"{number or abs(number):f}"]


@given(st.lists(st.none() | st.floats() | st.integers(-(2**63), 2**63 - 1) | decimals | st.text() | st.booleans()))
def test_a_value_in_a_mixed_column_has_the_text_of_its_own_typed_column(values):
    """Reading value by value follows the same rules as reading a whole array."""
    if not values:
        return
    alone = [read(pa.table({"x": pa.array([value])}))[0] if _fits(value) else ... for value in values]
    mixed = read([{"x": value} for value in values])
    assert [found for found, one in zip(mixed, alone, strict=True) if one is not ...] == [
        one for one in alone if one is not ...
    ]


def _fits(value: object) -> bool:
    return not (isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value))


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_one_number_makes_one_key_whatever_type_holds_it(number):
    """A table that changes its types from one run to the next does not text everyone again."""
    forms = [number, float(number), Decimal(number), Decimal(number).quantize(Decimal("1.00")), str(number)]
    assert set(read_keys([{"x": form} for form in forms])) == {str(number)}
    assert {read_keys(pa.table({"x": [form]}))[0] for form in forms} == {str(number)}


@given(decimals)
def test_a_decimal_key_equals_the_key_of_the_shortest_decimal(number):
    """Zeros at the end of a fraction do not make another recipient."""
    (typed,) = read_keys(pa.table({"x": pa.array([number], pa.decimal128(25, 6))}))
    assert typed == read_keys([{"x": number.normalize()}])[0] == read_keys([{"x": number}])[0]
    assert Decimal(typed) == number


def test_strings_are_keys_as_they_are():
    """Text that looks like a number is still text: 1.0 and 007 are not 1 and 7."""
    assert read_keys([{"x": text} for text in ("1.0", "007", "1e3")]) == ["1.0", "007", "1e3"]


def test_a_column_may_be_a_parameter_and_a_key():
    """The message shows 12.50 while the key is 12.5."""
    table = open_table(pa.table({"x": [Decimal("12.50")]}))
    (batch,) = table.batches(["x"], key_columns=["x"])
    assert (batch.columns["x"], batch.keys["x"]) == (["12.50"], ["12.5"])


def test_numbers_that_would_fill_the_memory_are_unreadable():
    """A decimal with a huge exponent, or an integer of thousands of digits, is no amount."""
    found = read([{"x": Decimal("1e999999")}, {"x": Decimal("1e-999999")}, {"x": 10**5000}])
    assert {cell.reason for cell in found} == {"a number too large or too small to write out"}


def test_the_smallest_float_is_written_out():
    """Even 5e-324 has no exponent."""
    assert float(read([{"x": math.ulp(0.0)}])[0]) == math.ulp(0.0)
