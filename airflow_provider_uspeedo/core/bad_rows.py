# SPDX-License-Identifier: Apache-2.0
"""Many rows that are not sent, by column, as :mod:`.recipient_batch` keeps those that are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core.arrays import (
    TEXT,
    column_of_keys,
    column_of_numbers,
    column_of_texts,
    mask_of,
    side_by_side,
)
from airflow_provider_uspeedo.core.keys import KEY_BYTES
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import BadRow
from airflow_provider_uspeedo.core.statuses import Status

_TYPES = {"row_number": pa.int64(), "key": pa.binary(KEY_BYTES)}
SCHEMA = pa.schema([(name, _TYPES.get(name, TEXT)) for name in BadRow._fields])
_NO_KEY = bytes(KEY_BYTES)


class BadRows(Sequence[BadRow]):
    """Bad rows in some order; a :class:`BadRow` is made when one is asked for.

    :param batch: the fields of a bad row as columns; see :data:`SCHEMA`. Only a key may be null.
    """

    __slots__ = ("batch",)

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch

    @classmethod
    def of(cls, rows: Sequence[BadRow]) -> BadRows:
        """The same rows by column."""
        if isinstance(rows, cls):
            return rows
        columns = dict(zip(SCHEMA.names, list(zip(*rows, strict=True)) or [()] * len(SCHEMA), strict=True))
        numbers, keys = columns.pop("row_number"), columns.pop("key")
        arrays = {name: column_of_texts(texts) for name, texts in columns.items()}
        arrays["row_number"] = column_of_numbers(np.array(numbers, np.int64))
        arrays["key"] = _keys(keys)
        return cls(pa.RecordBatch.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA))

    @classmethod
    def duplicates(cls, recipients: RecipientBatch, first_rows: np.ndarray[Any, Any]) -> BadRows:
        """Rows that are the same recipient as others.

        :param first_rows: for each the number of the row that stands for its recipient.
        """
        reasons = side_by_side(["same recipient as row ", column_of_numbers(first_rows).cast(TEXT)])
        return cls._of_recipients(recipients, Status.DUPLICATE, reasons)

    @classmethod
    def invalid(cls, recipients: RecipientBatch, reason: str) -> BadRows:
        """Rows that could be read, and are not sent for one reason."""
        return cls._of_recipients(recipients, Status.INVALID, column_of_texts([reason] * len(recipients)))

    @classmethod
    def excluded(cls, recipients: RecipientBatch, status: Status, reason: str) -> BadRows:
        """Rows that could be sent, and that one rule keeps from it.

        :param status: ``suppressed`` or ``not_sent``.
        """
        return cls._of_recipients(recipients, status, column_of_texts([reason] * len(recipients)))

    @classmethod
    def _of_recipients(cls, recipients: RecipientBatch, status: Status, reasons: pa.Array) -> BadRows:
        same: dict[str, Any] = {name: recipients.column(name).cast(TEXT) for name in _SHARED}
        same |= {name: recipients.column(name) for name in ("row_number", "key")}
        same |= {"status": column_of_texts([str(status)] * len(recipients)), "reason": reasons}
        return cls(pa.RecordBatch.from_arrays([same[name] for name in SCHEMA.names], schema=SCHEMA))

    @classmethod
    def joined(cls, parts: Sequence[BadRows]) -> BadRows:
        """All rows of the parts, one part after the other."""
        parts = [part for part in parts if len(part)]
        if len(parts) == 1:
            return parts[0]
        whole = pa.Table.from_batches([part.batch for part in parts], SCHEMA).combine_chunks()
        return cls(whole.to_batches()[0]) if whole.num_rows else cls.of(())

    def column(self, name: str) -> pa.Array:
        """One field of each."""
        return self.batch.column(name)

    def last_row(self) -> int:
        """The largest of their row numbers; 0 of none."""
        return int(pc.max(self.batch.column("row_number")).as_py() or 0)

    def only(self, mask: np.ndarray[Any, Any]) -> BadRows:
        """Those that the mask says ``True`` of."""
        return self if mask.all() else BadRows(self.batch.take(column_of_numbers(np.flatnonzero(mask))))

    def reasons(self, status: str) -> dict[str, int]:
        """How many rows of a status have which reason."""
        counts = pc.value_counts(self.column("reason").filter(self._has(status)))
        return dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))

    def having(self, status: str) -> np.ndarray[Any, Any]:
        """Of each whether it has the status."""
        return mask_of(self._has(status))

    def having_keys(self, keys: Collection[bytes]) -> np.ndarray[Any, Any]:
        """Of each whether its key is one of ``keys``."""
        if not keys:
            return np.zeros(len(self), bool)
        return mask_of(pc.is_in(self.column("key"), column_of_keys(list(keys))))

    def _has(self, status: str) -> pa.Array:
        meant = column_of_texts([str(status)])[0]  # given as a Python string, Arrow would import pandas for it
        return pc.equal(self.column("status"), meant)

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    @overload
    def __getitem__(self, index: int) -> BadRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[BadRow]: ...
    def __getitem__(self, index: int | slice) -> BadRow | Sequence[BadRow]:
        return list(self)[index]

    def __iter__(self) -> Iterator[BadRow]:
        return map(BadRow, *(self.batch.column(name).to_pylist() for name in SCHEMA.names))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} bad rows>"


_SHARED = ("phone", "user_id", "template_id", "sender_id")


def _keys(keys: Sequence[bytes | None]) -> pa.Array:
    column = column_of_keys([key or _NO_KEY for key in keys])
    there = np.array([key is not None for key in keys], bool)
    if there.all():
        return column
    valid = pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.FixedSizeBinaryArray.from_buffers(column.type, len(keys), [valid, column.buffers()[1]])
