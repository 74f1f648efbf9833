# SPDX-License-Identifier: Apache-2.0
"""What the cells of a row may hold: the rules for one value, and for a whole column which of its rows need a look.

The rules for one value decide. The functions for columns only say of which rows nothing bad can be said; a row that
they name may be good all the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any

LONGEST_MARK = 32
"""Characters of a user id."""
LAST_OF_BASIC_PLANE = 0xFFFF
"""Beyond it are the emoji (and nothing a mark needs)."""
LONGEST_SHOWN = 64
"""Characters of a bad row's own text that the results table shows."""
_NO_MARK = frozenset({"So", "Cc", "Cs"})
"""Emoji and other symbols, control characters, half characters."""


class BadValue(Exception):
    """Why a row cannot be sent."""


def missing(name: str, value: Any) -> BadValue:
    """Return why a value that is no text cannot be used."""
    reason = getattr(value, "reason", None)
    return BadValue(f"{name} is empty (null or NaN)" if reason is None else f"{name}: {reason}")


def check_text(name: str, text: str) -> None:
    """Refuse what can be neither stored nor sent."""
    if "\0" in text:  # PostgreSQL cannot store one, and no telephone can show one
        raise BadValue(f"{name} has a NUL character and cannot be sent")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadValue(f"{name} has half a character (a lone surrogate) and cannot be sent") from None


def check_printable(name: str, text: str) -> None:
    """Refuse what nobody can see."""
    if not text.isprintable():
        raise BadValue(f"{name} has a character that cannot be printed")


def fits_mark(char: str) -> bool:
    """Return whether the API takes the character in a user id."""
    return char not in "'\"`" and ord(char) <= LAST_OF_BASIC_PLANE and unicodedata.category(char) not in _NO_MARK


def is_code(text: str) -> bool:
    """Return whether the text can be an extend code."""
    return text.isascii() and text.isdecimal()


def shown(text: Any) -> str:
    """Return what the results table shows of a bad row: short, and storable in any database."""
    if not isinstance(text, str):
        return ""
    return text[:LONGEST_SHOWN].replace("\0", "").encode("utf-8", "replace").decode()


def all_clean(values: Iterable[Any]) -> bool:
    """Return whether every value is text that can be sent."""
    try:
        whole = "".join(values)
        whole.encode()
    except (TypeError, UnicodeEncodeError):
        return False
    return "\0" not in whole


def odd_texts(values: Sequence[Any]) -> Collection[int]:
    """Return where something may be no text that can be sent."""
    if all_clean(values):
        return ()
    if not all_clean(value.replace("\0", "") for value in values if type(value) is str):
        return range(len(values))  # a lone surrogate, which no table of ours gives
    return [index for index, value in enumerate(values) if type(value) is not str or "\0" in value]


def odd_lists(values: Sequence[Any]) -> Collection[int]:
    """Return where something may be no list of texts that can be sent."""
    if set(map(type, values)) == {list} and all_clean(chain.from_iterable(values)):
        return ()
    return [index for index, value in enumerate(values) if type(value) is not list or not all_clean(value)]


def odd_marks(values: Sequence[Any]) -> Collection[int]:
    """Return where something may be neither a user id nor nothing."""
    # Character by character would take long, but a column has few different ones.
    chars = set("".join(value for value in values if type(value) is str))
    refused = {char for char in chars if not fits_mark(char)}
    return [
        index
        for index, value in enumerate(values)
        if value is not None and (type(value) is not str or len(value) > LONGEST_MARK or not refused.isdisjoint(value))
    ]


def odd_codes(values: Sequence[Any]) -> Collection[int]:
    """Return where something may be neither an extend code nor nothing."""
    return [index for index, value in enumerate(values) if value and not (type(value) is str and is_code(value))]
