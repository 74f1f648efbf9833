# SPDX-License-Identifier: Apache-2.0
"""Queries of the ledger, which write nothing. Each is about one campaign, and reads no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from airflow_provider_uspeedo.core.arrays import column_of_keys
from airflow_provider_uspeedo.core.keys import KeySpec, campaign_hash
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns, refuse_other_keys, refuse_pruned
from airflow_provider_uspeedo.ledger.protocol.portion import keys_to_look_up
from airflow_provider_uspeedo.ledger.results import creation
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS, ResultRows
from airflow_provider_uspeedo.ledger.results.tally import tally_query
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.engine import TIMEOUT, Database
from airflow_provider_uspeedo.ledger.store.lookups import looked_up
from airflow_provider_uspeedo.ledger.store.records import Attempt, FailedRow, RecipientStatus, Tally
from airflow_provider_uspeedo.ledger.store.relation_name import RelationName
from airflow_provider_uspeedo.ledger.store.schema import READ_TO_THE_END, ROW_NUMBER, Tables
from airflow_provider_uspeedo.ledger.store.staged_rows import staged_table
from airflow_provider_uspeedo.ledger.store.states import RequestState

_FAILED = (Status.REJECTED, Status.INVALID, Status.UNKNOWN)


class LedgerQueries:
    """One ledger, to be read: the tables of one database schema.

    :param engine: from :func:`.engine.open_engine`.
    :param results_table: the relation to SELECT from, ``name`` or ``schema.name``.
    :param timeout: seconds for which a transaction is repeated while the database fails in a passing way.
    :param dialect: of the engine's kind; ``None``: with its own settings.
    :raises ConfigurationError: the name cannot be used.
    """

    def __init__(
        self,
        engine: Engine,
        results_table: str = "uspeedo_results",
        *,
        timeout: float = TIMEOUT,
        dialect: DatabaseDialect | None = None,
    ) -> None:
        self.results_name = RelationName.parse(results_table)
        self.database = Database(engine, timeout=timeout, dialect=dialect)
        self.tables = Tables(self.results_name.schema)
        self.rows = ResultRows(self.tables)
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

    def has_campaign(self, campaign_id: str) -> bool:
        """True if the ledger, of any version, has a campaign of that name, pruned or not; asking creates nothing."""
        file, campaigns = self.database.file, self.tables.campaigns
        if file is not None and not file.exists():
            return False
        query = sa.select(campaigns.c.campaign_no).where(campaigns.c.name_hash == campaign_hash(campaign_id))

        def work(connection: Connection) -> bool:
            if not sa.inspect(connection).has_table(campaigns.name, schema=campaigns.schema):
                return False
            return connection.execute(query).first() is not None

        return self.database.read(work)

    def peek(self, campaign_id: str, spec: KeySpec) -> Attempt | None:
        """What an attempt would see, without writing one; ``None`` for a campaign that is not in the ledger."""

        def work(connection: Connection) -> Attempt | None:
            found = self._campaigns.find(connection, campaign_id)
            if found is None:
                return None
            refuse_pruned(campaign_id, found.pruned_at)
            kept = refuse_other_keys(campaign_id, found.key_spec, spec)
            return Attempt(found.campaign_no, campaign_id, number=READ_TO_THE_END, first=False, spec=kept)

        return self.database.read(work) if self.exists() else None

    def tally(self, attempt: Attempt) -> list[Tally]:
        """How many rows of this attempt's reading have which status, by request, in the order they were answered."""
        query = tally_query(self.rows, attempt.campaign_no, attempt.number)
        return self.database.read(
            lambda connection: [
                Tally(row.status, row.rows, row.id, row.state, row.attempt_no, row.session_no)
                for row in connection.execute(query)
            ]
        )

    def failures(self, attempt: Attempt, limit: int) -> list[FailedRow]:
        """The first rows of this attempt's reading that were rejected, are invalid, or may have arrived."""
        query = self._failed_rows(attempt).limit(limit)
        return self.database.read(
            lambda connection: [
                FailedRow(row.row_number, row.phone or "", row.user_id or "", row.status, row.reason or "")
                for row in connection.execute(query)
            ]
        )

    def not_sent_by_rule(self, attempt: Attempt, rules: Sequence[str]) -> dict[str, int]:
        """How many rows of this attempt's reading are *not_sent* because of each of these rules; 0 where none is.

        :param rules: what their reasons begin with, before a colon.
        """
        rows, here = self.rows, (attempt.campaign_no, attempt.number)
        first = rows.first_rows(*here, rows.why.label("reason")).where(rows.outcome == Status.NOT_SENT.value)
        others = rows.other_rows(*here, rows.reason.label("reason")).where(rows.status == Status.NOT_SENT.value)
        reason = sa.union_all(first, others).subquery().c.reason
        counts = [sa.func.count(sa.case((reason.like(f"{rule}: %"), 1))) for rule in rules]
        found = self.database.read(lambda connection: connection.execute(sa.select(*counts)).one())
        return dict(zip(rules, map(int, found), strict=True))

    def _failed_rows(self, attempt: Attempt) -> Any:
        rows, here = self.rows, (attempt.campaign_no, attempt.number)
        row, recipient = rows.source_row.c, rows.recipient.c

        def named(*values: Any) -> Any:
            names = ("number", "phone", "user_id", "status", "reason")
            return (value.label(name) for name, value in zip(names, values, strict=True))

        first = rows.first_rows(
            *here, *named(recipient.first_row, recipient.phone, recipient.user_id, rows.outcome, rows.why)
        )
        texts = (sa.func.coalesce(row[name], recipient[name]) for name in ("phone", "user_id"))
        others = rows.other_rows(*here, *named(row[ROW_NUMBER], *texts, rows.status, rows.reason))
        both = sa.union_all(first.where(rows.outcome.in_(_FAILED)), others.where(rows.status.in_(_FAILED))).subquery()
        number = both.c.number
        return sa.select(number.label(ROW_NUMBER), both.c.phone, both.c.user_id, both.c.status, both.c.reason).order_by(
            number
        )

    def outcomes(self, attempt: Attempt, keys: Sequence[bytes]) -> dict[bytes, RecipientStatus]:
        """What the ledger says of those of ``keys`` that are in it."""
        staged = staged_table(self.database.dialect.staged_schema(self.tables.metadata.schema)).alias("staged")
        recipient = self.rows.recipient
        found_by = sa.and_(recipient.c.campaign_no == attempt.campaign_no, recipient.c.key == staged.c.hash)
        source = self.rows.followed(looked_up(staged, recipient, found_by))
        columns = (recipient.c.key, self.rows.outcome, self.rows.why, self.rows.request.c.session_no)
        query = sa.select(*columns).select_from(source)

        def work(connection: Connection) -> dict[bytes, RecipientStatus]:
            schema = self.tables.metadata.schema
            table = self.database.dialect.stage(connection, keys_to_look_up(column_of_keys(keys)), schema)
            found = {bytes(key): RecipientStatus(*status) for key, *status in connection.execute(query)}
            self.database.dialect.drop_staged(connection, table)
            return found

        return self.database.read(work, by_index=False) if keys else {}

    def recipients_by_status(self, attempt: Attempt) -> Counter[str]:
        """How many recipients of the campaign, in all of its tables, have which status."""
        found = self.rows.outcomes(attempt.campaign_no).subquery()
        query = sa.select(found.c.status, sa.func.count().label("rows")).group_by(found.c.status)
        return self.database.read(
            lambda connection: Counter({row.status: row.rows for row in connection.execute(query)})
        )

    def requests_sent(self, attempt: Attempt) -> int:
        """How many calls this attempt made."""
        requests = self.tables.requests.c
        query = sa.select(sa.func.count()).where(
            requests.campaign_no == attempt.campaign_no,
            requests.attempt_no == attempt.number,
            requests.sent_at.is_not(None),
        )
        return self.database.read(lambda connection: connection.execute(query).scalar_one())

    def has_unknown_request(self, attempt: Attempt) -> bool:
        """True if a request of this campaign was not answered, or is not yet: its attempt may have been killed."""
        requests = self.tables.requests.c
        may_have_arrived = requests.state.in_((RequestState.SENDING, RequestState.UNKNOWN))
        query = sa.select(requests.id).where(
            requests.campaign_no == attempt.campaign_no, requests.attempt_no < attempt.number, may_have_arrived
        )
        return self.database.read(lambda connection: connection.execute(query.limit(1)).first() is not None)

    def still_sending(self, request_ids: Iterable[bytes]) -> set[bytes]:
        """Those of the requests that are still *sending*."""
        requests = self.tables.requests.c
        query = sa.select(requests.id).where(
            requests.id.in_(sorted(request_ids)), requests.state == RequestState.SENDING
        )
        return self.database.read(lambda connection: set(connection.execute(query).scalars()))

    def results(self, campaign_id: str, statuses: Sequence[str] | None = None) -> Iterator[list[tuple[Any, ...]]]:
        """The results relation of one campaign, in portions of rows of :data:`.row_status.COLUMNS`, in one snapshot."""
        found = (
            self.database.read(lambda connection: self._campaigns.find(connection, campaign_id))
            if self.exists()
            else None
        )
        if found is None:
            return
        rows = self.rows.results(found.campaign_no).subquery()
        query = sa.select(*(rows.c[name] for name in COLUMNS))
        if statuses is not None:
            query = query.where(rows.c.status.in_(list(statuses)))
        with self.database.streaming() as connection:
            for portion in connection.execute(query).partitions(10_000):
                yield [tuple(row) for row in portion]
