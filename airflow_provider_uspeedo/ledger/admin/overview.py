# SPDX-License-Identifier: Apache-2.0
"""The queries behind ``list`` and ``show``. Each number is counted by itself, none is a difference of others.

The list reads campaigns, attempts, requests and the outcomes that differ, so its cost does not depend on the number of
recipients; only the overview of one campaign reads its rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.keys import KeySpec
from airflow_provider_uspeedo.core.statuses import STATUSES, Status
from airflow_provider_uspeedo.ledger.admin.reports import (
    MAX_REQUESTS,
    AttemptLine,
    CampaignLine,
    CampaignOverview,
    DecisionLine,
    UnknownCount,
    UnknownRequest,
)
from airflow_provider_uspeedo.ledger.protocol.campaigns import DECISION, part_hash
from airflow_provider_uspeedo.ledger.protocol.decision_names import read_name
from airflow_provider_uspeedo.ledger.protocol.resolution import digest_of, unknown_recipients
from airflow_provider_uspeedo.ledger.results.row_status import ResultRows
from airflow_provider_uspeedo.ledger.store.bulk import portions
from airflow_provider_uspeedo.ledger.store.engine import Database
from airflow_provider_uspeedo.ledger.store.schema import READ_TO_THE_END, ROW_NUMBER, Tables
from airflow_provider_uspeedo.ledger.store.states import RequestState

STATES = tuple(RequestState)


def snapshots_of(database: Database) -> Database:
    """The same database, for reports of several statements that must see one moment."""
    if database.dialect.reads_one_moment:
        return database
    engine = database.engine.execution_options(isolation_level="REPEATABLE READ")
    return Database(engine, timeout=database.timeout, dialect=database.dialect)


class Overviews:
    """The SELECT statements behind ``list`` and ``show``; each method is called within one transaction."""

    def __init__(self, tables: Tables, rows: ResultRows) -> None:
        self._t = tables
        self._rows = rows

    # -- the list -----------------------------------------------------------------------------------------------

    def campaigns(self, connection: Connection, limit: int) -> list[CampaignLine]:
        """The newest campaigns, the newest first."""
        campaigns = self._t.campaigns
        query = sa.select(campaigns).order_by(campaigns.c.campaign_no.desc()).limit(limit)
        return self.lines(connection, connection.execute(query).all())

    def lines(self, connection: Connection, found: Sequence[Any]) -> list[CampaignLine]:
        """The same about rows of the campaigns' table, in their order."""
        numbers = [row.campaign_no for row in found]
        attempts = self._newest_attempts(connection, numbers)
        requests = self._states(connection, self._t.requests.c.campaign_no, numbers)
        partly = self._partly_unknown(connection, numbers)
        return [
            _line(row, attempts.get(row.campaign_no), requests.get(row.campaign_no, {}), partly.get(row.campaign_no, 0))
            for row in found
        ]

    def _partly_unknown(self, connection: Connection, campaigns: Sequence[int]) -> dict[int, int]:
        q, x = self._t.requests.c, self._t.outcomes.c
        query = (
            sa.select(q.campaign_no, sa.func.count(sa.distinct(q.id)))
            .select_from(self._t.requests.join(self._t.outcomes, x.request_id == q.id))
            .where(q.campaign_no.in_(list(campaigns)), q.state == RequestState.SETTLED, x.status == Status.UNKNOWN)
            .group_by(q.campaign_no)
        )
        return {row[0]: row[1] for row in connection.execute(query)}

    def open_attempts(self, connection: Connection, campaign_no: int) -> int:
        """How many attempts of a campaign have not ended; see :class:`.CampaignLine`."""
        newest = self._newest_attempts(connection, [campaign_no]).get(campaign_no)
        return int(newest.open_attempts) if newest else 0

    def _newest_attempts(self, connection: Connection, campaigns: Sequence[int]) -> dict[int, Any]:
        """The newest attempt of each campaign, and how many it has; a person's decision is not one of them."""
        a = self._t.attempts.c
        # One that was killed, and whose table a later attempt has read to its end, is over.
        going_on = sa.and_(a.ended_at.is_(None), a.superseded_to < READ_TO_THE_END)
        open_attempts = sa.func.sum(sa.case((going_on, 1), else_=0)).label("open_attempts")
        reading = sa.and_(going_on, a.read_to < READ_TO_THE_END, a.same_as.is_(None))
        reading_attempts = sa.func.sum(sa.case((reading, 1), else_=0)).label("reading_attempts")
        numbers = (sa.func.count().label("attempts"), open_attempts, reading_attempts)
        of_each = (
            sa.select(sa.func.max(a.attempt_no).label("newest"), *numbers)
            .where(a.campaign_no.in_(list(campaigns)), a.part != part_hash(DECISION))
            .group_by(a.campaign_no)
            .subquery()
        )
        counted = (of_each.c[number.name] for number in numbers)
        newest = sa.select(a.campaign_no, a.name, a.started_at, a.ended_at, *counted)
        query = newest.select_from(self._t.attempts.join(of_each, a.attempt_no == of_each.c.newest))
        return {row.campaign_no: row for row in connection.execute(query)}

    def _states(self, connection: Connection, of: Any, campaigns: Sequence[int]) -> dict[int, dict[str, int]]:
        """How many requests of these campaigns are in which state, by campaign or by attempt."""
        q = self._t.requests.c
        found: dict[int, dict[str, int]] = {}
        for portion in portions(campaigns):
            query = sa.select(of, q.state, sa.func.count()).where(q.campaign_no.in_(portion)).group_by(of, q.state)
            for number, state, count in connection.execute(query):
                found.setdefault(number, {})[state] = count
        return {number: _ordered(counts, STATES) for number, counts in found.items()}

    # -- one campaign -------------------------------------------------------------------------------------------

    def show(self, connection: Connection, campaign_no: int) -> CampaignOverview:
        """All that is counted of one campaign."""
        campaigns = self._t.campaigns
        row = connection.execute(sa.select(campaigns).where(campaigns.c.campaign_no == campaign_no)).one()
        counts, gone = self.counts(connection, campaign_no)
        requests = self._states(connection, self._t.requests.c.campaign_no, [campaign_no])
        return CampaignOverview(
            campaign_id=row.name,
            created_at=_aware(row.created_at),
            keys=_describe(KeySpec.from_json(row.key_spec)),
            counts=counts if row.pruned_at is None else json.loads(row.pruned_counts or "{}"),
            gone=gone,
            requests=requests.get(campaign_no, {}),
            unknown=self.unknown(connection, campaign_no),
            unknown_requests=self.unknown_requests(connection, campaign_no, MAX_REQUESTS),
            attempts=tuple(self.attempts(connection, campaign_no)),
            decisions=self.decisions(connection, campaign_no),
            stopped_at=_aware(row.stopped_at),
            stopped_by=row.stopped_by,
            pruned_at=_aware(row.pruned_at),
        )

    def counts(self, connection: Connection, campaign_no: int) -> tuple[dict[str, int], dict[str, int]]:
        """The rows of the current readings by status; and the recipients that no current reading holds."""
        rows = self._rows.results(campaign_no).subquery()
        number = rows.c[ROW_NUMBER].is_(None)
        query = sa.select(rows.c.status, number, sa.func.count()).group_by(rows.c.status, number)
        found = connection.execute(query).all()
        return (
            _ordered({status: count for status, is_gone, count in found if not is_gone}, STATUSES),
            _ordered({status: count for status, is_gone, count in found if is_gone}, STATUSES),
        )

    def unknown(
        self,
        connection: Connection,
        campaign_no: int,
        only: Collection[bytes] | None = None,
        request: bytes | None = None,
    ) -> UnknownCount:
        """How much is unknown; with ``only``, of those recipients; with ``request``, of that one's."""
        rows = list(self._unknown_rows(connection, campaign_no, only, request))
        campaigns = self._t.campaigns.c
        began = sa.select(campaigns.created_at).where(campaigns.campaign_no == campaign_no)
        return UnknownCount(
            recipients=sum(row.recipients for row in rows),
            requests=len(rows),
            in_flight=sum(row.recipients for row in rows if row.state == RequestState.SENDING),
            newest_sent_at=_aware(max((row.sent_at for row in rows if row.sent_at is not None), default=None)),
            began_at=_aware(connection.execute(began).scalar_one()),
            digest=digest_of({bytes(row.id): row.recipients for row in rows}) if only is None else "",
        )

    def _unknown_rows(
        self, connection: Connection, campaign_no: int, only: Collection[bytes] | None, request: bytes | None
    ) -> Iterable[Any]:
        if only is None:
            yield from connection.execute(
                self._by_request(campaign_no, unknown_recipients(self._t, campaign_no, request))
            )
            return
        counts: dict[bytes, int] = {}
        about: dict[bytes, Any] = {}
        for portion in portions(sorted(only)):
            some = unknown_recipients(self._t, campaign_no).subquery()
            chosen = sa.select(some).where(some.c.key.in_(portion))
            for row in connection.execute(self._by_request(campaign_no, chosen)):
                counts[row.id] = counts.get(row.id, 0) + row.recipients
                about[row.id] = row
        for request_id, row in about.items():
            yield _UnknownPart(row.state, row.sent_at, counts[request_id])

    def _by_request(self, campaign_no: int, recipients: Any) -> Any:
        q, each = self._t.requests.c, recipients.subquery().c
        of_it = (sa.func.count().label("recipients"), sa.func.min(each.why).label("why"))
        held = sa.select(each.request_id, *of_it).group_by(each.request_id).subquery()
        # Where the answer does not name all recipients, the reason stands at them.
        reason = sa.func.coalesce(q.reason, held.c.why).label("reason")
        about = (q.id, q.state, q.sent_at, q.session_no, q.request_id, reason)
        source = self._t.requests.join(held, held.c.request_id == q.id)
        return sa.select(*about, held.c.recipients).select_from(source).where(q.campaign_no == campaign_no)

    def undecided(self, connection: Connection, campaign_no: int) -> dict[str, int]:
        """How many requests hold recipients whose outcome is unknown, by their state."""
        q, each = self._t.requests.c, unknown_recipients(self._t, campaign_no).subquery().c
        ids = sa.select(each.request_id).distinct().subquery()
        source = self._t.requests.join(ids, ids.c.request_id == q.id)
        query = sa.select(q.state, sa.func.count()).select_from(source).group_by(q.state)
        return {row[0]: row[1] for row in connection.execute(query)}

    def unknown_requests(self, connection: Connection, campaign_no: int, limit: int) -> tuple[UnknownRequest, ...]:
        """The requests that hold unknown recipients, the oldest first."""
        q = self._t.requests.c
        query = self._by_request(campaign_no, unknown_recipients(self._t, campaign_no))
        return tuple(map(_unknown_request, connection.execute(query.order_by(q.sent_at, q.id).limit(limit))))

    def decisions(self, connection: Connection, campaign_no: int) -> tuple[DecisionLine, ...]:
        """What people decided, the oldest first; without what came to nothing."""
        a = self._t.attempts.c
        of_people = (a.campaign_no == campaign_no, a.part == part_hash(DECISION))
        query = sa.select(a.name, a.started_at).where(*of_people).order_by(a.attempt_no)
        read = [(read_name(row.name), _aware(row.started_at)) for row in connection.execute(query)]
        return tuple(
            DecisionLine(one.outcome, one.recipients, one.requests, one.by, at, one.reason)
            for one, at in read
            if one is not None
        )

    def attempts(self, connection: Connection, campaign_no: int) -> Iterable[AttemptLine]:
        """Its attempts and the decisions on it, the oldest first."""
        a = self._t.attempts
        query = sa.select(a).where(a.c.campaign_no == campaign_no).order_by(a.c.attempt_no)
        found = connection.execute(query).all()
        requests = self._states(connection, self._t.requests.c.attempt_no, [campaign_no])
        for row in found:
            whole = row.read_to == READ_TO_THE_END or row.same_as is not None
            yield AttemptLine(
                number=row.attempt_no,
                name=row.name,
                slice_no=row.slice_no + 1,
                slice_count=row.slice_count,
                started_at=_aware(row.started_at),
                ended_at=_aware(row.ended_at),
                read_whole=whole,
                rows_read=None if whole else row.read_to,
                requests=requests.get(row.attempt_no, {}),
            )


