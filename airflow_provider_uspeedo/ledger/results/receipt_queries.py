# SPDX-License-Identifier: Apache-2.0
"""What the ledger knows of messages and their receipts, by request, so that no row of another campaign is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.results.row_status import status_of
from airflow_provider_uspeedo.ledger.store.lookups import looked_up
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.staged_receipts import NOT_FINAL
from airflow_provider_uspeedo.ledger.store.states import MAY_HAVE_ARRIVED, RequestState

_HEAD_CHARACTERS = 5
"""The longest country code with its brackets, as phones are kept."""
MAX_REASONS = 1_000
"""Different reasons of some requests that are looked at, the most frequent ones first."""


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request that the API answered with a SessionNo.

    :param session_nos: usually one.
    :param settled_at: UTC without a zone; ``None`` where it is not recorded.
    """

    id: bytes
    campaign_no: int
    campaign_id: str
    session_nos: tuple[str, ...]
    settled_at: datetime | None


class Member(NamedTuple):
    """A recipient that a request carried, whichever request it points at by now."""

    request_id: bytes
    key: bytes
    phone: str
    user_id: str

    def __repr__(self) -> str:
        return f"Member(request_id={self.request_id.hex()!r})"


@dataclass(frozen=True, slots=True)
class Standing:
    """Messages of one request to one country that have the same final result, or none yet.

    :param country_code: such as ``"852"``.
    :param result: ``None``: no final receipt.
    :param segments: charged for those whose receipt says so.
    """

    request_id: bytes
    country_code: str
    result: str | None
    messages: int
    segments: int


@dataclass(frozen=True, slots=True)
class ReceiptReason:
    """How many messages have a receipt with these words, which are the carrier's."""

    result: str
    code: str = field(repr=False)
    description: str = field(repr=False)
    messages: int


