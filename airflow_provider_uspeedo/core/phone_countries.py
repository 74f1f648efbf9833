# SPDX-License-Identifier: Apache-2.0
"""The country of each phone, also where several countries share a country code, from ``phonenumbers``.

Of a code that one country has, any number is that country's. Of a shared one (+1, +7, +44, ...) the first digits say
which country a number is of; one that is assigned in none of them, as far as the metadata knows, has no country here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    REGION_CODE_FOR_NON_GEO_ENTITY,
    PhoneMetadata,
)

from airflow_provider_uspeedo.core.arrays import column_of_numbers, column_of_texts, numbers_of
from airflow_provider_uspeedo.core.numbering_plans import KINDS, MAX_CODE_DIGITS

NO_COUNTRY = ""
"""In place of a country: the code is shared, and the number is assigned in none of its countries."""
NON_GEOGRAPHIC = REGION_CODE_FOR_NON_GEO_ENTITY
"""``001``, in place of a country: the code belongs to no country, such as +800."""
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""All countries that have numbers: ISO 3166 alpha-2, and a few such as ``XK`` that it has only reserved."""

_HEAD_CHARACTERS = MAX_CODE_DIGITS + 2


@cache
def countries_of_code(code: str) -> tuple[str, ...]:
    """Return all countries that share a country code; the main one first.

    :param code: digits, such as ``44``.
    """
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if code.isdecimal() else ()
    return tuple(region for region in regions if region != NON_GEOGRAPHIC)


def country_of_phone(phone: str) -> str:
    """Return the country of one phone; for many use :func:`countries_of_phones`.

    >>> country_of_phone("(1)4165550123"), country_of_phone("(852)55311111"), country_of_phone("(1)0005550123")
    ('CA', 'HK', '')
    """
    return str(countries_of_phones(column_of_texts([phone])).to_pylist()[0])


def countries_of_phones(phones: pa.Array) -> pa.DictionaryArray:
    """Return the country of each phone as a column of few different texts.

    :param phones: texts of the form ``(country code)number``, none null.
    :returns: ISO 3166 alpha-2 in capitals, :data:`NO_COUNTRY` or :data:`NON_GEOGRAPHIC`.
    """
    heads = pc.utf8_slice_codeunits(phones, 0, _HEAD_CHARACTERS).dictionary_encode()
    codes = [head[1:].partition(")")[0] for head in heads.dictionary.to_pylist()]
    places: dict[str, int] = {}
    of_head = np.array([places.setdefault(_main_country(code), len(places)) for code in codes], np.int64)
    which = numbers_of(heads.indices)
    found = of_head[which]
    for code in {code for code in codes if len(countries_of_code(code)) > 1}:
        rows = np.flatnonzero(np.array([one == code for one in codes])[which])
        numbers = pc.utf8_slice_codeunits(phones.take(column_of_numbers(rows)), len(code) + 2)
        for country, chosen in _shared(code, numbers):
            found[rows[chosen]] = places.setdefault(country, len(places))
    return column_of_texts(list(places)).dictionary_encode().take(column_of_numbers(found))


def _main_country(code: str) -> str:
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if code.isdecimal() else ()
    return regions[0] if regions else NO_COUNTRY


def _shared(code: str, numbers: pa.Array) -> Sequence[tuple[str, np.ndarray[Any, Any]]]:
    """Return the places of the numbers of each country that shares the code; the first country that fits counts."""
    left = np.arange(len(numbers))
    found = []
    for country in countries_of_code(code):
        matches = np.ones(len(left), bool)
        for pattern in _patterns(country):
            matches &= _mask(pc.match_substring_regex(numbers, pattern))
        found.append((country, left[matches]))
        left, numbers = left[~matches], numbers.take(column_of_numbers(np.flatnonzero(~matches)))
    return [*found, (NO_COUNTRY, left)]


@cache
def _patterns(country: str) -> tuple[str, ...]:
    """Return patterns that all match the national numbers of one country; none of them needs a look-ahead."""
    metadata: Any = PhoneMetadata.metadata_for_region(country)
    if metadata.leading_digits is not None:
        return (f"^(?:{metadata.leading_digits})",)
    kinds = (getattr(metadata, kind) for kind in KINDS)
    assigned = "|".join({kind.national_number_pattern: None for kind in kinds if kind and kind.national_number_pattern})
    return f"^(?:{metadata.general_desc.national_number_pattern})$", f"^(?:{assigned})$"


def _mask(found: pa.Array) -> np.ndarray[Any, Any]:
    mask = np.zeros(len(found), bool)
    mask[numbers_of(pc.indices_nonzero(found).cast(pa.int64()))] = True
    return mask
