# SPDX-License-Identifier: Apache-2.0
"""Masks phones and runs of digits in everything that leaves the ledger."""

from __future__ import annotations

import re

HIDDEN = "****"
"""Replaces the omitted digits, independent of their number."""

_PHONE = re.compile(r"\((\d{1,4})\)(\d+)")
_RUN = re.compile(r"[+(]?\d(?:(?:[\s\-./()\u2010-\u2015]{0,3}|[,_])\d){4,}")


def mask_phone(phone: str) -> str:
    """Show the country code and the end of a phone, never enough to dial it.

    >>> mask_phone("(852)55311111")
    '(852)****1111'
    >>> mask_phone("not a phone")
    '****'

    :param phone: ``(country code)number``, or any other text.
    :returns: of ``(country code)number`` the country code and the end of the number; of anything else only an end.
        An end is at most 4 digits and at most half of the digits there are.
    """
    match = _PHONE.fullmatch(phone)
    if match is None:
        return HIDDEN + _end(phone)
    return f"({match[1]}){HIDDEN}{_end(match[2])}"


def mask_digits(text: str) -> str:
    """Mask every run of 5 digits or more: texts of the vendor may quote a phone.

    A run continues across spaces, dashes, dots, commas, slashes and brackets.

    >>> mask_digits("phone (852) 5531-1111 is in the black list")
    'phone ****1111 is in the black list'

    :param text: any text.
    """
    return _RUN.sub(lambda run: mask_phone(run[0]), text)


def hide_digits(text: str) -> str:
    """Hide every such run without its end, so that reasons that differ in the phone alone become one.

    >>> hide_digits("phone (852) 5531-1111 is in the black list")
    'phone **** is in the black list'
    """
    return _RUN.sub(HIDDEN, text)


def _end(text: str) -> str:
    digits = [character for character in text if character.isdecimal()]
    shown = min(4, len(digits) // 2)
    return "".join(digits[len(digits) - shown :])
