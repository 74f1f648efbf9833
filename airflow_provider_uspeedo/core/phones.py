# SPDX-License-Identifier: Apache-2.0
"""Normalises phones to ``(country code)number``, the form that the API takes.

A phone with its country code is accepted when its country has numbers of that length, whether or not its range is known
to be assigned: metadata lags behind new ranges, and the vendor decides. It reads the same in all versions of the
metadata.

Bare digits, without ``+`` or another sign of a country code, are the one thing that assigned ranges decide:

- A valid number of the default region's numbering plan is that.
- Otherwise, if the digits after a ``+`` are a valid number, they leave it open which of the two is meant:
  :data:`.keys.BARE_DIGITS` says so, or the phone is refused.
- What is valid in neither way is read as a number of the default region if it has a possible length.

Rules beyond those of ``phonenumbers``:

- Digits of the home country's mobile numbers with the country code before them are read so, ``+`` or not.
- Two spellings of one handset are one phone where the country's plan is unambiguous: a Brazilian mobile number of
  before 2016 gets its ninth digit, and a Mexican one loses the ``1`` (``044``, ``045``) of before 2019. An Argentine
  number with the ``9`` of mobile phones and one without it stay two.
- ``00`` means ``+`` everywhere. Where the default region dials something else that begins so (``001`` in Thailand),
  and both readings are likely, the home country's wins, else the phone is refused.
- ``(852)...`` is a country code. In the Americas, where area codes are written so, ``(220) 555-0100`` may be either
  and is refused if both readings are likely.
- What cannot be texted or was damaged (extensions, letters, scientific notation) is refused, never guessed.
"""

from __future__ import annotations

from functools import lru_cache

from airflow_provider_uspeedo.core.default_region import checked_bare_digits, checked_region
from airflow_provider_uspeedo.core.keys import FIRST_RULES, INTERNATIONAL, NATIONAL, RULES
from airflow_provider_uspeedo.core.ninth_digit import spellings_of, with_ninth_digit
from airflow_provider_uspeedo.core.numbering_plans import (
    AMERICAS,
    NumberingPlan,
    country_of,
    has_code_in_brackets,
    plan_of_code,
    plan_of_region,
)
from airflow_provider_uspeedo.core.numbers_with_code import (
    ask_library,
    choose,
    international,
    is_likely,
    or_none,
    plan_of_digits,
    with_code,
)
from airflow_provider_uspeedo.core.phone_text import BadPhone, is_dashed_date, plain

__all__ = ["BadPhone", "PhoneReader", "normalise", "spellings_of"]


