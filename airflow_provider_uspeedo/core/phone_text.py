# SPDX-License-Identifier: Apache-2.0
"""Folds the text of a phone to plain ASCII, or says why it is not a phone."""

from __future__ import annotations

import re
import unicodedata

MAX_PHONE_CHARACTERS = 64
"""A longer text is not one phone."""

_TEL = re.compile(r"tel:\s*", re.IGNORECASE)
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d*)?e[+-]?\d+", re.IGNORECASE)
_FLOAT = re.compile(r"(\+?\d+)\.0{1,2}")
_DOTTED = re.compile(r"\+?\d{1,4}(?:\.\d{2,4})+")
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
    characters, a leading apostrophe (the mark of text in a spreadsheet), ``tel:``, the dots of ``06.12.34.56.78`` and
    the ``.0`` of a float written as text are dropped.

    >>> plain("\N{FULLWIDTH PLUS SIGN}852\N{NO-BREAK SPACE}5531\N{EN DASH}1111")
    '+852 5531-1111'

    :raises BadPhone: for letters, extensions, several numbers, scientific notation and everything else.
    """
    if len(text) > MAX_PHONE_CHARACTERS:
        raise BadPhone("too long to be one phone number")
    folded = text.translate(_FOLD).strip().lstrip("'").lstrip()
    folded = _without_dots(folded[_prefix_length(folded) :])
    if _PLAIN.fullmatch(folded):
        return folded
    raise BadPhone(_fault(folded))


def _prefix_length(folded: str) -> int:
    found = _TEL.match(folded)
    return found.end() if found else 0


def _without_dots(folded: str) -> str:
    if whole := _FLOAT.fullmatch(folded):
        return whole[1]
    return folded.replace(".", "") if _DOTTED.fullmatch(folded) else folded


def _fault(folded: str) -> str:
    """Return why the text is not plain, the most specific reason first."""
    if not folded:
        return "empty"
    if _SCIENTIFIC.fullmatch(folded):
        return "in scientific notation: it lost its digits in a spreadsheet; export the column as text"
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
    if _PLUS_WITHIN.search(folded) or not _BETWEEN_TWO.isdisjoint(folded):
        return "seems to hold more than one number; write one number in each row"
    if "." in folded:
        return "has a decimal point; write the number as text without it"
    return "has a character that no phone number has; write digits, spaces, dashes and brackets only"
