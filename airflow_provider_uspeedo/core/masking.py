# SPDX-License-Identifier: Apache-2.0
"""Masks phones and runs of digits in everything that leaves the ledger."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable

HIDDEN = "****"
"""Replaces the omitted digits, independent of their number."""

_PHONE = re.compile(r"\(([1-9]\d{0,2})\)(\d+)")
_BETWEEN = (
    r"(?:%(?:20|2[BbDd89]|[Cc]2%[Aa]0|[Ee]2%80%[89Aa][0-9A-Fa-f])"
    r"|&(?:nbsp|ensp|emsp|thinsp|shy|hyphen|dash|ndash|mdash|minus|middot|#[xX]?[0-9A-Fa-f]{2,6});"
    r"|\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[nrt/])"
    r"|[\s+\-./()\[\]~|'*\u00ad\u00b4\u00b7\u02bc\u02d7\u05be\u061c\u1806\u180e\u2018\u2019\u200b-\u200f\u2010-\u2015"
    r"\u2022\u2027\u202a-\u202e\u2043\u2044\u2053\u2060-\u2069\u20e3\u2212\u2215\u2219\u22c5\u223c\u2e3a\u2e3b\u3001"
    r"\u301c\u30fb\u30fc\ufe0f\ufe31\ufe32\ufe58\ufe63\ufeff\uff08\uff09\uff0d-\uff0f\uff3b\uff3d\uff5e\uff65])"
)
"""Spaces, dashes, dots, brackets and slashes of every width, what is invisible, and signs that stand between digits;
some of them also as URIs, HTML, JSON and Python write them."""
_RUN = re.compile(rf"[+(\uff0b\uff08]?\d(?:(?:{_BETWEEN}{{0,4}}|[,_\uff0c\uff3f])\d){{4,}}")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PRIVATE = rf"(?:(?:10|127)\.{_OCTET}|172\.(?:1[6-9]|2[0-9]|3[01])|192\.168)(?:\.{_OCTET}){{2}}"
_KNOWN = re.compile(
    rf"""(?<![\w.+\-\uff0b])(?:
        {_OCTET}(?:\.{_OCTET}){{3}}(?:/[0-9]{{1,2}}|:[0-9]{{1,5}})
        | (?:(?<=//)|(?<=@)|(?<=at\ ")|(?<=on\ ')|(?<=host=)|(?<=host=')){_OCTET}(?:\.{_OCTET}){{3}}
        | (?!(?:\d\d\.){{3}}\d\d(?!\d)){_PRIVATE}
        | (?:19|20)[0-9]{{2}}-[01][0-9]-[0-3][0-9][\ T][0-2][0-9]:[0-5][0-9]
            (?::[0-5][0-9](?:[.,][0-9]{{1,6}})?)?(?:Z|[+\-][0-2][0-9]:?[0-5][0-9])?
    )(?!\w|:[0-9])""",
    re.VERBOSE,
)
"""What has digits and is no phone: an IP address that has a port, stands where hosts do or is private, and a moment.
Other addresses, and four pairs of digits, are as likely a phone.
"""
IDENTIFYING_DIGITS = 7
"""The number of digits of a phone that identify it."""
_NO_DIGITS = re.compile(r"[^0-9]+")
_CREDENTIALS = re.compile(r"(?<=://)(?:[^/]*@|[^/@:\[\]]*:[^@]*@)")
"""What a URI has before its host. A secret may hold slashes, and digits before them that look like a port: what is
before an ``@`` is hidden rather than shown, also where it is a host and the beginning of a path.
"""
_SIGNATURE = re.compile(r"[?#;].*=", re.DOTALL)
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
    address of a host stays, unless it is next to other digits, and so does a moment such as ``2026-11-30 12:00``.

    >>> mask_digits("phone (852) 5531-1111 is in the black list")
    'phone ****1111 is in the black list'

    :param text: any text.
    """
    return _with_runs_replaced(text, lambda run: mask_phone(run[0]))


def masked_quote(text: str, length: int) -> str:
    """The beginning of such a text, which may have megabytes.

    :param length: how much of it is shown, in characters; 1 or more.
    """
    return mask_digits(text[: 50 * length])[:length]


def hide_digits(text: str) -> str:
    """Hide every such run without its end, so that reasons that differ in the phone alone become one.

    >>> hide_digits("phone (852) 5531-1111 is in the black list")
    'phone **** is in the black list'
    """
    return _with_runs_replaced(text, lambda _: HIDDEN)


def _with_runs_replaced(text: str, replaced: Callable[[re.Match[str]], str]) -> str:
    known = [found.span() for found in _KNOWN.finditer(text)]
    ends = [end for _, end in known]

    def replaced_unless_known(run: re.Match[str]) -> str:
        begin = run.start() + run[0].startswith(("(", "\uff08"))
        at = bisect_left(ends, run.end())
        return run[0] if at < len(known) and known[at][0] <= begin else replaced(run)

    return _RUN.sub(replaced_unless_known, text)


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
    # Where columns are shifted, the text may be the real phone.
    unreadable = len(number) < IDENTIFYING_DIGITS or not _PHONE.fullmatch(phone)
    return unreadable or digits in number or number[-IDENTIFYING_DIGITS:] in digits


def _digits(text: str) -> str:
    if text.isascii():
        return _NO_DIGITS.sub("", text)
    return "".join(str(int(character)) for character in text if character.isdecimal())


def without_secrets(uri: str) -> str:
    """The path or URI as it is, but for a password before its host and for a signature or token at its end.

    >>> without_secrets("s3://my_conn@lake/a.parquet"), without_secrets("s3://key:sec/ret@lake/a.csv?sig=x")
    ('s3://my_conn@lake/a.parquet', 's3://****@lake/a.csv?****')
    """
    uri = _CREDENTIALS.sub(lambda found: f"{HIDDEN}@" if ":" in found[0] else found[0], uri)
    signed = _SIGNATURE.search(uri)
    return f"{uri[: signed.start() + 1]}{HIDDEN}" if signed else uri


def _end(text: str) -> str:
    digits = [character for character in text if character.isdecimal()]
    shown = min(4, len(digits) // 2)
    return "".join(digits[len(digits) - shown :])
