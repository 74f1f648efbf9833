# SPDX-License-Identifier: Apache-2.0
"""The mark *sending*: the transaction after which a request may be given to the network, once, and who is in it then.

Without caps, hours and deadline, and while the ledger's list is as the claim found it, the mark is one conditional
update, in a transaction of its own, after the lock that it would wait for. Otherwise the transaction holds the request
as *claimed*, looks at the rules, moves the recipients that may not be sent to into a request of their own, which is
*released*, and marks what is left. Claims are made ahead: what they saw may be hours old.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.contact_rules import ContactRules, Exclusion
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.protocol.contacts import (
    SUPPRESSED,
    Contacts,
    ContactsUnrecorded,
    LedgerRules,
    left,
    window,
)
from airflow_provider_uspeedo.ledger.store.bulk import insert_new, new_only, portions
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.expressions import database_now
from airflow_provider_uspeedo.ledger.store.records import Attempt, Request
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.states import RequestState

Judge = Callable[[datetime], Sequence[Exclusion]]
"""Says which rows of one request may not be sent at a moment (UTC)."""
Why = tuple[str, str]
"""Status and reason of a recipient that is left out."""


class Marks:
    """The statements of the mark, made once.

    :param contacts: what the ledger knows of phones.
    """

    def __init__(self, tables: Tables, dialect: DatabaseDialect, contacts: Contacts) -> None:
        self._t = tables
        self._dialect = dialect
        self._campaigns = Campaigns(tables)
        self._contacts = contacts
        q, ledger = tables.requests.c, tables.ledger.c
        mine = (q.id == sa.bindparam("request"), q.attempt_no == sa.bindparam("attempt"))
        claimed = (*mine, q.state == RequestState.CLAIMED)
        going_on = self._campaigns.is_going_on(sa.bindparam("campaign"))
        as_claimed = sa.exists(
            sa.select(ledger.version).where(
                ledger.suppressions == sa.bindparam("list_version"),
                sa.or_(ledger.cap_days.is_(None), sa.bindparam("recorded", type_=sa.Integer()) == 1),
            )
        )
        past = tables.past_requests.c
        # Of a claimed request: these have turned out to have been texted by the request that a person took them from.
        self._proven = sa.select(past.key).where(past.request_id == sa.bindparam("request"))
        update = sa.update(tables.requests)
        sending: dict[str, Any] = {"state": RequestState.SENDING}
        self._mark = update.where(*claimed, going_on, as_claimed, ~sa.exists(self._proven)).values(
            **sending, sent_at=database_now()
        )
        at: Any = sa.bindparam("at")
        recorded: Any = sa.bindparam("are_recorded")
        self._mark_judged = update.where(*claimed, going_on).values(**sending, sent_at=at, contacts=recorded)
        self._hold = update.where(*claimed).values(state=RequestState.CLAIMED)
        self._state = sa.select(q.state).where(*mine)
        self._wait = self._state.with_for_update()
        x = tables.outcomes.c
        number = sa.func.count().label("number")
        left_out = sa.select(x.reason, number).where(x.request_id == sa.bindparam("left_out"))
        self._left_out = left_out.group_by(x.reason)

    def mark_as_claimed(self, connection: Connection, attempt: Attempt, request: Request) -> bool:
        """Marks a request for which no caps, hours and deadline are; false: :meth:`mark` must see to it.

        Not in this transaction: it may hold the request by now, and :meth:`mark` holds the campaign first.
        """
        as_claimed = {"list_version": request.list_version, "recorded": int(request.recorded)}
        given = {**_whose(attempt, request), "campaign": attempt.campaign_no, **as_claimed}
        if self._dialect.locks_rows:  # a statement that has waited for the request sees the list as it was before
            connection.execute(self._wait, _whose(attempt, request))
        return bool(connection.execute(self._mark, given).rowcount)

    def mark(
        self,
        connection: Connection,
        attempt: Attempt,
        request: Request,
        rules: ContactRules,
        judge: Judge | None,
        left_out_id: bytes,
    ) -> Request:
        """The request with what may now be given to the socket, once; without recipients if nothing may.

        :param left_out_id: of the request that gets the recipients that may not be sent to now; made before the
            transaction, as every id.
        :raises CampaignHalted: a person has stopped or pruned the campaign.
        :raises ContactsUnrecorded: texts cannot be counted before their contacts are recorded.
        """
        whose = _whose(attempt, request)
        self._campaigns.refuse_halted(connection, attempt)
        if not connection.execute(self._hold, whose).rowcount:
            return self._as_it_is(connection, attempt, request, whose, left_out_id)
        request = self._without_proven(connection, attempt, request)
        found = self._contacts.ledger_rules(connection)
        request = self._recorded(connection, attempt, request, found)
        now, left_out = self._judged(connection, attempt, request, rules, judge, found)
        if left_out:
            request = self._without(connection, attempt, request, left_out, left_out_id)
        if not len(request.recipients):
            q = self._t.requests
            connection.execute(sa.delete(q).where(q.c.id == request.id, q.c.state == RequestState.CLAIMED))
            return request
        marking = {**whose, "campaign": attempt.campaign_no, "at": now, "are_recorded": 1 if request.recorded else None}
        if connection.execute(self._mark_judged, marking).rowcount:
            return request
        self._campaigns.refuse_halted(connection, attempt)  # stopped since this transaction began
        return replace(request, recipients=request.recipients[:0])

    def _as_it_is(
        self, connection: Connection, attempt: Attempt, request: Request, whose: dict[str, object], left_out_id: bytes
    ) -> Request:
        """By a repetition nothing is claimed any more, and what the ledger says counts: what is still in the request.

        Not: all but those that were left out. Another attempt may have them by now.
        """
        why = connection.execute(self._left_out, {"left_out": left_out_id})
        request = replace(request, left_out=tuple(sorted((row.reason, row.number) for row in why)))
        batch = request.recipients
        if connection.execute(self._state, whose).scalar() != RequestState.SENDING:
            return replace(request, recipients=batch[:0])
        r = self._t.recipients.c
        here = (r.campaign_no == attempt.campaign_no, r.request_id == request.id)
        held: set[bytes] = set()
        for keys in portions(sorted(batch.keys())):
            held.update(map(bytes, connection.execute(sa.select(r.key).where(*here, r.key.in_(keys))).scalars()))
        return request.only(batch.having(held))

    def _without_proven(self, connection: Connection, attempt: Attempt, request: Request) -> Request:
        """Gives recipients back to the request that is proven to have texted them, since they were claimed here."""
        proven = set(map(bytes, connection.execute(self._proven, {"request": request.id}).scalars()))
        if not proven:
            return request
        r, past = self._t.recipients, self._t.past_requests
        for keys in portions(sorted(proven)):
            here = (r.c.campaign_no == attempt.campaign_no, r.c.key.in_(keys), r.c.request_id == request.id)
            texted = sa.update(r).where(*here, r.c.proven_request_id.is_not(None))
            connection.execute(texted.values(request_id=r.c.proven_request_id))
        connection.execute(sa.delete(past).where(past.c.request_id == request.id))
        return request.only(~request.recipients.having(proven))

    def _recorded(self, connection: Connection, attempt: Attempt, request: Request, found: LedgerRules) -> Request:
        """Records the contacts, if the claim was made before any cap was in use."""
        if request.recorded or not found.records_contacts:
            return request
        batch = request.recipients
        self._contacts.record(connection, attempt.campaign_no, _hashes(attempt, request), batch.keys())
        return replace(request, recorded=True)

    def _judged(
        self,
        connection: Connection,
        attempt: Attempt,
        request: Request,
        rules: ContactRules,
        judge: Judge | None,
        found: LedgerRules,
    ) -> tuple[datetime, dict[int, Why]]:
        """The moment of the mark, and which places of the request are left out then, and why."""
        left_out: dict[int, Why] = {}
        hashes: list[bytes] = []
        if rules.caps:
            hashes = _hashes(attempt, request)
            self._dialect.read_by_index(connection)
            self._contacts.lock(connection, hashes)
            found = self._contacts.ledger_rules(connection)  # waiting for the lock may have taken long
        if found.has_list and found.list_version != request.list_version:
            hashes = hashes or _hashes(attempt, request)
            self._dialect.read_by_index(connection)
            suppressed = self._contacts.suppressed(connection, hashes)
            left_out = {at: (Status.SUPPRESSED, SUPPRESSED) for at, one in enumerate(hashes) if one in suppressed}
        if judge is not None:
            numbers = numbers_of(request.recipients.column("row_number"))
            for exclusion in judge(found.now.replace(tzinfo=UTC)):
                for at in np.flatnonzero(np.isin(numbers, np.asarray(exclusion.row_numbers, np.int64))).tolist():
                    left_out.setdefault(at, (exclusion.status, exclusion.reason))
        if rules.caps:
            self._over_a_cap(connection, attempt, request, rules, hashes, found.now, left_out)
        return found.now, left_out

    def _over_a_cap(
        self,
        connection: Connection,
        attempt: Attempt,
        request: Request,
        rules: ContactRules,
        hashes: Sequence[bytes],
        now: datetime,
        left_out: dict[int, Why],
    ) -> None:
        """Excludes recipients that a cap forbids to send to now.

        A statement after that of the lock: it sees what the transaction committed that the lock has waited for.
        """
        since = window(rules.caps, now)
        phones = dict(zip(hashes, request.recipients.texts("phone"), strict=True))
        times = self._contacts.times(connection, phones, since, attempt.campaign_no, request.id)
        if self._contacts.unrecorded(connection, since):
            raise ContactsUnrecorded
        if not times and len(phones) == len(hashes):
            return  # most requests: no cap is below one text
        going: Counter[bytes] = Counter()
        never_texted = left(rules.caps, [], now)
        numbers = numbers_of(request.recipients.column("row_number"))
        for at in np.argsort(numbers, kind="stable").tolist():
            if at in left_out:
                continue
            one = hashes[at]
            free, reason = left(rules.caps, times[one], now) if one in times else never_texted
            if going[one] < free:
                going[one] += 1
            else:
                left_out[at] = (Status.SUPPRESSED, reason)

    def _without(
        self, connection: Connection, attempt: Attempt, request: Request, left_out: dict[int, Why], left_out_id: bytes
    ) -> Request:
        """Moves recipients into a released request of their own; a later attempt takes them over and judges again."""
        batch = request.recipients
        keys = batch.keys()
        why = Counter(reason for _, reason in left_out.values())
        row = {
            "id": left_out_id, "campaign_no": attempt.campaign_no, "attempt_no": attempt.number,
            "state": RequestState.RELEASED, "claimed_at": database_now(), "reason": why.most_common(1)[0][0],
        }  # fmt: skip
        connection.execute(new_only(connection.dialect.name, self._t.requests).values(row))
        r = self._t.recipients
        for some in portions(sorted(keys[at] for at in left_out)):
            here = (r.c.campaign_no == attempt.campaign_no, r.c.key.in_(some), r.c.request_id == request.id)
            connection.execute(sa.update(r).where(*here).values(request_id=left_out_id))
        outcomes = sorted((left_out_id, keys[at], *status_and_reason) for at, status_and_reason in left_out.items())
        insert_new(connection, self._t.outcomes, ("request_id", "key", "status", "reason"), outcomes)
        mask = np.ones(len(batch), bool)
        mask[list(left_out)] = False
        return replace(request, recipients=batch.only(mask), left_out=tuple(sorted(why.items())))


def _whose(attempt: Attempt, request: Request) -> dict[str, object]:
    return {"request": request.id, "attempt": attempt.number}


def _hashes(attempt: Attempt, request: Request) -> list[bytes]:
    """The hash of each recipient's phone; the claim has made them, unless the ledger had no list and no cap then."""
    return request.recipients.hashed(attempt.hasher()).hashes()
