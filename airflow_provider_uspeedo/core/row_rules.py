# SPDX-License-Identifier: Apache-2.0
"""The rules for the value in one cell: what is wrong with it, in words that name the column and never the value.

Each rule returns the reason why the row cannot be sent, or ``None`` if the value is good. ``name`` is how the reason
calls the value, such as ``user id (column 'id')``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from airflow_provider_uspeedo.core.plural import counted

MAX_SENDER_ID_CHARACTERS = 11
MAX_TEMPLATE_ID_CHARACTERS = 128
MAX_USER_ID_CHARACTERS = 32
MAX_SHOWN_CHARACTERS = 64
"""Characters of a bad row's own text that the results table shows."""
NUL = "\0"
"""PostgreSQL cannot store it, and no telephone can show it."""
_LAST_OF_BASIC_PLANE = 0xFFFF
"""Beyond it are the emoji (and nothing that a user id needs)."""
_REFUSED_IN_USER_IDS = frozenset({"So", "Cc", "Cs"})
"""Emoji and other symbols, control characters, half characters."""


def missing(name: str, value: Any) -> str:
    """Return why a value that is not text cannot be used."""
    reason = getattr(value, "reason", None)
    return f"{name} is empty (null or NaN)" if reason is None else f"{name}: {reason}"


def unsendable(text: str) -> str | None:
    """Return what keeps a text from being stored and sent, as the end of a sentence."""
    if NUL in text:
        return "has a NUL character and cannot be sent"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "has half a character (a lone surrogate) and cannot be sent"
    return None


def wrong_parameter(name: str, value: Any) -> str | None:
    """Judge a parameter: any text that can be sent, the empty one too."""
    if type(value) is not str:
        return missing(name, value)
    fault = unsendable(value)
    return f"{name} {fault}" if fault else None


def wrong_parameters(column: str, values: Any) -> str | None:
    """Judge the list of all parameters of a row."""
    if type(values) is not list:
        return missing(f"parameters (column {column!r})", values)
    if all(type(value) is str for value in values) and unsendable("".join(values)) is None:
        return None
    faults = (wrong_parameter(f"parameter {{{n}}} (column {column!r})", value) for n, value in enumerate(values, 1))
    return next(filter(None, faults), None)


def wrong_count(template_id: str, variables: int, parameters: int) -> str:
    """Return why a row with another number of parameters than its template has variables is not sent."""
    has, given = counted(variables, "variable"), counted(parameters, "parameter")
    return f"template {template_id} has {has}, the row has {given}"


def wrong_user_id(name: str, value: Any) -> str | None:
    """Judge a user id; null and empty mean none."""
    if not value:
        return None
    if type(value) is not str:
        return missing(name, value)
    if len(value) > MAX_USER_ID_CHARACTERS:
        return f"{name} has {len(value)} characters; at most {MAX_USER_ID_CHARACTERS} are allowed"
    if fault := unsendable(value):
        return f"{name} {fault}"
    return None if all(map(fits_user_id, value)) else f"{name} has a quote, an emoji or a control character"


@lru_cache(maxsize=4096)
def fits_user_id(char: str) -> bool:
    """Return whether the API takes the character in a user id; a table has few different ones."""
    if char in "'\"`" or ord(char) > _LAST_OF_BASIC_PLANE:
        return False
    return unicodedata.category(char) not in _REFUSED_IN_USER_IDS


def wrong_extend_code(name: str, value: Any) -> str | None:
    """Judge an extend code; null and empty mean none."""
    if not value:
        return None
    if type(value) is not str:
        return missing(name, value)
    return None if value.isascii() and value.isdecimal() else f"{name} is not made of digits"


def wrong_template(name: str, value: Any) -> str | None:
    """Judge the id of a template; spaces around it do not count, its length does with them."""
    if type(value) is not str or not value.strip():
        return missing(name, value or None)
    if not value.isprintable():
        return f"{name} has a character that cannot be printed"
    if len(value) > MAX_TEMPLATE_ID_CHARACTERS:
        return f"{name} has {len(value)} characters; no template id is that long"
    return None


def wrong_sender(name: str, value: Any) -> str | None:
    """Judge a sender; null and empty mean none."""
    if value is None:
        return None
    if type(value) is not str:
        return missing(name, value)
    if not value.isprintable():
        return f"{name} has a character that cannot be printed"
    if len(value) > MAX_SENDER_ID_CHARACTERS:
        return f"{name} has {len(value)} characters; at most {MAX_SENDER_ID_CHARACTERS} are allowed"
    return None


def shown(text: Any) -> str:
    """Return what the results table shows of a bad row: short, and storable in any database."""
    if not isinstance(text, str):
        return ""
    return text[:MAX_SHOWN_CHARACTERS].replace(NUL, "").encode("utf-8", "replace").decode()


def all_shown(texts: Sequence[Any]) -> Sequence[str]:
    """Return :func:`shown` of each; quick where all of them are shown as they are."""
    if all(type(text) is str and len(text) <= MAX_SHOWN_CHARACTERS for text in texts) and not unsendable(
        "".join(texts)
    ):
        return texts
    return list(map(shown, texts))
