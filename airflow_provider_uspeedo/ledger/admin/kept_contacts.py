# SPDX-License-Identifier: Apache-2.0
"""What stays of a text when its recipient is pruned or forgotten: the phone's hash and the time, while a cap counts it.

A contact says which recipient a phone is, and the recipient's request says when it was texted. Before the recipient or
its phone is deleted, in the same transaction, the contact gets the time itself. Where no attempt has ever asked for a
cap, nothing is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.store.bulk import insert_new, portions
from airflow_provider_uspeedo.ledger.store.engine import Database
from airflow_provider_uspeedo.ledger.store.lookups import looked_up
from airflow_provider_uspeedo.ledger.store.records import utc_now
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.states import MAY_BE_TAKEN, MAY_HAVE_ARRIVED, RequestState

CLOCKS = timedelta(days=1)
"""How much longer than the longest cap a text is kept: the clock here is not the database's."""
COUNTED = (Status.ACCEPTED, Status.UNKNOWN)
"""Outcomes of a recipient's own that count as a text."""

MAY_BE_SENT = (*MAY_BE_TAKEN, RequestState.SUPERSEDED)
"""The recipients of such a request may be sent to now, or are being taken over for that."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept.

    :param since: texts of this moment and later may still count; UTC, without a zone.
    """

    since: datetime
    hasher: PhoneHasher


class KeptContacts:
    """Keeps the contacts of one ledger as long as they count, and deletes them afterwards."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables
        self._times = self._times_of_recipients()

    def keeping(self, connection: Connection) -> Keeping | None:
        """What must be kept, until the end of this transaction; ``None``: nothing, no cap is in use.

        It locks the ledger's row: an attempt that asks for the first or a longer cap comes before or after.
        """
        ledger = self._t.ledger.c
        row = connection.execute(sa.select(ledger.cap_days, ledger.phone_key).with_for_update()).one()
        if row.cap_days is None:
            return None
        return Keeping(utc_now() - timedelta(days=row.cap_days) - CLOCKS, PhoneHasher(bytes(row.phone_key)))

    def keep(self, connection: Connection, keeping: Keeping, campaign_no: int, keys: Sequence[bytes]) -> None:
        """Writes down when those recipients of a campaign were texted; contacts that count no more go.

        A recipient that was texted twice, which only a person's decision allows, keeps the later time. The contact of
        one whose request may still be sent stays as it is: that request will know.
        """
        r = self._t.recipients.c
        for portion in portions(keys):
            query = self._times.where(r.campaign_no == campaign_no, r.key.in_(portion), r.phone != "")
            self._replace(connection, keeping, campaign_no, connection.execute(query).all())

    def _replace(self, connection: Connection, keeping: Keeping, campaign_no: int, found: Sequence[Any]) -> None:
        contacts = self._t.contacts
        hashes = keeping.hasher.of_phones(row.phone for row in found)
        for portion in portions(sorted(set(hashes))):
            here = (contacts.c.phone_hash.in_(portion), contacts.c.campaign_no == campaign_no)
            keys = [bytes(row.key) for row in found if row.state not in MAY_BE_SENT or row.second_at is not None]
            gone = (*here, contacts.c.key.in_(keys), contacts.c.sent_at.is_(None))
            connection.execute(sa.delete(contacts).where(*gone))
        kept = []
        for phone_hash, row in zip(hashes, found, strict=True):
            times = [time for time in (row.first_at, row.second_at) if time is not None and time > keeping.since]
            if times:
                kept.append((phone_hash, campaign_no, bytes(row.key), max(times)))
        insert_new(connection, contacts, ("phone_hash", "campaign_no", "key", "sent_at"), sorted(kept))

    def _times_of_recipients(self) -> Any:
        """Recipients with the times at which their two requests texted them, if that counts."""
        r = self._t.recipients
        joined: Any = r
        times, states = [], []
        for name, request_id in (("first_at", r.c.request_id), ("second_at", r.c.proven_request_id)):
            q, x = self._t.requests.alias(f"q_{name}"), self._t.outcomes.alias(f"x_{name}")
            joined = looked_up(joined, q, q.c.id == request_id, isouter=True)
            joined = looked_up(joined, x, sa.and_(x.c.request_id == request_id, x.c.key == r.c.key), isouter=True)
            counts = sa.and_(q.c.state.in_(MAY_HAVE_ARRIVED), sa.or_(x.c.status.is_(None), x.c.status.in_(COUNTED)))
            times.append(sa.case((counts, q.c.sent_at)).label(name))
            states.append(q.c.state)
        return sa.select(r.c.key, r.c.phone, states[0], *times).select_from(joined)

    # -- deleting -----------------------------------------------------------------------------------------------

    def sweep(self, database: Database, rows_at_once: int) -> None:
        """Deletes the contacts that count no more: with an old time, or without one and of a pruned campaign.

        It goes through all contacts, in the order of their hashes; interrupted, it is done again from the start.
        """
        after: bytes | None = b""
        while after is not None:
            after = database.write(partial(self._sweep_some, after=after, rows=rows_at_once))

    def _sweep_some(self, connection: Connection, after: bytes, rows: int) -> bytes | None:
        """Deletes among so many contacts behind a hash; returns the last hash, ``None`` at the end."""
        contacts, campaigns, r = self._t.contacts, self._t.campaigns.c, self._t.recipients.c
        c = contacts.c
        keeping = self.keeping(connection)
        if keeping is None:
            return None
        behind = c.phone_hash > after
        last = sa.select(c.phone_hash).where(behind).order_by(c.phone_hash).offset(rows - 1).limit(1)
        found = connection.execute(last).scalar()
        here = (behind,) if found is None else (behind, c.phone_hash <= found)
        # Not of one whose recipients are there still: another pruning is about to write down their texts.
        there = sa.exists(sa.select(r.key).where(r.campaign_no == campaigns.campaign_no))
        pruned = sa.select(campaigns.campaign_no).where(campaigns.pruned_at.is_not(None), ~there)
        over = sa.or_(c.sent_at < keeping.since, sa.and_(c.sent_at.is_(None), c.campaign_no.in_(pruned)))
        connection.execute(sa.delete(contacts).where(*here, over))
        return None if found is None else bytes(found)
