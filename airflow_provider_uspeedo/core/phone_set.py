# SPDX-License-Identifier: Apache-2.0
"""A set of phones as sorted numbers: 8 bytes for each, and looked up a column at a time."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MAX_DIGITS = 18
"""Numbers of more digits, of which there are hardly any, are kept as hashes above all of the others."""
_PUNCTUATION = str.maketrans("", "", "()")
_HASHES = np.uint64(1 << 63)


class PhoneSet:
    """Phones of the form ``(country code)number``. No country code begins another one, so their digits say it all.

    :param numbers: of :func:`numbers_of_phones`, in any order, and more than once if need be.
    """

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Iterable[np.ndarray[Any, Any]] = ()) -> None:
        whole = np.concatenate([np.zeros(0, np.uint64), *numbers])
        whole.sort()
        kept = np.ones(len(whole), bool)
        kept[1:] = whole[1:] != whole[:-1]
        self._numbers = whole if kept.all() else whole[kept]

    def holds(self, phones: pa.Array) -> np.ndarray[Any, Any]:
        """Return for each phone of a column whether it is one of the set."""
        if not len(self._numbers):
            return np.zeros(len(phones), bool)
        wanted = _numbers_of_column(phones)
        places = np.searchsorted(self._numbers, wanted)
        places[places == len(self._numbers)] = 0
        found: np.ndarray[Any, Any] = self._numbers[places] == wanted
        return found

    def digest(self) -> bytes:
        """Return 16 bytes that stand for all of its phones."""
        return blake2b(self._numbers.tobytes(), digest_size=16, person=b"uspeedo.set").digest()

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return int(self._numbers.nbytes)

    def __len__(self) -> int:
        return len(self._numbers)

    def __repr__(self) -> str:
        return f"<{len(self)} phones>"


def numbers_of_phones(phones: Iterable[str]) -> np.ndarray[Any, Any]:
    """Return what :class:`PhoneSet` keeps of phones."""
    return np.fromiter(map(_number, phones), np.uint64)


def _number(phone: str) -> int:
    digits = phone.translate(_PUNCTUATION)
    if len(digits) > MAX_DIGITS:
        hashed = blake2b(digits.encode(), digest_size=8, person=b"uspeedo.number").digest()
        return int.from_bytes(hashed, "big") | int(_HASHES)
    return int(digits)


def _numbers_of_column(phones: pa.Array) -> np.ndarray[Any, Any]:
    longest = pc.max(pc.binary_length(phones)).as_py()
    if longest is None or longest > MAX_DIGITS + 2:
        return numbers_of_phones(phones.to_pylist())
    digits = pc.replace_substring(pc.utf8_slice_codeunits(phones, 1), ")", "")
    numbers = digits.cast(pa.uint64())
    return np.frombuffer(numbers.buffers()[1] or b"", np.uint64, len(numbers), numbers.offset * 8)
