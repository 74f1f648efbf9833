# SPDX-License-Identifier: Apache-2.0
"""Old campaigns are deleted but for a tombstone: the mark first, so that nobody is texted again, then the people.

The mark is a conditional update under a lock on the campaign's row, which every claim holds while it inserts. What is
deleted afterwards, in portions, may be interrupted anywhere: the mark stays, and the next pruning goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.ledger.admin.overview import Overviews
from airflow_provider_uspeedo.ledger.admin.reports import Pruning
from airflow_provider_uspeedo.ledger.store.records import utc_now
from airflow_provider_uspeedo.ledger.store.schema import Tables

PORTION = 5_000
"""Rows per DELETE: short transactions, and statements that every database takes."""
REQUESTS_AT_ONCE = 20
"""Requests whose outcomes are deleted in one transaction: up to a thousand outcomes each."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A campaign that may be old enough."""

    number: int
    name: str
    last_active_at: datetime


class Prunes:
    """The statements of ``prune``; each method is one transaction."""

    def __init__(self, tables: Tables, overviews: Overviews) -> None:
        self._t = tables
        self._overviews = overviews

    def candidates(
        self, connection: Connection, named: Collection[bytes] | None, before: datetime | None
    ) -> list[Candidate]:
        """Campaigns that are no tombstones yet, the oldest first.

        :param named: the hashes of their names; ``None``: of whatever name.
        :param before: only those of which no try began, claimed, sent or ended since; ``None``: all.
        """
        c, a, q = self._t.campaigns.c, self._t.attempts.c, self._t.requests.c
        newest = sa.func.max(sa.func.coalesce(a.ended_at, a.started_at))
        sent = sa.select(sa.func.max(sa.func.coalesce(q.sent_at, q.claimed_at))).where(q.campaign_no == c.campaign_no)
        query = (
            sa.select(
                c.campaign_no,
                c.name,
                c.created_at,
                newest.label("newest"),
                sent.scalar_subquery().label("newest_request"),
            )
            .select_from(self._t.campaigns.outerjoin(self._t.attempts, a.campaign_no == c.campaign_no))
            .where(c.pruned_at.is_(None))
            .group_by(c.campaign_no, c.name, c.created_at)
            .order_by(c.campaign_no)
        )
        if named is not None:
            query = query.where(c.name_hash.in_(sorted(named)))
        found = [
            Candidate(row.campaign_no, row.name, max(filter(None, (row.created_at, row.newest, row.newest_request))))
            for row in connection.execute(query)
        ]
        return [one for one in found if before is None or one.last_active_at < before]

    def judge(self, connection: Connection, one: Candidate, *, with_unknown: bool) -> Pruning:
        """Whether the campaign may be pruned, and what it counts."""
        counts = self._all_counts(connection, one.number)
        unknown = self._overviews.unknown(connection, one.number).recipients
        why_not = "" if with_unknown or not unknown else (
            f"{counted(unknown, 'recipient')} with unknown outcome: resolve them first, or include them by name: "
            "with_unknown=True (--with-unknown)"
        )  # fmt: skip
        return _pruning(one, why_not, counts)

    def mark(self, connection: Connection, one: Candidate, before: datetime, *, with_unknown: bool) -> Pruning | None:
        """Makes the campaign a tombstone, unless it may not be; ``None`` if somebody else has just done so."""
        campaigns = self._t.campaigns
        here = campaigns.c.campaign_no == one.number
        # The lock first, then the look: no claim comes in between. (An update alone would not wait for claims.)
        connection.execute(sa.select(campaigns.c.campaign_no).where(here).with_for_update())
        marking = sa.update(campaigns).where(here, campaigns.c.pruned_at.is_(None)).values(pruned_at=utc_now())
        if not connection.execute(marking).rowcount:
            return None
        verdict = self.judge(connection, one, with_unknown=with_unknown)
        if self._tried_since(connection, one.number, before):
            verdict = _pruning(one, "a try of it has just begun or goes on", verdict.counts)
        if verdict.why_not:
            connection.execute(sa.update(campaigns).where(here).values(pruned_at=None))
            return verdict
        connection.execute(sa.update(campaigns).where(here).values(pruned_counts=json.dumps(dict(verdict.counts))))
        return verdict

    def _tried_since(self, connection: Connection, campaign_no: int, before: datetime) -> bool:
        a, q = self._t.attempts.c, self._t.requests.c
        tries = sa.select(a.attempt_no).where(
            a.campaign_no == campaign_no, sa.or_(a.started_at >= before, a.ended_at >= before)
        )
        requests = sa.select(q.id).where(
            q.campaign_no == campaign_no, sa.or_(q.claimed_at >= before, q.sent_at >= before)
        )
        return any(connection.execute(since.limit(1)).first() for since in (tries, requests))

    def _all_counts(self, connection: Connection, campaign_no: int) -> dict[str, int]:
        counts, gone = self._overviews.counts(connection, campaign_no)
        return {status: counts.get(status, 0) + gone.get(status, 0) for status in {**counts, **gone}}

    # -- deleting -----------------------------------------------------------------------------------------------

    def unfinished(self, connection: Connection) -> list[int]:
        """Tombstones of which something is left to delete."""
        c, r, q = self._t.campaigns.c, self._t.recipients.c, self._t.requests.c
        a, rd = self._t.attempts.c, self._t.source_rows.c
        left = (
            sa.exists(sa.select(r.key).where(r.campaign_no == c.campaign_no)),
            sa.exists(sa.select(q.id).where(q.campaign_no == c.campaign_no)),
            sa.exists(
                sa.select(rd.attempt_no)
                .select_from(self._t.attempts.join(self._t.source_rows, rd.attempt_no == a.attempt_no))
                .where(a.campaign_no == c.campaign_no)
            ),
        )
        query = sa.select(c.campaign_no).where(c.pruned_at.is_not(None), sa.or_(*left)).order_by(c.campaign_no)
        return list(connection.execute(query).scalars())

    def delete(self, write: Callable[[Callable[[Connection], bool]], bool], campaign_no: int) -> None:
        """Deletes what hangs on a tombstone, portion by portion.

        :param write: runs one transaction.
        """
        for portion in (self._delete_readings, self._delete_recipients, self._delete_requests):
            while write(partial(portion, campaign_no=campaign_no)):
                pass

    def _delete_recipients(self, connection: Connection, campaign_no: int) -> bool:
        r = self._t.recipients
        here = r.c.campaign_no == campaign_no
        keys = connection.execute(sa.select(r.c.key).where(here).order_by(r.c.key).limit(PORTION)).scalars().all()
        if keys:
            connection.execute(sa.delete(r).where(here, r.c.key >= keys[0], r.c.key <= keys[-1]))
        return bool(keys)

    def _delete_readings(self, connection: Connection, campaign_no: int) -> bool:
        a, rd = self._t.attempts.c, self._t.source_rows
        query = (
            sa.select(rd.c.attempt_no)
            .select_from(self._t.attempts.join(rd, rd.c.attempt_no == a.attempt_no))
            .where(a.campaign_no == campaign_no)
        )
        attempt_no = connection.execute(query.limit(1)).scalar()
        if attempt_no is None:
            return False
        mine = rd.c.attempt_no == attempt_no
        number = rd.c.row_number
        rows = connection.execute(sa.select(number).where(mine).order_by(number).limit(PORTION)).scalars().all()
        connection.execute(sa.delete(rd).where(mine, number >= rows[0], number <= rows[-1]))
        return True

    def _delete_requests(self, connection: Connection, campaign_no: int) -> bool:
        q = self._t.requests
        query = sa.select(q.c.id).where(q.c.campaign_no == campaign_no).order_by(q.c.id).limit(REQUESTS_AT_ONCE)
        ids = connection.execute(query).scalars().all()
        if not ids:
            return False
        # The request first: an answer that is being recorded now is waited for, and a later one finds no request.
        connection.execute(sa.delete(q).where(q.c.id.in_(ids)))
        for table in (self._t.outcomes, self._t.past_requests, self._t.receipts):
            connection.execute(sa.delete(table).where(table.c.request_id.in_(ids)))
        return True


def _pruning(one: Candidate, why_not: str, counts: Mapping[str, int]) -> Pruning:
    return Pruning(one.name, not why_not, why_not, one.last_active_at.replace(tzinfo=UTC), counts)


def too_young(one: Candidate, counts: Mapping[str, int]) -> Pruning:
    """A campaign that was named and is not old enough."""
    return _pruning(one, f"a try of it began or ended at {one.last_active_at:%Y-%m-%d %H:%M:%S} UTC", counts)


def pruned_before(name: str, at: datetime) -> Pruning:
    """A campaign that was named and is a tombstone already."""
    why_not = f"it was pruned at {at:%Y-%m-%d %H:%M:%S} UTC"
    return Pruning(name, False, why_not, at.replace(tzinfo=UTC), {})
