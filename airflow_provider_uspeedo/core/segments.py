# SPDX-License-Identifier: Apache-2.0
"""Counts the segments that texts are sent and charged as, many texts at a time.

- **GSM-7**: a text of the characters of the GSM 7-bit default alphabet has 160 units in one segment, 153 in each of
  several. A character of its extension table (``€``, ``[``, ...) takes two.
- **UCS-2**: one character outside of both makes it a text of UTF-16 code units, 70 in one segment, 67 in each of
  several. A character beyond the basic plane, such as an emoji, takes two.

The two units of one character stay together: where only one of them fits a segment, both begin the next one. The
national tables of GSM-7 are not used. An empty text is one segment. Source: 3GPP TS 23.038 and 23.040; for the four
limits the vendor's page on the length of messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from airflow_provider_uspeedo.core.arrays import cells_of, column_of_texts

GSM_SINGLE, GSM_EACH = 160, 153
UCS_SINGLE, UCS_EACH = 70, 67

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet without its escape character."""
_EXTENSION = "\f^{}\\[~]|€"
_LAST = 0xFFFF
"""The last code point of the basic plane; it is in neither table."""
_CONTINUES_MASK, _CONTINUES = 0xC0, 0x80
"""The bytes of UTF-8 that continue a character."""
_PAIR = 2
"""The units of a character that takes two."""
_TEXTS_AT_A_TIME = 2_000
"""Bounds the memory: a character takes about 40 bytes while it is counted."""

_Numbers: TypeAlias = np.ndarray[Any, Any]


def _gsm_units() -> _Numbers:
    units = np.zeros(_LAST + 1, np.uint8)
    units[list(map(ord, _BASIC))] = 1
    units[list(map(ord, _EXTENSION))] = _PAIR
    return units


_GSM_UNITS = _gsm_units()
"""Units of GSM-7 by code point; 0 for a character that it does not have."""


@dataclass(frozen=True, slots=True)
class SegmentCounts:
    """What some texts are sent as; three numbers for each.

    :param segments: 1 or more.
    :param culprits: the code point of the first character that made the text UCS-2; -1 for a GSM-7 text.
    :param characters: 0 or more.
    """

    segments: _Numbers
    culprits: _Numbers
    characters: _Numbers

    @property
    def unicode(self) -> _Numbers:
        """For each text whether it is UCS-2."""
        found: _Numbers = self.culprits >= 0
        return found


def segments_of(text: str) -> int:
    """Returns the segments of one text. For many texts use :func:`count_segments`.

    >>> segments_of("a" * 160), segments_of("a" * 161), segments_of("€" * 80), segments_of("好" * 71)
    (1, 2, 1, 2)
    """
    return int(count_segments(column_of_texts([text])).segments[0])


def count_segments(texts: pa.Array) -> SegmentCounts:
    """Counts the segments of each text.

    :param texts: a column without nulls.
    """
    parts = [_count(texts.slice(start, _TEXTS_AT_A_TIME)) for start in range(0, len(texts), _TEXTS_AT_A_TIME)]
    columns = ([getattr(part, name) for part in parts] for name in ("segments", "culprits", "characters"))
    return SegmentCounts(*(np.concatenate([np.zeros(0, np.int64), *column]) for column in columns))


def _count(texts: pa.Array) -> SegmentCounts:
    points, ends = _code_points(texts)
    units = _GSM_UNITS.take(points, mode="clip")
    culprits = _first_of_each(np.flatnonzero(units == 0), points, ends)
    segments = _segments(units, ends, GSM_SINGLE, GSM_EACH)
    unicode, characters = culprits >= 0, np.diff(ends)
    if unicode.any():
        points = points[np.repeat(unicode, characters)]
        ends = _with_zero(np.cumsum(characters[unicode]))
        segments[unicode] = _segments(1 + (points > _LAST), ends, UCS_SINGLE, UCS_EACH)
    return SegmentCounts(segments, culprits, characters)


def _code_points(texts: pa.Array) -> tuple[_Numbers, _Numbers]:
    """The characters of all texts, and where each text ends among them, after a 0."""
    ends, raw = cells_of(texts)
    whole = str(raw, "utf-8")
    coded = np.frombuffer(raw, np.uint8)
    if whole.isascii():
        return coded, ends
    begins = coded & _CONTINUES_MASK != _CONTINUES
    return np.frombuffer(whole.encode("utf-32-le"), "<u4"), _with_zero(np.cumsum(begins))[ends]


def _first_of_each(places: _Numbers, points: _Numbers, ends: _Numbers) -> _Numbers:
    """The character at the first of these places that each text has; -1 if it has none."""
    found = np.full(len(ends) - 1, -1, np.int64)
    if len(places):
        first = places[np.minimum(np.searchsorted(places, ends[:-1]), len(places) - 1)]
        has = (first >= ends[:-1]) & (first < ends[1:])
        found[has] = points[first[has]]
    return found


def _segments(units: _Numbers, ends: _Numbers, single: int, each: int) -> _Numbers:
    """Segments of each text.

    :param units: of each character.
    """
    after = _with_zero(np.cumsum(units, dtype=np.int64))
    begin, end = after[ends[:-1]], after[ends[1:]]
    length = end - begin
    segments = np.where(length <= single, 1, -(-length // each))
    pairs = np.flatnonzero(units == _PAIR)
    long = np.flatnonzero((length > single) & (length > np.diff(ends)))
    if not (len(pairs) and len(long)):
        return segments
    second_halves = np.zeros(after[-1] + 1, bool)
    second_halves[after[pairs] + 1] = True
    segments[long] = 0
    at, end = begin[long], end[long]
    while len(long):  # once for each segment of the longest text
        segments[long] += 1
        at = at + each
        goes_on = at < end
        long, at, end = long[goes_on], at[goes_on], end[goes_on]
        at = at - second_halves[at]
    return segments


def _with_zero(sums: _Numbers) -> _Numbers:
    return np.concatenate([[0], sums])
