# SPDX-License-Identifier: Apache-2.0
"""Folds the text of a phone to plain ASCII, or says why it is not a phone."""

from __future__ import annotations

import re
import unicodedata

MAX_PHONE_CHARACTERS = 64
"""A longer text is not one phone."""

_SCHEME = re.compile(
    r"(?:tel|sms|smsto|callto|whatsapp|viber|signal|rcs|phone|mobile|mob|cell)[.:](?://)?\s*", re.IGNORECASE
)
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d*)?e[+-]?\d+", re.IGNORECASE)
_FLOAT = re.compile(r"(\+?\d+)[.,]0{1,2}|(\+?\d{7,})[.,]0+")
"""A whole number with a scale; with a few digits before the point, more zeros may be the digits of a phone."""
_DECIMAL = re.compile(r"-?\d+\.\d|-?\d{7,}\.\d+|\+\d{7,}\.\d{1,2}|\d{7,},\d{1,2}")
_THOUSANDS = re.compile(r"\+?\d{1,3}(?:,\d{3}){2,}(?:\.0+)?")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_ADDRESS = re.compile(rf"(?=(?:\d+\.)*\d(?!\d))(?:{_OCTET}\.){{3}}{_OCTET}")
"""Of an IP, with a group of one digit: no phone is written so, and others can be one."""
_DOT = re.compile(r"(?<=[\d)]) ?\. ?(?=[\d(])")
_DATE = re.compile(r"\d{1,2}/\d{1,2}/\d{2}(?:\d{2})?|\d{4}/\d{1,2}/\d{1,2}")
_DATE_CHARACTERS = 10
_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0[1-9]|1[0-2])"
_DASHED_DATE = re.compile(rf"(?:19|20)\d\d-{_MONTH}-{_DAY}|{_DAY}[.-]{_MONTH}[.-](?:19|20)\d\d", re.ASCII)
"""With dashes or dots, as phones are written, too: so only what can be no other than a date of these centuries."""
_SLASHED = re.compile(r"(?:\+?[\d ()-]*/)+[\d -]*")
MAX_AREA_DIGITS = 6
"""Digits before a slash that is a separator: more can be a phone of their own."""
MIN_LAST_DIGITS = 4
"""Digits after it: fewer may be an extension, or the end of a second phone."""
_MISSING = frozenset({"nan", "none", "null", "(null)", "nat", "<na>", "n/a", "na", "#n/a", "\\n", "nil", "undefined"})
_EXTENSION = re.compile(r"(?<![a-z])(?:ext?|extn|extension|ext=|x|#)[\s.:=]*\d+$", re.IGNORECASE)
_PLAIN = re.compile(r"(?=.*[0-9])(?:\(? *\+|[(0-9])[0-9 ()-]*")
_PLUS_WITHIN = re.compile(r"[0-9+].*\+")
_BETWEEN_TWO = frozenset(",;/|&\\\n\r")


class BadPhone(ValueError):
    """The text is not a phone that can receive a message.

    :param reason: what is wrong and what to write instead; never the text itself.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Fold(dict[int, str | None]):
    """A table for :meth:`str.translate` from any script to ASCII; other characters stay as they are."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        category = unicodedata.category(char)
        if category == "Nd":
            return str(unicodedata.decimal(char))
        if category == "Cf":  # invisible: direction marks, zero-width spaces, the byte order mark
            return None
        return {"Zs": " ", "Pd": "-"}.get(category, char)


_SPELLINGS: dict[str, str | None] = {
    **dict.fromkeys("\t", " "),
    **dict.fromkeys("\N{MINUS SIGN}\N{KATAKANA-HIRAGANA PROLONGED SOUND MARK}", "-"),
    **dict.fromkeys("\N{FULLWIDTH PLUS SIGN}\N{SMALL PLUS SIGN}", "+"),
    **dict.fromkeys("[\N{FULLWIDTH LEFT PARENTHESIS}\N{FULLWIDTH LEFT SQUARE BRACKET}", "("),
    **dict.fromkeys("]\N{FULLWIDTH RIGHT PARENTHESIS}\N{FULLWIDTH RIGHT SQUARE BRACKET}", ")"),
    **dict.fromkeys("\N{FULLWIDTH FULL STOP}", "."),
    **dict.fromkeys("\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}", "'"),
    **dict.fromkeys("\N{MODIFIER LETTER APOSTROPHE}\N{FULLWIDTH APOSTROPHE}", "'"),
}
_FOLD = _Fold(str.maketrans(_SPELLINGS))


