# SPDX-License-Identifier: Apache-2.0
"""The table as a stream of portions to claim: checked, without duplicates, cut into requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.fingerprint import fingerprint
from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.chunks import Cutter
from airflow_provider_uspeedo.core.keys import KeyMaker, KeySpec
from airflow_provider_uspeedo.core.phones import PhoneReader
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch, all_differ
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient, duplicate_of
from airflow_provider_uspeedo.core.rows import RowReader, in_order
from airflow_provider_uspeedo.core.slices import Slice
from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.ledger.protocol.claims import Portion
from airflow_provider_uspeedo.ledger.store.records import Request, new_id
from airflow_provider_uspeedo.tables import Table
from airflow_provider_uspeedo.tables.batch import TextBatch
from airflow_provider_uspeedo.tables.digest import TableDigest

BATCH_ROWS = 65_000
"""Rows claimed in one transaction. The fewer there are, the more pages of a large index are written for each; the more,
the more memory is taken."""
KNOWN_ROWS = 36_000
"""The same where some may be known to the ledger: each of them is an object, and they are in its index already."""
READ_ROWS = 5_000
"""Rows read at a time: they take several times the memory until they are kept by column."""


class Reading:
    """One table read in one way. It can be gone through more than once.

    :raises TableError: a column is missing, or the phone column's type cannot hold phones.
    :raises ConfigurationError: there is no such default region.
    """

    def __init__(self, table: Table, order: CampaignConfig) -> None:
        self._table = table
        self._digest = TableDigest()
        self._order = order
        self._columns = order.columns
        phones = PhoneReader(order.default_region)
        self.spec = self._spec(phones.default_region)
        self._rows = RowReader(
            order.columns,
            template_id=order.template_id,
            sender_id=order.sender_id,
            phones=phones,
            keys=KeyMaker(self.spec),
        )
        if table.loses_digits(order.columns.phone):
            raise TableError(
                f"Column {order.columns.phone!r} is of type {table.arrow_type_name(order.columns.phone)}, which "
                "keeps 7 "
                "digits and loses the rest of a phone. Write it as text or as a 64-bit integer.",
                column=order.columns.phone,
            )
        self._batches()  # checks every column now, before anything is sent; reads nothing yet

    def expect(self, variables: Mapping[str, int]) -> None:
        """From now on rows must have as many parameters as their template has variables.

        :param variables: by template, as far as they are known.
        """
        self._rows.variables = variables

    def _spec(self, region: str | None) -> KeySpec:
        keys = self._columns.keys
        if keys is None:
            return KeySpec(columns=None, kinds=(), default_region=region)
        kinds = self._table.kinds(keys)
        return KeySpec(columns=tuple(keys), kinds=tuple(kinds[name] for name in keys), default_region=None)

    def fingerprint(self) -> bytes | None:
        """16 bytes that stand for the whole table and the way it is read; ``None`` if it has none.

        It reads the table once more, and makes no text of it.
        """
        return self._fingerprint(self._table.digest(self._names(), min(READ_ROWS, BATCH_ROWS)))

    def fingerprint_read(self) -> bytes | None:
        """The same of what :meth:`portions` has read, once it has come to its end."""
        return self._fingerprint(self._digest)

    def _fingerprint(self, table: TableDigest) -> bytes | None:
        return fingerprint(self._order, self.spec, self._rows.variables, table)

    def _names(self) -> list[str]:
        return [*self._columns.texts(), *self._columns.lists(), *(self._columns.keys or ())]

    def rows(self, slice_: Slice | None = None) -> Iterator[list[Recipient | BadRow]]:
        """The rows of a slice in order, a batch at a time; a second row of a key *in one batch* is a duplicate already.

        :param slice_: another one than the order's.
        """
        for batch in self._batches():
            good, bad = self._read(batch, slice_ or self._order.slice_)
            (good,), bad = _once([good], bad)
            yield in_order(good, bad)

    def _read(self, batch: TextBatch, slice_: Slice) -> tuple[RecipientBatch, list[BadRow]]:
        good, bad = self._rows.read(batch)
        if not slice_.is_whole:
            bad = list(filter(slice_.holds, bad))
            good = good.only(np.fromiter(map(slice_.holds_key, good.keys()), bool, len(good)))
        return good, bad

    def _batches(self, digest: TableDigest | None = None) -> Iterator[TextBatch]:
        return self._table.batches(
            self._columns.texts(),
            list_columns=self._columns.lists(),
            key_columns=self._columns.keys or (),
            batch_rows=min(READ_ROWS, BATCH_ROWS),
            digest=digest,
        )

    def portions(self, held: Callable[[RecipientBatch], Collection[bytes]] | None = None) -> Iterator[Portion]:
        """What to claim, until the table ends.

        :param held: the keys of those recipients who are not to be had, so that requests are cut of what can be sent;
            none if nobody can have claimed any yet.
        """
        cutter = _RequestCutter(self._order.chunk_size, self._order.canary or 0)
        self._digest = TableDigest()
        last_row = 0
        for parts, bad, last_row in self._parts(BATCH_ROWS if held is None else min(KNOWN_ROWS, BATCH_ROWS)):
            requests: list[Request] = []
            seen: list[Recipient] = []
            open_rows = cutter.open_rows()  # of earlier portions: among these parts there is no duplicate any more
            parts.reverse()
            while parts:
                good = parts.pop()  # what is sent is not kept until all parts are
                good, bad = _without(good, good.having(open_rows), bad, open_rows)  # noqa: PLW2901
                not_ours = good.having(held(good) if held else ())
                requests += cutter.requests_of(good.only(~not_ours))
                seen += good.only(not_ours)
            read_to = min((row - 1 for row in cutter.open_rows().values()), default=last_row)
            portion = [Portion(requests, seen, bad, read_to)]
            del good, bad, requests, seen  # whoever has it is done with it before the next one is wanted
            yield portion.pop()
        if rest := cutter.last_requests():
            yield Portion(rest, (), (), read_to=last_row)

    def _parts(self, most_rows: int) -> Iterator[tuple[list[RecipientBatch], list[BadRow], int]]:
        """The rows for one claim each, in the parts in which they were read; no duplicate is in any two of them."""
        read: list[RecipientBatch] = []
        bad: list[BadRow] = []
        rows = last_row = 0
        for batch in self._batches(self._digest):
            if rows + batch.length > most_rows:
                yield *_once(read, bad), last_row
                read, bad, rows = [], [], 0
            good, others = self._read(batch, self._order.slice_)
            read.append(good)
            bad += others
            rows, last_row = rows + batch.length, batch.first_row + batch.length - 1
        if read:
            yield *_once(read, bad), last_row


class _RequestCutter(Cutter):
    """Cuts requests; the first ``canary`` recipients have some of their own."""

    def __init__(self, size: int, canary: int) -> None:
        super().__init__(size)
        self._canary = canary

    def requests_of(self, recipients: RecipientBatch) -> list[Request]:
        """Takes recipients in; returns the requests that are now closed."""
        canary = recipients[: self._canary]
        requests = self._requests(self.add_all(canary), canary=True) if canary else []
        if canary and len(canary) == self._canary:
            requests += self.last_requests()
        self._canary -= len(canary)
        return requests + self._requests(self.add_all(recipients[len(canary) :]), canary=False)

    def last_requests(self) -> list[Request]:
        """Closes what is still open."""
        return self._requests(self.rest(), canary=self._canary > 0)

    @staticmethod
    def _requests(chunks: Iterable[RecipientBatch], *, canary: bool) -> list[Request]:
        return [Request(new_id(), chunk, canary) for chunk in chunks]


def _once(parts: list[RecipientBatch], bad: list[BadRow]) -> tuple[list[RecipientBatch], list[BadRow]]:
    """The same parts with each recipient once in all of them; the other rows become duplicates, among the bad rows."""
    if all_differ(parts, "key"):
        return parts, bad
    first_rows: dict[bytes, int] = {}
    for place, part in enumerate(parts):
        rows = numbers_of(part.column("row_number")).tolist()
        again = [first_rows.setdefault(key, row) != row for key, row in zip(part.keys(), rows, strict=True)]
        parts[place], bad = _without(part, np.array(again, bool), bad, first_rows)
    return parts, bad


def _without(
    good: RecipientBatch, again: Any, bad: list[BadRow], first_rows: Mapping[bytes, int]
) -> tuple[RecipientBatch, list[BadRow]]:
    """Those that the mask ``again`` does not say ``True`` of; the others become duplicates, among the bad rows.

    :param first_rows: by key the row that stands for its recipient.
    """
    if not again.any():
        return good, bad
    duplicates = [duplicate_of(one, first_rows[one.key]) for one in good.only(again)]
    return good.only(~again), [*bad, *duplicates]
