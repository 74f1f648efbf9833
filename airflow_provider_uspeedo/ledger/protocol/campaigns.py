# SPDX-License-Identifier: Apache-2.0
"""Campaigns and their attempts: numbers from the database, identities from the client."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.keys import KeySpec, campaign_hash
from airflow_provider_uspeedo.core.slices import Slice
from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError
from airflow_provider_uspeedo.ledger.store.bulk import new_only
from airflow_provider_uspeedo.ledger.store.records import Attempt, utc_now
from airflow_provider_uspeedo.ledger.store.schema import READ_TO_THE_END, ROW_NUMBER, Tables
from airflow_provider_uspeedo.ledger.store.slice_conditions import is_held_by

DECISION = "resolve"
"""The part of an attempt that is a person's decision: it reads no table, and sends nothing."""


class Campaigns:
    """The statements that find a campaign, begin an attempt of it, and end one."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables

    def find(self, connection: Connection, campaign_id: str) -> Any:
        """The campaign of that name; ``None`` if there is none.

        :returns: ``campaign_no, key_spec, phone_metadata, pruned_at``.
        """
        campaigns = self._t.campaigns
        query = sa.select(
            campaigns.c.campaign_no, campaigns.c.key_spec, campaigns.c.phone_metadata, campaigns.c.pruned_at
        )
        return connection.execute(query.where(campaigns.c.name_hash == campaign_hash(campaign_id))).first()

    def open(
        self, connection: Connection, campaign_id: str, spec: KeySpec, uuid: bytes, part: str, slice_: Slice, name: str
    ) -> Attempt:
        """Begins an attempt; repeated with the same ``uuid`` it finds itself."""
        from airflow_provider_uspeedo.core.numbering_plans import METADATA_VERSION  # heavy: not for the command

        new = {
            "name_hash": campaign_hash(campaign_id), "name": campaign_id, "key_spec": spec.to_json(),
            "phone_metadata": METADATA_VERSION, "created_at": utc_now(),
        }  # fmt: skip
        found = self.find(connection, campaign_id)
        if found is None:
            connection.execute(new_only(connection.dialect.name, self._t.campaigns), [new])
            found = self.find(connection, campaign_id)
        refuse_pruned(campaign_id, found.pruned_at)
        kept = refuse_other_keys(campaign_id, found.key_spec, spec)
        attempts = self._t.attempts
        row = {
            "uuid": uuid, "campaign_no": found.campaign_no, "part": part_hash(part), "slice_no": slice_.number,
            "slice_count": slice_.count, "name": name, "read_to": 0, "started_at": utc_now(),
        }  # fmt: skip
        connection.execute(new_only(connection.dialect.name, attempts), [row])
        number = connection.execute(sa.select(attempts.c.attempt_no).where(attempts.c.uuid == uuid)).scalar_one()
        others = sa.select(sa.func.count()).where(
            attempts.c.campaign_no == found.campaign_no, attempts.c.attempt_no != number
        )
        first = connection.execute(others).scalar_one() == 0
        key = connection.execute(sa.select(self._t.ledger.c.phone_key)).scalar()
        return Attempt(
            found.campaign_no,
            campaign_id,
            number,
            first,
            part_hash(part),
            slice_,
            kept,
            found.phone_metadata,
            key and bytes(key),
        )

    def is_only(self, connection: Connection, attempt: Attempt) -> bool:
        """True if the campaign has no other attempt than this one, which began as the first."""
        attempts = self._t.attempts.c
        others = sa.select(attempts.attempt_no).where(
            attempts.campaign_no == attempt.campaign_no, attempts.attempt_no != attempt.number
        )
        return attempt.first and connection.execute(others.limit(1)).first() is None

    def held_name(self, connection: Connection, attempt: Attempt) -> str | None:
        """The name of one's own attempt; an earlier execution of the same transaction is waited for.

        ``None``: it was pruned meanwhile.
        """
        attempts = self._t.attempts.c
        query = sa.select(attempts.name).where(attempts.attempt_no == attempt.number).with_for_update()
        return connection.execute(query).scalar()

    def rename(self, connection: Connection, attempt: Attempt, name: str) -> None:
        """Gives an attempt another name: what was decided is known only afterwards."""
        attempts = self._t.attempts
        connection.execute(sa.update(attempts).where(attempts.c.attempt_no == attempt.number).values(name=name))

    def is_going_on(self, campaign_no: Any) -> Any:
        """A condition: the campaign of that number, or of such a parameter, is neither stopped nor pruned."""
        campaigns = self._t.campaigns.c
        return sa.exists(
            sa.select(campaigns.campaign_no).where(
                campaigns.campaign_no == campaign_no,
                campaigns.stopped_at.is_(None),
                campaigns.pruned_at.is_(None),
            )
        )

    def refuse_halted(self, connection: Connection, attempt: Attempt) -> None:
        """Holds the campaign as it is until the transaction ends, if it is going on.

        :raises CampaignHalted: a person has stopped or pruned it.
        """
        campaigns = self._t.campaigns.c
        query = sa.select(campaigns.stopped_at, campaigns.stopped_by, campaigns.pruned_at)
        found = connection.execute(
            # On PostgreSQL a lock that a stop need not wait for, and a pruning does.
            query.where(campaigns.campaign_no == attempt.campaign_no).with_for_update(read=True, key_share=True)
        ).one()
        refuse_pruned(attempt.campaign_id, found.pruned_at)
        if found.stopped_at is not None:
            raise CampaignHalted(
                f"Campaign {attempt.campaign_id!r} was stopped by {found.stopped_by} at "
                f"{found.stopped_at:%Y-%m-%d %H:%M:%S} UTC. To go on, run `airflow-uspeedo resume`, then clear the "
                "task.",
                section="campaign-stopped-by-a-person",
            )

    def advance(self, connection: Connection, attempt: Attempt, read_to: int, **values: Any) -> None:
        """Notes how far an attempt has read, and how far earlier ones and this one are superseded by that.

        Attempts are locked by number, as everywhere.
        """
        attempts = self._t.attempts
        mine = attempts.c.attempt_no == attempt.number
        same_slice = self._same_slice(attempt)
        behind = (attempts.c.attempt_no < attempt.number, attempts.c.superseded_to < read_to)
        earlier = sa.select(attempts.c.attempt_no).where(*same_slice, *behind).order_by(attempts.c.attempt_no)
        if numbers := list(connection.execute(earlier.with_for_update()).scalars()):
            theirs = attempts.c.attempt_no.in_(numbers)
            connection.execute(sa.update(attempts).where(theirs, *behind).values(superseded_to=read_to))
        connection.execute(sa.update(attempts).where(mine).values(read_to=read_to, **values))
        later = sa.select(sa.func.max(attempts.c.read_to)).where(*same_slice, attempts.c.attempt_no > attempt.number)
        if by_later := connection.execute(later).scalar():
            connection.execute(
                sa.update(attempts).where(mine, attempts.c.superseded_to < by_later).values(superseded_to=by_later)
            )

    def _same_slice(self, attempt: Attempt) -> tuple[Any, ...]:
        attempts = self._t.attempts.c
        return (
            attempts.campaign_no == attempt.campaign_no,
            attempts.part == attempt.part,
            attempts.slice_count == attempt.slice_.count,
            attempts.slice_no == attempt.slice_.number,
        )

    def end(self, connection: Connection, attempt: Attempt, complete: bool, fingerprint: bytes | None) -> None:
        """Ends an attempt; one that read everything replaces what earlier ended attempts of its part have read."""
        attempts = self._t.attempts
        if complete:
            self._lock_attempts_to(connection, attempt)
            ended = {"ended_at": utc_now(), "fingerprint": fingerprint}
            self.advance(connection, attempt, READ_TO_THE_END, **ended)
            self._delete_replaced(connection, attempt)
        else:
            mine = attempts.c.attempt_no == attempt.number
            connection.execute(sa.update(attempts).where(mine).values(ended_at=utc_now()))

    def _lock_attempts_to(self, connection: Connection, attempt: Attempt) -> None:
        """Locks the attempts of the part up to this one, by number: what follows would lock it before older ones."""
        a = self._t.attempts.c
        here = (a.campaign_no == attempt.campaign_no, a.part == attempt.part, a.attempt_no <= attempt.number)
        connection.execute(sa.select(a.attempt_no).where(*here).order_by(a.attempt_no).with_for_update()).all()

    def _delete_replaced(self, connection: Connection, attempt: Attempt) -> None:
        """Deletes the source rows of earlier ended attempts that this one has read again, unless they are shared."""
        attempts, rows = self._t.attempts, self._t.source_rows
        a, sharing = attempts.c, attempts.alias("sharing").c
        earlier = sa.and_(
            a.campaign_no == attempt.campaign_no,
            a.part == attempt.part,
            a.attempt_no < attempt.number,
            a.ended_at.is_not(None),
            sa.or_(a.slice_count != attempt.slice_.count, a.slice_no == attempt.slice_.number),
        )
        # The lock first, then the query: an attempt that is about to share an earlier one's rows locks it, too.
        locked = sa.select(a.attempt_no).where(earlier).order_by(a.attempt_no).with_for_update()
        numbers = list(connection.execute(locked).scalars())
        shared = sa.select(sharing.same_as).where(
            sharing.campaign_no == attempt.campaign_no, sharing.same_as.is_not(None), sharing.ended_at.is_(None)
        )
        in_use = set(connection.execute(shared).scalars())
        read_again = is_held_by(attempt.slice_, rows.c[ROW_NUMBER], sa.func.coalesce(rows.c.known_key, rows.c.key))
        for number in numbers:
            if number not in in_use:
                connection.execute(sa.update(attempts).where(a.attempt_no == number).values(fingerprint=None))
                connection.execute(sa.delete(rows).where(rows.c.attempt_no == number, *read_again))


def part_hash(text: str) -> bytes:
    """How a part is written in the ledger."""
    return blake2b(text.encode(), digest_size=16, person=b"uspeedo part").digest()


def refuse_pruned(campaign_id: str, pruned_at: datetime | None) -> None:
    """:raises CampaignHalted: the ledger no longer knows the recipients that the campaign has texted."""
    if pruned_at is not None:
        raise CampaignHalted(
            f"Campaign {campaign_id!r} was pruned at {pruned_at:%Y-%m-%d %H:%M:%S} UTC: its recipients are no "
            "longer known, so nothing can be sent under its name. Name a new campaign_id.",
            section="campaign-pruned",
        )


def refuse_other_keys(campaign_id: str, stored: str, spec: KeySpec) -> KeySpec:
    """How the campaign reads phones and makes keys.

    :raises ConfigurationError: the campaign's keys were made otherwise; it would text everyone again.
    """
    before = KeySpec.from_json(stored)
    if not before.accepts(spec):
        raise ConfigurationError(
            f"Campaign {campaign_id!r} knows its recipients by other keys: {before.describe_difference(spec)}. "
            "Sending with these would text everyone again. Use the same key_columns, types, default_region and "
            "bare_digits as before, or name a new campaign_id."
        )
    return before
