# SPDX-License-Identifier: Apache-2.0
"""Campaigns and the tries of them: numbers from the database, identities from the client."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.keys import KeySpec, campaign_hash
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.bulk import new_only
from airflow_provider_uspeedo.ledger.records import Attempt, utc_now
from airflow_provider_uspeedo.ledger.tables import READ_TO_THE_END, Tables


class Campaigns:
    """The statements that find a campaign, begin a try of it, and end one."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables

    def find(self, connection: Connection, campaign_id: str) -> Any:
        """The campaign of that name: ``campaign_no, key_spec``; ``None`` if there is none."""
        campaigns = self._t.campaigns
        query = sa.select(campaigns.c.campaign_no, campaigns.c.key_spec)
        return connection.execute(query.where(campaigns.c.name_hash == campaign_hash(campaign_id))).first()

    def open(
        self, connection: Connection, campaign_id: str, spec: KeySpec, uuid: bytes, part: str, name: str
    ) -> Attempt:
        """Begins a try; repeated with the same ``uuid`` it finds itself."""
        new = {
            "name_hash": campaign_hash(campaign_id), "name": campaign_id, "key_spec": spec.to_json(),
            "created_at": utc_now(),
        }  # fmt: skip
        found = self.find(connection, campaign_id)
        if found is None:
            connection.execute(new_only(connection.dialect.name, self._t.campaigns), [new])
            found = self.find(connection, campaign_id)
        refuse_other_keys(campaign_id, found.key_spec, spec)
        attempts = self._t.attempts
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

    def end(self, connection: Connection, attempt: Attempt, complete: bool) -> None:
        """Ends a try; one that read everything replaces what earlier ended tries of its part have read."""
        attempts, readings = self._t.attempts, self._t.readings
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


def _hash(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16, person=b"uspeedo part").digest()


def refuse_other_keys(campaign_id: str, stored: str, spec: KeySpec) -> None:
    """:raises ConfigurationError: the campaign's keys were made otherwise; it would text everyone again."""
    if (before := KeySpec.from_json(stored)) != spec:
        raise ConfigurationError(
            f"Campaign {campaign_id!r} knows its recipients by other keys: {before.describe_difference(spec)}. "
            "Sending with these would text everyone again. Use the same key_columns, types and default_region as "
            "before, or name a new campaign_id."
        )
