# SPDX-License-Identifier: Apache-2.0
"""What happens to one request once it is marked *sending*: settled, released or unknown. Never back.

Each is a conditional update by the request's owner; whatever the update touched, the row is read afterwards and the
answer is what it says. So each may be repeated after a commit whose acknowledgement was lost.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.store.bulk import insert_new, portions
from airflow_provider_uspeedo.ledger.store.records import Answer, Attempt, utc_now
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.states import RequestState


class Transitions:
    """The state changes of requests. Their statements are made once: making one costs more than running it."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables
        q, outcomes = tables.requests.c, tables.outcomes.c
        not_decided_as_sent = ~sa.exists(sa.select(outcomes.key).where(outcomes.request_id == sa.bindparam("request")))
        answer: dict[str, Any] = {
            name: sa.bindparam(f"answer_{name}") for name in ("session_no", "ret_code", "request_id")
        }
        cause: dict[str, Any] = {name: sa.bindparam(f"answer_{name}") for name in ("ret_code", "request_id", "reason")}
        at: Any = sa.bindparam("at")
        self._settle, self._settle_unknown = (
            self._move(q.state == before, state=RequestState.SETTLED, settled_at=at, reason=None, **answer)
            for before in (RequestState.SENDING, RequestState.UNKNOWN)
        )
        self._mark_unknown = self._move(q.state == RequestState.SENDING, state=RequestState.UNKNOWN, **cause)
        unanswered = q.state.in_((RequestState.SENDING, RequestState.UNKNOWN))
        self._release = self._move(unanswered, not_decided_as_sent, state=RequestState.RELEASED, **cause)
        self._state = sa.select(q.state).where(*self._mine())
        self._hold = self._state.with_for_update()

    def settle(self, connection: Connection, attempt: Attempt, request_id: bytes, answer: Answer) -> bool:
        """Records an answer with each recipient's outcome; true if that is what the ledger now says."""
        mine = _whose(attempt, request_id)
        said = {
            "at": utc_now(),
            "answer_session_no": answer.session_no,
            "answer_ret_code": answer.ret_code,
            "answer_request_id": answer.vendor_request_id,
        }
        if connection.execute(self._settle, {**mine, **said}).rowcount:
            # A person's word is said under a lock that makes a request *unknown* first: of this one nothing was said.
            self._insert_outcomes(connection, request_id, answer)
            return True
        if connection.execute(self._settle_unknown, {**mine, **said}).rowcount:
            self._delete_decisions(connection, request_id, answer)
            self._insert_outcomes(connection, request_id, answer)
            self._prove(connection, attempt, request_id, answer)
            return True
        # By a repetition, or too late: what is recorded stays.
        return self._is(connection, mine, RequestState.SETTLED)

    def release(
        self,
        connection: Connection,
        attempt: Attempt,
        request_id: bytes,
        *,
        ret_code: int | None,
        vendor_request_id: str,
        reason: str,
    ) -> bool:
        """Records that the call surely reached no recipient; its recipients may be sent again.

        Not if a person has said meanwhile that some of them were texted: then all of it stays *unknown*.
        """
        mine = _whose(attempt, request_id)
        cause = {
            "answer_ret_code": ret_code,
            "answer_request_id": vendor_request_id,
            "answer_reason": reason,
        }
        # A statement of its own: one that waits for the request while a person's word is recorded does not see that
        # word afterwards.
        connection.execute(self._hold, mine)
        connection.execute(self._release, {**mine, **cause})
        return self._is(connection, mine, RequestState.RELEASED)

    def mark_unknown(
        self,
        connection: Connection,
        attempt: Attempt,
        request_id: bytes,
        *,
        ret_code: int | None,
        vendor_request_id: str,
        reason: str,
    ) -> bool:
        """Records that the call may have arrived; its recipients are never sent again by themselves."""
        mine = _whose(attempt, request_id)
        cause = {
            "answer_ret_code": ret_code,
            "answer_request_id": vendor_request_id,
            "answer_reason": reason,
        }
        connection.execute(self._mark_unknown, {**mine, **cause})
        return self._is(connection, mine, RequestState.UNKNOWN)

    def _mine(self) -> tuple[Any, ...]:
        requests = self._t.requests.c
        return requests.id == sa.bindparam("request"), requests.attempt_no == sa.bindparam("attempt")

    def _move(self, *only: Any, **values: Any) -> sa.Update:
        return sa.update(self._t.requests).where(*self._mine(), *only).values(**values)

    def _is(self, connection: Connection, mine: dict[str, object], state: str) -> bool:
        return connection.execute(self._state, mine).scalar() == state

    def _delete_decisions(self, connection: Connection, request_id: bytes, answer: Answer) -> None:
        """The answer's word replaces a person's guess, unless it knows less than the person said."""
        outcomes = self._t.outcomes
        unsaid = [key for key, status, _ in answer.outcomes if status == Status.UNKNOWN]
        connection.execute(
            sa.delete(outcomes).where(outcomes.c.request_id == request_id, outcomes.c.key.not_in(unsaid))
        )

    def _insert_outcomes(self, connection: Connection, request_id: bytes, answer: Answer) -> None:
        rows = [(request_id, key, status, reason) for key, status, reason in sorted(answer.outcomes)]
        insert_new(connection, self._t.outcomes, ("request_id", "key", "status", "reason"), rows)

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


def _whose(attempt: Attempt, request_id: bytes) -> dict[str, object]:
    return {"request": request_id, "attempt": attempt.number}
