# SPDX-License-Identifier: Apache-2.0
"""Slices of a table: every row is in exactly one, and a recipient's rows are in the same one."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.recipients import BadRow
from airflow_provider_uspeedo.core.slices import MAX_SLICES, WHOLE, Slice, slice_of
from airflow_provider_uspeedo.errors import ConfigurationError

KEYS = st.none() | st.binary(min_size=16, max_size=16)


@given(key=KEYS, row=st.integers(1, 2**40), count=st.integers(1, MAX_SLICES))
def test_every_row_is_in_exactly_one_slice(key: bytes | None, row: int, count: int) -> None:
    """Whatever it is, and however many slices there are."""
    one = BadRow(row, "invalid", "", "", "", "", "", key)
    assert [number for number in range(count) if Slice(number, count).holds(one)] == [slice_of(key, row, count)]


@given(
    key=st.binary(min_size=16, max_size=16), rows=st.lists(st.integers(1, 2**40), min_size=2), count=st.integers(1, 99)
)
def test_the_rows_of_a_recipient_are_in_one_slice(key: bytes, rows: list[int], count: int) -> None:
    """So that a second row is found to be a duplicate there."""
    assert len({slice_of(key, row, count) for row in rows}) == 1


def test_slices_are_of_about_the_same_size() -> None:
    """Keys are hashes: none of eight tasks is left with most of the work."""
    from hashlib import blake2b

    keys = (blake2b(str(number).encode(), digest_size=16).digest() for number in range(8000))
    sizes = Counter(slice_of(key, 1, 8) for key in keys)
    assert len(sizes) == 8
    assert max(sizes.values()) < 1.2 * min(sizes.values())


@pytest.mark.parametrize("text", ["1/1", "3/8", " 3 / 8 ", "1024/1024"])
def test_a_slice_is_read_as_it_is_written(text: str) -> None:
    """People count from one."""
    assert str(Slice.parse(text)) == text.replace(" ", "")


def test_one_of_one_is_the_whole_table() -> None:
    assert Slice.parse("1/1") == WHOLE
    assert WHOLE.is_whole
    assert not Slice.parse("1/2").is_whole


@pytest.mark.parametrize("text", ["0/8", "9/8", "1/0", "8", "", "1/2/3", "-1/8", "1/1025", "a/b", "٣/٨", "1.0/8"])
def test_what_is_no_slice_is_refused(text: str) -> None:
    """A slice that nobody sends would leave people out without a word."""
    with pytest.raises(ConfigurationError, match=r"slice=.* is not a slice: write it as"):
        Slice.parse(text)