def plain(text: str) -> str:
    """Return the phone as ASCII digits, spaces, ``-``, ``(``, ``)``, with at most one ``+`` before the first digit.

    Spaces of every kind, dashes, square brackets and digits of every script become their ASCII form; invisible
    characters, a leading apostrophe (the mark of text in a spreadsheet), ``tel:`` and ``whatsapp:``, the dots of
    ``06.12.34.56.78``, the slash of ``0171/1234567``, the commas of ``85,255,311,111`` and the ``.0`` of a number that
    has a scale are dropped.

    >>> plain("\N{FULLWIDTH PLUS SIGN}852\N{NO-BREAK SPACE}5531\N{EN DASH}1111")
    '+852 5531-1111'

    :raises BadPhone: for letters, extensions, several numbers, scientific notation and everything else.
    """
    if len(text) > MAX_PHONE_CHARACTERS:
        raise BadPhone("too long to be one phone number")
    folded = text.translate(_FOLD).strip().lstrip("'").lstrip()
    if is_dashed_date(folded):
        raise BadPhone("is a date")
    folded = _without_slash(_without_dots(folded[_prefix_length(folded) :]))
    if _PLAIN.fullmatch(folded):
        return folded
    raise BadPhone(_fault(folded))


def is_dashed_date(text: str) -> bool:
    """Return whether a text is a date such as ``2026-11-22``, whose digits could be a national number."""
    return len(text) == _DATE_CHARACTERS and _DASHED_DATE.fullmatch(text) is not None


def _prefix_length(folded: str) -> int:
    found = _SCHEME.match(folded)
    return found.end() if found else 0


def _without_dots(folded: str) -> str:
    if whole := _FLOAT.fullmatch(folded):
        return whole[1] or whole[2]
    if _THOUSANDS.fullmatch(folded):
        return folded.partition(".")[0].replace(",", "")
    return folded if _DECIMAL.fullmatch(folded) or _ADDRESS.fullmatch(folded) else _DOT.sub("", folded)


def _without_slash(folded: str) -> str:
    if "/" not in folded or _DATE.fullmatch(folded) or not _SLASHED.fullmatch(folded):
        return folded
    sizes = [sum(map(str.isdecimal, part)) for part in folded.split("/")]
    are_areas = all(0 < size <= MAX_AREA_DIGITS for size in sizes[:-1])
    return folded.replace("/", "") if are_areas and sizes[-1] >= MIN_LAST_DIGITS else folded


def _fault(folded: str) -> str:
    """Return why the text is not plain, the most specific reason first."""
    if not folded:
        return "empty"
    if folded.lower() in _MISSING:
        return "has letters: it is the text of a missing value"
    if _SCIENTIFIC.fullmatch(folded):
        return "in scientific notation, in which digits are lost; export the column as text"
    if _ADDRESS.fullmatch(folded) or _DATE.fullmatch(folded):
        return "is an IP address" if "." in folded else "is a date"
    if _EXTENSION.search(folded):
        return "has an extension, which cannot be texted; write the number without it"
    return _wrong_character(folded)


def _wrong_character(folded: str) -> str:
    if any(char.isalpha() for char in folded):
        return "has letters; write digits only"
    if not any(char.isdecimal() for char in folded):
        return "has no digits"
    if folded.startswith("-"):
        return "begins with a minus sign"
    if _DECIMAL.fullmatch(folded):
        return "has a decimal point; write the number as text without it"
    if _PLUS_WITHIN.search(folded) or not _BETWEEN_TWO.isdisjoint(folded):
        return "seems to hold more than one number; write one number in each row"
    if "." in folded:
        return "has a decimal point; write the number as text without it"
    return "has a character that no phone number has; write digits, spaces, dashes and brackets only"
