# SPDX-License-Identifier: Apache-2.0
"""Reads digits that begin with a country code, by the numbering plan of their country."""

from __future__ import annotations

from collections.abc import Callable

import phonenumbers
from phonenumbers import NumberParseException

from airflow_provider_uspeedo.core.numbering_plans import NumberingPlan, find_plan, plan_of_code
from airflow_provider_uspeedo.core.phone_text import BadPhone

_AMBIGUOUS = "can be read as two different numbers; write it as +, country code, number"
_PARSE_FAULTS = {
    NumberParseException.INVALID_COUNTRY_CODE: "unknown country code",
    NumberParseException.TOO_LONG: "too long to be one phone number",
}

_plans: dict[str, NumberingPlan | None] = {}
"""First three digits to plan, ``None`` if they begin with no country code; filled on demand, for speed."""


def international(digits: str) -> str:
    """Read digits that begin with a country code."""
    plan = plan_of_digits(digits)
    if plan is None:
        raise BadPhone("unknown country code")
    number = plan.significant(digits[len(plan.code) :])
    return ask_library("+" + digits, None) if number is None else with_code(plan, number)


def plan_of_digits(digits: str) -> NumberingPlan | None:
    """Return the plan of the country code that digits begin with; ``None`` if there is none."""
    try:
        return _plans[digits[:3]]
    except KeyError:
        return _plans.setdefault(digits[:3], find_plan(digits))


def with_code(plan: NumberingPlan, number: str) -> str:
    """Return ``(country code)number``.

    :raises BadPhone: the country has no numbers of that length.
    """
    if len(number) in plan.lengths:
        return plan.head + number
    raise BadPhone(plan.length_fault(len(number)))


def ask_library(text: str, region: str | None) -> str:
    """Read what the plans do not cover: prefixes that stand for area codes, calls dialled by way of a carrier."""
    try:
        parsed = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise BadPhone(_PARSE_FAULTS.get(error.error_type, "too short to be a phone number")) from None
    return with_code(plan_of_code(str(parsed.country_code)), phonenumbers.national_significant_number(parsed))


def or_none(read: Callable[..., str], *args: str | None) -> str | None:
    """Return what a function reads; ``None`` where it refuses."""
    try:
        return read(*args)
    except BadPhone:
        return None


def choose(first: str | None, second: str | None, *, first_wins: bool) -> str | None:
    """Return one of the two phones that a text can mean. The second one is unusual and counts only if it is likely.

    :param first_wins: when both are likely; otherwise the phone is refused.
    """
    if second is None or second == first or not is_likely(second):
        return first
    if first is None or not is_likely(first):
        return second
    if first_wins:
        return first
    raise BadPhone(_AMBIGUOUS)


def is_likely(reading: str) -> bool:
    """Return whether a phone looks like those that its country assigns."""
    code, _, number = reading[1:].partition(")")
    return plan_of_code(code).shape.fullmatch(number) is not None
