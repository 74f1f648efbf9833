# SPDX-License-Identifier: Apache-2.0
"""A person's decision on unknown outcomes: sent, or not sent. The only way in which anything is re-opened.

It works recipient by recipient under a lock on the old request, and the old request is remembered: should its answer
still arrive, the recipients that it accepted show as accepted whatever request they point at by then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.store.bulk import insert_new, new_only, portions
from airflow_provider_uspeedo.ledger.store.expressions import database_now
from airflow_provider_uspeedo.ledger.store.lookups import looked_up
from airflow_provider_uspeedo.ledger.store.records import Attempt, new_id, utc_now
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.states import RequestState

NEVER_RECORDED = "its answer was never recorded"
MAY_STILL_ARRIVE = timedelta(minutes=5)
"""A request that was given to the network more recently than this, and not answered, is taken to be alive."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person says.

    :param only: the keys of the recipients meant; ``None``: all whose outcome is unknown.
    :param request: the id of the request meant; ``None``: any. What was said of one request is never said of another
        one that has its recipients by the time the decision is recorded.
    :param in_flight: *not sent* is also said of requests that may still arrive.
    :param expected: how many recipients it must be said of, or nothing is decided.
    :param shown: the :func:`digest_of` what was shown; ``None``: another set of requests as large is decided on, too.
    """

    as_sent: bool
    by: str
    only: Collection[bytes] | None = None
    in_flight: bool = True
    expected: int | None = None
    request: bytes | None = None
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision came to.

    :param request_ids: ours, of the requests whose recipients it was about.
    """

    as_sent: bool
    recipients: int
    request_ids: tuple[bytes, ...]


