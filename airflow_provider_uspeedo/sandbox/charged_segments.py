# SPDX-License-Identifier: Apache-2.0
"""How many segments a text is charged as."""

from __future__ import annotations

from collections.abc import Iterable

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM_7 = _BASIC | _EXTENDED


def segments(text: str) -> int:
    """Return the number of segments of a text, at least 1.

    GSM-7 carries 160 characters in one segment and 153 in each of several, its extended characters (``€``, ``[``, ...)
    count twice; one character outside of it makes the text UCS-2 with 70 and 67 UTF-16 units. A character of two units
    is not cut in two.
    Source: 3GPP TS 23.038 and 23.040; the limits are those of the vendor's page on message length.

    >>> segments("a" * 160), segments("a" * 161), segments("é€" * 53), segments("好" * 71)
    (1, 2, 1, 2)
    """
    characters = set(text)
    if characters <= _BASIC:
        return _parts(len(text), 160, 153)
    if characters <= _GSM_7:
        return _cut((2 if character in _EXTENDED else 1 for character in text), 160, 153)
    return _cut((len(character.encode("utf-16-le", "surrogatepass")) // 2 for character in text), 70, 67)


def _parts(length: int, single: int, each: int) -> int:
    return 1 if length <= single else -(-length // each)


def _cut(sizes: Iterable[int], single: int, each: int) -> int:
    whole, full, used = 0, 0, 0
    for size in sizes:
        whole += size
        if used + size > each:
            full, used = full + 1, 0
        used += size
    return 1 if whole <= single else full + 1