class _UnknownPart:
    """One request with some of its unknown recipients, as far as counting needs it."""

    __slots__ = ("recipients", "sent_at", "state")

    def __init__(self, state: str, sent_at: datetime | None, recipients: int) -> None:
        self.state, self.sent_at, self.recipients = state, sent_at, recipients


def _line(row: Any, newest: Any, requests: dict[str, int], partly_unknown: int) -> CampaignLine:
    return CampaignLine(
        campaign_id=row.name,
        created_at=_aware(row.created_at),
        attempts=newest.attempts if newest else 0,
        open_attempts=int(newest.open_attempts) if newest else 0,
        reading_attempts=int(newest.reading_attempts) if newest else 0,
        last_attempt=newest.name if newest else None,
        last_started_at=_aware(newest.started_at) if newest else None,
        last_ended_at=_aware(newest.ended_at) if newest else None,
        requests=requests,
        partly_unknown=partly_unknown,
        stopped_at=_aware(row.stopped_at),
        stopped_by=row.stopped_by,
        pruned_at=_aware(row.pruned_at),
    )


def _unknown_request(row: Any) -> UnknownRequest:
    return UnknownRequest(
        id=row.id.hex(),
        request_id=row.request_id or "",
        session_no=row.session_no,
        in_flight=row.state == RequestState.SENDING,
        sent_at=_aware(row.sent_at),
        recipients=row.recipients,
        reason=row.reason,
    )


def _ordered(counts: dict[str, int], order: Sequence[str]) -> dict[str, int]:
    return {name: counts[name] for name in order if name in counts}


def _describe(spec: KeySpec) -> str:
    return "the phone" if spec.columns is None else ", ".join(map(repr, spec.columns))


def _aware(time: Any) -> Any:
    return None if time is None else time.replace(tzinfo=UTC)
