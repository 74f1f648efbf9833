# SPDX-License-Identifier: Apache-2.0
"""What one claim records: rows of the table, each in one of three roles, and how they are staged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_uspeedo.core.arrays import column_of_cells, column_of_numbers, numbers_of
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.ledger.store.records import Request
from airflow_provider_uspeedo.ledger.store.staged_rows import StagedRows

_TEXTS = ("phone", "user_id", "template_id", "sender_id")


@dataclass(frozen=True, slots=True)
class Portion:
    """Some consecutive rows of a table.

    :param requests: cut of the rows that may be sent; their recipients differ from each other.
    :param known: rows whose recipients were not available when they were looked up.
    :param bad_rows: rows that are not sent for a reason of their own.
    :param read_to: the last of these rows; every row up to it is recorded, now or before.
    :param is_last: the table ends with them.
    """

    requests: Sequence[Request]
    known: RecipientBatch = field(repr=False)
    bad_rows: BadRows = field(repr=False)
    read_to: int
    is_last: bool = False

    def rows_without_request(self) -> np.ndarray[Any, Any]:
        """The numbers of the rows that are known or bad."""
        return np.concatenate([numbers_of(rows.column("row_number")) for rows in (self.known, self.bad_rows)])

    def staged(self) -> StagedRows:
        """All rows by column, as a claim stages them."""
        return StagedRows(tuple(self._parts()))

    def _parts(self) -> Iterator[dict[str, Any]]:
        if self.requests:
            batches = [request.recipients for request in self.requests]
            sizes = [len(request.recipients) for request in self.requests]
            ids = np.repeat(np.frombuffer(b"".join(request.id for request in self.requests), "V16"), sizes)
            yield {**_recipients(batches), "request_id": column_of_cells(ids.tobytes(), 16)}
        if len(self.known):
            yield _recipients([self.known])
        if len(self.bad_rows):
            of_rows = {name: self.bad_rows.column(name) for name in ("status", "reason", *_TEXTS)}
            yield {"row_no": self.bad_rows.column("row_number"), "hash": self.bad_rows.column("key"), **of_rows}


def keys_to_look_up(keys: pa.Array) -> StagedRows:
    """Keys alone; ``row_no`` is the place of each, from 0."""
    return StagedRows(({"row_no": column_of_numbers(np.arange(len(keys))), "hash": keys},))


def _recipients(batches: Sequence[RecipientBatch]) -> dict[str, Any]:
    names = {"row_no": "row_number", "hash": "key", **{name: name for name in _TEXTS}}
    return {name: pa.concat_arrays([batch.column(of) for batch in batches]) for name, of in names.items()}
