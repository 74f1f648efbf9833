# SPDX-License-Identifier: Apache-2.0
"""Digests of rows by what they send, and sums of digests that do not depend on the order of the rows.

A digest covers the recipient's key, phone, parameters, user id, extend code, template and sender, and nothing of where
the row stands. Every field is preceded by its length, so that two rows with other fields have other digests. The
digests need a key that is kept secret: without one, a phone could be found by trying all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core.arrays import TEXT, cells_of, column_of_texts, numbers_of, side_by_side
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.recipient_batch import SCHEMA, RecipientBatch

DIGEST_BYTES = 32
_BYTES = pa.large_binary()
_APART = ("row_number", "key", "params")
TEXT_FIELDS = tuple(name for name in SCHEMA.names if name not in _APART)
"""The fields of a recipient that are texts."""
_BAD_FIELDS = ("status", "phone", "user_id", "template_id", "sender_id")
_Digests: TypeAlias = np.ndarray[Any, Any]


class RowDigests:
    """Makes digests of 32 bytes. Safe to share between threads.

    :param key: secret, at most 64 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._good = blake2b(digest_size=DIGEST_BYTES, key=key, person=b"uspeedo.row.1")
        self._bad = blake2b(digest_size=DIGEST_BYTES, key=key, person=b"uspeedo.badrow.1")

    def of(self, recipients: RecipientBatch) -> _Digests:
        """The digest of each recipient, as an array of 32 bytes for each."""
        fields = [_measured(recipients.column(name)) for name in TEXT_FIELDS]
        params = recipients.column("params")
        cells: list[Any] = [recipients.column("key").cast(_BYTES), *(field.cast(_BYTES) for field in fields)]
        cells += [side_by_side([pc.list_value_length(params).cast(TEXT), ":"]).cast(_BYTES), _joined(params)]
        nothing = column_of_texts([""]).cast(_BYTES)[0]  # given as Python bytes, Arrow would import pandas for it
        rows = pc.binary_join_element_wise(*cells, nothing)
        return _digests(self._good, rows.to_pylist())

    def of_bad(self, rows: BadRows) -> _Digests:
        """The digest of each row that cannot be sent: its status and what can be read of it, not the reason's words."""
        columns = [rows.column(name).to_pylist() for name in _BAD_FIELDS]
        keys = rows.column("key").to_pylist()
        texts = ("".join(f"{len(text)}:{text}" for text in row) for row in zip(*columns, strict=True))
        coded = (text.encode("utf-8", "surrogatepass") for text in texts)
        return _digests(self._bad, (text + (key or b"") for text, key in zip(coded, keys, strict=True)))


@dataclass(slots=True)
class RowSum:
    """Rows as a multiset: their number, and the sum of their digests modulo 2**256."""

    rows: int = 0
    total: int = 0

    def add(self, digests: _Digests) -> None:
        """Adds rows, in any order."""
        words = digests.view("<u4").sum(axis=0, dtype=np.uint64).tolist()
        self.rows += len(digests)
        self.total = (self.total + sum(word << (32 * place) for place, word in enumerate(words))) % 2**256

    def to_bytes(self) -> bytes:
        """The sum as 32 bytes."""
        return self.total.to_bytes(DIGEST_BYTES, "big")


def _measured(column: pa.Array) -> pa.Array:
    """Each text after its length in bytes."""
    texts = column.cast(TEXT)
    return side_by_side([pc.binary_length(texts).cast(TEXT), ":", texts])


def _joined(lists: pa.Array) -> pa.Array:
    """The texts of each list, each after its length, as one."""
    ends, cells = cells_of(_measured(lists.flatten()))
    places = np.concatenate([[0], np.cumsum(numbers_of(pc.list_value_length(lists)))])
    offsets = np.ascontiguousarray(ends[places], np.int64)
    return pa.LargeBinaryArray.from_buffers(_BYTES, len(lists), [None, pa.py_buffer(offsets), pa.py_buffer(cells)])


def _digests(started: blake2b, rows: Iterable[bytes]) -> _Digests:
    copy, found = started.copy, []
    for row in rows:
        digest = copy()
        digest.update(row)
        found.append(digest.digest())
    return np.frombuffer(b"".join(found), np.uint8).reshape(-1, DIGEST_BYTES)
