# SPDX-License-Identifier: Apache-2.0
"""The structure of each country's numbers: lengths and national prefix, from ``phonenumbers``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import phonenumbers
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    REGION_CODE_FOR_NON_GEO_ENTITY,
    PhoneMetadata,
    PhoneNumberDesc,
    region_code_for_country_code,
)

METADATA_VERSION: str = phonenumbers.__version__
"""The version of the metadata. Reading a phone that has its country code does not depend on it."""

MAX_CODE_DIGITS = 3
"""Digits of the longest country code."""

AMERICAS = ("1", "5")
"""First digits of the country codes where an area code is written in brackets without a national prefix."""

CALLING_CODES = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))
"""All country codes, as digits. None is a prefix of another."""


@dataclass(frozen=True, slots=True)
class NumberingPlan:
    """The metadata of one region (or of one country code without a region).

    :param code: the country code, such as ``852``.
    :param head: ``(852)``: what the API wants before the national number.
    :param lengths: numbers of digits that a national number can have, without the national prefix.
    :param shortest: the minimum of them.
    :param longest: the maximum of them.
    :param local_lengths: numbers of digits that only a call within one area can have.
    :param prefix: the national prefix, such as the ``0`` of ``07911 ...``; ``None`` if there is none.
    :param rewrites: the prefix may stand for other digits, too (an area code), not only for nothing.
    :param shape: matches every known national number. Wider than the assigned ranges.
    :param mobile: matches its known mobile numbers; in some countries all numbers.
    :param abroad: the prefix dialled before a country code; ``None`` if it is not known.
    :param valid: matches the national numbers of assigned ranges, in all regions that share the country code.
    :param direct: matches those of them that begin with no national prefix, and so are read as they are.
    """

    code: str
    head: str
    lengths: frozenset[int]
    shortest: int
    longest: int
    local_lengths: frozenset[int]
    prefix: re.Pattern[str] | None
    rewrites: bool
    shape: re.Pattern[str]
    mobile: re.Pattern[str]
    abroad: re.Pattern[str] | None
    valid: re.Pattern[str]
    direct: re.Pattern[str]

    def significant(self, digits: str) -> str | None:
        """Return the national number without the national prefix, or ``None`` where only the library can decide.

        The prefix stays where dropping it would leave a wrong length, or would turn a number of a known shape into
        one of none: that is how the leading zero of an Italian number is kept, and an ``8`` that is not a prefix.
        """
        found = self.prefix.match(digits) if self.prefix else None
        if found is None:
            return digits
        if self.rewrites and found[found.re.groups] is not None:
            return None
        rest = digits[found.end() :]
        if len(rest) not in self.lengths or (self.shape.fullmatch(digits) and not self.shape.fullmatch(rest)):
            return digits
        return rest

    def repeats_code(self, digits: str) -> bool | None:
        """Return whether digits without ``+`` hold this country's code already; ``None``: only the library can decide.

        The library prefers a national number of a known shape, even to a mobile number with its code: to it,
        ``4915123456789`` in Germany is a fixed line of the area 4915. To a text message it is not.
        """
        if not digits.startswith(self.code):
            return False
        rest = digits[len(self.code) :]
        if self._is_mobile(rest) and not self._is_mobile(digits):
            return True
        if self.prefix and self.prefix.match(rest):
            return None
        too_long = len(digits) > self.longest
        return too_long or bool(self.shape.fullmatch(rest) and not self.shape.fullmatch(digits))

    def _is_mobile(self, digits: str) -> bool:
        number = self.significant(digits)
        return number is not None and self.mobile.fullmatch(number) is not None

    def quick(self, main: NumberingPlan) -> re.Pattern[str]:
        """Return what matches bare digits that are a valid number at home and that no other rule reads otherwise.

        The last group that matched is the national number; without a group all digits are.

        :param main: the plan of the main region with the same country code.
        """
        abroad = f"(?!{self.abroad.pattern})" if self.abroad else ""
        no_prefix = "".join(f"(?!{plan.prefix.pattern})" for plan in (self, main) if plan.prefix)
        valid, shape, mobile = self.valid.pattern, self.shape.pattern, self.mobile.pattern
        forms = [
            f"(?!{self.code}){no_prefix}(?:{valid})",
            f"(?!(?:{mobile})$){self.code}{no_prefix}({mobile})",
            f"(?!(?:{shape}|{valid})$){self.code}{no_prefix}({valid})",
        ]
        if self.prefix and not self.rewrites:
            forms.append(f"(?!{self.code})(?>{self.prefix.pattern})({valid})")
        return re.compile(f"{abroad}(?:{'|'.join(forms)})")

    def beginnings(self) -> re.Pattern[str]:
        """Return what matches the beginning of bare digits that may have something before the national number.

        It is the country code, the national prefix, or the prefix of calls abroad.
        """
        patterns = [self.code, *(found.pattern for found in (self.prefix, self.abroad) if found)]
        return re.compile("|".join(patterns))

    def reads_as_valid(self, digits: str) -> bool | None:
        """Return whether digits after the country code are a valid number; ``None``: it depends on their prefix."""
        if len(digits) in self.lengths and self.direct.fullmatch(digits):
            return True
        return None if self.prefix and self.prefix.match(digits) else False

    def length_fault(self, length: int) -> str:
        """Return what is wrong with a national number of that many digits."""
        if length in self.local_lengths:
            return f"too short for +{self.code}: the area code is missing"
        if length < self.shortest:
            return f"too short for +{self.code}"
        if length > self.longest:
            return f"too long for +{self.code}"
        return f"no number of +{self.code} has this many digits"


@cache
def plan_of_region(region: str) -> NumberingPlan:
    """Return the plan of one region, such as ``HK``; the region must be one that ``phonenumbers`` supports."""
    return _plan(PhoneMetadata.metadata_for_region(region))


@cache
def plan_of_code(code: str) -> NumberingPlan:
    """Return the plan of one of :data:`CALLING_CODES`: that of its main region where several share the code."""
    region = region_code_for_country_code(int(code))
    return _plan(PhoneMetadata.metadata_for_region_or_calling_code(int(code), region))


def find_plan(digits: str) -> NumberingPlan | None:
    """Return the plan of the country code that the digits begin with, or ``None`` if it is no known one."""
    for width in range(1, MAX_CODE_DIGITS + 1):
        if digits[:width] in CALLING_CODES:
            return plan_of_code(digits[:width])
    return None


def country_of(code: str, region: str | None = None) -> str:
    """Return the name of a country code for messages, such as ``HK (+852)``; ``+800`` for one of no country.

    :param region: one of those that share the code; not given, its main one.
    """
    region = region or region_code_for_country_code(int(code))
    return f"+{code}" if region == REGION_CODE_FOR_NON_GEO_ENTITY else f"{region} (+{code})"


def has_code_in_brackets(text: str) -> bool:
    """Return whether the text begins with a country code in brackets."""
    return text[0] == "(" and text[1:].partition(")")[0].strip() in CALLING_CODES


def _pattern(numbers: PhoneNumberDesc | None) -> re.Pattern[str]:
    return re.compile((numbers and numbers.national_number_pattern) or r"(?!)")


@cache
def _valid_numbers(code: str) -> str:
    """Return a pattern of all valid national numbers of a country code, as ``phonenumbers`` decides it."""
    regions = COUNTRY_CODE_TO_REGION_CODE[int(code)]
    found = [PhoneMetadata.metadata_for_region_or_calling_code(int(code), region) for region in regions]
    numbers = [(one.leading_digits, _assigned(one)) for one in found if one is not None]
    led = "|".join(digits for digits, _ in numbers if digits)
    rest = f"(?!{led})" if led else ""
    return "|".join((f"(?={digits})" if digits else rest) + f"(?:{pattern})" for digits, pattern in numbers)


def _assigned(metadata: PhoneMetadata) -> str:
    kinds = (getattr(metadata, kind) for kind in KINDS)
    patterns = "|".join(kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern)
    return f"(?=(?:{_pattern(metadata.general_desc).pattern})$)(?:{patterns})"


KINDS = (
    "mobile", "fixed_line", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number", "pager", "uan",
    "voicemail",
)  # fmt: skip
"""The kinds of numbers that the metadata has patterns of, and that are assigned."""

_PREFIXES = {"52": r"0(?:[12]|4[45])|1"}
"""Prefixes that the metadata has forgotten and tables have not: Mexico's, of the time before August 2019."""


def _plan(metadata: PhoneMetadata | None) -> NumberingPlan:
    if metadata is None or metadata.general_desc is None:
        raise LookupError("phonenumbers has no metadata of this region")
    general, code = metadata.general_desc, str(metadata.country_code)
    prefix = _PREFIXES.get(code, metadata.national_prefix_for_parsing)
    valid = _valid_numbers(code)
    return NumberingPlan(
        code=code,
        head=f"({code})",
        lengths=frozenset(general.possible_length),
        shortest=min(general.possible_length),
        longest=max(general.possible_length),
        local_lengths=frozenset(general.possible_length_local_only),
        prefix=re.compile(prefix) if prefix else None,
        rewrites=code not in _PREFIXES and bool(metadata.national_prefix_transform_rule),
        shape=_pattern(general),
        mobile=_pattern(metadata.mobile),
        abroad=re.compile(metadata.international_prefix) if metadata.international_prefix else None,
        valid=re.compile(valid),
        direct=re.compile(f"(?!{prefix})(?:{valid})" if prefix else valid),
    )
