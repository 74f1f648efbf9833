# SPDX-License-Identifier: Apache-2.0
"""What a row of the table has become: the one definition of a line's status, for counts, results and the view.

A *line* is a row as one try read it, joined with its recipient, the request that the recipient points at, and the
outcome if it differs from the request's. A recipient that no current reading holds any more has a line of its own,
without a row number: what was texted does not vanish because the table changed.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.results.superseded_rows import ONE, Current
from airflow_provider_uspeedo.ledger.store.expressions import hex_text, in_order, on_postgresql, rarely
from airflow_provider_uspeedo.ledger.store.schema import READ_TO_THE_END, ROW_NUMBER, Tables
from airflow_provider_uspeedo.ledger.store.slice_conditions import is_in_slice
from airflow_provider_uspeedo.ledger.store.states import RequestState

IN_FLIGHT = "in flight"
GONE = "no longer in the source"
UNREAD = "not read by the latest try"

COLUMNS = (
    "campaign_id", "row_number", "recipient_key", "phone", "user_id", "template_id", "sender_id", "status", "reason",
    "session_no", "ret_code", "request_id", "claimed_at", "settled_at",
    "receipt_result", "receipt_code", "receipt_desc", "receipt_at", "cost_count",
)  # fmt: skip
"""The columns of the results relation, in order."""


class ResultRows:
    """SELECT statements over the lines of a ledger."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables
        self.attempt = tables.attempts.alias("a")
        self.reading = tables.readings.alias("rd")
        self.recipient = tables.recipients.alias("r")
        self.request = tables.requests.alias("q")
        self._outcome = tables.outcomes.alias("x")
        self._receipt = tables.receipts.alias("rc")
        self._campaign = tables.campaigns.alias("c")
        self._again = tables.campaigns.alias("rn")
        self._first = tables.attempts.alias("f")
        self._current = Current(tables, self.attempt, self.recipient, self.reading)
        self._first_was = Current(tables, self._first, self.recipient)
        self._fate = _fate(self._outcome.c.status, self.request.c.state)
        self._why = sa.func.coalesce(
            self._outcome.c.reason,
            sa.case((self.request.c.state == RequestState.SENDING.value, IN_FLIGHT), else_=self.request.c.reason),
        )
        own = self.reading.c.status
        self.status = sa.case((own.is_not(None), own), else_=self._fate)
        self.reason = sa.case((own.is_not(None), self.reading.c.reason), else_=self._why)

    # -- where the lines come from ------------------------------------------------------------------------------

    def read(self) -> Any:
        """The lines of readings: ``a`` and ``rd`` with what became of the recipient."""
        rows = self.attempt.join(self.reading, self.reading.c.attempt_no == self.attempt.c.attempt_no)
        return self._followed(rows.outerjoin(self.recipient, self._is_of_line()))

    def _read_by_campaign(self) -> Any:
        """The same with their campaign, for those who ask for one by its name."""
        campaign, again, recipient = self._campaign.c, self._again.c, self.recipient.c
        attempts = in_order(self._campaign, self.attempt, self.attempt.c.campaign_no == campaign.campaign_no)
        rows = in_order(attempts, self.reading, self.reading.c.attempt_no == self.attempt.c.attempt_no)
        # PostgreSQL infers from the name what it would not from the number: which recipients it need not look at.
        named = self._again.join(self.recipient, recipient.campaign_no == again.campaign_no)
        by_name = rows.outerjoin(named, sa.and_(again.name == campaign.name, self._is_of_line()))
        return self._followed(on_postgresql(rows.outerjoin(self.recipient, self._is_of_line()), by_name))

    def _is_of_line(self) -> Any:
        recipient, reading = self.recipient.c, self.reading.c
        mine = recipient.campaign_no == self.attempt.c.campaign_no
        return sa.and_(mine, recipient.key == reading.key, reading.status.is_(None))

    def _followed(self, source: Any) -> Any:
        """Joins each recipient's request (a proven one first) and its outcome there."""
        points_at = sa.func.coalesce(self.recipient.c.proven_request_id, self.recipient.c.request_id)
        here = (self._outcome.c.request_id == self.request.c.id, self._outcome.c.key == self.recipient.c.key)
        return source.outerjoin(self.request, self.request.c.id == points_at).outerjoin(self._outcome, sa.and_(*here))

    def tally(self, attempt_no: int) -> Any:
        """Rows of one reading by status and request: ``status, rows, id, state, attempt_no, session_no``.

        Most rows point straight at the request that has held their recipient ever since; only the others need the
        long way over the recipient. Both ways are one statement, so that they see one snapshot.
        """
        reading, outcome, request = self.reading.c, self._outcome.c, self.request.c
        left = self._left_by_recipients(attempt_no)
        held = (
            sa.select(reading.request_id, outcome.status, sa.func.count().label("rows"))
            .select_from(
                self.reading.outerjoin(
                    self._outcome, sa.and_(outcome.request_id == reading.request_id, outcome.key == reading.key)
                )
            )
            .where(reading.attempt_no == attempt_no, reading.request_id.is_not(None), reading.request_id.not_in(left))
            .group_by(reading.request_id, outcome.status)
            .subquery()
        )
        about = (request.id, request.state, request.attempt_no, request.session_no, request.settled_at)
        straight = sa.select(_fate(held.c.status, request.state).label("status"), held.c.rows, *about).select_from(
            held.join(self.request, request.id == held.c.request_id)
        )
        long_way = (
            sa.select(self.status.label("status"), sa.func.count().label("rows"), *about)
            .select_from(self.read())
            .where(
                self.attempt.c.attempt_no == attempt_no,
                sa.or_(reading.request_id.is_(None), reading.request_id.in_(left)),
            )
            .group_by(self.status, *about)
        )
        both = sa.union_all(straight, long_way).subquery()
        return sa.select(both).order_by(both.c.settled_at, both.c.id)

    def _left_by_recipients(self, attempt_no: int) -> Any:
        """Requests of the campaign whose recipients may point at another one by now."""
        requests, past = self._t.requests.alias("left_q"), self._t.past_requests
        campaign = sa.select(self._t.attempts.c.campaign_no).where(self._t.attempts.c.attempt_no == attempt_no)
        return sa.select(requests.c.id).where(
            requests.c.campaign_no == campaign.scalar_subquery(),
            sa.or_(requests.c.state == RequestState.SUPERSEDED.value, requests.c.id.in_(sa.select(past.c.request_id))),
        )

    def fates(self) -> sa.Select[Any]:
        """What became of recipients: ``key, status, reason, session_no``."""
        recipient = self.recipient.c
        return sa.select(
            recipient.key, self._fate.label("status"), self._why.label("reason"), self.request.c.session_no
        ).select_from(self._followed(self.recipient))

    # -- the results relation -----------------------------------------------------------------------------------

    def results(self, campaign_no: int | None = None) -> Any:
        """The results relation of :data:`COLUMNS`: every current row, then every recipient that has none.

        :param campaign_no: only this campaign; the view is of all.
        """
        return sa.union_all(*self.current(campaign_no), self.gone(campaign_no))

    def current(self, campaign_no: int | None = None) -> tuple[sa.Select[Any], ...]:
        """One line per row of each part of a campaign, as last read.

        Two statements: tries that are the last of their part show all lines; only of the others each is looked at.
        """
        reading = self.reading.c
        current, row_number = self._current, reading.row_number
        holds = current.holds(row_number, reading.key, reading.status.is_(None))
        left = rarely(row_number > self.attempt.c.superseded_to)
        return (
            self._shown(campaign_no, ~current.is_followed()),
            self._shown(campaign_no, current.is_followed(), current.has_lines(), left, holds),
        )

    def _shown(self, campaign_no: int | None, *which: Any) -> sa.Select[Any]:
        recipient, reading = self.recipient.c, self.reading.c
        seen = {
            name: sa.func.coalesce(reading[name], recipient[name])
            for name in ("phone", "user_id", "template_id", "sender_id")
        }
        return (
            self._columns(
                row_number=reading.row_number, key=reading.key, status=self.status, reason=self.reason, **seen
            )
            .select_from(self._with_receipt(self._read_by_campaign()))
            .where(*self._only(campaign_no), *which)
        )

    def gone(self, campaign_no: int | None = None) -> sa.Select[Any]:
        """One line per recipient that no current reading holds.

        Whose first try is the last of its part has a current line there. So nobody is looked at in a campaign of which
        no try was followed by another.
        """
        recipient, first = self.recipient.c, self._first.c
        names = ("phone", "user_id", "template_id", "sender_id")
        why = sa.case(
            (sa.and_(self._fate == Status.NOT_SENT.value, self._read_whole_since()), GONE),
            (self._fate == Status.NOT_SENT.value, UNREAD),
            else_=self._why,
        )
        recipients = in_order(
            in_order(self._campaign, self.recipient, recipient.campaign_no == self._campaign.c.campaign_no),
            self._first,
            first.attempt_no == recipient.first_attempt,
        )
        return (
            self._columns(
                row_number=sa.cast(sa.null(), sa.BigInteger),
                key=recipient.key,
                status=self._fate,
                reason=why,
                **{name: recipient[name] for name in names},
            )
            .select_from(self._with_receipt(self._followed(recipients)))
            .where(
                *self._only(campaign_no),
                self._some_try_was_followed(),
                self._first_was.is_followed(),
                rarely(recipient.campaign_no == self._campaign.c.campaign_no),
                # One condition, since of two PostgreSQL would make joins with all readings of the ledger.
                ~sa.or_(
                    ~self._first_was.is_replaced(recipient.first_row, recipient.key, sa.true()),
                    self._a_later_row_is_current(),
                ),
            )
        )

    def _only(self, campaign_no: int | None) -> tuple[Any, ...]:
        return () if campaign_no is None else (self._campaign.c.campaign_no == campaign_no,)

    def _some_try_was_followed(self) -> Any:
        """True of a campaign; it spares looking at each recipient of most campaigns.

        Counted, since MariaDB makes a join of an EXISTS and looks at the recipients first.
        """
        query = sa.select(sa.func.count()).select_from(self.attempt)
        of_campaign = (self.attempt.c.campaign_no == self._campaign.c.campaign_no, self._current.is_followed())
        return query.where(*of_campaign).correlate(self._campaign).scalar_subquery() > 0

    def _read_whole_since(self) -> Any:
        """A later try has read the whole of what the recipient's first try was reading."""
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
        """Of a try that met the recipient in the ledger."""
        recipient, reading, later = self.recipient.c, self.reading.c, self.attempt.c
        return sa.exists(
            sa.select(ONE)
            .select_from(self.attempt.join(self.reading, reading.attempt_no == later.attempt_no))
            .where(
                later.campaign_no == self._campaign.c.campaign_no,
                later.attempt_no != self._first.c.attempt_no,
                reading.again == recipient.key,
                self._current.has_lines(),
                ~self._current.is_replaced(reading.row_number, reading.key, sa.true()),
            )
            .correlate(self._campaign, self.recipient, self._first)
        )

    def _with_receipt(self, source: Any) -> Any:
        receipt = self._receipt.c
        here = sa.and_(receipt.request_id == self.request.c.id, receipt.key == self.recipient.c.key)
        return source.outerjoin(self._receipt, here)

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


def _fate(outcome: Any, state: Any) -> Any:
    """A recipient's status from its own outcome, if it has one, and the state of its request."""
    return sa.case(
        (outcome.is_not(None), outcome),
        (state == RequestState.SETTLED.value, Status.ACCEPTED.value),
        (state.in_((RequestState.SENDING.value, RequestState.UNKNOWN.value)), Status.UNKNOWN.value),
        else_=Status.NOT_SENT.value,
    )