def digest_of(requests: Mapping[bytes, int]) -> str:
    """Names a set of requests with so many unknown recipients each: a person answers for these alone."""
    lines = "".join(f"{request_id.hex()} {number}\n" for request_id, number in sorted(requests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


class Resolution:
    """The statements of ``resolve``."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables

    def resolve(self, connection: Connection, attempt: Attempt, decision: Decision) -> Decided:
        """Settles unknown outcomes by a person's word; returns what that was.

        :raises ConfigurationError: the decision leaves out a case that has come up; nothing is changed.
        """
        locked = sorted(found := self._unknown(connection, attempt, decision))
        if not (decision.as_sent or decision.in_flight):
            self._refuse_live(connection, found)
        for request_id in locked:
            self._lock(connection, request_id)
        # Asked again: an answer may have been recorded before the lock.
        found = self._unknown(connection, attempt, decision)
        meant = {request_id: sorted(found[request_id]) for request_id in locked if request_id in found}
        number = sum(map(len, meant.values()))
        if decision.expected is not None and decision.expected != number:
            raise ConfigurationError(
                f"Nothing was decided: it would be said of {counted(number, 'recipient')} now, not of "
                f"{decision.expected:,}. The campaign has changed meanwhile; look again."
            )
        if decision.shown is not None and decision.shown != digest_of({one: len(keys) for one, keys in meant.items()}):
            raise ConfigurationError(
                "Nothing was decided: other requests are unknown now than those that were shown. The campaign has "
                "changed meanwhile; look again."
            )
        reason = f"resolved by {decision.by} at {utc_now():%Y-%m-%d %H:%M:%S} UTC"
        say = self._call_sent if decision.as_sent else self._re_open
        for request_id, keys in meant.items():
            say(connection, attempt, request_id, keys, reason)
        return Decided(decision.as_sent, number, tuple(meant))

    def _unknown(self, connection: Connection, attempt: Attempt, decision: Decision) -> dict[bytes, list[bytes]]:
        """The recipients meant whose outcome is unknown, by the request they point at.

        Only those of attempts before the decision: a person's word is not about a request of a task that began since.
        """
        chosen = decision.only
        query = unknown_recipients(self._t, attempt.campaign_no, decision.request, before=attempt.number)
        found: dict[bytes, list[bytes]] = {}
        for row in connection.execute(query):
            if chosen is None or row.key in chosen:
                found.setdefault(row.request_id, []).append(row.key)
        return found

    def _refuse_live(self, connection: Connection, found: dict[bytes, list[bytes]]) -> None:
        q = self._t.requests.c
        # One that a person's word on some of its recipients has made *unknown* may be as alive as before.
        query = sa.select(q.id, q.sent_at).where(
            sa.or_(
                q.state == RequestState.SENDING, sa.and_(q.state == RequestState.UNKNOWN, q.reason == NEVER_RECORDED)
            ),
            q.sent_at > connection.execute(sa.select(database_now())).scalar_one() - MAY_STILL_ARRIVE,
        )
        live = {
            row.id: row.sent_at
            for portion in portions(sorted(found))
            for row in connection.execute(query.where(q.id.in_(portion)))
        }
        if live:
            number = sum(len(found[request_id]) for request_id in live)
            raise ConfigurationError(
                f"Nothing was decided: requests with {counted(number, 'recipient')} were given to the network less "
                f"than {MAY_STILL_ARRIVE.seconds // 60} minutes ago (the newest at {max(live.values()):%H:%M:%S} UTC) "
                "and are not answered yet. They may still arrive, and a recipient that is resolved as not sent now "
                "would then be texted twice. Make sure that no task of this campaign runs, wait, and try again; or "
                "include them by name: in_flight=True (--in-flight)."
            )

    def _lock(self, connection: Connection, request_id: bytes) -> None:
        """Its owner may still settle it: from *unknown*, and after us."""
        requests = self._t.requests
        connection.execute(
            sa.update(requests).where(requests.c.id == request_id).values(request_id=requests.c.request_id)
        )
        connection.execute(
            sa.update(requests)
            .where(requests.c.id == request_id, requests.c.state == RequestState.SENDING)
            .values(state=RequestState.UNKNOWN, reason=NEVER_RECORDED)
        )

    def _call_sent(
        self, connection: Connection, _attempt: Attempt, request_id: bytes, keys: list[bytes], reason: str
    ) -> None:
        outcomes = self._t.outcomes
        for portion in portions(keys):
            connection.execute(
                sa.delete(outcomes).where(outcomes.c.request_id == request_id, outcomes.c.key.in_(portion))
            )
        rows = [(request_id, key, Status.ACCEPTED, reason) for key in keys]
        insert_new(connection, outcomes, ("request_id", "key", "status", "reason"), rows)

    def _re_open(
        self, connection: Connection, attempt: Attempt, request_id: bytes, keys: list[bytes], reason: str
    ) -> None:
        free = new_id()
        row = {
            "id": free, "campaign_no": attempt.campaign_no, "attempt_no": attempt.number,
            "state": RequestState.RELEASED, "claimed_at": utc_now(), "reason": f"not sent: {reason}",
        }  # fmt: skip
        connection.execute(new_only(connection.dialect.name, self._t.requests), [row])
        insert_new(connection, self._t.past_requests, ("request_id", "key"), [(request_id, key) for key in keys])
        recipients = self._t.recipients
        for portion in portions(keys):
            connection.execute(
                sa.update(recipients)
                .where(
                    recipients.c.campaign_no == attempt.campaign_no,
                    recipients.c.key.in_(portion),
                    recipients.c.request_id == request_id,
                )
                .values(request_id=free)
            )


def unknown_recipients(
    tables: Tables, campaign_no: int, request_id: bytes | None = None, *, before: int | None = None
) -> sa.Select:  # type: ignore[type-arg]
    """The recipients of a campaign whose outcome is unknown, ``request_id, key, why``; or only those of one request.

    It begins with the requests that may hold some, which are few, and finds their recipients by the index of attempts
    and requests: no other recipient of the campaign is looked at.

    :param before: only of requests of attempts with a lower number.
    """
    request, attempt, recipient = (
        tables.requests.alias("uq"),
        tables.attempts.alias("ua"),
        tables.recipients.alias("ur"),
    )
    outcome, unknown = tables.outcomes.alias("ux"), tables.outcomes.alias("uu")
    q, r, x = request.c, recipient.c, outcome.c
    may_have_arrived = q.state.in_((RequestState.SENDING, RequestState.UNKNOWN))
    named = sa.select(unknown.c.key).where(unknown.c.request_id == q.id, unknown.c.status == Status.UNKNOWN)
    attempts = request.join(attempt, attempt.c.campaign_no == campaign_no)
    held = looked_up(attempts, recipient, sa.and_(r.first_attempt == attempt.c.attempt_no, r.request_id == q.id))
    query = (
        sa.select(r.request_id, r.key, x.reason.label("why"))
        .select_from(held.outerjoin(outcome, sa.and_(x.request_id == r.request_id, x.key == r.key)))
        .where(
            q.campaign_no == campaign_no,
            r.campaign_no == campaign_no,  # where few keys are looked up, SQLite would else seek them in each campaign
            sa.or_(may_have_arrived, sa.exists(named)),
            r.proven_request_id.is_(None),
            sa.or_(x.status == Status.UNKNOWN, sa.and_(x.status.is_(None), may_have_arrived)),
        )
    )
    query = query if before is None else query.where(q.attempt_no < before)
    return query if request_id is None else query.where(q.id == request_id)
