# SPDX-License-Identifier: Apache-2.0
"""Claiming recipients, before anything is sent: the transaction that decides which request may text a recipient.

There is one way for all rows of a portion. They are staged in a temporary table, and statements decide: a recipient
that is not in the ledger is inserted under the unique key (campaign, recipient key); rows that stand for a known
recipient, or for none, are recorded; what an older attempt claimed and never marked *sending* is taken over, **the
request first, its recipients second**. A recipient is ours when the ledger says so afterwards, never by a row count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.protocol.portion import Portion, keys_to_look_up
from airflow_provider_uspeedo.ledger.protocol.source_rows import ATTEMPT, CAMPAIGN, SourceRows
from airflow_provider_uspeedo.ledger.store.bulk import new_only
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.lookups import looked_up
from airflow_provider_uspeedo.ledger.store.new_rows import NewRows
from airflow_provider_uspeedo.ledger.store.records import Attempt, Request, utc_now
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.staged_rows import StagedRows, staged_table
from airflow_provider_uspeedo.ledger.store.states import MAY_BE_TAKEN, RequestState

_KEPT = ("phone", "user_id", "template_id", "sender_id")
"""What the ledger keeps of a recipient as its row has it."""


class Claims:
    """The statements of a claim, made once. One object serves all claims of a ledger."""

    def __init__(self, tables: Tables, dialect: DatabaseDialect) -> None:
        self._t = tables
        self._dialect = dialect
        self._campaigns = Campaigns(tables)
        self._staged = staged = staged_table(dialect.staged_schema(tables.metadata.schema)).alias("s")
        self._source_rows = SourceRows(tables, dialect, staged)
        r, q, s = tables.recipients.alias("r"), tables.requests.alias("q"), staged.c
        self._insert = self._insertion(staged)
        here = looked_up(staged, r, sa.and_(r.c.campaign_no == CAMPAIGN, r.c.key == s.hash))
        self._known = sa.select(s.row_no).select_from(here)
        to_send = s.request_id.is_not(None)
        held = tables.recipients.c
        self._held = (
            sa.select(held.request_id, sa.func.count())
            .where(held.first_attempt == ATTEMPT, held.request_id.in_(sa.bindparam("ids", expanding=True)))
            .group_by(held.request_id)
        )
        self._not_ours = (
            sa.select(s.row_no)
            .select_from(here)
            .where(
                to_send,
                # The recipient is another request's, or the row is not the one that stands for it.
                sa.or_(
                    r.c.request_id != s.request_id, sa.and_(r.c.first_attempt == ATTEMPT, r.c.first_row != s.row_no)
                ),
            )
        )
        self._holders = (
            sa.select(r.c.request_id)
            .distinct()
            .select_from(here)
            .where(to_send, r.c.request_id != s.request_id, r.c.proven_request_id.is_(None))
        )
        free = sa.and_(
            r.c.proven_request_id.is_(None),
            q.c.attempt_no < ATTEMPT,
            q.c.state.in_((*MAY_BE_TAKEN, RequestState.SUPERSEDED)),
        )
        self._unavailable = sa.select(s.row_no).select_from(looked_up(here, q, q.c.id == r.c.request_id)).where(~free)

    def unavailable(self, connection: Connection, attempt: Attempt, recipients: RecipientBatch) -> np.ndarray[Any, Any]:
        """For each recipient whether this attempt cannot have it now: worth knowing before requests are cut."""
        mask = np.zeros(len(recipients), bool)
        table = self._stage(connection, keys_to_look_up(recipients.column("key")))
        mask[self._row_numbers(connection, self._unavailable, attempt)] = True
        self._dialect.drop_staged(connection, table)
        return mask

    def claim(self, connection: Connection, attempt: Attempt, portion: Portion) -> list[Request]:
        """Records a portion; returns the requests with what is really ours, without empty ones."""
        self._campaigns.refuse_halted(connection, attempt)
        self._campaigns.advance(connection, attempt, portion.read_to)
        portion = self._without_other_readings(connection, attempt, portion)
        table = self._stage(connection, portion.staged()) if _has_rows(portion) else None
        requests: list[Request] = []
        if table is not None:
            self._insert_requests(connection, attempt, [request.id for request in portion.requests])
            if portion.requests:
                self._insert.insert(connection, _names(attempt))
            all_new = self._hold_all(connection, attempt, portion.requests)
            self._source_rows.record(connection, attempt, portion, only_others=all_new)
            requests = list(portion.requests) if all_new else self._owned(connection, attempt, portion.requests)
            self._dialect.drop_staged(connection, table)
        return requests

    def _without_other_readings(self, connection: Connection, attempt: Attempt, portion: Portion) -> Portion:
        """The portion without new recipients whose digits, read otherwise, are a recipient of the campaign already.

        What the campaign knows by its own key, and may have texted or is about to, stays: whatever became of that
        recipient is the row's status.
        """
        if portion.other_keys is None or not portion.requests:
            return portion
        others = portion.other_keys(not self._campaigns.is_only(connection, attempt))
        if not len(others.row_numbers):
            return portion
        recipients = RecipientBatch.joined([request.recipients for request in portion.requests])
        here = pa.concat_arrays([recipients.column("key"), portion.known.column("key")])
        taken = self._found(connection, attempt, others.keys, self._known)
        taken |= np.array(pc.is_in(others.keys, here).to_pylist(), bool)
        refused = others.row_numbers[taken]
        of_refused = recipients.only(np.isin(numbers_of(recipients.column("row_number")), refused))
        kept = self._found(connection, attempt, of_refused.column("key"), self._unavailable)
        return portion.without(numbers_of(of_refused.column("row_number"))[~kept], others.reason)

    def _found(self, connection: Connection, attempt: Attempt, keys: pa.Array, query: Any) -> np.ndarray[Any, Any]:
        """For each key whether a query on staged rows finds it."""
        mask = np.zeros(len(keys), bool)
        if len(keys):
            table = self._stage(connection, keys_to_look_up(keys))
            mask[self._row_numbers(connection, query, attempt)] = True
            self._dialect.drop_staged(connection, table)
        return mask

    def renew(self, connection: Connection, attempt: Attempt, old: Request, new_id: bytes) -> Request:
        """A new request for what one's own ``released`` one held, to be sent after a back-off."""
        q = self._t.requests
        self._campaigns.refuse_halted(connection, attempt)
        self._insert_requests(connection, attempt, [new_id])
        released = (q.c.id == old.id, q.c.state == RequestState.RELEASED, q.c.attempt_no == attempt.number)
        connection.execute(sa.update(q).where(*released).values(state=RequestState.SUPERSEDED))
        batch = old.recipients
        rows = {"row_no": batch.column("row_number"), "hash": batch.column("key"), "request_id": new_id}
        table = self._stage(connection, StagedRows((rows,)))
        if self._superseded(connection, attempt, [old.id], of_itself=True):
            self._move(connection, attempt, [old.id], ("request_id",))
        renewed = replace(old, id=new_id)
        owned = self._kept(connection, [renewed], self._row_numbers(connection, self._not_moved(), attempt))
        self._dialect.drop_staged(connection, table)
        return owned[0] if owned else replace(renewed, recipients=batch[:0])

    def split(
        self, connection: Connection, attempt: Attempt, request: Request, size: int, new_id: bytes
    ) -> tuple[Request, Request]:
        """Cuts one's own claimed request in two: a new one with its first recipients, and itself with the others.

        The request first, its recipients second: it is held as *claimed* and ours until the transaction ends, so that
        nobody takes it over, or marks it, in between. Only recipients that still point at it are moved.
        """
        q, r = self._t.requests, self._t.recipients
        self._campaigns.refuse_halted(connection, attempt)
        claimed = (q.c.id == request.id, q.c.state == RequestState.CLAIMED, q.c.attempt_no == attempt.number)
        held = connection.execute(sa.update(q).where(*claimed).values(state=RequestState.CLAIMED)).rowcount
        first, others = request.recipients[:size], request.recipients[size:]
        these = sa.and_(r.c.campaign_no == attempt.campaign_no, r.c.key.in_(sorted(first.keys())))
        if held:
            self._insert_requests(connection, attempt, [new_id])
            of_it = (r.c.request_id == request.id, r.c.proven_request_id.is_(None))
            connection.execute(sa.update(r).where(these, *of_it).values(request_id=new_id))
        mine = sa.select(r.c.key).where(these, r.c.request_id == new_id)
        owned = {bytes(key) for key in connection.execute(mine).scalars()}
        if held and not owned:
            connection.execute(sa.delete(q).where(q.c.id == new_id, q.c.state == RequestState.CLAIMED))
        return (
            replace(request, id=new_id, recipients=first.only(first.having(owned))),
            replace(request, recipients=others if held or owned else others[:0]),
        )

    # -- what is ours -------------------------------------------------------------------------------------------

    def _hold_all(self, connection: Connection, attempt: Attempt, requests: Sequence[Request]) -> bool:
        """True if the ledger has every recipient of the requests as new to this attempt, and as theirs."""
        sizes = {request.id: len(request.recipients) for request in requests}
        if not sizes:
            return True
        if not self._dialect.counts_own_rows:
            return not len(self._row_numbers(connection, self._not_ours, attempt))
        held = connection.execute(self._held, {"attempt": attempt.number, "ids": sorted(sizes)})
        return {bytes(request_id): count for request_id, count in held} == sizes

    def _owned(self, connection: Connection, attempt: Attempt, requests: Sequence[Request]) -> list[Request]:
        """Takes over what may be taken, then asks the ledger whose the recipients are."""
        not_ours = self._row_numbers(connection, self._not_ours, attempt)
        if len(not_ours):
            holders = list(connection.execute(self._holders, _names(attempt)).scalars())
            if free := self._take_requests(connection, attempt, holders):
                self._move(connection, attempt, free, ("request_id", *_KEPT), self._source_rows.stands(connection))
                not_ours = self._row_numbers(connection, self._not_ours, attempt)
        return self._kept(connection, requests, not_ours)

    def _take_requests(self, connection: Connection, attempt: Attempt, ids: Sequence[bytes]) -> list[bytes]:
        """Makes requests of older attempts *superseded* if they may be; returns those whose recipients are free."""
        q = self._t.requests
        free = (q.c.id.in_(sorted(ids)), q.c.state.in_(MAY_BE_TAKEN), q.c.attempt_no < attempt.number)
        connection.execute(sa.update(q).where(*free).values(state=RequestState.SUPERSEDED))
        return self._superseded(connection, attempt, ids)

    def _superseded(
        self, connection: Connection, attempt: Attempt, ids: Sequence[bytes], *, of_itself: bool = False
    ) -> list[bytes]:
        """Those of the requests that are superseded: a last state, so that reading it is enough."""
        q = self._t.requests.c
        older = q.attempt_no == attempt.number if of_itself else q.attempt_no < attempt.number
        query = sa.select(q.id).where(q.id.in_(sorted(ids)), q.state == RequestState.SUPERSEDED, older)
        return list(connection.execute(query).scalars())

    def _move(
        self, connection: Connection, attempt: Attempt, old: Sequence[bytes], values: Sequence[str], only: str = ""
    ) -> None:
        """Moves recipients from superseded requests to the staged one of each.

        :param only: one more condition.
        """
        quoted = connection.dialect.identifier_preparer.quote
        conditions = (
            "r.campaign_no = :campaign AND r.request_id IN :old AND r.proven_request_id IS NULL "
            f"AND s.request_id IS NOT NULL{only}"
        )
        staged = staged_table(self._dialect.staged_schema(self._t.metadata.schema))
        recipients, rows = (self._dialect.quoted_table(connection, one) for one in (self._t.recipients, staged))
        statement = self._dialect.move_recipients(recipients, rows, quoted, values, conditions)
        text = sa.text(statement).bindparams(sa.bindparam("old", expanding=True))
        given: dict[str, object] = {"campaign": attempt.campaign_no, "old": list(old)}
        connection.execute(text, given | ({"attempt": attempt.number} if only else {}))

    def _not_moved(self) -> Any:
        s, r = self._staged.c, self._t.recipients.alias("r")
        here = looked_up(self._staged, r, sa.and_(r.c.campaign_no == CAMPAIGN, r.c.key == s.hash))
        return sa.select(s.row_no).select_from(here).where(r.c.request_id != s.request_id)

    def _kept(
        self, connection: Connection, requests: Sequence[Request], not_ours: np.ndarray[Any, Any]
    ) -> list[Request]:
        """The requests without the rows that are not ours; those that are empty then are deleted."""
        if not len(not_ours):
            return list(requests)
        left = [request.only(~np.isin(_numbers(request), not_ours)) for request in requests]
        if empty := sorted(request.id for request in left if not len(request.recipients)):
            q = self._t.requests
            connection.execute(sa.delete(q).where(q.c.id.in_(empty), q.c.state == RequestState.CLAIMED))
        return [request for request in left if len(request.recipients)]

    # -- statements ---------------------------------------------------------------------------------------------

    def _stage(self, connection: Connection, rows: StagedRows) -> sa.Table:
        return self._dialect.stage(connection, rows, self._t.metadata.schema)

    def _insertion(self, staged: Any) -> NewRows:
        s, there = staged.c, self._t.recipients.alias("there")
        return NewRows(
            self._dialect,
            self._t.recipients,
            ("campaign_no", "key", "request_id", "first_attempt", "first_row", *_KEPT),
            (CAMPAIGN, s.hash, s.request_id, ATTEMPT, s.row_no, *(s[name] for name in _KEPT)),
            source=staged,
            where=s.request_id.is_not(None),
            order_by=(s.hash,) if self._dialect.key_order else (),
            taken=(there, sa.and_(there.c.campaign_no == CAMPAIGN, there.c.key == s.hash)),
        )

    def _insert_requests(self, connection: Connection, attempt: Attempt, ids: Sequence[bytes]) -> None:
        now = utc_now()
        rows = [
            {
                "id": one,
                "campaign_no": attempt.campaign_no,
                "attempt_no": attempt.number,
                "state": RequestState.CLAIMED,
                "claimed_at": now,
            }
            for one in sorted(ids)
        ]
        if rows:
            connection.execute(new_only(connection.dialect.name, self._t.requests), rows)

    def _row_numbers(self, connection: Connection, query: Any, attempt: Attempt) -> np.ndarray[Any, Any]:
        return np.fromiter(connection.execute(query, _names(attempt)).scalars(), np.int64)


def _names(attempt: Attempt) -> dict[str, object]:
    return {"campaign": attempt.campaign_no, "attempt": attempt.number}


def _numbers(request: Request) -> np.ndarray[Any, Any]:
    return numbers_of(request.recipients.column("row_number"))


def _has_rows(portion: Portion) -> bool:
    return bool(portion.requests or len(portion.known) or len(portion.bad_rows))
