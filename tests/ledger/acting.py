# SPDX-License-Identifier: Apache-2.0
"""People to text, tries that text them, and a vendor that remembers whom it texted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.contact_rules import NO_RULES, ContactRules
from airflow_provider_uspeedo.core.keys import KeyMaker, KeySpec
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.admin.unknown_outcomes import UnknownOutcomes
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.protocol.marking import Judge
from airflow_provider_uspeedo.ledger.protocol.portion import Portion
from airflow_provider_uspeedo.ledger.protocol.resolution import Decision
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS
from airflow_provider_uspeedo.ledger.store.records import Answer, Attempt, Request, new_id
from airflow_provider_uspeedo.ledger.store.staged_receipts import MessageReceipt, MessageReceipts

SPEC = KeySpec(columns=None, kinds=(), default_region="HK")
_KEYS = KeyMaker(SPEC)


def key_of(name: str) -> bytes:
    return _KEYS.of_values((name,))


def person(name: str, row: int) -> Recipient:
    """Somebody to text, at a row of the table; the same name is the same recipient."""
    phone = f"(852)5{int.from_bytes(key_of(name)[:3], 'big') % 10**7:07}"
    return Recipient(row, key_of(name), phone, (f"secret of {name}",), f"user {name}", "", "UTA1", "USpeedo")


def people(names: Sequence[str], first_row: int = 1) -> list[Recipient]:
    """One row for each name, in order."""
    return [person(name, row) for row, name in enumerate(names, first_row)]


def invalid(row: int, name: str | None = None) -> BadRow:
    """A row that cannot be sent; its key could still be made if it has a name."""
    return BadRow(
        row, Status.INVALID, "phone (column 'phone') is empty", "", "", "UTA1", "", (name and key_of(name)) or None
    )


def duplicate(row: int, of: int, name: str) -> BadRow:
    one = person(name, row)
    return BadRow(row, Status.DUPLICATE, f"same recipient as row {of}", one.phone, one.user_id, "UTA1", "", one.key)


OpenLedger = Callable[..., Ledger]
"""Opens a ledger with connections of its own; takes what :func:`open_engine` takes."""


@dataclass
class Vendor:
    """Counts the messages that people got; nobody may get two."""

    texted: Counter[bytes] = field(default_factory=Counter)

    def take(self, request: Request) -> None:
        self.texted.update(one.key for one in request.recipients)

    def assert_nobody_texted_twice(self) -> None:
        twice = [key.hex() for key, times in self.texted.items() if times > 1]
        assert not twice, f"texted more than once: {twice}"

    def assert_texted(self, *names: str) -> None:
        """Exactly these, once each."""
        assert self.texted == Counter(map(key_of, names))


class Try:
    """One attempt at a campaign, as the campaign loop makes it, one step at a time."""

    rules: ContactRules = NO_RULES

    def __init__(
        self,
        ledger: Ledger,
        campaign: str,
        *,
        part: str = "",
        vendor: Vendor | None = None,
        rules: ContactRules = NO_RULES,
    ) -> None:
        self.ledger = ledger
        self.vendor = vendor or Vendor()
        self.rules = rules
        self.attempt: Attempt = ledger.open_attempt(campaign, SPEC, part=part, name="a test", rules=rules)

    def claim(
        self, rows: Sequence[Recipient | BadRow], *, size: int = 1000, read_to: int | None = None
    ) -> list[Request]:
        """Claims these rows of the table in requests of ``size``; returns what is ours."""
        good = [row for row in rows if isinstance(row, Recipient)]
        held = self.ledger.unavailable(self.attempt, RecipientBatch.of(good))
        wanted = [one for one, taken in zip(good, held, strict=True) if not taken]
        requests = [Request(new_id(), RecipientBatch.of(wanted[at : at + size])) for at in range(0, len(wanted), size)]
        last = max((row.row_number for row in rows), default=0)
        portion = Portion(
            requests,
            RecipientBatch.of([one for one, taken in zip(good, held, strict=True) if taken]),
            BadRows.of([row for row in rows if isinstance(row, BadRow)]),
            last if read_to is None else read_to,
        )
        return self.ledger.claim(self.attempt, portion, self.rules)

    def split(self, request: Request, size: int = 1) -> tuple[Request, Request]:
        """Cuts a claimed request in two."""
        return self.ledger.split(self.attempt, request, size, new_id())

    def mark(self, request: Request) -> bool:
        """True if some of it may be sent now."""
        return bool(self.marked(request).recipients)

    def marked(self, request: Request, judge: Judge | None = None) -> Request:
        """The request with what may be sent now."""
        return self.ledger.mark_sending(self.attempt, request, self.rules, judge)

    def send(self, request: Request, *refused: str) -> bool:
        """Marks, sends and settles; ``refused`` are rejected by the vendor. False if it was not ours any more."""
        marked = self.marked(request)
        if not marked.recipients:
            return False
        self.vendor.take(marked)
        return self.settle(request, *refused)

    def settle(self, request: Request, *refused: str, status: str = "rejected") -> bool:
        outcomes = tuple((key_of(name), status, "phone in the black list") for name in refused)
        return self.ledger.settle(self.attempt, request.id, Answer("S1", 0, "V1", outcomes))

    def release(self, request: Request) -> bool:
        return self.ledger.release(
            self.attempt, request.id, ret_code=None, vendor_request_id="", reason="connection refused"
        )

    def mark_unknown(self, request: Request) -> bool:
        return self.ledger.mark_unknown(
            self.attempt, request.id, ret_code=None, vendor_request_id="", reason="no answer"
        )

    def text(self, rows: Sequence[Recipient | BadRow], **options: int) -> None:
        """Goes through the whole table: claims, sends, settles, ends."""
        for request in self.claim(rows, **options):
            self.send(request)
        self.end()

    def end(self, *, complete: bool = True) -> None:
        self.ledger.end_attempt(self.attempt, complete=complete)

    def counts(self) -> dict[str, int]:
        """The rows of this reading by status. The quick way of counting must agree with looking at every row."""
        quick: Counter[str] = Counter()
        for tally in self.ledger.tally(self.attempt):
            quick[tally.status] += tally.rows
        rows, here = self.ledger.rows, (self.attempt.campaign_no, self.attempt.number)
        every_row = [rows.first_rows(*here, rows.outcome), rows.other_rows(*here, rows.status)]
        slow = Counter(status for query in every_row for status in _statuses(self.ledger, query))
        assert quick == slow
        return dict(quick)

    def status(self, *names: str) -> list[str]:
        outcomes = self.ledger.outcomes(self.attempt, [key_of(name) for name in names])
        return [outcomes[key_of(name)].status for name in names]

    def reason(self, name: str) -> str | None:
        return self.ledger.outcomes(self.attempt, [key_of(name)])[key_of(name)].reason


def request_of(rows: Iterable[Recipient]) -> Request:
    """A request with these recipients."""
    return Request(new_id(), RecipientBatch.of(list(rows)))


def resolve(ledger: Ledger, campaign_id: str, *, only: Iterable[bytes] | None = None, **how: Any) -> int:
    """A person's decision; also on requests that may still arrive, and on chosen keys."""
    campaign = ledger.database.read(lambda connection: Campaigns(ledger.tables).find(connection, campaign_id))
    chosen = None if only is None else frozenset(only)
    return UnknownOutcomes(ledger).decide(campaign_id, campaign, Decision(only=chosen, **how))


