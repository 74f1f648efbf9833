# SPDX-License-Identifier: Apache-2.0
"""What happens to one request once it is claimed: sending, then settled, released or unknown. Never back.

Each is a conditional update by the request's owner; whatever the update touched, the row is read afterwards and the
answer is what it says. So each may be repeated after a commit whose acknowledgement was lost.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.statuses import UNKNOWN
from airflow_provider_uspeedo.ledger import tables as states
from airflow_provider_uspeedo.ledger.bulk import insert_new, portions
from airflow_provider_uspeedo.ledger.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.records import Answer, Attempt, utc_now
from airflow_provider_uspeedo.ledger.tables import Tables


class Transitions:
    """The state changes of requests."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables
        self._campaigns = Campaigns(tables)

    def mark_sending(self, connection: Connection, attempt: Attempt, request_id: bytes) -> bool:
        """True if the request is *sending* and ours: it may now be given to the socket, once.

        :raises CampaignHalted: a person has stopped or pruned the campaign.
        """
        going_on = self._campaigns.is_going_on(attempt)
        self._move(
            connection, attempt, request_id, (states.CLAIMED,), going_on, state=states.SENDING, sent_at=utc_now()
        )
        if self._is(connection, attempt, request_id, states.SENDING):
            return True
        self._campaigns.refuse_halted(connection, attempt)
        return False

    def settle(self, connection: Connection, attempt: Attempt, request_id: bytes, answer: Answer) -> bool:
        """Records an answer with each recipient's outcome; true if that is what the ledger now says."""
        moved = self._move(
            connection,
            attempt,
            request_id,
            (states.SENDING, states.UNKNOWN),
            state=states.SETTLED,
            settled_at=utc_now(),
            session_no=answer.session_no,
            ret_code=answer.ret_code,
            request_id=answer.request_id,
            reason=None,
        )
        if not moved:  # by a repetition, or too late: what is recorded stays
            return self._is(connection, attempt, request_id, states.SETTLED)
        self._record_outcomes(connection, request_id, answer)
        self._prove(connection, attempt, request_id, answer)
        return True

    def release(
        self,
        connection: Connection,
        attempt: Attempt,
        request_id: bytes,
        *,
        ret_code: int | None,
        vendor_id: str,
        reason: str,
    ) -> bool:
        """Records that the call surely reached nobody; its recipients may be sent again.

        Not if a person has said meanwhile that some of them were texted: then all of it stays *unknown*.
        """
        outcomes = self._t.outcomes.c
        nobody_said_sent = ~sa.exists(sa.select(outcomes.key).where(outcomes.request_id == request_id))
        values = {"state": states.RELEASED, "ret_code": ret_code, "request_id": vendor_id, "reason": reason}
        self._move(connection, attempt, request_id, (states.SENDING, states.UNKNOWN), nobody_said_sent, **values)
        return self._is(connection, attempt, request_id, states.RELEASED)

    def doubt(
        self,
        connection: Connection,
        attempt: Attempt,
        request_id: bytes,
        *,
        ret_code: int | None,
        vendor_id: str,
        reason: str,
    ) -> bool:
        """Records that nobody knows whether the call arrived; its recipients are not sent again by themselves."""
        values = {"state": states.UNKNOWN, "ret_code": ret_code, "request_id": vendor_id, "reason": reason}
        self._move(connection, attempt, request_id, (states.SENDING,), **values)
        return self._is(connection, attempt, request_id, states.UNKNOWN)

    def _move(
        self, connection: Connection, attempt: Attempt, id_: bytes, before: tuple[str, ...], *also: Any, **values: Any
    ) -> bool:
        requests = self._t.requests
        mine = (requests.c.id == id_, requests.c.attempt_no == attempt.number, requests.c.state.in_(before))
        return bool(connection.execute(sa.update(requests).where(*mine, *also).values(**values)).rowcount)

    def _is(self, connection: Connection, attempt: Attempt, request_id: bytes, state: str) -> bool:
        requests = self._t.requests.c
        query = sa.select(requests.state).where(requests.id == request_id, requests.attempt_no == attempt.number)
        return connection.execute(query).scalar() == state

    def _record_outcomes(self, connection: Connection, request_id: bytes, answer: Answer) -> None:
        """The answer's word replaces a person's guess, unless it knows less than the person said."""
        outcomes = self._t.outcomes
        unsaid = [key for key, status, _ in answer.outcomes if status == UNKNOWN]
        connection.execute(
            sa.delete(outcomes).where(outcomes.c.request_id == request_id, outcomes.c.key.not_in(unsaid))
        )
        rows = [(request_id, key, status, reason) for key, status, reason in sorted(answer.outcomes)]
        insert_new(connection, outcomes, ("request_id", "key", "status", "reason"), rows)

    def _prove(self, connection: Connection, attempt: Attempt, request_id: bytes, answer: Answer) -> None:
        """A person re-opened recipients of this request, and now it turns out that the API had accepted them."""
        past, recipients = self._t.past_requests, self._t.recipients
        moved = set(connection.execute(sa.select(past.c.key).where(past.c.request_id == request_id)).scalars())
        for keys in portions(sorted(moved - {key for key, _, _ in answer.outcomes})):
            connection.execute(
                sa.update(recipients)
                .where(
                    recipients.c.campaign_no == attempt.campaign_no,
                    recipients.c.key.in_(keys),
                    recipients.c.proven_request_id.is_(None),
                )
                .values(proven_request_id=request_id)
            )
            # They have left the request that they still point at: counting must ask each of them.
            here = sa.and_(recipients.c.campaign_no == attempt.campaign_no, recipients.c.key.in_(keys))
            query = sa.select(recipients.c.request_id, recipients.c.key).where(here)
            rows = sorted(tuple(row) for row in connection.execute(query))
            insert_new(connection, past, ("request_id", "key"), rows)
