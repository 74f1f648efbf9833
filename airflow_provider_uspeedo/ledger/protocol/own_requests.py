# SPDX-License-Identifier: Apache-2.0
"""What an attempt does with requests of its own, before they are sent: again after a back-off, or in two parts."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.protocol.moves import Moves
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.records import Attempt, Request
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.staged_rows import StagedRows
from airflow_provider_uspeedo.ledger.store.states import RequestState


class OwnRequests:
    """The statements of :meth:`renew` and :meth:`split`."""

    def __init__(self, tables: Tables, dialect: DatabaseDialect, moves: Moves) -> None:
        self._t = tables
        self._dialect = dialect
        self._campaigns = Campaigns(tables)
        self._moves = moves

    def renew(self, connection: Connection, attempt: Attempt, old: Request, new_id: bytes) -> Request:
        """A new request for what one's own ``released`` one held, to be sent after a back-off."""
        q = self._t.requests
        self._campaigns.refuse_halted(connection, attempt)
        self._moves.insert_requests(connection, attempt, [new_id], recorded=old.recorded)
        released = (q.c.id == old.id, q.c.state == RequestState.RELEASED, q.c.attempt_no == attempt.number)
        connection.execute(sa.update(q).where(*released).values(state=RequestState.SUPERSEDED))
        batch = old.recipients
        rows = {"row_no": batch.column("row_number"), "hash": batch.column("key"), "request_id": new_id}
        table = self._moves.stage(connection, StagedRows((rows,)))
        if self._moves.superseded(connection, attempt, [old.id], of_itself=True):
            self._moves.move(connection, attempt, [old.id], ("request_id",))
        renewed = replace(old, id=new_id)
        owned = self._moves.kept(
            connection, [renewed], self._moves.row_numbers(connection, self._moves.not_moved(), attempt)
        )
        self._dialect.drop_staged(connection, table)
        return owned[0] if owned else replace(renewed, recipients=batch[:0])

    def split(
        self, connection: Connection, attempt: Attempt, request: Request, size: int, new_id: bytes
    ) -> tuple[Request, Request]:
        """Cuts one's own claimed request in two: a new one with its first recipients, and itself with the others.

        The request first, its recipients second: it is held as *claimed* and ours until the transaction ends, so that
        no other attempt takes it over, or marks it, in between. Only recipients that still point at it are moved.
        """
        q, r = self._t.requests, self._t.recipients
        self._campaigns.refuse_halted(connection, attempt)
        claimed = (q.c.id == request.id, q.c.state == RequestState.CLAIMED, q.c.attempt_no == attempt.number)
        held = connection.execute(sa.update(q).where(*claimed).values(state=RequestState.CLAIMED)).rowcount
        first, others = request.recipients[:size], request.recipients[size:]
        these = sa.and_(r.c.campaign_no == attempt.campaign_no, r.c.key.in_(sorted(first.keys())))
        if held:
            self._moves.insert_requests(connection, attempt, [new_id], recorded=request.recorded)
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
