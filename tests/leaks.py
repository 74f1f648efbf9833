# SPDX-License-Identifier: Apache-2.0
"""Looks for phones in text that chance has a part in: databases, logs, headers, serialized DAGs, lists of request ids.

Five digits of a phone turn up by themselves in enough hashes, ids, times and names of temporary folders. So what counts
as a leak there is the whole number, in any grouping, or more of it beside a mask than the four digits that a mask may
show. Where a text holds nothing random, such as the message of an error, ``"5531" not in text`` is the stricter test.
"""

from __future__ import annotations

import re

SHOWN_BESIDE_A_MASK = 4
"""So many digits of a phone's end may be seen."""
_BETWEEN = r"(?:%20|[ \-.()+/_\u00a0]){0,2}"
_MASK = r"[*\u2022]"
_EXCERPT = 60


def leaks(text: str | bytes, *phones: str) -> list[str]:
    """What stands around each place that shows one of the phones: short enough for the message of a failed test.

    :param phones: with their country codes, however they are written.
    """
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    looks = re.compile("|".join(_looks_of(re.sub(r"\D", "", phone)) for phone in phones), re.IGNORECASE)
    return [text[max(0, found.start() - _EXCERPT) : found.end() + _EXCERPT] for found in looks.finditer(text)]


def numbers(text: str) -> list[str]:
    """The runs of eight digits and more that are no part of a hexadecimal id."""
    return re.findall(r"(?<![\da-f])\d{8,}(?![\da-f])", text, re.IGNORECASE)


def _looks_of(digits: str) -> str:
    """All digits; the last eight, in which every way to write the phone ends, outside of ids and times; masked ones."""
    assert len(digits) > 8, "A phone has a country code here."
    few = SHOWN_BESIDE_A_MASK + 1
    end, begin = _BETWEEN.join(digits[-few:]), _BETWEEN.join(digits[:few])
    return "|".join(
        (
            _BETWEEN.join(digits),
            rf"(?<![a-f])(?<!\d:){_BETWEEN.join(digits[-8:])}(?![\da-f])",
            rf"{_MASK}{_BETWEEN}{end}",
            rf"{begin}(?:{_BETWEEN}\d)*{_BETWEEN}{_MASK}",
        )
    )
