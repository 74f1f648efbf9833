# SPDX-License-Identifier: Apache-2.0
"""The queries of the web page: each reads little, also of a large ledger. Nothing here writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.keys import KeySpec
from airflow_provider_uspeedo.ledger.admin.campaign_counts import CampaignCounter, CampaignCounts
from airflow_provider_uspeedo.ledger.admin.campaign_list import CampaignList, ListedCampaign, TaskFilter
from airflow_provider_uspeedo.ledger.admin.overview import Overviews, snapshots_of
from airflow_provider_uspeedo.ledger.admin.reports import AttemptLine, DecisionLine
from airflow_provider_uspeedo.ledger.admin.row_pages import RowPages
from airflow_provider_uspeedo.ledger.admin.row_records import RowFilter, RowPage, RowPlace
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.results.row_status import ResultRows
from airflow_provider_uspeedo.ledger.store.engine import Database
from airflow_provider_uspeedo.ledger.store.time_limit import time_limit

T = TypeVar("T")
READ_SECONDS = 8.0
"""After which the database ends a query of a page: the browser waits no longer."""
COUNT_SECONDS = 600.0
"""The same for each statement of a count. Its snapshot keeps a database from tidying up what was changed since."""


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """What is known of a campaign without a look at its rows.

    :param spec: how its keys are made.
    :param attempts: its attempts and the decisions on it, the newest first.
    :param decisions: what people decided, the newest first.
    :param pruned_counts: of a pruned campaign: its rows by status when it was pruned.
    """

    spec: KeySpec
    attempts: tuple[AttemptLine, ...]
    decisions: tuple[DecisionLine, ...]
    pruned_counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request of a campaign.

    :param id: ours, in hexadecimal digits, as logs and ``resolve`` name it.
    :param recipients: how many it holds now.
    :param vendor_request_id: the vendor's id of the call, or ``""``.
    """

    id: str
    attempt_no: int
    state: str
    recipients: int
    sent_at: datetime | None
    settled_at: datetime | None
    session_no: str | None
    ret_code: int | None
    vendor_request_id: str
    reason: str | None


