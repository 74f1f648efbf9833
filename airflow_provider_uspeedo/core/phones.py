# SPDX-License-Identifier: Apache-2.0
"""Normalises phones to ``(country code)number``, the form that the API takes.

A phone is accepted when its country has numbers of that length, whether or not its range is known to be assigned:
metadata lags behind new ranges, and the vendor decides. Only the necessary metadata is used: country codes, lengths,
national prefixes, and for ambiguous digits the general shape of a country's numbers. A phone written with its
country code and without a national prefix reads the same in all versions.

Rules beyond those of ``phonenumbers``:

- Digits of the home country's mobile numbers with the country code before them are read so, ``+`` or not.
- ``00`` means ``+`` everywhere. Where the default region dials something else that begins so (``001`` in Thailand),
  and both readings are likely, the home country's wins, else the phone is refused.
- ``(852)...`` is a country code. In the Americas, where area codes are written so, ``(220) 555-0100`` may be either
  and is refused if both readings are likely.
- What cannot be texted or was damaged (extensions, letters, scientific notation) is refused, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException

from airflow_provider_uspeedo.core.numbering_plans import (
    AMERICAS,
    CALLING_CODES,
    NumberingPlan,
    find_plan,
    has_code_in_brackets,
    plan_of_code,
    plan_of_region,
)
from airflow_provider_uspeedo.core.phone_text import BadPhone, plain
from airflow_provider_uspeedo.errors import ConfigurationError

__all__ = ["BadPhone", "PhoneReader", "normalise"]

_SEPARATORS = b" \t-()"
_HEADS = frozenset("+(0123456789")
_NO_REGION_OF_THEIR_OWN = {"UK": "GB", "EL": "GR"}
_MAX_SHOWN = 4
_AMBIGUOUS = "can be read as two different numbers; write it as +, country code, number"
_NO_COUNTRY_CODE = "no country code; write it as +, country code, number, or set default_region"
_PARSE_FAULTS = {
    NumberParseException.INVALID_COUNTRY_CODE: "unknown country code",
    NumberParseException.TOO_LONG: "too long to be one phone number",
}

_plans: dict[str, NumberingPlan] = {}
"""First three digits to plan, filled on demand; makes the common forms fast."""


def normalise(text: str, default_region: str | None) -> str:
    """Return the phone as ``(country code)number``. For many phones use one :class:`PhoneReader`.

    >>> normalise("5531 1111", "HK")
    '(852)55311111'

    :raises BadPhone: the text is not a phone; the reason never quotes it.
    :raises ConfigurationError: there is no such region.
    """
    return _reader(default_region).read(text)


@lru_cache(maxsize=16)
def _reader(default_region: str | None) -> PhoneReader:
    return PhoneReader(default_region)


class PhoneReader:
    """Reads phones, those without a country code as numbers of one region. Safe to share between threads.

    :param default_region: ISO 3166 alpha-2 in any case, such as ``HK``; ``None`` or blank: a country code is required.
    :raises ConfigurationError: there is no such region.
    """

    def __init__(self, default_region: str | None = None) -> None:
        self.default_region = _known_region(default_region) if default_region and default_region.strip() else None
        self._home = plan_of_region(self.default_region) if self.default_region else None
        # Regions that share a country code share its lengths; the rest is specific to the region.
        self._main = plan_of_code(self._home.code) if self._home else None

    def read(self, text: str) -> str:
        """Return the phone as ``(country code)number``.

        :raises BadPhone: the text is not a phone; the reason never quotes it.
        """
        digits = _without_separators(text) if text.isascii() else ""
        if not _is_plain(text, digits):
            text = plain(text)
            digits = _without_separators(text)
        if digits[0] == "+":
            return _international(digits[1:])
        if has_code_in_brackets(text):
            return self._bracketed(digits)
        return self._bare(digits)

    def _bare(self, digits: str) -> str:
        """Read digits without ``+``."""
        home, main = self._home, self._main
        if digits[:2] == "00":
            return self._double_zero(digits)
        if home is None or main is None:
            raise BadPhone(_NO_COUNTRY_CODE)
        repeats_code = home.repeats_code(digits)
        if repeats_code is None or (home.abroad and home.abroad.match(digits)):
            return _ask_library(digits, self.default_region)
        if repeats_code:
            return _international(digits)
        number = home.significant(digits)
        if number is None:
            return _ask_library(digits, self.default_region)
        return _checked(main, number)

    def _double_zero(self, digits: str) -> str:
        """Read ``00`` as ``+``, unless the default region dials more than ``00`` and that is as likely."""
        home, abroad = self._home, digits[2:]
        if home is None or home.abroad is None or home.abroad.fullmatch("00") or not home.abroad.match(digits):
            return _international(abroad)
        if abroad.startswith(home.code):
            return _international(abroad)
        first, second = _attempt(_international, abroad), _attempt(_ask_library, digits, self.default_region)
        return _choose(first, second, first_wins=False) or _international(abroad)

    def _bracketed(self, digits: str) -> str:
        """Read digits that began with a country code, which may be a national area code, in brackets."""
        home = self._home
        if home is None:
            return _international(digits)
        first, first_wins = _attempt(_international, digits), not home.code.startswith(AMERICAS)
        if first and first_wins and _is_likely(first):
            return first
        return _choose(first, _attempt(self._bare, digits), first_wins=first_wins) or _international(digits)


def _without_separators(ascii_text: str) -> str:
    return ascii_text.encode().translate(None, _SEPARATORS).decode()  # as bytes it takes a third of the time


def _is_plain(text: str, digits: str) -> bool:
    """Return whether the text is what :func:`plain` returns: the quick way for almost all phones."""
    return text[:1] in _HEADS and (digits.isdecimal() or (digits[:1] == "+" and digits[1:].isdecimal()))


def _international(digits: str) -> str:
    """Read digits that begin with a country code."""
    plan = _plans.get(digits[:3]) or _remember_plan(digits)
    number = plan.significant(digits[len(plan.code) :])
    return _ask_library("+" + digits, None) if number is None else _checked(plan, number)


def _remember_plan(digits: str) -> NumberingPlan:
    plan = find_plan(digits)
    if plan is None:
        raise BadPhone("unknown country code")
    return _plans.setdefault(digits[:3], plan)


def _checked(plan: NumberingPlan, number: str) -> str:
    if len(number) in plan.lengths:
        return plan.head + number
    raise BadPhone(plan.length_fault(len(number)))


def _ask_library(text: str, region: str | None) -> str:
    """Read what the plans do not cover: prefixes that stand for area codes, calls dialled by way of a carrier."""
    try:
        parsed = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise BadPhone(_PARSE_FAULTS.get(error.error_type, "too short to be a phone number")) from None
    return _checked(plan_of_code(str(parsed.country_code)), phonenumbers.national_significant_number(parsed))


def _attempt(read: Callable[..., str], *args: str | None) -> str | None:
    try:
        return read(*args)
    except BadPhone:
        return None


def _choose(first: str | None, second: str | None, *, first_wins: bool) -> str | None:
    """Return one of two readings. The second one is unusual and counts only if it is likely.

    :param first_wins: when both are likely; otherwise the phone is refused.
    """
    if second is None or second == first or not _is_likely(second):
        return first
    if first is None or not _is_likely(first):
        return second
    if first_wins:
        return first
    raise BadPhone(_AMBIGUOUS)


def _is_likely(reading: str) -> bool:
    code, _, number = reading[1:].partition(")")
    return plan_of_code(code).shape.fullmatch(number) is not None


def _known_region(text: str) -> str:
    region = text.strip().upper()
    if region in phonenumbers.SUPPORTED_REGIONS:
        return region
    near = _regions_meant(region)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    # A longer text may be a phone: it is not quoted.
    given = f", not {region!r}" if len(region) <= _MAX_SHOWN else ""
    raise ConfigurationError(f"default_region must be a country as two letters (ISO 3166), such as 'HK'{given}.{hint}")


def _regions_meant(region: str) -> list[str]:
    if region in _NO_REGION_OF_THEIR_OWN:
        return [_NO_REGION_OF_THEIR_OWN[region]]
    code = region.strip("+()").removeprefix("00")
    if code in CALLING_CODES:
        return [phonenumbers.region_code_for_country_code(int(code))]
    near = get_close_matches(region, sorted(phonenumbers.SUPPORTED_REGIONS), n=3, cutoff=0.7)
    return sorted(near, key=lambda known: not region.startswith(known))
