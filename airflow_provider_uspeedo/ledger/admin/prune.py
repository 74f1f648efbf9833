# SPDX-License-Identifier: Apache-2.0
"""Old campaigns are deleted but for a tombstone: the mark first, so that no recipient is texted again, then the rows.

The mark is a conditional update under a lock on the campaign's row, which every claim holds while it inserts. The
deletion afterwards, in portions, may be interrupted anywhere: the mark stays, and the next pruning goes on. Where caps
are in use, a phone's hash and the time of its text outlive the recipient (see :mod:`.kept_contacts`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.ledger.admin.kept_contacts import KeptContacts
from airflow_provider_uspeedo.ledger.admin.overview import Overviews, snapshots_of
from airflow_provider_uspeedo.ledger.admin.reports import Pruning
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.store.lookups import looked_up
from airflow_provider_uspeedo.ledger.store.records import utc_now

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A campaign that may be old enough."""

    number: int
    name: str
    last_active_at: datetime


class Pruner:
    """Prunes campaigns of one ledger.

    :param with_unknown: campaigns with unknown outcomes are pruned, too.
    :param rows_at_once: rows per DELETE: short transactions, and statements that every database takes.
    :param requests_at_once: requests whose outcomes are deleted in one transaction: up to a thousand outcomes each.
    """

    def __init__(
        self,
        ledger: LedgerQueries,
        *,
        with_unknown: bool = False,
        rows_at_once: int = 5_000,
        requests_at_once: int = 20,
    ) -> None:
        self._database, self._snapshots = ledger.database, snapshots_of(ledger.database)
        self._t = ledger.tables
        self._overviews = Overviews(ledger.tables, ledger.rows)
        self._contacts = KeptContacts(ledger.tables)
        self._with_unknown = with_unknown
        self._rows_at_once, self._requests_at_once = rows_at_once, requests_at_once

    def prune(self, older_than: timedelta, named: Mapping[str, Any] | None, *, dry_run: bool) -> list[Pruning]:
        """Makes old campaigns tombstones, and deletes what belongs to tombstones, also to earlier ones.

        :param named: only these campaigns, by name, as they were found; ``None``: all.
        """
        before = utc_now() - older_than
        reports = []
        for one in self._candidates(named, before):
            if isinstance(one, Pruning):
                reports.append(one)
            elif dry_run:
                reports.append(self._snapshots.read(partial(self._judge, one=one)))
            else:
                reports += self._make_tombstone(one, before)
        if not dry_run:
            for campaign_no in self._database.read(self._unfinished):
                self._delete(campaign_no)
            self._contacts.sweep(self._database, self._rows_at_once)
        return reports

    # -- choosing -----------------------------------------------------------------------------------------------

    def _candidates(self, named: Mapping[str, Any] | None, before: datetime) -> Iterator[Candidate | Pruning]:
        """Campaigns to prune, and reports on those that were named and cannot be."""
        if named is None:
            yield from self._database.read(lambda connection: self._old_campaigns(connection, None, before))
            return
        for name, campaign in named.items():
            if campaign.pruned_at is not None:
                yield _pruned_before(name, campaign.pruned_at)
                continue
            of_that_name = partial(self._old_campaigns, named={campaign_hash(name)}, before=None)
            for one in self._database.read(of_that_name):
                yield _too_young(one) if one.last_active_at >= before else one

    def _old_campaigns(
        self, connection: Connection, named: Collection[bytes] | None, before: datetime | None
    ) -> list[Candidate]:
        """Campaigns that are no tombstones yet, the oldest first.

        :param named: the hashes of their names; ``None``: all campaigns.
        :param before: only those of which no attempt began, claimed, sent or ended since; ``None``: all.
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

    def _judge(self, connection: Connection, one: Candidate) -> Pruning:
        """Whether the campaign may be pruned, and what it counts."""
        counts = self._all_counts(connection, one.number)
        unknown = self._overviews.unknown(connection, one.number).recipients
        why_not = "" if self._with_unknown or not unknown else (
            f"{counted(unknown, 'recipient')} with unknown outcome: resolve them first, or include them by name: "
            "with_unknown=True (--with-unknown)"
        )  # fmt: skip
        return _pruning(one, why_not, counts)

    # -- marking ------------------------------------------------------------------------------------------------

    def _make_tombstone(self, one: Candidate, before: datetime) -> list[Pruning]:
        """Marks the campaign, unless it may not be pruned; no report if another process has just done so."""
        reports: list[Pruning] = []  # a repetition after a lost acknowledgement finds the mark set

        def work(connection: Connection) -> None:
            report = self._mark(connection, one, before)
            if report is not None:
                reports.append(report)

        self._database.write(self._by_index(work))
        return reports[-1:]

    def _mark(self, connection: Connection, one: Candidate, before: datetime) -> Pruning | None:
        campaigns = self._t.campaigns
        here = campaigns.c.campaign_no == one.number
        # Locked first, then read: no claim comes in between. (An update alone would not wait for claims.)
        connection.execute(sa.select(campaigns.c.campaign_no).where(here).with_for_update())
        marking = sa.update(campaigns).where(here, campaigns.c.pruned_at.is_(None)).values(pruned_at=utc_now())
        if not connection.execute(marking).rowcount:
            return None
        report = self._judge(connection, one)
        if self._active_since(connection, one.number, before):
            report = _pruning(one, "an attempt of it has just begun or goes on", report.counts)
        if report.why_not:
            connection.execute(sa.update(campaigns).where(here).values(pruned_at=None))
            return report
        connection.execute(sa.update(campaigns).where(here).values(pruned_counts=json.dumps(dict(report.counts))))
        return report

    def _active_since(self, connection: Connection, campaign_no: int, before: datetime) -> bool:
        a, q = self._t.attempts.c, self._t.requests.c
        attempts = sa.select(a.attempt_no).where(
            a.campaign_no == campaign_no, sa.or_(a.started_at >= before, a.ended_at >= before)
        )
        requests = sa.select(q.id).where(
            q.campaign_no == campaign_no, sa.or_(q.claimed_at >= before, q.sent_at >= before)
        )
        return any(connection.execute(since.limit(1)).first() for since in (attempts, requests))

    def _all_counts(self, connection: Connection, campaign_no: int) -> dict[str, int]:
        counts, gone = self._overviews.counts(connection, campaign_no)
        return {status: counts.get(status, 0) + gone.get(status, 0) for status in {**counts, **gone}}

    # -- deleting -----------------------------------------------------------------------------------------------

    def _unfinished(self, connection: Connection) -> list[int]:
        """Tombstones of which something is left to delete."""
        c, q, a = self._t.campaigns.c, self._t.requests.c, self._t.attempts.c
        r, rows = self._t.recipients.c, self._t.source_rows.alias("s")
        read = looked_up(self._t.attempts, rows, rows.c.attempt_no == a.attempt_no)
        left = (
            sa.select(r.key).where(r.campaign_no == c.campaign_no),
            sa.select(q.id).where(q.campaign_no == c.campaign_no),
            sa.select(a.attempt_no).select_from(read).where(a.campaign_no == c.campaign_no),
        )
        # The first one of each: for an EXISTS, PostgreSQL may read the rows of all campaigns once.
        first = (one.limit(1).correlate(self._t.campaigns).scalar_subquery().is_not(None) for one in left)
        query = sa.select(c.campaign_no).where(c.pruned_at.is_not(None), sa.or_(*first)).order_by(c.campaign_no)
        return list(connection.execute(query).scalars())

    def _delete(self, campaign_no: int) -> None:
        """Deletes what belongs to a tombstone, portion by portion."""
        for portion in (self._delete_readings, self._delete_recipients, self._delete_requests):
            while self._database.write(self._by_index(partial(portion, campaign_no=campaign_no))):
                pass

    def _by_index(self, work: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """The same work, without a look at the rows of other campaigns."""

        def work_by_index(connection: Connection) -> T:
            self._database.dialect.read_by_index(connection)
            return work(connection)

        return work_by_index

    def _delete_recipients(self, connection: Connection, campaign_no: int) -> bool:
        keeping = self._contacts.keeping(connection)
        r = self._t.recipients
        here = r.c.campaign_no == campaign_no
        keys = (
            connection.execute(sa.select(r.c.key).where(here).order_by(r.c.key).limit(self._rows_at_once))
            .scalars()
            .all()
        )
        if keys:
            if keeping is not None:
                self._contacts.keep(connection, keeping, campaign_no, [bytes(key) for key in keys])
            connection.execute(sa.delete(r).where(here, r.c.key >= keys[0], r.c.key <= keys[-1]))
        return bool(keys)

    def _delete_readings(self, connection: Connection, campaign_no: int) -> bool:
        a, rd = self._t.attempts.c, self._t.source_rows
        some = rd.alias("s")
        read = looked_up(self._t.attempts, some, some.c.attempt_no == a.attempt_no)
        query = sa.select(a.attempt_no).select_from(read).where(a.campaign_no == campaign_no)
        attempt_no = connection.execute(query.limit(1)).scalar()
        if attempt_no is None:
            return False
        mine = rd.c.attempt_no == attempt_no
        number = rd.c.row_number
        rows = (
            connection.execute(sa.select(number).where(mine).order_by(number).limit(self._rows_at_once)).scalars().all()
        )
        connection.execute(sa.delete(rd).where(mine, number >= rows[0], number <= rows[-1]))
        return True

    def _delete_requests(self, connection: Connection, campaign_no: int) -> bool:
        q = self._t.requests
        query = sa.select(q.c.id).where(q.c.campaign_no == campaign_no).order_by(q.c.id).limit(self._requests_at_once)
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


def _too_young(one: Candidate) -> Pruning:
    """A campaign that was named and is not old enough."""
    return _pruning(one, f"an attempt of it began or ended at {one.last_active_at:%Y-%m-%d %H:%M:%S} UTC", {})


def _pruned_before(name: str, at: datetime) -> Pruning:
    """A campaign that was named and is a tombstone already."""
    why_not = f"it was pruned at {at:%Y-%m-%d %H:%M:%S} UTC"
    return Pruning(name, False, why_not, at.replace(tzinfo=UTC), {})
