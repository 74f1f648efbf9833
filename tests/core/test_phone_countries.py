# SPDX-License-Identifier: Apache-2.0
"""The country of a phone, where several countries share a country code."""

import random

import phonenumbers
import pytest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberType

from airflow_provider_uspeedo.core.arrays import column_of_texts
from airflow_provider_uspeedo.core.phone_countries import (
    COUNTRIES,
    NO_COUNTRY,
    NON_GEOGRAPHIC,
    countries_of_code,
    countries_of_phones,
    country_of_phone,
)

SHARED = {code: regions for code, regions in COUNTRY_CODE_TO_REGION_CODE.items() if len(regions) > 1}


def phones_of(code: int, count: int, chosen: random.Random) -> list[str]:
    """Random numbers of a shared code: half of them begin as an example of one of its countries does."""
    found = []
    for _ in range(count):
        example = phonenumbers.example_number_for_type(chosen.choice(SHARED[code]), PhoneNumberType.MOBILE)
        number = phonenumbers.national_significant_number(example) if example else ""
        kept = chosen.randrange(len(number) + 1) if chosen.random() < 0.5 else 0
        rest = chosen.choice([7, 8, 9, 10]) - kept
        found.append(f"({code}){number[:kept]}" + "".join(chosen.choice("0123456789") for _ in range(max(rest, 0))))
    return found


def by_the_library(phone: str) -> str:
    code, _, number = phone[1:].partition(")")
    zeros = len(number) - len(number.lstrip("0"))
    parsed = phonenumbers.PhoneNumber(
        int(code), int(number or 0), italian_leading_zero=zeros > 0 or None, number_of_leading_zeros=zeros or None
    )
    return phonenumbers.region_code_for_number(parsed) or NO_COUNTRY


@pytest.mark.parametrize("code", sorted(SHARED))
def test_a_shared_code_is_distinguished_as_by_the_library(code: int) -> None:
    """Thousands at a time, and each of them as the library would say of it alone."""
    phones = phones_of(code, 400, random.Random(code))
    assert countries_of_phones(column_of_texts(phones)).to_pylist() == list(map(by_the_library, phones))


@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_an_example_number_of_every_country_is_of_that_country(country: str) -> None:
    """Also where the country is none but a part of a shared code, if the library can tell it."""
    example = phonenumbers.example_number(country)
    phone = f"({example.country_code}){phonenumbers.national_significant_number(example)}"
    assert country_of_phone(phone) == phonenumbers.region_code_for_number(example)


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("(1)2025550123", "US"),
        ("(1)4165550123", "CA"),
        ("(1)7875550123", "PR"),
        ("(1)8765550123", "JM"),
        ("(7)9161234567", "RU"),
        ("(7)7011234567", "KZ"),
        ("(44)7400123456", "GB"),
        ("(44)7911123456", "GG"),
        ("(44)7797712345", "JE"),
        ("(44)7781123456", "GG"),
        ("(61)412345678", "AU"),
        ("(39)3123456789", "IT"),
        ("(39)0669812345", "VA"),
        ("(47)40612345", "NO"),
        ("(47)79123456", "SJ"),
        ("(852)55311111", "HK"),
        ("(852)00000000", "HK"),
        ("(383)43201234", "XK"),
        ("(800)12345678", NON_GEOGRAPHIC),
        ("(1)0005550123", NO_COUNTRY),
        ("(999)12345678", NO_COUNTRY),
        ("", NO_COUNTRY),
    ],
)
def test_the_country_of_a_phone(phone: str, country: str) -> None:
    """A code of one country needs no assigned number; a shared one does."""
    assert country_of_phone(phone) == country


def test_many_phones_keep_their_places() -> None:
    """Countries stand where their phones do, also when codes are mixed and repeat."""
    phones = ["(852)55311111", "(1)4165550123", "(852)55311112", "(1)2025550123", "(1)4165550124"]
    assert countries_of_phones(column_of_texts(phones)).to_pylist() == ["HK", "CA", "HK", "US", "CA"]
    assert countries_of_phones(column_of_texts([])).to_pylist() == []


def test_the_countries_of_a_code() -> None:
    """The main one first; a code without a country, or none at all, has none."""
    assert countries_of_code("47") == ("NO", "SJ")
    assert countries_of_code("852") == ("HK",)
    assert countries_of_code("800") == countries_of_code("999") == ()
