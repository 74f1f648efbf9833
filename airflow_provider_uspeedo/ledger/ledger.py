# SPDX-License-Identifier: Apache-2.0
"""The record of who was texted, as verbs. The database decides every race; nothing here trusts a clock or a lock."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from airflow_provider_uspeedo.core.keys import KeySpec, campaign_hash
from airflow_provider_uspeedo.core.statuses import INVALID, REJECTED, UNKNOWN
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger import ddl
from airflow_provider_uspeedo.ledger import tables as states
from airflow_provider_uspeedo.ledger.bulk import new_only, portions
from airflow_provider_uspeedo.ledger.claims import Claims, Portion
from airflow_provider_uspeedo.ledger.engine import PATIENCE, Database
from airflow_provider_uspeedo.ledger.lines import COLUMNS, Lines
from airflow_provider_uspeedo.ledger.names import RelationName
from airflow_provider_uspeedo.ledger.records import Answer, Attempt, Failure, Fate, Request, Tally, utc_now
from airflow_provider_uspeedo.ledger.reopening import Reopening
from airflow_provider_uspeedo.ledger.tables import READ_TO_THE_END, Tables
from airflow_provider_uspeedo.ledger.transitions import Transitions

SETTLE_PATIENCE = 600.0
"""Seconds for which an answer is offered to a database that stays away, before it goes to the log."""


class Ledger:
    """One ledger: the tables of one database schema.

    :param engine: from :func:`.engine.open_engine`.
    :param results_table: the relation to SELECT from, ``name`` or ``schema.name``.
    :raises ConfigurationError: the name cannot be used.
    """

    def __init__(
        self,
        engine: Engine,
        results_table: str = "uspeedo_results",
        *,
        patience: float = PATIENCE,
        settle_patience: float = SETTLE_PATIENCE,
    ) -> None:
        self.results_name = RelationName.parse(results_table)
        self.database = Database(engine, patience=patience)
        self.settle_patience = settle_patience
        self.tables = Tables(self.results_name.schema)
        self.lines = Lines(self.tables)
        self._claims = Claims(self.tables)
        self._transitions = Transitions(self.tables)
        self._reopening = Reopening(self.tables)

    def close(self) -> None:
        """Closes its connections."""
        self.database.engine.dispose()

    # -- campaigns and attempts ---------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Creates what is missing; safe when several tasks do it at once.

        :raises LedgerError: the ledger is of another version, or may not be created here.
        """
        ddl.prepare(self.database, self.tables, self.lines, self.results_name)

    def exists(self) -> bool:
        """True if there is a ledger of this version.

        :raises LedgerError: there is one of another version.
        """
        return self.database.read(lambda connection: ddl.version_found(connection, self.tables)) is not None

    def open_attempt(self, campaign_id: str, spec: KeySpec, *, part: str = "", name: str = "") -> Attempt:
        """Begins a try of a campaign; the number it gets is larger than that of every try before it.

        :param part: which table of the campaign this try reads; a later try of the same part replaces its reading.
        :param name: for people: which task instance it was.
        :raises ConfigurationError: the campaign's keys were made otherwise; it would text everyone again.
        """
        uuid = os.urandom(16)
        return self.database.write(lambda connection: self._open(connection, campaign_id, spec, uuid, part, name))

    def peek(self, campaign_id: str, spec: KeySpec) -> Attempt | None:
        """What an attempt would see, without writing one; ``None`` for a campaign that is not in the ledger."""

        def work(connection: Connection) -> Attempt | None:
            found = self._campaign(connection, campaign_id)
            if found is None:
                return None
            _refuse_other_keys(campaign_id, found.key_spec, spec)
            return Attempt(found.campaign_no, campaign_id, number=READ_TO_THE_END, first=False)

        return self.database.read(work) if self.exists() else None

    def end_attempt(self, attempt: Attempt, *, complete: bool) -> None:
        """Notes that a try is over; ``complete`` if it read its whole table."""
        self.database.write(lambda connection: self._end(connection, attempt, complete))

    def _open(
        self, connection: Connection, campaign_id: str, spec: KeySpec, uuid: bytes, part: str, name: str
    ) -> Attempt:
        new = {
            "name_hash": campaign_hash(campaign_id), "name": campaign_id, "key_spec": spec.to_json(),
            "created_at": utc_now(),
        }  # fmt: skip
        found = self._campaign(connection, campaign_id)
        if found is None:
            connection.execute(new_only(connection.dialect.name, self.tables.campaigns), [new])
            found = self._campaign(connection, campaign_id)
        _refuse_other_keys(campaign_id, found.key_spec, spec)
        attempts = self.tables.attempts
        row = {
            "uuid": uuid, "campaign_no": found.campaign_no, "part": _hash(part), "name": name, "read_to": 0,
            "started_at": utc_now(),
        }  # fmt: skip
        connection.execute(new_only(connection.dialect.name, attempts), [row])
        number = connection.execute(sa.select(attempts.c.attempt_no).where(attempts.c.uuid == uuid)).scalar_one()
        others = sa.select(sa.func.count()).where(
            attempts.c.campaign_no == found.campaign_no, attempts.c.attempt_no != number
        )
        return Attempt(found.campaign_no, campaign_id, number, first=connection.execute(others).scalar_one() == 0)

    def _campaign(self, connection: Connection, campaign_id: str) -> Any:
        campaigns = self.tables.campaigns
        query = sa.select(campaigns.c.campaign_no, campaigns.c.key_spec)
        return connection.execute(query.where(campaigns.c.name_hash == campaign_hash(campaign_id))).first()

    def _end(self, connection: Connection, attempt: Attempt, complete: bool) -> None:
        attempts, readings = self.tables.attempts, self.tables.readings
        mine = attempts.c.attempt_no == attempt.number
        values: dict[str, Any] = {"ended_at": utc_now()}
        if complete:
            values["read_to"] = READ_TO_THE_END
        connection.execute(sa.update(attempts).where(mine).values(**values))
        if not complete:
            return
        part = sa.select(attempts.c.part).where(mine).scalar_subquery()
        replaced = sa.select(attempts.c.attempt_no).where(
            attempts.c.campaign_no == attempt.campaign_no,
            attempts.c.part == connection.execute(sa.select(part)).scalar_one(),
            attempts.c.attempt_no < attempt.number,
            attempts.c.ended_at.is_not(None),
        )
        for number in connection.execute(replaced).scalars().all():
            connection.execute(sa.delete(readings).where(readings.c.attempt_no == number))

    # -- claim, send, settle ------------------------------------------------------------------------------------

    def held(self, attempt: Attempt, keys: Sequence[bytes]) -> set[bytes]:
        """Those of ``keys`` that this attempt cannot have now."""
        return self.database.read(lambda connection: self._claims.held(connection, attempt, keys))

    def claim(self, attempt: Attempt, portion: Portion) -> list[Request]:
        """Claims recipients and records the rows that were read; returns what is ours to send."""
        return self.database.write(lambda connection: self._claims.claim(connection, attempt, portion))

    def renew(self, attempt: Attempt, old: Request, new_id: bytes) -> Request:
        """A new request for the recipients of one's own released one."""
        return self.database.write(lambda connection: self._claims.renew(connection, attempt, old, new_id))

    def mark_sending(self, attempt: Attempt, request_id: bytes) -> bool:
        """True if the request may now be given to the socket, once."""
        return self.database.write(lambda connection: self._transitions.mark_sending(connection, attempt, request_id))

    def settle(self, attempt: Attempt, request_id: bytes, answer: Answer) -> bool:
        """Records an answer; repeated for long while the database is away."""
        return self.database.write(
            lambda connection: self._transitions.settle(connection, attempt, request_id, answer),
            patience=self.settle_patience,
        )

    def release(
        self, attempt: Attempt, request_id: bytes, *, ret_code: int | None, vendor_id: str, reason: str
    ) -> bool:
        """Records that a call surely reached nobody."""
        return self.database.write(
            lambda connection: self._transitions.release(
                connection, attempt, request_id, ret_code=ret_code, vendor_id=vendor_id, reason=reason
            ),
            patience=self.settle_patience,
        )

    def doubt(self, attempt: Attempt, request_id: bytes, *, ret_code: int | None, vendor_id: str, reason: str) -> bool:
        """Records that nobody knows whether a call arrived."""
        return self.database.write(
            lambda connection: self._transitions.doubt(
                connection, attempt, request_id, ret_code=ret_code, vendor_id=vendor_id, reason=reason
            ),
            patience=self.settle_patience,
        )

    def resolve(self, campaign_id: str, *, as_sent: bool, by: str, only: Iterable[bytes] | None = None) -> int:
        """A person's word on the unknown outcomes of a campaign; returns of how many recipients it was said.

        :param as_sent: they were sent (shown *accepted*), or they were not (a later run sends them).
        :param by: who says so.
        :param only: the recipient keys meant; all unknown ones otherwise.
        """
        keys = None if only is None else set(only)
        found = self.database.read(lambda connection: self._campaign(connection, campaign_id))
        if found is None:
            raise ConfigurationError(f"There is no campaign {campaign_id!r} in this ledger.")
        attempt = self.open_attempt(
            campaign_id, KeySpec.from_json(found.key_spec), part="resolve", name=f"resolve by {by}"
        )
        count = self.database.write(
            lambda connection: self._reopening.resolve(connection, attempt, as_sent=as_sent, by=by, only=keys)
        )
        self.end_attempt(attempt, complete=False)
        return count

    # -- what is known ------------------------------------------------------------------------------------------

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
            .where(lines.attempt.c.attempt_no == attempt.number, lines.status.in_((REJECTED, INVALID, UNKNOWN)))
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
        query = sa.select(requests.id).where(requests.state == states.SENDING)
        return self.database.read(
            lambda connection: {
                row.id
                for portion in portions(request_ids)
                for row in connection.execute(query.where(requests.id.in_(portion)))
            }
        )

    def results(self, campaign_id: str, statuses: Sequence[str] | None = None) -> Iterator[list[tuple[Any, ...]]]:
        """The results relation of one campaign, in portions of rows of :data:`.lines.COLUMNS`, in one snapshot."""
        found = (
            self.database.read(lambda connection: self._campaign(connection, campaign_id)) if self.exists() else None
        )
        if found is None:
            return
        attempts, recipients = self.lines.attempt.c, self.lines.recipient.c
        both = sa.union_all(
            self.lines.current().where(attempts.campaign_no == found.campaign_no),
            self.lines.gone().where(recipients.campaign_no == found.campaign_no),
        ).subquery()
        query = sa.select(*(both.c[name] for name in COLUMNS))
        if statuses is not None:
            query = query.where(both.c.status.in_(list(statuses)))
        with self.database.streaming() as connection:
            for portion in connection.execute(query).partitions(10_000):
                yield [tuple(row) for row in portion]


def _hash(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16, person=b"uspeedo part").digest()


def _refuse_other_keys(campaign_id: str, stored: str, spec: KeySpec) -> None:
    if (before := KeySpec.from_json(stored)) != spec:
        raise ConfigurationError(
            f"Campaign {campaign_id!r} knows its recipients by other keys: {before.describe_difference(spec)} "
            "Sending with these would text everyone again. Use the same key_columns, types and default_region as "
            "before, or name a new campaign_id."
        )
