# SPDX-License-Identifier: Apache-2.0
"""Brazilian mobile numbers, which got a ninth digit until 2016: with it and without it they are one handset."""

from __future__ import annotations

import re

_NEW_BRAZILIAN_MOBILE = re.compile(r"(\(55\)[1-9]{2})9([689]\d{7})")
_OLD_BRAZILIAN_MOBILE = re.compile(r"[1-9]{2}[689]\d{7}")


def spellings_of(phone: str) -> tuple[str, ...]:
    """Return a phone of the form ``(country code)number``, and the same handset as the first rules read it.

    >>> spellings_of("(55)11987654321")
    ('(55)11987654321', '(55)1187654321')
    """
    found = _NEW_BRAZILIAN_MOBILE.fullmatch(phone)
    return (phone, f"{found[1]}{found[2]}") if found else (phone,)


def with_ninth_digit(phone: str) -> str:
    """Return a phone of the form ``(country code)number``; an old Brazilian mobile number gets its ninth digit."""
    number = phone[4:] if phone[:4] == "(55)" else ""
    return f"(55){number[:2]}9{number[2:]}" if _OLD_BRAZILIAN_MOBILE.fullmatch(number) else phone
