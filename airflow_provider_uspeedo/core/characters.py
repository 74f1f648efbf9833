# SPDX-License-Identifier: Apache-2.0
"""Characters that a setting must not hold: the operating system and the drivers of databases refuse or misread them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from airflow_provider_uspeedo.errors import ConfigurationError

LINE_BREAKS_AND_TABS = "\t\n\r"
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters (C0, DEL, C1), and surrogates, which stand in pairs in UTF-16 and in no other encoding."""


def refuse_unfit(text: str, what: str, *, allowed: str = "") -> None:
    """Refuse a text with a control character or a lone surrogate; the message never quotes the text.

    :param what: names the setting, at the beginning of the message.
    :param allowed: control characters that this setting may hold.
    :raises ConfigurationError: the text holds such a character.
    """
    for found in _UNFIT.finditer(text):
        if (character := found[0]) not in allowed:
            kind = "a lone surrogate" if character >= "\ud800" else "a control character"
            raise ConfigurationError(f"{what} holds {kind} (U+{ord(character):04X}): enter it again without it.")


def texts_in(value: object) -> Iterator[str]:
    """All texts in a JSON value, names in objects included, at any depth."""
    waiting = [value]  # no recursion: JSON may be nested deeper than Python's stack
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