def portion_of(
    requests: Sequence[Request], known: Sequence[Recipient] = (), bad: Sequence[BadRow] = (), *, read_to: int
) -> Portion:
    """What one claim records."""
    return Portion(requests, RecipientBatch.of(known), BadRows.of(bad), read_to)


def _statuses(ledger: Ledger, query: sa.Select) -> list[str]:
    return ledger.database.read(lambda connection: list(connection.execute(query).scalars()))


def state_of(ledger: Ledger, request: Request) -> str | None:
    """The state of a request, or ``None`` if it is not in the ledger."""
    table = ledger.tables.requests.c
    query = sa.select(table.state).where(table.id == request.id)
    return ledger.database.read(lambda connection: connection.execute(query).scalar())


def lines_of(ledger: Ledger, campaign: str, *columns: str) -> list[tuple[object, ...]]:
    """Those columns of the results relation, by row number; rows without one last."""
    rows = [dict(zip(COLUMNS, row, strict=True)) for portion in ledger.results(campaign) for row in portion]
    rows.sort(key=lambda row: (row["row_number"] is None, row["row_number"] or 0, row["phone"]))
    return [tuple(row[column] for column in columns) for row in rows]


def receipts_of(rows: Iterable[MessageReceipt]) -> MessageReceipts:
    """Receipts by column, as the ledger takes them."""
    return MessageReceipts(*map(list, zip(*rows, strict=True)))


def rows_of(receipts: MessageReceipts) -> list[MessageReceipt]:
    """Receipts one by one."""
    return receipts.about(set(receipts.messages()))


def newest(receipts: Iterable[MessageReceipt]) -> MessageReceipt:
    """Of the receipts of one message the one that counts."""
    [one] = rows_of(receipts_of(receipts).newest_of_each())
    return one
