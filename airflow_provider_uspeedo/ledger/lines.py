# SPDX-License-Identifier: Apache-2.0
"""What a row of the table has become: the one definition of a line's status, for counts, results and the view.

A *line* is a row as one try read it, joined with its recipient, the request that the recipient points at, and the
outcome if it differs from the request's. A recipient that no current reading holds any more has a line of its own,
without a row number: what was texted does not vanish because the table changed.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from airflow_provider_uspeedo.core.statuses import ACCEPTED, NOT_SENT, UNKNOWN
from airflow_provider_uspeedo.ledger import tables as states
from airflow_provider_uspeedo.ledger.current import Current
from airflow_provider_uspeedo.ledger.slicing import is_in_slice
from airflow_provider_uspeedo.ledger.tables import READ_TO_THE_END, ROW_NUMBER, Tables

IN_FLIGHT = "in flight"
GONE = "no longer in the source"
UNREAD = "not read by the latest try"

COLUMNS = (
    "campaign_id", "row_number", "recipient_key", "phone", "user_id", "template_id", "sender_id", "status", "reason",
    "session_no", "ret_code", "request_id", "claimed_at", "settled_at",
    "receipt_result", "receipt_code", "receipt_desc", "receipt_at", "cost_count",
)  # fmt: skip
"""The columns of the results relation, in order."""


class hex_text(FunctionElement[str]):  # noqa: N801 - named like the SQL functions it stands for
    """Bytes as lower-case hexadecimal text."""

    type = sa.String()
    inherit_cache = True


@compiles(hex_text)
def _hex(element: hex_text, compiler: Any, **options: Any) -> str:
    # SQLite's hex() makes an empty text of NULL.
    return f"nullif(lower(hex({compiler.process(element.clauses, **options)})), '')"


@compiles(hex_text, "postgresql")
def _hex_on_postgresql(element: hex_text, compiler: Any, **options: Any) -> str:
    return f"encode({compiler.process(element.clauses, **options)}, 'hex')"


class Lines:
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
        self._current = Current(tables, self.attempt, self.reading, self.recipient)
        self._fate = _fate(self._outcome.c.status, self.request.c.state)
        self._why = sa.func.coalesce(
            self._outcome.c.reason,
            sa.case((self.request.c.state == states.SENDING, IN_FLIGHT), else_=self.request.c.reason),
        )
        own = self.reading.c.status
        self.status = sa.case((own.is_not(None), own), else_=self._fate)
        self.reason = sa.case((own.is_not(None), self.reading.c.reason), else_=self._why)

    # -- where the lines come from ------------------------------------------------------------------------------

    def read(self) -> Any:
        """The lines of readings: ``a`` and ``rd`` with what became of the recipient."""
        rows = self.attempt.join(self.reading, self.reading.c.attempt_no == self.attempt.c.attempt_no)
        return self._followed(
            rows.outerjoin(
                self.recipient,
                sa.and_(
                    self.recipient.c.campaign_no == self.attempt.c.campaign_no,
                    self.recipient.c.key == self.reading.c.key,
                    self.reading.c.status.is_(None),
                ),
            )
        )

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
            sa.or_(requests.c.state == states.SUPERSEDED, requests.c.id.in_(sa.select(past.c.request_id))),
        )

    def fates(self) -> sa.Select[Any]:
        """What became of recipients: ``key, status, reason, session_no``."""
        recipient = self.recipient.c
        return sa.select(
            recipient.key, self._fate.label("status"), self._why.label("reason"), self.request.c.session_no
        ).select_from(self._followed(self.recipient))

    # -- the results relation -----------------------------------------------------------------------------------

    def results(self) -> Any:
        """The results relation of :data:`COLUMNS`: every current row, then every recipient that has none."""
        return sa.union_all(self.current(), self.gone())

    def current(self) -> sa.Select[Any]:
        """One line per row of each part of a campaign, as last read."""
        recipient, reading = self.recipient.c, self.reading.c
        seen = {
            name: sa.func.coalesce(reading[name], recipient[name])
            for name in ("phone", "user_id", "template_id", "sender_id")
        }
        return (
            self._columns(
                row_number=reading.row_number, key=reading.key, status=self.status, reason=self.reason, **seen
            )
            .select_from(self._with_campaign(self.read(), self.attempt.c.campaign_no))
            .where(self._current.holds(reading.row_number, reading.key, reading.status.is_(None)))
        )

    def gone(self) -> sa.Select[Any]:
        """One line per recipient that no current reading holds."""
        recipient = self.recipient.c
        names = ("phone", "user_id", "template_id", "sender_id")
        why = sa.case(
            (sa.and_(self._fate == NOT_SENT, self._read_whole_since()), GONE),
            (self._fate == NOT_SENT, UNREAD),
            else_=self._why,
        )
        return (
            self._columns(
                row_number=sa.cast(sa.null(), sa.BigInteger),
                key=recipient.key,
                status=self._fate,
                reason=why,
                **{name: recipient[name] for name in names},
            )
            .select_from(self._with_campaign(self._followed(self.recipient), recipient.campaign_no))
            .where(~self._first_row_is_current(), ~self._a_later_row_is_current())
        )

    def _read_whole_since(self) -> Any:
        """A later try has read the whole of what the recipient's first try was reading."""
        recipient, first, later = self.recipient.c, self._t.attempts.alias("f"), self.attempt.c
        return sa.exists(
            sa.select(sa.literal_column("1"))
            .select_from(
                first.join(self.attempt, sa.and_(later.campaign_no == first.c.campaign_no, later.part == first.c.part))
            )
            .where(
                first.c.attempt_no == recipient.first_attempt,
                later.attempt_no > recipient.first_attempt,
                later.read_to == READ_TO_THE_END,
                is_in_slice(later, recipient.first_row, recipient.key),
            )
            .correlate(self.recipient)
        )

    def _first_row_is_current(self) -> Any:
        recipient = self.recipient.c
        return sa.exists(
            sa.select(sa.literal_column("1"))
            .select_from(self.attempt)
            .where(
                self.attempt.c.attempt_no == recipient.first_attempt,
                self._current.holds(recipient.first_row, recipient.key, sa.true()),
            )
            .correlate(self.recipient)
        )

    def _a_later_row_is_current(self) -> Any:
        recipient, reading = self.recipient.c, self.reading.c
        return sa.exists(
            sa.select(sa.literal_column("1"))
            .select_from(self.attempt.join(self.reading, reading.attempt_no == self.attempt.c.attempt_no))
            .where(
                self.attempt.c.campaign_no == recipient.campaign_no,
                reading.again == recipient.key,
                self._current.has_lines(),
                self._current.holds(reading.row_number, reading.key, sa.true()),
            )
            .correlate(self.recipient)
        )

    def _with_campaign(self, source: Any, campaign_no: Any) -> Any:
        receipt = self._receipt.c
        here = sa.and_(receipt.request_id == self.request.c.id, receipt.key == self.recipient.c.key)
        return source.join(self._campaign, self._campaign.c.campaign_no == campaign_no).outerjoin(self._receipt, here)

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
        (state == states.SETTLED, ACCEPTED),
        (state.in_((states.SENDING, states.UNKNOWN)), UNKNOWN),
        else_=NOT_SENT,
    )
