# SPDX-License-Identifier: Apache-2.0
"""How recipients move from one request to another: **the request first, its recipients second**."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.ledger.protocol.portion import keys_to_look_up
from airflow_provider_uspeedo.ledger.protocol.source_rows import CAMPAIGN
from airflow_provider_uspeedo.ledger.store.bulk import new_only
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.lookups import looked_up
from airflow_provider_uspeedo.ledger.store.records import Attempt, Request, utc_now
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.staged_rows import StagedRows, staged_table
from airflow_provider_uspeedo.ledger.store.states import MAY_BE_TAKEN, RequestState


class Moves:
    """The statements that make requests, take them over, and move what they hold.

    :param staged: the alias ``s`` of the temporary table.
    """

    def __init__(self, tables: Tables, dialect: DatabaseDialect, staged: Any) -> None:
        self._t = tables
        self._dialect = dialect
        self._staged = staged

    def stage(self, connection: Connection, rows: StagedRows) -> sa.Table:
        """Fills the temporary table of the transaction."""
        return self._dialect.stage(connection, rows, self._t.metadata.schema)

    def found(self, connection: Connection, attempt: Attempt, keys: pa.Array, query: Any) -> np.ndarray[Any, Any]:
        """For each key whether a query on staged rows finds it."""
        mask = np.zeros(len(keys), bool)
        if len(keys):
            table = self.stage(connection, keys_to_look_up(keys))
            mask[self.row_numbers(connection, query, attempt)] = True
            self._dialect.drop_staged(connection, table)
        return mask

    def row_numbers(self, connection: Connection, query: Any, attempt: Attempt) -> np.ndarray[Any, Any]:
        """What a query on staged rows returns: numbers of rows."""
        return np.fromiter(connection.execute(query, names_of(attempt)).scalars(), np.int64)

    def insert_requests(
        self, connection: Connection, attempt: Attempt, ids: Sequence[bytes], *, recorded: bool
    ) -> None:
        """Makes claimed requests.

        :param recorded: the contacts of their recipients are recorded, in this transaction or before.
        """
        now = utc_now()
        rows = [
            {
                "id": one,
                "campaign_no": attempt.campaign_no,
                "attempt_no": attempt.number,
                "state": RequestState.CLAIMED,
                "claimed_at": now,
                "contacts": 1 if recorded else None,
            }
            for one in sorted(ids)
        ]
        if rows:
            connection.execute(new_only(connection.dialect.name, self._t.requests), rows)

    def takeable(self, connection: Connection, attempt: Attempt, ids: Iterable[bytes]) -> set[bytes]:
        """Those of the requests that this attempt may take over: of older attempts, and never marked."""
        query = sa.select(self._t.requests.c.id).where(*self._may_be_taken(attempt, ids))
        return set(map(bytes, connection.execute(query).scalars()))

    def take_requests(
        self, connection: Connection, attempt: Attempt, ids: Iterable[bytes], takeable: Iterable[bytes]
    ) -> list[bytes]:
        """Makes requests *superseded* if they may be; returns those of ``ids`` whose recipients are free.

        :param takeable: those of them that a look has found to be: on MySQL an UPDATE also waits for rows that it does
            not change then, and keeps them locked.
        """
        q = self._t.requests
        if takeable:
            these = self._may_be_taken(attempt, takeable)
            connection.execute(sa.update(q).where(*these).values(state=RequestState.SUPERSEDED))
        return self.superseded(connection, attempt, sorted(ids))

    def _may_be_taken(self, attempt: Attempt, ids: Iterable[bytes]) -> tuple[Any, ...]:
        q = self._t.requests.c
        return q.id.in_(sorted(ids)), q.state.in_(MAY_BE_TAKEN), q.attempt_no < attempt.number

    def superseded(
        self, connection: Connection, attempt: Attempt, ids: Sequence[bytes], *, of_itself: bool = False
    ) -> list[bytes]:
        """Those of the requests that are superseded: a last state, so that reading it is enough."""
        q = self._t.requests.c
        older = q.attempt_no == attempt.number if of_itself else q.attempt_no < attempt.number
        query = sa.select(q.id).where(q.id.in_(sorted(ids)), q.state == RequestState.SUPERSEDED, older)
        return list(connection.execute(query).scalars())

    def move(
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

    def not_moved(self) -> Any:
        """The staged rows whose recipients are in another request than the staged one."""
        s, r = self._staged.c, self._t.recipients.alias("r")
        here = looked_up(self._staged, r, sa.and_(r.c.campaign_no == CAMPAIGN, r.c.key == s.hash))
        return sa.select(s.row_no).select_from(here).where(r.c.request_id != s.request_id)

    def kept(
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


def names_of(attempt: Attempt) -> dict[str, object]:
    """An attempt as the parameters of statements."""
    return {"campaign": attempt.campaign_no, "attempt": attempt.number}


def _numbers(request: Request) -> np.ndarray[Any, Any]:
    return numbers_of(request.recipients.column("row_number"))
