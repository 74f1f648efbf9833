# SPDX-License-Identifier: Apache-2.0
"""Phones are shortened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.masking import mask_digits, mask_phone


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("(852)55311111", "(852)****1111"),
        ("(1)12345", "(1)****45"),
        ("85255311111", "****1111"),
        ("12345", "****45"),
        ("1", "****"),
        ("Ann", "****"),
        ("", "****"),
    ],
)
def test_a_phone_shows_its_country_and_its_end(phone, masked):
    """Of anything that is no phone in the form that is sent, at most an end shows."""
    assert mask_phone(phone) == masked


@given(st.text())
def test_never_more_than_half_of_a_number_shows(text):
    """Of the digits of any text at most 4, and at most half, are shown."""
    digits = sum(character.isdecimal() for character in text)
    shown = sum(character.isdecimal() for character in mask_phone(text).rpartition("****")[2])
    assert shown <= min(4, digits // 2)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("phone 85255311111 is in the black list", "phone ****1111 is in the black list"),
        ("phone (852)55311111", "phone (852)****1111"),
        ("+852 5531 1111!", "****1111!"),
        ("+852-5531.1111, 2 of 1000", "****1111, 2 of 1000"),
        ("5 5 3 1 1 1 1 1", "****1111"),
        ("code 1026", "code 1026"),
        ("", ""),
    ],
)
def test_runs_of_digits_are_shortened_in_any_text(text, masked):
    """A phone is shortened however the vendor writes it; short numbers stay."""
    assert mask_digits(text) == masked


@given(st.text(), st.integers(10**7, 10**15), st.text())
def test_no_number_of_the_length_of_a_phone_passes(before, number, after):
    """Whatever stands around it."""
    assert str(number) not in mask_digits(f"{before}{number}{after}")
