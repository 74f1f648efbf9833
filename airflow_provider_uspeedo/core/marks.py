# SPDX-License-Identifier: Apache-2.0
"""Compares user ids as a vendor may echo them: spaces, case, Unicode form and leading zeros may be lost on the way.

A request never holds two user ids that are equal in this comparison and written differently: an echo of one could mean
the other. What was sent and what is echoed are compared by the same function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core.arrays import column_of_numbers, column_of_texts, numbers_of

_INVISIBLE = r"[\s\pZ\pC]+"
"""White space, control and format characters, wherever they stand."""
_NUMBER = r"^\+?(-?)0*([0-9]+)(?:\.0*)?$"
"""A whole number, however it is written."""


def folded(marks: pa.Array) -> pa.Array:
    """Return user ids without what a vendor may lose; :data:`.TEXT` in, :data:`.TEXT` out, as long as the input.

    >>> folded(column_of_texts(["1001 ", "0007", "Ada"])).to_pylist()
    ['1001', '7', 'ada']
    """
    used, first = _bytes_of(marks)
    if used[0x80:].any():
        plain = pc.utf8_lower(pc.utf8_normalize(marks, "NFKC"))
        return _as_numbers(pc.replace_substring_regex(plain, _INVISIBLE, ""))
    plain = pc.ascii_lower(marks)
    if used[:0x21].any() or used[0x7F]:
        return _as_numbers(pc.replace_substring_regex(plain, _INVISIBLE, ""))
    if used[ord(".")]:
        return _as_numbers(plain)
    padded = np.isin(first, list(b"0+-"))
    if not padded.any():
        return plain
    places = np.flatnonzero(padded)
    return pc.replace_with_mask(plain, pa.array(padded.tolist()), _as_numbers(plain.take(column_of_numbers(places))))


def _as_numbers(plain: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(plain, _NUMBER, r"\1\2")


def _bytes_of(texts: pa.Array) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return which of the 256 bytes the texts use, and the first byte of each text (any byte for an empty one)."""
    _, ends, data = texts.buffers()
    offsets = np.frombuffer(ends, np.int64, len(texts) + 1, texts.offset * 8)
    content = np.frombuffer(data or b"", np.uint8)
    used = np.zeros(256, bool)
    used[content[offsets[0] : offsets[-1]]] = True
    return used, content[np.minimum(offsets[:-1], len(content) - 1)] if len(content) else content


def folded_texts(marks: Sequence[str]) -> list[str]:
    """Return :func:`folded` of texts."""
    return list(folded(column_of_texts(marks)).to_pylist())


def variants(marks: pa.Array) -> np.ndarray[Any, Any] | None:
    """Return for each user id which spelling of its folded form it is, counted from 0 in order of appearance.

    User ids of the same spelling number may share a request. ``None`` if there is one spelling of each.
    """
    encoded = marks.dictionary_encode()
    spellings = encoded.dictionary
    if len(spellings) < 2:  # noqa: PLR2004 - two spellings at least
        return None
    forms = folded(spellings).dictionary_encode()
    if len(forms.dictionary) == len(spellings):
        return None
    form = numbers_of(forms.indices).astype(np.int64)
    order = np.argsort(form, kind="stable")
    places = np.arange(len(order))
    begins = np.ones(len(order), bool)
    begins[1:] = form[order][1:] != form[order][:-1]
    number = np.empty(len(order), np.int64)
    number[order] = places - np.maximum.accumulate(np.where(begins, places, 0))
    found: np.ndarray[Any, Any] = number[numbers_of(encoded.indices)]
    return found
