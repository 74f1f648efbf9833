# SPDX-License-Identifier: Apache-2.0
"""A set of phones, looked up by the column."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.arrays import column_of_texts
from airflow_provider_uspeedo.core.phone_set import PhoneSet, numbers_of_phones

PHONES = st.builds(
    "({}){}".format, st.sampled_from(["1", "44", "852", "86"]), st.text("0123456789", min_size=2, max_size=17)
)


def set_of(*parts: list[str]) -> PhoneSet:
    return PhoneSet([numbers_of_phones(part) for part in parts])


@given(st.lists(PHONES), st.lists(PHONES), st.lists(PHONES))
def test_it_holds_what_was_put_in_and_nothing_else(first: list[str], second: list[str], others: list[str]) -> None:
    """Also of phones with as many digits as there can be."""
    wanted = [*first, *others, *second]
    known = {*first, *second}
    assert set_of(first, second).holds(column_of_texts(wanted)).tolist() == [phone in known for phone in wanted]
    assert len(set_of(first, second)) == len(known)


def test_zeros_of_a_number_count() -> None:
    """Italian numbers begin with one."""
    found = set_of(["(39)0612345678"]).holds(column_of_texts(["(39)0612345678", "(39)612345678"]))
    assert found.tolist() == [True, False]


def test_nothing_holds_nothing() -> None:
    """An empty set, and an empty column."""
    assert set_of().holds(column_of_texts(["(852)55311111"])).tolist() == [False]
    assert set_of(["(852)55311111"]).holds(column_of_texts([])).tolist() == []


def test_the_digest_is_of_the_phones_alone() -> None:
    """Not of their order, or how often they come."""
    one, other = set_of(["(1)2025550100", "(852)55311111"]), set_of(["(852)55311111"], ["(1)2025550100"] * 2)
    assert one.digest() == other.digest() != set_of(["(852)55311111"]).digest()


def test_a_million_phones_take_eight_megabytes() -> None:
    """And the set's text shows none of them."""
    found = set_of([f"(852)5{number:07d}" for number in range(1_000_000)])
    assert found.nbytes == 8_000_000
    assert repr(found) == "<1000000 phones>"
