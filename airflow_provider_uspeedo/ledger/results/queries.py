# SPDX-License-Identifier: Apache-2.0
"""What the ledger knows, asked without writing anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from airflow_provider_uspeedo.core.keys import KeySpec
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns, refuse_other_keys, refuse_pruned
from airflow_provider_uspeedo.ledger.results import creation
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS, ResultRows
from airflow_provider_uspeedo.ledger.store.bulk import portions
from airflow_provider_uspeedo.ledger.store.engine import PATIENCE, Database
from airflow_provider_uspeedo.ledger.store.records import Attempt, Failure, Fate, Tally
from airflow_provider_uspeedo.ledger.store.relation_name import RelationName
from airflow_provider_uspeedo.ledger.store.schema import READ_TO_THE_END, Tables
from airflow_provider_uspeedo.ledger.store.states import RequestState


class LedgerQueries:
    """One ledger, to be read: the tables of one database schema.

    :param engine: from :func:`.engine.open_engine`.
    :param results_table: the relation to SELECT from, ``name`` or ``schema.name``.
    :raises ConfigurationError: the name cannot be used.
    """

    def __init__(self, engine: Engine, results_table: str = "uspeedo_results", *, patience: float = PATIENCE) -> None:
        self.results_name = RelationName.parse(results_table)
        self.database = Database(engine, patience=patience)
        self.tables = Tables(self.results_name.schema)
        self.lines = ResultRows(self.tables)
        self._campaigns = Campaigns(self.tables)

    def close(self) -> None:
        """Closes its connections."""
        self.database.engine.dispose()

    def exists(self) -> bool:
        """True if there is a ledger of this version; asking creates nothing, not even an empty SQLite file.

        :raises LedgerError: there is one of another version.
        """
        file = self.database.file
        if file is not None and not file.exists():
            return False
        return self.database.read(lambda connection: creation.version_found(connection, self.tables)) is not None

    def peek(self, campaign_id: str, spec: KeySpec) -> Attempt | None:
        """What an attempt would see, without writing one; ``None`` for a campaign that is not in the ledger."""

        def work(connection: Connection) -> Attempt | None:
            found = self._campaigns.find(connection, campaign_id)
            if found is None:
                return None
            refuse_pruned(campaign_id, found.pruned_at)
            refuse_other_keys(campaign_id, found.key_spec, spec)
            return Attempt(found.campaign_no, campaign_id, number=READ_TO_THE_END, first=False)

        return self.database.read(work) if self.exists() else None

    def tally(self, attempt: Attempt) -> list[Tally]:
        """How many rows of this try's reading have which status, by request, in the order they were answered."""
        query = self.lines.tally(attempt.number)
        return self.database.read(
            lambda connection: [
                Tally(row.status, row.rows, row.id, row.state, row.attempt_no, row.session_no)
                for row in connection.execute(query)
            ]
        )

    def failures(self, attempt: Attempt, limit: int) -> list[Failure]:
        """The first rows of this try's reading that were rejected, are invalid, or may have arrived."""
        lines = self.lines
        reading, recipient = lines.reading.c, lines.recipient.c
        query = (
            sa.select(
                reading.row_number,
                sa.func.coalesce(reading.phone, recipient.phone).label("phone"),
                sa.func.coalesce(reading.user_id, recipient.user_id).label("user_id"),
                lines.status.label("status"),
                lines.reason.label("reason"),
            )
            .select_from(lines.read())
            .where(
                lines.attempt.c.attempt_no == attempt.number,
                lines.status.in_((Status.REJECTED, Status.INVALID, Status.UNKNOWN)),
            )
            .order_by(reading.row_number)
            .limit(limit)
        )
        return self.database.read(
            lambda connection: [
                Failure(row.row_number, row.phone or "", row.user_id or "", row.status, row.reason or "")
                for row in connection.execute(query)
            ]
        )

    def fates(self, attempt: Attempt, keys: Iterable[bytes]) -> dict[bytes, Fate]:
        """What the ledger says of those of ``keys`` that are in it."""
        lines = self.lines
        query = lines.fates().where(lines.recipient.c.campaign_no == attempt.campaign_no)
        return self.database.read(
            lambda connection: {
                row.key: Fate(row.status, row.reason, row.session_no)
                for portion in portions(sorted(set(keys)))
                for row in connection.execute(query.where(lines.recipient.c.key.in_(portion)))
            }
        )

    def requests_sent(self, attempt: Attempt) -> int:
        """How many calls this try made."""
        requests = self.tables.requests.c
        query = sa.select(sa.func.count()).where(requests.attempt_no == attempt.number, requests.sent_at.is_not(None))
        return self.database.read(lambda connection: connection.execute(query).scalar_one())

    def still_sending(self, request_ids: Iterable[bytes]) -> set[bytes]:
        """Those of the requests that are still *sending*."""
        requests = self.tables.requests.c
        query = sa.select(requests.id).where(requests.state == RequestState.SENDING)
        return self.database.read(
            lambda connection: {
                row.id
                for portion in portions(request_ids)
                for row in connection.execute(query.where(requests.id.in_(portion)))
            }
        )

    def results(self, campaign_id: str, statuses: Sequence[str] | None = None) -> Iterator[list[tuple[Any, ...]]]:
        """The results relation of one campaign, in portions of rows of :data:`.row_status.COLUMNS`, in one snapshot."""
        found = (
            self.database.read(lambda connection: self._campaigns.find(connection, campaign_id))
            if self.exists()
            else None
        )
        if found is None:
            return
        lines = self.lines.results(found.campaign_no).subquery()
        query = sa.select(*(lines.c[name] for name in COLUMNS))
        if statuses is not None:
            query = query.where(lines.c.status.in_(list(statuses)))
        with self.database.streaming() as connection:
            for portion in connection.execute(query).partitions(10_000):
                yield [tuple(row) for row in portion]
