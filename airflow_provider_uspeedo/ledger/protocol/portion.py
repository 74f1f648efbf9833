# SPDX-License-Identifier: Apache-2.0
"""What one claim records: rows of the table, each in one of three roles, and how they are staged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_uspeedo.core.arrays import column_of_cells, column_of_numbers, numbers_of
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.store.records import Request
from airflow_provider_uspeedo.ledger.store.staged_rows import StagedRows

_TEXTS = ("phone", "user_id", "template_id", "sender_id")


@dataclass(frozen=True, slots=True)
class OtherKeys:
    """Rows whose digits could have meant another number, and the keys of those.

    :param row_numbers: each row once.
    :param keys: 16 bytes for each row.
    :param reason: why a row is not sent if such a key is a recipient of the campaign.
    """

    row_numbers: np.ndarray[Any, Any]
    keys: pa.Array
    reason: str


@dataclass(frozen=True, slots=True)
class Portion:
    """Some consecutive rows of a table.

    :param requests: cut of the rows that may be sent; their recipients differ from each other.
    :param known: rows whose recipients were not available when they were looked up.
    :param bad_rows: rows that are not sent for a reason of their own.
    :param read_to: the last of these rows; every row up to it is recorded, now or before.
    :param is_last: the table ends with them.
    :param other_keys: gives the other keys of rows in the requests; called with ``True``: of all of them, with
        ``False``: of those that may matter if the campaign has no other attempt. ``None``: no row has any.
    """

    requests: Sequence[Request]
    known: RecipientBatch = field(repr=False)
    bad_rows: BadRows = field(repr=False)
    read_to: int
    is_last: bool = False
    other_keys: Callable[[bool], OtherKeys] | None = field(default=None, repr=False)

    def rows_without_request(self) -> np.ndarray[Any, Any]:
        """The numbers of the rows that are known or bad."""
        return np.concatenate([numbers_of(rows.column("row_number")) for rows in (self.known, self.bad_rows)])

    def without(self, row_numbers: np.ndarray[Any, Any], reason: str, status: Status = Status.INVALID) -> Portion:
        """The same rows, with these ones, which are in requests, not sent for that reason.

        :param status: what they are.
        """
        if not len(row_numbers):
            return self
        requests, refused = [], []
        for request in self.requests:
            bad = np.isin(numbers_of(request.recipients.column("row_number")), row_numbers)
            requests.append(request.only(~bad))
            refused.append(BadRows.excluded(request.recipients.only(bad), status, reason))
        requests = [request for request in requests if len(request.recipients)]
        return replace(self, requests=requests, bad_rows=BadRows.joined([self.bad_rows, *refused]), other_keys=None)

    def recipients(self) -> RecipientBatch:
        """All recipients of the requests, one request after the other."""
        return RecipientBatch.joined([request.recipients for request in self.requests])

    def hashed(self, hasher: PhoneHasher) -> Portion:
        """The same, with the hashes of the phones in the requests."""
        requests = [replace(request, recipients=request.recipients.hashed(hasher)) for request in self.requests]
        return replace(self, requests=requests)

    def staged(self, *, hashes: bool = False) -> StagedRows:
        """All rows by column, as a claim stages them.

        :param hashes: with those of the phones in the requests; see :meth:`hashed`.
        """
        return StagedRows(tuple(self._parts(hashes=hashes)))

    def _parts(self, *, hashes: bool) -> Iterator[dict[str, Any]]:
        if self.requests:
            batches = [request.recipients for request in self.requests]
            sizes = [len(request.recipients) for request in self.requests]
            ids = np.repeat(np.frombuffer(b"".join(request.id for request in self.requests), "V16"), sizes)
            columns = {**_recipients(batches), "request_id": column_of_cells(ids.tobytes(), 16)}
            if hashes:
                columns["phone_hash"] = pa.concat_arrays([batch.column("phone_hash") for batch in batches])
            yield columns
        if len(self.known):
            yield _recipients([self.known])
        if len(self.bad_rows):
            of_rows = {name: self.bad_rows.column(name) for name in ("status", "reason", *_TEXTS)}
            yield {"row_no": self.bad_rows.column("row_number"), "hash": self.bad_rows.column("key"), **of_rows}


def keys_to_look_up(keys: pa.Array) -> StagedRows:
    """Keys alone; ``row_no`` is the place of each, from 0."""
    return StagedRows(({"row_no": column_of_numbers(np.arange(len(keys))), "hash": keys},))


def phones_to_look_up(recipients: RecipientBatch) -> StagedRows:
    """The hashes of recipients' phones; ``row_no`` is the place of each, from 0."""
    numbers = column_of_numbers(np.arange(len(recipients)))
    return StagedRows(({"row_no": numbers, "phone_hash": recipients.column("phone_hash")},))


def _recipients(batches: Sequence[RecipientBatch]) -> dict[str, Any]:
    names = {"row_no": "row_number", "hash": "key", **{name: name for name in _TEXTS}}
    return {name: pa.concat_arrays([batch.column(of) for batch in batches]) for name, of in names.items()}
