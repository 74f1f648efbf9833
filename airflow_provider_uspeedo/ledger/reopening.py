# SPDX-License-Identifier: Apache-2.0
"""A person's word on outcomes that nobody knows: sent, or not sent. The only way in which anything is re-opened.

It works recipient by recipient under a lock on the old request, and the old request is remembered: should its answer
still arrive, the recipients that it accepted show as accepted whatever request they point at by then.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.statuses import ACCEPTED, UNKNOWN
from airflow_provider_uspeedo.ledger import tables as states
from airflow_provider_uspeedo.ledger.bulk import insert_new, new_only, portions
from airflow_provider_uspeedo.ledger.records import Attempt, new_id, utc_now
from airflow_provider_uspeedo.ledger.tables import Tables


class Reopening:
    """The statements of ``resolve``."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables

    def resolve(
        self, connection: Connection, attempt: Attempt, *, as_sent: bool, by: str, only: Iterable[bytes] | None
    ) -> int:
        """Settles unknown outcomes by a person's word; returns how many recipients it was said of."""
        chosen = None if only is None else set(only)
        locked = sorted(self._unknown(connection, attempt, chosen))
        for request_id in locked:
            self._lock(connection, request_id)
        # Asked again: an answer may have been recorded before the lock.
        found = self._unknown(connection, attempt, chosen)
        reason = f"resolved by {by} at {utc_now():%Y-%m-%d %H:%M:%S} UTC"
        say = self._call_sent if as_sent else self._re_open
        meant = {request_id: sorted(found[request_id]) for request_id in locked if request_id in found}
        for request_id, keys in meant.items():
            say(connection, attempt, request_id, keys, reason)
        return sum(map(len, meant.values()))

    def _unknown(
        self, connection: Connection, attempt: Attempt, chosen: Container[bytes] | None
    ) -> dict[bytes, list[bytes]]:
        """The (chosen) recipients whose outcome is unknown, by the request they point at."""
        r, q, x = self._t.recipients.c, self._t.requests.c, self._t.outcomes.c
        outcome_here = sa.and_(x.request_id == r.request_id, x.key == r.key)
        query = (
            sa.select(r.request_id, r.key)
            .select_from(
                self._t.recipients.join(self._t.requests, q.id == r.request_id).outerjoin(
                    self._t.outcomes, outcome_here
                )
            )
            .where(
                r.campaign_no == attempt.campaign_no,
                r.proven_request_id.is_(None),
                sa.or_(
                    x.status == UNKNOWN,
                    sa.and_(x.status.is_(None), q.state.in_((states.SENDING, states.UNKNOWN))),
                ),
            )
        )
        found: dict[bytes, list[bytes]] = {}
        for request_id, key in connection.execute(query):
            if chosen is None or key in chosen:
                found.setdefault(request_id, []).append(key)
        return found

    def _lock(self, connection: Connection, request_id: bytes) -> None:
        """Its owner may still settle it: from *unknown*, and after us."""
        requests = self._t.requests
        connection.execute(
            sa.update(requests).where(requests.c.id == request_id).values(request_id=requests.c.request_id)
        )
        connection.execute(
            sa.update(requests)
            .where(requests.c.id == request_id, requests.c.state == states.SENDING)
            .values(state=states.UNKNOWN, reason="its answer was never recorded")
        )

    def _call_sent(
        self, connection: Connection, _attempt: Attempt, request_id: bytes, keys: list[bytes], reason: str
    ) -> None:
        outcomes = self._t.outcomes
        for portion in portions(keys):
            connection.execute(
                sa.delete(outcomes).where(outcomes.c.request_id == request_id, outcomes.c.key.in_(portion))
            )
        rows = [(request_id, key, ACCEPTED, reason) for key in keys]
        insert_new(connection, outcomes, ("request_id", "key", "status", "reason"), rows)

    def _re_open(
        self, connection: Connection, attempt: Attempt, request_id: bytes, keys: list[bytes], reason: str
    ) -> None:
        free = new_id()
        row = {
            "id": free, "campaign_no": attempt.campaign_no, "attempt_no": attempt.number, "state": states.RELEASED,
            "claimed_at": utc_now(), "reason": f"not sent: {reason}",
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