_SEPARATORS = b" \t-()"
_HEADS = frozenset("+(0123456789")
MAX_NOT_VALID = 1000
"""Bare digits, not valid in the default region, that are kept to see in which other one they are."""
_NO_COUNTRY_CODE = "no country code; write it as +, country code, number, or set default_region"
_OPEN = (
    "without + it can be a number of {international} or of {home}, where no such number is assigned; write it with +, "
    "or set bare_digits"
)
_ONLY_ABROAD = "no number of {home} ({fault}), but with + one of {international}; write it with +, or set bare_digits"


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
    :param bare_digits: one of :data:`.keys.BARE_DIGITS`; ``None``: what is open is refused.
    :param rules: :data:`.keys.RULES`, or :data:`.keys.FIRST_RULES`: bare digits of a possible length are national, and
        Brazil's ninth digit is not added. A campaign keeps those that it began with, and so its recipients their keys.
    :raises ConfigurationError: there is no such region, or no such way to read bare digits.
    """

    def __init__(
        self, default_region: str | None = None, bare_digits: str | None = None, *, rules: int = RULES
    ) -> None:
        self.default_region = checked_region(default_region) if default_region and default_region.strip() else None
        self.bare_digits = checked_bare_digits(bare_digits, self.default_region)
        self.rules = rules
        self.bare_numbers = 0
        """Bare digits read so far with a default region."""
        self.not_valid_there = 0
        """How many of these are no valid numbers of that region."""
        self.not_valid_digits: list[str] = []
        """The first :data:`MAX_NOT_VALID` of these."""
        self._home = plan_of_region(self.default_region) if self.default_region else None
        # Regions that share a country code share its lengths; the rest is specific to the region.
        self._main = plan_of_code(self._home.code) if self._home else None
        self._quick = self._home.quick(self._main) if self._home and self._main and rules == RULES else None
        self._beginnings = self._home.beginnings() if self._home else None
        self._lengths = self._main.lengths if self._main else frozenset()
        self._reasons: dict[str, str] = {}

    def read(self, text: str) -> str:
        """Return the phone as ``(country code)number``.

        :raises BadPhone: the text is not a phone; the reason never quotes it.
        """
        phone = self._bare(text) if text.isdecimal() and text.isascii() else self._written(text)
        return self._with_ninth_digit(phone) if phone[:4] == "(55)" else phone

    def _written(self, text: str) -> str:
        digits = _without_separators(text) if text.isascii() else ""
        if not _is_plain(text, digits) or is_dashed_date(text):
            text = plain(text)
            digits = _without_separators(text)
        if digits[0] == "+":
            return international(digits[1:])
        if has_code_in_brackets(text):
            return self._bracketed(digits)
        return self._bare(digits)

    def other_reading(self, text: str, phone: str) -> str:
        """Return what bare digits could mean besides a phone, in the same form; ``""``: nothing.

        :param phone: what :meth:`read` has made of the text.
        """
        text = plain(text)
        digits = _without_separators(text)
        if digits[0] == "+" or digits[:2] == "00" or has_code_in_brackets(text) or not self.has_two_readings:
            return ""
        found = {or_none(self._national, digits), or_none(international, digits)} - {None}
        phones = {self._with_ninth_digit(phone) for phone in found if phone} - {phone}
        return next((phone for phone in phones if is_likely(phone)), "")

    def readings(self, text: str) -> tuple[str, ...]:
        """Return every phone that a text can mean, in the same form: by other rules, or another ``bare_digits``.

        Bare digits that can be no number of the default region, or without one, are read as if ``+`` were before them
        only where that gives a valid number, or where :attr:`bare_digits` says that they all are so: else each
        number of 8 digits of some country would be one of the Falkland Islands (+500).

        :raises BadPhone: it can mean none; the reason never quotes it.
        """
        digits = _without_separators(text) if text.isascii() else ""
        if not _is_plain(text, digits) or is_dashed_date(text):
            text = plain(text)
            digits = _without_separators(text)
        if digits[0] == "+":
            phone = international(digits[1:])
            if phone[:4] != "(55)":
                return (phone,)
            found: list[str | None] = [phone]
        else:
            national, abroad = or_none(self._national, digits), or_none(international, digits)
            if not (national or self._is_surely_abroad(text, abroad)):
                abroad = None
            found = [national, abroad]
            if digits[:2] == "00":
                found += [or_none(international, digits[2:]), or_none(ask_library, digits, self.default_region)]
        phones = dict.fromkeys(phone for phone in found if phone)
        if not phones:
            return (self.read(text),)  # which says what is wrong with it
        if any(phone.startswith("(55)") for phone in phones):
            phones = dict.fromkeys(one for phone in phones for one in spellings_of(with_ninth_digit(phone)))
        return tuple(phones)

    def _is_surely_abroad(self, text: str, phone: str | None) -> bool:
        """Whether digits without ``+`` that are no number of the default region are this one of another country."""
        if phone is None or has_code_in_brackets(text) or (self._home is None and self.bare_digits == INTERNATIONAL):
            return phone is not None
        return self._is_valid(phone)

    @property
    def has_two_readings(self) -> bool:
        """Whether bare digits can be read in two ways."""
        return self._quick is not None

    @property
    def home_code(self) -> str:
        """The country code of the default region; ``""`` without one."""
        return self._home.code if self._home else ""

    def _with_ninth_digit(self, phone: str) -> str:
        return phone if self.rules == FIRST_RULES else with_ninth_digit(phone)

    def _bare(self, digits: str) -> str:
        """Read digits without ``+``."""
        if digits[:2] == "00":
            return self._double_zero(digits)
        home = self._home
        if home is None:
            if self.bare_digits == INTERNATIONAL:
                return international(digits)
            raise BadPhone(_NO_COUNTRY_CODE)
        if self._quick is None:
            return self._national(digits)
        self.bare_numbers += 1
        if found := self._quick.fullmatch(digits):
            number = found[found.lastindex] if found.lastindex else digits
            if len(number) in self._lengths:
                return home.head + number
        if self.bare_digits == INTERNATIONAL and self._beginnings and not self._beginnings.match(digits):
            plan = plan_of_digits(digits)  # the quick way for what is valid abroad and nothing else
            if plan and plan.reads_as_valid(number := digits[len(plan.code) :]):
                self._note_not_valid(digits)
                return plan.head + number
        return self._unless_international(home, digits)

    def _unless_international(self, home: NumberingPlan, digits: str) -> str:
        """Read bare digits that may be a valid number of another country, and not one of the default region."""
        national, fault = "", None
        try:
            if self._beginnings and self._beginnings.match(digits):
                national = self._national(digits)
                if self._is_valid(national):
                    return national
            else:  # the quick way would have found a valid number
                national = with_code(self._main or home, digits)
        except BadPhone as bad:
            fault = bad.reason
        abroad = "" if self.bare_digits == NATIONAL else self._valid_abroad(digits)
        if abroad.startswith(home.head):  # valid there, too: its country code is before it
            return abroad
        self._note_not_valid(digits)
        if abroad and abroad != national:
            if self.bare_digits == INTERNATIONAL:
                return abroad
            raise BadPhone(self._why_open(abroad, fault))
        if fault:
            raise BadPhone(fault)
        return national

    def _note_not_valid(self, digits: str) -> None:
        self.not_valid_there += 1
        if self.not_valid_there <= MAX_NOT_VALID:
            self.not_valid_digits.append(digits)

    def _valid_abroad(self, digits: str) -> str:
        """Read digits as if ``+`` were before them; ``""`` if that gives no valid number."""
        plan = plan_of_digits(digits)
        if plan is None:
            return ""
        number = digits[len(plan.code) :]
        valid = plan.reads_as_valid(number)
        if valid:
            return plan.head + number
        phone = (or_none(international, digits) or "") if valid is None or plan.code == "55" else ""
        return phone if phone and self._is_valid(phone) else ""

    def _why_open(self, abroad: str, fault: str | None) -> str:
        code = abroad[1 : abroad.index(")")]
        reason = self._reasons.get(f"{code} {fault}")
        if reason is None:
            names = {"home": country_of(self.home_code, self.default_region), "international": country_of(code)}
            reason = _ONLY_ABROAD.format(fault=fault, **names) if fault else _OPEN.format(**names)
            self._reasons[f"{code} {fault}"] = reason
        return reason

    def _is_valid(self, phone: str) -> bool:
        code, _, number = self._with_ninth_digit(phone)[1:].partition(")")
        return plan_of_code(code).valid.fullmatch(number) is not None

    def _national(self, digits: str) -> str:
        """Read bare digits as they are dialled in the default region."""
        home, main = self._home, self._main
        if home is None or main is None:
            raise BadPhone(_NO_COUNTRY_CODE)
        repeats_code = home.repeats_code(digits)
        if repeats_code is None or (home.abroad and home.abroad.match(digits)):
            return ask_library(digits, self.default_region)
        if repeats_code:
            return international(digits)
        number = home.significant(digits)
        if number is None:
            return ask_library(digits, self.default_region)
        return with_code(main, number)

    def _double_zero(self, digits: str) -> str:
        """Read ``00`` as ``+``, unless the default region dials more than ``00`` and that is as likely."""
        home, abroad = self._home, digits[2:]
        if home is None or home.abroad is None or home.abroad.fullmatch("00") or not home.abroad.match(digits):
            return international(abroad)
        if abroad.startswith(home.code):
            return international(abroad)
        first, second = or_none(international, abroad), or_none(ask_library, digits, self.default_region)
        return choose(first, second, first_wins=False) or international(abroad)

    def _bracketed(self, digits: str) -> str:
        """Read digits that began with a country code, which may be a national area code, in brackets."""
        home = self._home
        if home is None:
            return international(digits)
        first, first_wins = or_none(international, digits), not home.code.startswith(AMERICAS)
        if first and first_wins and is_likely(first):
            return first
        return choose(first, or_none(self._national, digits), first_wins=first_wins) or international(digits)


def _without_separators(ascii_text: str) -> str:
    return ascii_text.encode().translate(None, _SEPARATORS).decode()  # as bytes it takes a third of the time


def _is_plain(text: str, digits: str) -> bool:
    """Return whether the text is what :func:`plain` returns: the quick way for almost all phones."""
    return text[:1] in _HEADS and (digits.isdecimal() or (digits[:1] == "+" and digits[1:].isdecimal()))
