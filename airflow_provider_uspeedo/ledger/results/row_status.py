# SPDX-License-Identifier: Apache-2.0
"""What a row of the table has become: the one definition of a row's status, for counts, results and the view.

A row of the results is one of two things. It is a recipient, at its first row; at no row if no current reading holds
the recipient any more, for what was texted does not vanish because the table changed. Or it is a source row of an
attempt: of a recipient that was known before, a duplicate, or one that is not sent for a reason of its own.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.results.superseded_rows import ONE, SupersededRows
from airflow_provider_uspeedo.ledger.store.expressions import hex_text, in_order, rarely
from airflow_provider_uspeedo.ledger.store.lookups import looked_through, looked_up
from airflow_provider_uspeedo.ledger.store.schema import READ_TO_THE_END, ROW_NUMBER, Tables
from airflow_provider_uspeedo.ledger.store.slice_conditions import is_in_slice
from airflow_provider_uspeedo.ledger.store.states import RequestState

IN_FLIGHT = "in flight"
GONE = "no longer in the source"
UNREAD = "not read by the latest attempt"
NO_NUMBER: Any = sa.cast(sa.null(), sa.BigInteger)
_TEXTS = ("phone", "user_id", "template_id", "sender_id")

COLUMNS = (
    "campaign_id", "row_number", "recipient_key", "phone", "user_id", "template_id", "sender_id", "status", "reason",
    "session_no", "ret_code", "request_id", "claimed_at", "settled_at",
    "receipt_result", "receipt_code", "receipt_desc", "receipt_at", "cost_count",
)  # fmt: skip
"""The columns of the results relation, in order."""


class ResultRows:
    """SELECT statements over the rows of a ledger.

    :param whole: they are to read all rows of a campaign, and not some.
    """

    def __init__(self, tables: Tables, *, whole: bool = False) -> None:
        self.tables = tables
        self._looked_up = looked_through if whole else looked_up
        self.attempt = tables.attempts.alias("a")
        self.source_row = tables.source_rows.alias("s")
        self.recipient = tables.recipients.alias("r")
        self.request = tables.requests.alias("q")
        self.outcome_row = tables.outcomes.alias("x")
        self._receipt = tables.receipts.alias("rc")
        self._campaign = tables.campaigns.alias("c")
        self._first = tables.attempts.alias("f")
        self._of_source_rows = SupersededRows(tables, self.attempt, self.recipient, self.source_row)
        self._of_first_rows = SupersededRows(tables, self._first, self.recipient)
        self.outcome = status_of(self.outcome_row.c.status, self.request.c.state)
        self.why = sa.func.coalesce(
            self.outcome_row.c.reason,
            sa.case((self.request.c.state == RequestState.SENDING.value, IN_FLIGHT), else_=self.request.c.reason),
        )
        own = own_status_counts(self.source_row.c.status, self.outcome)
        self.status = sa.case((own, self.source_row.c.status), else_=self.outcome)
        self.reason = sa.case((own, self.source_row.c.reason), else_=self.why)

    # -- of one attempt, or of recipients -----------------------------------------------------------------------

    def outcomes(self, campaign_no: int) -> sa.Select[Any]:
        """What became of the recipients of a campaign: ``key, status, reason, session_no``."""
        columns = (
            self.recipient.c.key,
            self.outcome.label("status"),
            self.why.label("reason"),
            self.request.c.session_no,
        )
        here = self.recipient.c.campaign_no == campaign_no
        return sa.select(*columns).select_from(self.followed(self.recipient)).where(here)

    def first_rows(self, campaign_no: int, attempt_no: int, *columns: Any) -> sa.Select[Any]:
        """The first rows of recipients that came into the ledger with an attempt."""
        mine = (self.recipient.c.campaign_no == campaign_no, self.recipient.c.first_attempt == attempt_no)
        return sa.select(*columns).select_from(self.followed(self.recipient)).where(*mine)

    def other_rows(self, campaign_no: int, attempt_no: int, *columns: Any) -> sa.Select[Any]:
        """All other rows that an attempt has recorded."""
        source = self.source_row.outerjoin(self.recipient, self.is_of_row(campaign_no))
        mine = self.source_row.c.attempt_no == attempt_no
        return sa.select(*columns).select_from(self.followed(source)).where(mine)

    def followed(self, source: Any) -> Any:
        """Joins each recipient's request (a proven one first) and its outcome there."""
        points_at = sa.func.coalesce(self.recipient.c.proven_request_id, self.recipient.c.request_id)
        here = (self.outcome_row.c.request_id == self.request.c.id, self.outcome_row.c.key == self.recipient.c.key)
        return source.outerjoin(self.request, self.request.c.id == points_at).outerjoin(
            self.outcome_row, sa.and_(*here)
        )

    def is_of_row(self, campaign_no: Any) -> Any:
        """The condition that the recipient is the one that the source row stands for."""
        return sa.and_(self.recipient.c.campaign_no == campaign_no, self.recipient.c.key == self.source_row.c.known_key)

    # -- the results relation -----------------------------------------------------------------------------------

    def results(self, campaign_no: int | None = None) -> Any:
        """The results relation of :data:`COLUMNS`: every current row, and every recipient that none of them is.

        :param campaign_no: only this campaign; the view is of all.
        """
        return sa.union_all(*self.recipients(campaign_no), *self.source_rows(campaign_no))

    def recipients(self, campaign_no: int | None = None, *which: Any) -> tuple[sa.Select[Any], ...]:
        """One row per recipient, unless a current source row of a later attempt stands for it.

        :param which: conditions on the recipient alone, by which an index finds some of this campaign and of no other.

        Two statements: in most campaigns no attempt was followed by another one, and each recipient is at its first
        row. Only in the others each recipient is looked at.
        """
        recipient, campaign = self.recipient.c, self._campaign
        # A sum has no index: PostgreSQL would read the campaign's whole primary key, too, to join what it finds.
        number = recipient.campaign_no + 0 if which else recipient.campaign_no
        found_by = sa.and_(number == campaign.c.campaign_no, *which)
        there = self._looked_up(campaign, self.recipient, found_by)
        with_first = in_order(there, self._first, self._first.c.attempt_no == recipient.first_attempt)
        texts = {name: recipient[name] for name in _TEXTS}
        plain = self._columns(
            row_number=recipient.first_row, key=recipient.key, status=self.outcome, reason=self.why, **texts
        )
        replaced = self._of_first_rows.is_replaced(recipient.first_row, recipient.key, sa.true())
        not_sent = self.outcome == Status.NOT_SENT.value
        why = sa.case((sa.not_(sa.and_(not_sent, replaced)), self.why), (self._read_whole_since(), GONE), else_=UNREAD)
        looked_at = self._columns(
            row_number=sa.case((replaced, NO_NUMBER), else_=recipient.first_row),
            key=recipient.key,
            status=self.outcome,
            reason=why,
            **texts,
        )
        followed = self._some_attempt_was_followed()
        return (
            plain.select_from(self._with_receipt(self.followed(there))).where(*self._only(campaign_no), ~followed),
            looked_at.select_from(self._with_receipt(self.followed(with_first))).where(
                *self._only(campaign_no), followed, ~sa.and_(replaced, self._a_later_row_is_current())
            ),
        )

    def source_rows(self, campaign_no: int | None = None, *which: Any) -> tuple[sa.Select[Any], ...]:
        """The current source rows.

        :param which: conditions on the source row alone, by which its index finds some of an attempt.

        Two statements: attempts that are the last of their part show all rows; only of the others each is looked at.
        """
        row, current = self.source_row.c, self._of_source_rows
        replaced = current.is_replaced(
            row[ROW_NUMBER], sa.func.coalesce(row.known_key, row.key), row.known_key.is_not(None)
        )
        left = rarely(row[ROW_NUMBER] > self.attempt.c.superseded_to)
        return (
            self._source_rows(campaign_no, which, ~current.is_followed()),
            self._source_rows(campaign_no, which, current.is_followed(), current.has_rows(), left, ~replaced),
        )

    def _source_rows(self, campaign_no: int | None, found_by: tuple[Any, ...], *which: Any) -> sa.Select[Any]:
        recipient, row, campaign = self.recipient.c, self.source_row.c, self._campaign
        attempts = in_order(campaign, self.attempt, self.attempt.c.campaign_no == campaign.c.campaign_no)
        of_attempt = sa.and_(row.attempt_no == self.attempt.c.attempt_no, *found_by)
        rows = self._looked_up(attempts, self.source_row, of_attempt)
        source = self._looked_up(rows, self.recipient, self.is_of_row(campaign.c.campaign_no), isouter=True)
        return (
            self._columns(
                row_number=row[ROW_NUMBER],
                key=sa.func.coalesce(row.known_key, row.key),
                status=self.status,
                reason=self.reason,
                **{name: sa.func.coalesce(row[name], recipient[name]) for name in _TEXTS},
            )
            .select_from(self._with_receipt(self.followed(source)))
            .where(*self._only(campaign_no), *which)
        )

    def _only(self, campaign_no: int | None) -> tuple[Any, ...]:
        return () if campaign_no is None else (self._campaign.c.campaign_no == campaign_no,)

    def _some_attempt_was_followed(self) -> Any:
        """True of a campaign; it spares looking at each recipient of most campaigns.

        Counted, since MariaDB makes a join of an EXISTS and looks at the recipients first.
        """
        query = sa.select(sa.func.count()).select_from(self.attempt)
        of_campaign = (self.attempt.c.campaign_no == self._campaign.c.campaign_no, self._of_source_rows.is_followed())
        return query.where(*of_campaign).correlate(self._campaign).scalar_subquery() > 0

    def _read_whole_since(self) -> Any:
        """A later attempt has read the whole of what the recipient's first attempt was reading."""
        recipient, first, later = self.recipient.c, self._first.c, self.attempt.c
        return sa.exists(
            sa.select(ONE)
            .select_from(self.attempt)
            .where(
                later.campaign_no == first.campaign_no,
                later.part == first.part,
                later.attempt_no > first.attempt_no,
                later.read_to == READ_TO_THE_END,
                is_in_slice(later, recipient.first_row, recipient.key),
            )
            .correlate(self.recipient, self._first)
        )

    def _a_later_row_is_current(self) -> Any:
        """Of an attempt that met the recipient in the ledger."""
        recipient, row, later = self.recipient.c, self.source_row.c, self.attempt.c
        replaced = self._of_source_rows.is_replaced(row[ROW_NUMBER], row.known_key, sa.true())
        met = sa.and_(row.attempt_no == later.attempt_no, row.known_key == recipient.key)
        return sa.exists(
            sa.select(ONE)
            .select_from(looked_up(self.attempt, self.source_row, met))
            .where(
                later.campaign_no == self._campaign.c.campaign_no,
                later.attempt_no != self._first.c.attempt_no,
                self._of_source_rows.has_rows(),
                ~replaced,
            )
            .correlate(self._campaign, self.recipient, self._first)
        )

    def _with_receipt(self, source: Any) -> Any:
        receipt = self._receipt.c
        here = sa.and_(receipt.request_id == self.request.c.id, receipt.key == self.recipient.c.key)
        return self._looked_up(source, self._receipt, here, isouter=True)

    def _columns(self, *, row_number: Any, key: Any, **shown: Any) -> sa.Select[Any]:
        request, receipt = self.request.c, self._receipt.c
        values = {
            "campaign_id": self._campaign.c.name,
            "row_number": row_number,
            "recipient_key": hex_text(key),
            **shown,
            **{name: request[name] for name in ("session_no", "ret_code", "request_id", "claimed_at", "settled_at")},
            "receipt_result": receipt.result,
            "receipt_code": receipt.code,
            "receipt_desc": receipt.description,
            "receipt_at": receipt.received_at,
            "cost_count": receipt.cost_count,
        }
        return sa.select(*(values[name].label(ROW_NUMBER if name == ROW_NUMBER else name) for name in COLUMNS))


def own_status_counts(own: Any, outcome: Any) -> Any:
    """The condition that a row has a status of its own, and stands for no recipient that was sent to.

    :param outcome: of that recipient; ``not_sent`` where there is none.
    """
    return sa.and_(own.is_not(None), outcome.in_((Status.NOT_SENT.value, Status.SUPPRESSED.value)))


def status_of(outcome: Any, state: Any) -> Any:
    """A recipient's status from its own outcome, if it has one, and the state of its request."""
    return sa.case(
        (outcome.is_not(None), outcome),
        (state == RequestState.SETTLED.value, Status.ACCEPTED.value),
        (state.in_((RequestState.SENDING.value, RequestState.UNKNOWN.value)), Status.UNKNOWN.value),
        else_=Status.NOT_SENT.value,
    )