class CampaignPages:
    """Reads a ledger for the web page.

    All methods raise :class:`~airflow_provider_uspeedo.errors.LedgerError` for a ledger of another version, and
    :class:`~airflow_provider_uspeedo.errors.LedgerUnavailable` if its database does not answer.
    """

    def __init__(self, ledger: LedgerQueries) -> None:
        self._t, self._database, self._snapshots = ledger.tables, ledger.database, snapshots_of(ledger.database)
        self._ledger = ledger
        self._overviews = Overviews(ledger.tables, ledger.rows)
        self._list = CampaignList(ledger.tables, self._overviews)
        whole = ResultRows(ledger.tables, whole=True)
        self._counter = CampaignCounter(whole, Overviews(ledger.tables, whole))
        self._row_pages = RowPages(ledger.rows)

    def exists(self) -> bool:
        """True if there is a ledger of this version."""
        return self._ledger.exists()

    def campaigns(
        self, limit: int, *, before: int | None = None, task: TaskFilter | None = None, word: str = ""
    ) -> list[ListedCampaign]:
        """The newest campaigns, the newest first; see :meth:`.CampaignList.page`."""

        def work(connection: Connection) -> list[ListedCampaign]:
            return self._list.page(connection, limit, before=before, task=task, word=word)

        # Names have no index: the newest attempts are read one after the other.
        return self._read(work, by_index=task is None and not word)

    def find(self, name_hash: bytes) -> ListedCampaign | None:
        """The campaign whose name has this hash."""
        return self._read(lambda connection: self._list.find(connection, name_hash))

    def facts(self, campaign_no: int) -> CampaignFacts:
        """What is known of it without a look at its rows."""
        campaigns = self._t.campaigns.c
        about = sa.select(campaigns.key_spec, campaigns.pruned_counts).where(campaigns.campaign_no == campaign_no)

        def work(connection: Connection) -> CampaignFacts:
            row = connection.execute(about).one()
            attempts = tuple(self._overviews.attempts(connection, campaign_no))
            decisions = self._overviews.decisions(connection, campaign_no)
            pruned_counts = json.loads(row.pruned_counts or "{}")
            return CampaignFacts(KeySpec.from_json(row.key_spec), attempts[::-1], decisions[::-1], pruned_counts)

        return self._read(work)

    def count(self, campaign_no: int, report: Callable[[CampaignCounts], object] = lambda _: None) -> CampaignCounts:
        """Counts all rows of a campaign; takes long for millions.

        :param report: is given what is counted so far, each time that there is more.
        """
        dialect, recipients = self._database.dialect, self._t.recipients
        is_large = self._read(lambda connection: dialect.knows_it_is_large(connection, recipients))
        return self._read(
            lambda connection: self._counter.count(connection, campaign_no, report),
            database=self._snapshots,
            seconds=COUNT_SECONDS,
            by_index=not is_large,
        )

    def _read(
        self,
        work: Callable[[Connection], T],
        *,
        database: Database | None = None,
        seconds: float | None = None,
        by_index: bool = True,
    ) -> T:
        ends_after = READ_SECONDS if seconds is None else seconds

        def limited(connection: Connection) -> T:
            with time_limit(connection, ends_after):
                return work(connection)

        return (database or self._database).read(limited, by_index=by_index)

    def rows(self, campaign_no: int, place: RowPlace, limit: int, which: RowFilter) -> RowPage:
        """Some rows; see :class:`.RowPages`."""
        return self._read(lambda connection: self._row_pages.page(connection, campaign_no, place, limit, which))

    def rows_of_keys(self, campaign_no: int, keys: Sequence[bytes], limit: int) -> RowPage:
        """The rows of some recipients; see :meth:`.RowPages.of_keys`."""
        return self._read(lambda connection: self._row_pages.of_keys(connection, campaign_no, keys, limit))

    def requests(
        self, campaign_no: int, limit: int, *, before: tuple[int, bytes] | None = None, state: str = ""
    ) -> list[RequestLine]:
        """The requests of a campaign, those of the newest attempt first.

        :param before: attempt and id of the last one of the page before.
        :param state: only in this state.
        """
        q = self._t.requests.c
        query = sa.select(self._t.requests).where(q.campaign_no == campaign_no)
        if before is not None:
            number, last = before
            earlier = sa.or_(q.attempt_no < number, sa.and_(q.attempt_no == number, q.id > last))
            query = query.where(earlier)
        if state:
            query = query.where(q.state == state)
        query = query.order_by(q.attempt_no.desc(), q.id).limit(limit)

        def work(connection: Connection) -> list[RequestLine]:
            found = connection.execute(query).all()
            held = self._held(connection, campaign_no, [bytes(row.id) for row in found])
            return [_shown(row, held.get(bytes(row.id), 0)) for row in found]

        return self._read(work)

    def _held(self, connection: Connection, campaign_no: int, ids: Sequence[bytes]) -> dict[bytes, int]:
        """How many recipients each request holds, counted by an index."""
        if not ids:
            return {}
        a, r = self._t.attempts.c, self._t.recipients.c
        attempts = connection.execute(sa.select(a.attempt_no).where(a.campaign_no == campaign_no)).scalars().all()
        query = (
            sa.select(r.request_id, sa.func.count())
            .where(r.first_attempt.in_(attempts), r.request_id.in_(ids))
            .group_by(r.request_id)
        )
        return {bytes(request_id): count for request_id, count in connection.execute(query)}


def _shown(row: Any, recipients: int) -> RequestLine:
    return RequestLine(
        id=bytes(row.id).hex(),
        attempt_no=row.attempt_no,
        state=row.state,
        recipients=recipients,
        sent_at=_aware(row.sent_at),
        settled_at=_aware(row.settled_at),
        session_no=row.session_no,
        ret_code=row.ret_code,
        vendor_request_id=row.request_id or "",
        reason=row.reason,
    )


def _aware(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)