class ReceiptQueries:
    """SELECT statements about messages. A message counts if the API accepted it, or may have, or it has a receipt.

    A recipient's message is that of the request whose outcome it shows.
    """

    def __init__(self, tables: Tables) -> None:
        self._t = tables
        self._q = tables.requests.alias("q")
        self._a = tables.attempts.alias("a")
        self._p = tables.past_requests.alias("p")
        self._r = tables.recipients.alias("r")
        self._x = tables.outcomes.alias("x")
        self._rc = tables.receipts.alias("rc")

    # -- requests -----------------------------------------------------------------------------------------------

    def sent_requests(
        self, connection: Connection, campaign_no: int | None, session_nos: Sequence[str] | None
    ) -> list[SentRequest]:
        """The requests with a SessionNo, by id: of a campaign, or of sessions, or both.

        :param session_nos: without a campaign, all requests of the ledger are looked at once for them.
        """
        q, c = self._q.c, self._t.campaigns.c
        query = sa.select(q.id, q.campaign_no, c.name, q.session_no, q.settled_at).select_from(
            self._q.join(self._t.campaigns, c.campaign_no == q.campaign_no)
        )
        only = [q.session_no.is_not(None), q.state == RequestState.SETTLED.value]
        if campaign_no is not None:
            only.append(q.campaign_no == campaign_no)
        found = connection.execute(query.where(*only).order_by(q.id))
        wanted = None if session_nos is None else set(session_nos)
        requests = []
        for row in found:
            named = tuple(name for name in str(row.session_no).split(",") if name)
            if named and (wanted is None or wanted & set(named)):
                requests.append(SentRequest(bytes(row.id), row.campaign_no, row.name, named, row.settled_at))
        return requests

    def not_to_be_asked(self, connection: Connection, campaign_no: int) -> dict[str, int]:
        """How many recipients of a campaign were sent to, or may have been, without a SessionNo, by status."""
        q, r, x = self._q.c, self._r.c, self._x.c
        here = sa.and_(x.request_id == q.id, x.key == r.key)
        status = status_of(x.status, q.state).label("status")
        each = (
            sa.select(status)
            .select_from(looked_up(self._present(campaign_no), self._x, here, isouter=True))
            .where(q.campaign_no == campaign_no, q.session_no.is_(None), q.state.in_(MAY_HAVE_ARRIVED))
            .subquery()
        )
        query = sa.select(each.c.status, sa.func.count().label("recipients")).group_by(each.c.status)
        counts = {row.status: row.recipients for row in connection.execute(query)}
        return {status: counts[status] for status in (Status.ACCEPTED, Status.UNKNOWN) if counts.get(status)}

    # -- messages -----------------------------------------------------------------------------------------------

    def members(self, connection: Connection, campaign_no: int, ids: Sequence[bytes]) -> list[Member]:
        """All recipients that these requests carried."""
        q, p, r = self._q.c, self._p.c, self._r.c
        columns = (r.key, r.phone, r.user_id)
        present = sa.select(q.id, *columns).select_from(self._present(campaign_no)).where(q.id.in_(ids))
        left = (
            sa.select(p.request_id, *columns)
            .select_from(self._past(campaign_no))
            .where(p.request_id.in_(ids), r.request_id != p.request_id)
        )
        rows = connection.execute(sa.union_all(present, left)).all()
        return [Member(bytes(row[0]), bytes(row[1]), row[2], row[3]) for row in rows]

    def standings(self, connection: Connection, campaign_no: int, ids: Sequence[bytes]) -> list[Standing]:
        """How far the messages of these requests are."""
        messages = self._messages(campaign_no, ids)
        m, x, rc = messages.c, self._x.c, self._rc.c
        may_be_sent = sa.and_(
            m.phone != "", sa.or_(x.status.is_(None), x.status.in_((Status.ACCEPTED, Status.UNKNOWN)))
        )
        final = sa.case((rc.result != NOT_FINAL, rc.result))
        head = sa.func.substr(m.phone, 1, _HEAD_CHARACTERS)
        each = (
            sa.select(
                m.id,
                head.label("head"),
                final.label("result"),
                rc.cost_count,
            )
            .select_from(self._with_receipts(messages))
            .where(sa.or_(may_be_sent, rc.result.is_not(None)))
            .subquery()
        )
        grouped = (each.c.id, each.c.head, each.c.result)
        segments = sa.func.coalesce(sa.func.sum(each.c.cost_count), 0)
        query = sa.select(*grouped, sa.func.count().label("messages"), segments.label("segments")).group_by(*grouped)
        return [
            Standing(bytes(row.id), row.head[1:].partition(")")[0], row.result, row.messages, int(row.segments))
            for row in connection.execute(query)
        ]

    def reopened(self, connection: Connection, ids: Sequence[bytes]) -> set[bytes]:
        """Those of the requests some of whose recipients a person called *not sent*, without a final receipt yet."""
        p, x, rc = self._p.c, self._x.c, self._rc.c
        source = looked_up(self._p, self._x, sa.and_(x.request_id == p.request_id, x.key == p.key))
        source = looked_up(source, self._rc, sa.and_(rc.request_id == p.request_id, rc.key == p.key), isouter=True)
        query = (
            sa.select(p.request_id)
            .select_from(source)
            .where(
                p.request_id.in_(ids),
                x.status == Status.UNKNOWN,
                sa.or_(rc.result.is_(None), rc.result == NOT_FINAL),
            )
        )
        return {bytes(request_id) for request_id in connection.execute(query.distinct()).scalars()}

    def reasons(self, connection: Connection, campaign_no: int, ids: Sequence[bytes]) -> list[ReceiptReason]:
        """Why messages of these requests were not delivered, the most frequent reasons first."""
        messages, rc = self._messages(campaign_no, ids), self._rc.c
        words = (
            rc.result,
            sa.func.coalesce(rc.code, "").label("code"),
            sa.func.coalesce(rc.description, "").label("description"),
        )
        failed = rc.result.in_(("Fail", "SubmitFail"))
        each = sa.select(*words).select_from(self._with_receipts(messages)).where(failed).subquery()
        number = sa.func.count().label("messages")
        query = sa.select(*each.c, number).group_by(*each.c).order_by(number.desc()).limit(MAX_REASONS)
        rows = connection.execute(query)
        return [ReceiptReason(row.result, row.code, row.description, row.messages) for row in rows]

    def contradicted(self, connection: Connection, campaign_no: int, ids: Sequence[bytes]) -> int:
        """How many messages the API, or an earlier receipt, rejected, of which the carrier has reported otherwise."""
        messages = self._messages(campaign_no, ids)
        query = (
            sa.select(sa.func.count())
            .select_from(self._with_receipts(messages))
            .where(self._x.c.status == Status.REJECTED, self._rc.c.result.in_(("Success", "Fail")))
        )
        return int(connection.execute(query).scalar_one())

    def _messages(self, campaign_no: int, ids: Sequence[bytes]) -> Any:
        """``id, key, phone`` of the messages of requests."""
        q, p, r = self._q.c, self._p.c, self._r.c
        present = (
            sa.select(q.id.label("id"), r.key.label("key"), r.phone.label("phone"))
            .select_from(self._present(campaign_no))
            .where(q.id.in_(ids), r.proven_request_id.is_(None))
        )
        proven = (
            sa.select(p.request_id, r.key, r.phone)
            .select_from(self._past(campaign_no))
            .where(p.request_id.in_(ids), r.proven_request_id == p.request_id)
        )
        return sa.union_all(present, proven).subquery("m")

    def _present(self, campaign_no: int) -> Any:
        """Requests, and the recipients that point at them: whichever attempt of the campaign they came in with."""
        q, a, r = self._q.c, self._a.c, self._r.c
        older = sa.and_(a.campaign_no == campaign_no, a.attempt_no <= q.attempt_no)
        here = sa.and_(r.first_attempt == a.attempt_no, r.request_id == q.id)
        return looked_up(looked_up(self._q, self._a, older), self._r, here)

    def _past(self, campaign_no: int) -> Any:
        p, r = self._p.c, self._r.c
        return looked_up(self._p, self._r, sa.and_(r.campaign_no == campaign_no, r.key == p.key))

    def _with_receipts(self, messages: Any) -> Any:
        m, x, rc = messages.c, self._x.c, self._rc.c
        with_outcome = looked_up(messages, self._x, sa.and_(x.request_id == m.id, x.key == m.key), isouter=True)
        return looked_up(with_outcome, self._rc, sa.and_(rc.request_id == m.id, rc.key == m.key), isouter=True)
