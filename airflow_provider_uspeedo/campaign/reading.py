# SPDX-License-Identifier: Apache-2.0
"""The table as a stream of portions to claim: checked, without duplicates, cut into requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from airflow_provider_uspeedo.campaign.fingerprint import fingerprint
from airflow_provider_uspeedo.campaign.order import Order
from airflow_provider_uspeedo.core.chunks import Cutter
from airflow_provider_uspeedo.core.keys import KeyMaker, KeySpec
from airflow_provider_uspeedo.core.phones import PhoneReader
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient, duplicate_of
from airflow_provider_uspeedo.core.rows import RowReader
from airflow_provider_uspeedo.core.slices import Slice
from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.ledger.claims import Portion
from airflow_provider_uspeedo.ledger.records import Request, new_id
from airflow_provider_uspeedo.tables import Table
from airflow_provider_uspeedo.tables.batch import TextBatch
from airflow_provider_uspeedo.tables.digest import TableDigest

BATCH_ROWS = 30_000
"""Rows read, and claimed in one transaction, at a time."""


class Reading:
    """One table read in one way. It can be gone through more than once.

    :raises TableError: a column is missing, or the phone column's type cannot hold phones.
    :raises ConfigurationError: there is no such default region.
    """

    def __init__(self, table: Table, order: Order) -> None:
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
        return self._fingerprint(self._table.digest(self._names(), BATCH_ROWS))

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
            yield self._read(batch, slice_ or self._order.slice_)

    def _read(self, batch: TextBatch, slice_: Slice) -> list[Recipient | BadRow]:
        rows = list(self._rows.read(batch))
        if not slice_.is_whole:
            rows = list(filter(slice_.holds, rows))
        keys = [row.key for row in rows if isinstance(row, Recipient)]
        if len(set(keys)) == len(keys):
            return rows
        seen: dict[bytes, int] = {}
        return [_unless_seen(row, seen) for row in rows]

    def _batches(self, digest: TableDigest | None = None) -> Iterator[TextBatch]:
        return self._table.batches(
            self._columns.texts(),
            list_columns=self._columns.lists(),
            key_columns=self._columns.keys or (),
            batch_rows=BATCH_ROWS,
            digest=digest,
        )

    def portions(self, held: Callable[[Sequence[bytes]], set[bytes]]) -> Iterator[Portion]:
        """What to claim, until the table ends.

        :param held: those of some keys that are not to be had, so that requests are cut of what can be sent.
        """
        cutter = _RequestCutter(self._order.chunk_size, self._order.canary or 0)
        self._digest = TableDigest()
        last_row = 0
        for batch in self._batches(self._digest):
            rows = self._read(batch, self._order.slice_)
            bad = [row for row in rows if isinstance(row, BadRow)]
            good = [row for row in rows if isinstance(row, Recipient)]
            waiting = cutter.open_rows
            if not waiting.keys().isdisjoint(one.key for one in good):
                bad += [duplicate_of(one, waiting[one.key]) for one in good if one.key in waiting]
                good = [one for one in good if one.key not in waiting]
            not_ours = held([one.key for one in good])
            seen = [one for one in good if one.key in not_ours] if not_ours else []
            requests = cutter.requests_of([one for one in good if one.key not in not_ours] if not_ours else good)
            last_row = batch.first_row + batch.length - 1
            first_open = cutter.first_open_row()
            yield Portion(requests, seen, bad, read_to=last_row if first_open is None else first_open - 1)
        if rest := cutter.last_requests():
            yield Portion(rest, (), (), read_to=last_row)


class _RequestCutter(Cutter):
    """Cuts requests; the first ``canary`` recipients have some of their own."""

    def __init__(self, size: int, canary: int) -> None:
        super().__init__(size)
        self._canary = canary

    def requests_of(self, recipients: Sequence[Recipient]) -> list[Request]:
        """Takes recipients in; returns the requests that are now closed."""
        canary = recipients[: self._canary]
        requests = self._requests(self.add_all(canary), canary=True)
        if canary and len(canary) == self._canary:
            requests += self.last_requests()
        self._canary -= len(canary)
        return requests + self._requests(self.add_all(recipients[len(canary) :]), canary=False)

    def last_requests(self) -> list[Request]:
        """Closes what is still open."""
        return self._requests(self.rest(), canary=self._canary > 0)

    @staticmethod
    def _requests(chunks: Iterable[list[Recipient]], *, canary: bool) -> list[Request]:
        return [Request(new_id(), tuple(chunk), canary) for chunk in chunks]


def _unless_seen(row: Recipient | BadRow, seen: dict[bytes, int]) -> Recipient | BadRow:
    if isinstance(row, BadRow):
        return row
    first = seen.setdefault(row.key, row.row_number)
    return row if first == row.row_number else duplicate_of(row, first)
