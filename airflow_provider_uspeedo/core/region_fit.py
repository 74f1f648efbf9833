# SPDX-License-Identifier: Apache-2.0
"""How well a default region fits the phones without a country code, and which other country would fit better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airflow_provider_uspeedo.core.numbering_plans import (
    CALLING_CODES,
    NumberingPlan,
    country_of,
    find_plan,
    plan_of_code,
)
from airflow_provider_uspeedo.core.phones import PhoneReader

WITH_PLUS = "+"
"""In place of a country: the digits are valid numbers if ``+`` is written before them."""
LARGE_SHARE = 0.1
"""The share of phones that fit better elsewhere from which on a person should look at it."""


@dataclass(frozen=True, slots=True)
class RegionFit:
    """What a default region made of the phones of a table.

    :param region: ISO 3166 alpha-2.
    :param numbers: phones without a country code: the region decided which country they are of.
    :param not_valid: how many of them are no valid numbers there.
    :param examined: how many of those were looked up elsewhere: the first ones.
    :param better: the country whose valid numbers most of these are, such as ``SG (+65)``, or :data:`WITH_PLUS`; ``""``
        if they are valid nowhere.
    :param fit: how many of the examined ones are valid there.
    """

    region: str
    numbers: int
    not_valid: int
    examined: int
    better: str
    fit: int

    @classmethod
    def of(cls, phones: PhoneReader, countries: Mapping[str, int]) -> RegionFit | None:
        """From what a reader has counted; ``None`` without a default region, or if it decided nothing.

        :param countries: country code -> phones of the whole table: of countries that fit alike, the most frequent one.
        """
        if phones.default_region is None or not phones.bare_numbers:
            return None
        digits = phones.not_valid_digits
        found = fits(digits)
        better, fit = min(found.items(), key=lambda one: (-one[1], -countries.get(one[0], 0), one[0]), default=("", 0))
        named = better if better in ("", WITH_PLUS) else country_of(better)
        return cls(phones.default_region, phones.bare_numbers, phones.not_valid_there, len(digits), named, fit)

    @property
    def share_elsewhere(self) -> float:
        """The estimated share of all phones without a country code that are valid in :attr:`better` alone."""
        return self.not_valid * self.fit / (self.examined * self.numbers) if self.examined else 0.0

    @property
    def is_doubtful(self) -> bool:
        """True if a person should look at it."""
        return self.share_elsewhere >= LARGE_SHARE


def fits(numbers: Iterable[str]) -> Counter[str]:
    """Counts in which countries digits are valid as they are dialled there, and as if ``+`` were before them.

    >>> fits(["81234567"])["65"], fits(["6581234567"])["+"]
    (1, 1)

    :returns: country code, or :data:`WITH_PLUS` -> numbers. A number may be valid in several countries.
    """
    plans = [plan_of_code(code) for code in sorted(CALLING_CODES)]
    found: Counter[str] = Counter()
    for digits in numbers:
        abroad = find_plan(digits)
        if abroad is not None and abroad.valid.fullmatch(digits[len(abroad.code) :]):
            found[WITH_PLUS] += 1
        found.update(plan.code for plan in plans if _is_national(plan, digits))
    return found


def _is_national(plan: NumberingPlan, digits: str) -> bool:
    if not plan.shortest <= len(digits) <= plan.longest + 2:  # a national prefix has one or two digits, mostly
        return False
    number = plan.significant(digits)
    return number is not None and len(number) in plan.lengths and plan.valid.fullmatch(number) is not None
