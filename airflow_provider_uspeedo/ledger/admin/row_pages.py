# SPDX-License-Identifier: Apache-2.0
"""The rows of one campaign, a page at a time, found by indexes however many there are.

They are the lines of the results relation: first the rows that the attempts recorded, in the order of the table, then
the recipients, request by request. A page ends after so many rows, or after so much time, and says where the next one
begins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.admin.row_records import (
    OWN_ROWS,
    RECIPIENTS,
    RowFilter,
    RowPage,
    RowPlace,
    ShownRow,
)
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS, ResultRows
from airflow_provider_uspeedo.ledger.store.lookups import looked_up
from airflow_provider_uspeedo.ledger.store.schema import ROW_NUMBER
from airflow_provider_uspeedo.ledger.store.states import RequestState

WINDOW = 2_000
"""Row numbers that one statement looks at."""
SKIPPED = 200_000
"""Row numbers among which one statement finds the first row that may be meant."""
MAX_REQUESTS_AT_ONCE = 64
SECONDS = 0.25
"""A page that is not full by then ends."""
FEW = 10
"""So few rows of some requests: the next time more requests are asked about."""
_NEVER_SENT = (Status.INVALID, Status.DUPLICATE)
_OF_RECIPIENTS = (Status.ACCEPTED, Status.REJECTED, Status.UNKNOWN)
"""Only rows that stand for a recipient can have these."""
_WAITING = (RequestState.CLAIMED, RequestState.RELEASED, RequestState.SUPERSEDED)
_MAY_ARRIVE = (RequestState.SENDING, RequestState.UNKNOWN)


class RowPages:
    """Reads pages; each method is called within one transaction."""

    def __init__(
        self, rows: ResultRows, *, seconds: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rows, self._t = rows, rows.tables
        self._seconds, self._clock = SECONDS if seconds is None else seconds, clock

    def page(self, connection: Connection, campaign_no: int, place: RowPlace, limit: int, which: RowFilter) -> RowPage:
        """The rows from a place on."""
        found: list[ShownRow] = []
        ends = self._clock() + self._seconds
        at = place
        for at, rows in self._steps(connection, campaign_no, place, limit, which):
            found += rows
            if len(found) >= limit:
                return RowPage(tuple(found), self._unless_last(connection, campaign_no, at, which), False)
            if self._clock() > ends:
                return RowPage(tuple(found), at, True)
        return RowPage(tuple(found), None, False)

    def of_keys(self, connection: Connection, campaign_no: int, keys: Sequence[bytes], limit: int) -> RowPage:
        """The rows that stand for these recipients, found at once; other rows may have the same phone."""
        r = self._rows.recipient.c
        parts = (
            *self._rows.recipients(campaign_no, r.campaign_no == campaign_no, r.key.in_(keys)),
            *self._rows.source_rows(campaign_no, self._rows.source_row.c.known_key.in_(keys)),
        )
        lines = sa.union_all(*parts).subquery().c
        found = connection.execute(sa.select(*(lines[name] for name in COLUMNS)).limit(limit))
        return RowPage(tuple(_shown(line) for line in found), RowPlace(), True)

    def _unless_last(self, connection: Connection, campaign_no: int, at: RowPlace, which: RowFilter) -> RowPlace | None:
        """The place, if a look shows a row behind it, or ends before all was looked at."""
        ends = self._clock() + self._seconds / 2
        for _, rows in self._steps(connection, campaign_no, at, 1, which):
            if rows or self._clock() > ends:
                return at
        return None

    def _steps(
        self, connection: Connection, campaign_no: int, place: RowPlace, limit: int, which: RowFilter
    ) -> Iterator[tuple[RowPlace, list[ShownRow]]]:
        """Rows of few statements, each time with the place behind them; the caller stops when it has enough."""
        missing = limit
        attempts = self._attempts(connection, campaign_no)
        if place.what == OWN_ROWS and not which.request_id:
            for attempt_no in attempts:
                if attempt_no >= place.attempt_no and self._may_have_own(connection, attempt_no, which):
                    after = place.after if attempt_no == place.attempt_no else 0
                    for at, rows in self._own_rows(connection, campaign_no, attempt_no, after, missing, which):
                        missing -= len(rows)
                        yield at, rows
            place = RowPlace(RECIPIENTS)
        if which.status not in _NEVER_SENT:
            place = place if place.what == RECIPIENTS else RowPlace(RECIPIENTS)
            yield from self._recipients(connection, campaign_no, attempts, place, missing, which)

    # -- rows that an attempt recorded ----------------------------------------------------------------------------

    def _attempts(self, connection: Connection, campaign_no: int) -> list[int]:
        a = self._t.attempts.c
        query = sa.select(a.attempt_no).where(a.campaign_no == campaign_no).order_by(a.attempt_no)
        return [int(number) for number in connection.execute(query).scalars()]

    def _may_have_own(self, connection: Connection, attempt_no: int, which: RowFilter) -> bool:
        """False: no row that the attempt recorded has such a status, as an index says."""
        if which.status not in _OF_RECIPIENTS:
            return True
        row = self._t.source_rows.c
        known = sa.select(row.attempt_no).where(row.attempt_no == attempt_no, row.known_key.is_not(None))
        return connection.execute(known.limit(1)).first() is not None

    def _own_rows(
        self, connection: Connection, campaign_no: int, attempt_no: int, after: int, missing: int, which: RowFilter
    ) -> Iterator[tuple[RowPlace, list[ShownRow]]]:
        row = self._rows.source_row.c
        number = self._t.source_rows.c[ROW_NUMBER]
        mine = self._t.source_rows.c.attempt_no == attempt_no
        last = connection.execute(sa.select(sa.func.max(number)).where(mine)).scalar() or 0
        while after < last:
            near = (mine, number > after, number <= after + SKIPPED, *self._may_be(self._t.source_rows.c, which))
            first = connection.execute(sa.select(number).where(*near).order_by(number).limit(1)).scalar()
            if first is None:
                after = min(after + SKIPPED, last)  # an attempt that runs adds rows behind it
                yield RowPlace(OWN_ROWS, attempt_no, b"", after), []
                continue
            here = (row.attempt_no == attempt_no, row[ROW_NUMBER] >= first, row[ROW_NUMBER] < first + WINDOW)
            parts = [
                part.where(self._rows.attempt.c.attempt_no == attempt_no)
                for part in self._rows.source_rows(campaign_no, *here)
            ]
            lines = sa.union_all(*parts).subquery().c
            query = sa.select(*(lines[name] for name in COLUMNS)).where(*which.on(lines))
            found = connection.execute(query.order_by(lines[ROW_NUMBER]).limit(missing)).all()
            after = found[-1].row_number if len(found) == missing else min(first + WINDOW - 1, last)
            missing -= len(found)
            yield RowPlace(OWN_ROWS, attempt_no, b"", after), [_shown(line) for line in found]

    def _may_be(self, row: Any, which: RowFilter) -> list[Any]:
        """A condition on a source row alone that leaves out what surely is not meant.

        Only a row that stands for a recipient may have the status, and the texts, of that.
        """
        if which.status in _NEVER_SENT:
            return [row.status == which.status]
        wanted = [row.status == which.status] if which.status else []
        wanted += which.about(row)
        return [sa.or_(sa.and_(*wanted), row.known_key.is_not(None))] if wanted else []

    # -- recipients -----------------------------------------------------------------------------------------------

    def _recipients(
        self,
        connection: Connection,
        campaign_no: int,
        attempts: Sequence[int],
        place: RowPlace,
        missing: int,
        which: RowFilter,
    ) -> Iterator[tuple[RowPlace, list[ShownRow]]]:
        at_once, skip = 1, place.after
        begun: tuple[int, bytes] | None = (place.attempt_no, place.request_id) if place.request_id else None
        inclusive = skip > 0
        while requests := self._requests(connection, campaign_no, begun, inclusive, at_once, which):
            attempt_no = requests[0].attempt_no
            ids = [bytes(request.id) for request in requests if request.attempt_no == attempt_no]
            older = [number for number in attempts if number <= attempt_no]
            found = self._of_requests(connection, campaign_no, ids, older, skip, missing, which)
            if len(found) == missing and missing:
                last = bytes(found[-1].of_request)
                taken = sum(1 for line in found if bytes(line.of_request) == last)
                after = taken + (skip if last == ids[0] else 0)
                yield RowPlace(RECIPIENTS, attempt_no, last, after), [_shown(line) for line in found]
                return
            missing -= len(found)
            skip, inclusive, begun = 0, False, (attempt_no, ids[-1])
            at_once = min(2 * at_once, MAX_REQUESTS_AT_ONCE) if len(found) < FEW else at_once
            yield RowPlace(RECIPIENTS, attempt_no, ids[-1], 0), [_shown(line) for line in found]

    def _requests(
        self,
        connection: Connection,
        campaign_no: int,
        begun: tuple[int, bytes] | None,
        inclusive: bool,
        limit: int,
        which: RowFilter,
    ) -> Sequence[Any]:
        """The next requests that may hold such recipients, by attempt and id."""
        q = self._t.requests.c
        query = sa.select(q.id, q.attempt_no).where(q.campaign_no == campaign_no)
        if which.request_id:
            query = query.where(q.id == which.request_id)
        if which.status:
            query = query.where(self._may_hold(campaign_no, which.status))
        if begun is not None:
            number, last = begun
            later = q.id >= last if inclusive else q.id > last
            query = query.where(sa.or_(q.attempt_no > number, sa.and_(q.attempt_no == number, later)))
        return connection.execute(query.order_by(q.attempt_no, q.id).limit(limit)).all()

    def _may_hold(self, campaign_no: int, status: str) -> Any:
        """The condition that some recipients of a request may have the status; it leaves out what surely has none."""
        q, x = self._t.requests.c, self._t.outcomes.c
        states = {
            Status.ACCEPTED.value: (RequestState.SETTLED,),
            Status.UNKNOWN.value: _MAY_ARRIVE,
            Status.NOT_SENT.value: _WAITING,
        }.get(status, ())
        of_its_own = sa.exists(sa.select(x.key).where(x.request_id == q.id, x.status == status))
        # Recipients of which an older request was proven accepted show its outcome, and point at a newer one.
        # Found from the requests: SQLite would go through all recipients of the campaign.
        older, person = self._t.requests.alias("older"), self._t.recipients.alias("person")
        left = looked_up(older, past := self._t.past_requests.alias("past"), past.c.request_id == older.c.id)
        same = sa.and_(person.c.campaign_no == campaign_no, person.c.key == past.c.key)
        proven = (
            sa.select(person.c.request_id)
            .select_from(looked_up(left, person, same))
            .where(older.c.campaign_no == campaign_no, person.c.proven_request_id.is_not(None))
        )
        return sa.or_(q.state.in_([state.value for state in states]), of_its_own, q.id.in_(proven))

    def _of_their_own(self, ids: Sequence[bytes], which: RowFilter) -> list[Any]:
        """A condition on recipients that spares a look at all others, where no state of a request gives the status."""
        x, r = self._t.outcomes.c, self._rows.recipient.c
        if which.status not in (Status.REJECTED, Status.SUPPRESSED):
            return []
        named = sa.select(x.key).where(x.request_id.in_(ids), x.status == which.status)
        return [sa.or_(r.key.in_(named), r.proven_request_id.is_not(None))]

    def _of_requests(
        self,
        connection: Connection,
        campaign_no: int,
        ids: Sequence[bytes],
        attempts: Sequence[int],
        skip: int,
        limit: int,
        which: RowFilter,
    ) -> Sequence[Any]:
        r = self._rows.recipient.c
        here = (r.first_attempt.in_(attempts), r.request_id.in_(ids), *which.about(r), *self._of_their_own(ids, which))
        parts = [
            part.add_columns(r.request_id.label("of_request"), r.key.label("of_key"), r.first_row.label("first_row"))
            for part in self._rows.recipients(campaign_no, *here)
        ]
        lines = sa.union_all(*parts).subquery().c
        columns = (*(lines[name] for name in COLUMNS), lines.of_request)
        query = sa.select(*columns).where(*which.on(lines))
        ordered = query.order_by(lines.of_request, lines.first_row, lines.of_key)
        return connection.execute(ordered.offset(skip).limit(limit)).all()


def _shown(line: Any) -> ShownRow:
    return ShownRow(
        line.row_number,
        line.status,
        line.reason,
        line.phone or "",
        line.user_id or "",
        line.template_id or "",
        line.session_no,
        line.settled_at,
        line.receipt_result,
        line.receipt_desc,
    )
