# SPDX-License-Identifier: Apache-2.0
"""Masks phones and runs of digits in everything that leaves the ledger."""

from __future__ import annotations

import re
from collections.abc import Callable

HIDDEN = "****"
"""Replaces the omitted digits, independent of their number."""

_PHONE = re.compile(r"\((\d{1,4})\)(\d+)")
_BETWEEN = (
    r"(?:%20|&nbsp;|[\s\-./()\[\]~|'\u00ad\u00b7\u2010-\u2015\u2022\u2212\u30fb\u30fc\ufe58\ufe63\uff08\uff09\uff0d-\uff0f\uff3b\uff3d"
    r"\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff])"
)
"""Spaces, dashes, dots, brackets and slashes of every width, what is invisible, and signs that stand between digits."""
_RUN = re.compile(rf"[+(\uff0b\uff08]?\d(?:(?:{_BETWEEN}{{0,4}}|[,_\uff0c\uff3f])\d){{4,}}")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = re.compile(
    rf"(?<![\w.+\-\uff0b])(?!(?:\d\d\.){{3}}\d\d(?!\d))(?:{_OCTET}\.){{3}}{_OCTET}(?:/[0-9]{{1,2}}|:[0-9]{{1,5}})?(?![\w:])"
)
"""An IP address, maybe with a port. Four pairs of digits are as likely a phone."""
IDENTIFYING_DIGITS = 7
"""The number of digits of a phone that identify it."""
_NO_DIGITS = re.compile(r"[^0-9]+")
_CREDENTIALS = re.compile(r"(?<=://)(?:[^/@]*@|[^/@:\[\]]*:[^@]*@)")
"""What a URI has before its host. A secret may hold slashes, and digits before them that look like a port: what is
before an ``@`` is hidden rather than shown, also where it is a host and the beginning of a path.
"""
_WRITTEN_AS_PHONE = re.compile(r"\s*[+(]")
"""A user id that begins so is a phone, though maybe not that of the row."""


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

    Digits of every script count. A run continues across spaces, dashes, dots, commas, slashes and brackets. An IP
    address stays, unless it is written as phones are: four pairs of digits, or next to other digits.

    >>> mask_digits("phone (852) 5531-1111 is in the black list")
    'phone ****1111 is in the black list'

    :param text: any text.
    """
    return _with_runs_replaced(text, lambda run: mask_phone(run[0]))


def hide_digits(text: str) -> str:
    """Hide every such run without its end, so that reasons that differ in the phone alone become one.

    >>> hide_digits("phone (852) 5531-1111 is in the black list")
    'phone **** is in the black list'
    """
    return _with_runs_replaced(text, lambda _: HIDDEN)


def _with_runs_replaced(text: str, replaced: Callable[[re.Match[str]], str]) -> str:
    addresses = [found.span() for found in _ADDRESS.finditer(text)]

    def replaced_unless_of_an_address(run: re.Match[str]) -> str:
        begin = run.start() + run[0].startswith(("(", "\uff08"))
        return run[0] if any(start <= begin and run.end() <= end for start, end in addresses) else replaced(run)

    return _RUN.sub(replaced_unless_of_an_address, text)


def mask_user_id(user_id: str, phone: str) -> str:
    """The user id as it is, unless it is a phone.

    >>> mask_user_id("C-1001", "(852)55311111"), mask_user_id("85255311111", "(852)55311111")
    ('C-1001', '****1111')

    :param phone: of the same row.
    """
    if not (quotes_phone(user_id, phone) or _WRITTEN_AS_PHONE.match(user_id)):
        return user_id
    masked = mask_digits(user_id)
    return HIDDEN if quotes_phone(masked, phone) else masked


def quotes_phone(text: str, phone: str) -> bool:
    """True if the text holds (most of) this phone, or may, where the phone of its row cannot be read."""
    digits = _digits(text) if len(text) >= IDENTIFYING_DIGITS else ""
    if len(digits) < IDENTIFYING_DIGITS:
        return False
    number = _digits(phone)
    unreadable = len(number) < IDENTIFYING_DIGITS  # where columns are shifted, the text may be the real phone
    return unreadable or digits in number or number[-IDENTIFYING_DIGITS:] in digits


def _digits(text: str) -> str:
    if text.isascii():
        return _NO_DIGITS.sub("", text)
    return "".join(str(int(character)) for character in text if character.isdecimal())


def without_secrets(uri: str) -> str:
    """The path or URI as it is, but for a password before its host, and for what follows a ``?``, such as a signature.

    >>> without_secrets("s3://my_conn@lake/a.parquet"), without_secrets("s3://key:sec/ret@lake/a.csv?sig=x")
    ('s3://my_conn@lake/a.parquet', 's3://****@lake/a.csv?****')
    """
    found = _CREDENTIALS.search(uri)
    if found and ":" in found.group():
        uri = f"{uri[: found.start()]}{HIDDEN}@{uri[found.end() :]}"
    name, question, rest = uri.partition("?")
    return f"{name}?{HIDDEN}" if question and "=" in rest else uri


def _end(text: str) -> str:
    digits = [character for character in text if character.isdecimal()]
    shown = min(4, len(digits) // 2)
    return "".join(digits[len(digits) - shown :])
