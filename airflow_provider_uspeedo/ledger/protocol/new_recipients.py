# SPDX-License-Identifier: Apache-2.0
"""The part of a claim that concerns whoever is not in the ledger yet: nearly everybody, nearly always."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.arrays import column_of_cells
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.ledger.protocol.source_rows import SourceRows
from airflow_provider_uspeedo.ledger.store.bulk import new_only
from airflow_provider_uspeedo.ledger.store.records import Attempt, Request, utc_now
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.staging import difference, insertion, insertion_of_all, may_fail, run
from airflow_provider_uspeedo.ledger.store.states import RequestState


class Newcomers:
    """The statements that bring recipients into the ledger, with the requests that hold them."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables
        self._readings = SourceRows(tables)

    def claim(self, connection: Connection, attempt: Attempt, requests: Sequence[Request]) -> set[bytes]:
        """Claims whoever is not in the ledger yet; returns the keys that were, and belong to other requests.

        Almost always nobody is there. What inserts all or fails is then the cheapest way, and its success is the
        database's word that all of them are ours.
        """
        if not requests:
            return set()
        rows = [claimed(attempt, number) for number in sorted(request.id for request in requests)]
        cells = _cells(attempt, requests)
        if may_fail(connection.dialect, likely=not attempt.first) and self._insert_all(
            connection, attempt, rows, cells
        ):
            return set()
        return self._insert_new(connection, attempt, rows, cells)

    def _insert_all(
        self, connection: Connection, attempt: Attempt, requests: Sequence[dict[str, object]], cells: Mapping[str, Any]
    ) -> bool:
        """Inserts all rows, or none and says so."""
        savepoint = connection.begin_nested()
        try:
            connection.execute(sa.insert(self._t.requests), requests)
            run(connection, insertion_of_all(connection.dialect, self._t.recipients, cells, order_by="key"))
            run(connection, self._readings.of_new(connection.dialect, attempt, cells))
        except exc.IntegrityError:
            savepoint.rollback()
            return False
        # After any other error the savepoint may be gone with the transaction (MySQL's dead-locks): to go back to it
        # would fail, and hide what happened from whoever repeats the whole.
        savepoint.commit()
        return True

    def _insert_new(
        self, connection: Connection, attempt: Attempt, requests: Sequence[dict[str, object]], cells: Mapping[str, Any]
    ) -> set[bytes]:
        """Inserts whoever is not there; returns who is, and belongs to other requests."""
        dialect, table = connection.dialect, self._t.recipients
        connection.execute(new_only(dialect.name, self._t.requests), requests)
        run(connection, insertion(dialect, table, cells, order_by="key"))
        where, expected = {name: cells[name] for name in ("campaign_no", "key")}, cells["request_id"]
        of_others = difference(dialect, table, where, "request_id", expected, order_by="key")
        met = {bytes(key) for statement in of_others for _, key in connection.exec_driver_sql(*statement)}
        self._readings.record_new(connection, attempt, cells, met)
        return met


def claimed(attempt: Attempt, request_id: bytes) -> dict[str, object]:
    """The row of a new request."""
    return {
        "id": request_id,
        "campaign_no": attempt.campaign_no,
        "attempt_no": attempt.number,
        "state": RequestState.CLAIMED,
        "claimed_at": utc_now(),
    }


_STORED = ("key", "phone", "user_id", "template_id", "sender_id")
"""What the ledger keeps of a recipient as it is."""


def _cells(attempt: Attempt, requests: Sequence[Request]) -> dict[str, Any]:
    """What is inserted of new recipients, by column: one value for each of them, or for all."""
    parts = [RecipientBatch.of(request.recipients) for request in requests]
    row_number, *others = (pa.concat_arrays([part.column(name) for part in parts]) for name in ("row_number", *_STORED))
    ids = np.frombuffer(b"".join(request.id for request in requests), "V16")
    each_id = np.repeat(ids, [len(request.recipients) for request in requests])
    return {
        "campaign_no": attempt.campaign_no,
        "request_id": column_of_cells(each_id.tobytes(), 16),
        "first_attempt": attempt.number,
        "first_row": row_number,
        **dict(zip(_STORED, others, strict=True)),
    }
