# SPDX-License-Identifier: Apache-2.0
"""What the ledger knows of phones, whichever campaign texted them: who may not be texted, and who was texted how often.

A phone is a keyed hash here. Which recipients a phone is, is recorded with their claim, as soon as any attempt has
asked for a cap; when they were texted, and whether it counts, their requests say. So marking and settling write
nothing more than before, also with caps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.contact_rules import Cap
from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.store.bulk import insert_new, look_up, portions
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.expressions import database_now
from airflow_provider_uspeedo.ledger.store.lookups import looked_up
from airflow_provider_uspeedo.ledger.store.schema import HASH, TIME, Tables
from airflow_provider_uspeedo.ledger.store.states import MAY_HAVE_ARRIVED

SUPPRESSED = "suppression: on the ledger's list"
"""Why a phone on the list is not texted."""
COUNTED = (Status.ACCEPTED, Status.UNKNOWN)
"""Outcomes of a recipient's own that count as a text."""

Times = list[datetime]
"""When a phone was texted, UTC."""


class ContactsUnrecorded(Exception):
    """There are texts in the window of a cap whose contacts must be recorded before they can be counted.

    It never leaves the ledger, which records them and repeats the transaction.
    """


@dataclass(frozen=True, slots=True)
class LedgerRules:
    """What a transaction finds in the ledger about phones.

    :param list_version: another number after every change of the list of suppressed phones.
    :param cap_days: the longest cap ever asked for; ``None``: no contact is recorded.
    :param has_list: some phone is suppressed.
    :param now: the time of the database, UTC, without a zone.
    """

    list_version: int
    cap_days: int | None
    has_list: bool
    now: datetime

    @property
    def records_contacts(self) -> bool:
        """True if every claim records which recipients a phone is."""
        return self.cap_days is not None


class Contacts:
    """The statements about phones.

    :param staged: the alias ``s`` of the temporary table; its column ``phone_hash`` is looked up.
    """

    def __init__(self, tables: Tables, dialect: DatabaseDialect, staged: Any) -> None:
        self._t = tables
        self._dialect = dialect
        ledger, suppressed = tables.ledger.c, tables.suppressed.alias("p")
        some = sa.exists(sa.select(tables.suppressed.c.phone_hash))
        self._rules = sa.select(ledger.suppressions, ledger.cap_days, some.label("some"), database_now().label("now"))
        hashes: Any = sa.bindparam("hashes", expanding=True)
        s, c = staged.c, tables.contacts.alias("c")
        self._suppressed_rows = sa.select(s.row_no).select_from(
            looked_up(staged, suppressed, suppressed.c.phone_hash == s.phone_hash)
        )
        of_rows = looked_up(staged, c, c.c.phone_hash == s.phone_hash)
        self._times_of_rows = self._times(of_rows, c, s.row_no)
        # Most of what a mark finds is itself: claimed, so that it counts for nothing, and need not be followed.
        r = tables.recipients.alias("r")
        not_itself = sa.or_(r.c.request_id != sa.bindparam("itself", type_=HASH), r.c.proven_request_id.is_not(None))
        self._times_of_hashes = self._times(c, c, c.c.phone_hash, only=not_itself).where(c.c.phone_hash.in_(hashes))
        self._contact = c.c

    def ledger_rules(self, connection: Connection) -> LedgerRules:
        """What the ledger says now."""
        row = connection.execute(self._rules).first()
        if row is None:  # a ledger that is being made: nothing is in it
            raise AssertionError("a ledger without a version")
        return LedgerRules(row.suppressions, row.cap_days, bool(row.some), row.now)

    def ask_for(self, connection: Connection, days: int) -> None:
        """Notes that a cap of so many days is in use: every claim from now on records contacts."""
        ledger = self._t.ledger
        shorter = sa.or_(ledger.c.cap_days.is_(None), ledger.c.cap_days < days)
        connection.execute(sa.update(ledger).where(shorter).values(cap_days=days))

    # -- looking ------------------------------------------------------------------------------------------------

    def suppressed_rows(self, connection: Connection) -> list[int]:
        """The ``row_no`` of the staged rows whose phone is on the list."""
        return list(connection.execute(self._suppressed_rows).scalars())

    def suppressed(self, connection: Connection, hashes: Sequence[bytes]) -> set[bytes]:
        """Those of the hashes that are on the list."""
        return {bytes(found) for (found,) in look_up(connection, self._listed, sorted(set(hashes)))}

    def _listed(self, hashes: Sequence[Any]) -> sa.Select[Any]:
        column = self._t.suppressed.c.phone_hash
        return sa.select(column).where(column.in_(hashes))

    def times_of_rows(
        self, connection: Connection, recipients: RecipientBatch, row_numbers: np.ndarray[Any, Any], since: datetime
    ) -> dict[int, Times]:
        """When the phones of staged recipients were texted since that moment, by the place of each.

        :param row_numbers: the ``row_no`` of each.
        """
        found: dict[int, Times] = {}
        rows = connection.execute(self._times_of_rows, {"since": since}).all()
        phones = recipients.texts("phone") if rows else []
        for place, (_, *row) in zip(places_of([row.row_no for row in rows], row_numbers), rows, strict=True):
            found.setdefault(place, []).extend(_of_phone(phones[place], *row))
        return found

    def times(
        self, connection: Connection, phones: Mapping[bytes, str], since: datetime, campaign_no: int, itself: bytes
    ) -> dict[bytes, Times]:
        """When these phones were texted since that moment, by their hashes.

        Of most phones there is nothing to count: the one contact is that of the request that asks. These are found
        first, by the contacts alone.

        :param campaign_no: of the request that asks, which has recorded its contacts.
        :param itself: that request, which is claimed.
        """
        found: dict[bytes, Times] = {}
        others = look_up(connection, self._having_others, sorted(phones), campaign_no)
        for some in portions([bytes(phone_hash) for (phone_hash,) in others]):
            rows = connection.execute(self._times_of_hashes, {"hashes": some, "since": since, "itself": itself})
            for phone_hash, *row in rows:
                digest = bytes(phone_hash)
                found.setdefault(digest, []).extend(_of_phone(phones[digest], *row))
        return found

    def lock(self, connection: Connection, hashes: Iterable[bytes]) -> None:
        """Lets one capped transaction at a time decide on a phone, until it ends.

        Of two recipients of a phone one was recorded before the other, and both transactions find that one.
        """
        if self._dialect.locks_rows:
            locking = self._locking_by_number if self._dialect.counts_locked_rows else self._locking
            look_up(connection, locking, sorted(set(hashes)))

    def _locking(self, hashes: Sequence[Any]) -> sa.Select[Any]:
        c = self._contact
        ordered = (c.phone_hash, c.campaign_no, c.key)
        locked: sa.Select[Any] = (
            sa.select(sa.literal_column("1")).where(c.phone_hash.in_(hashes)).order_by(*ordered).with_for_update()
        )
        return sa.select(sa.func.count()).select_from(locked.subquery())

    def _locking_by_number(self, hashes: Sequence[Any]) -> sa.Select[Any]:
        """In the order of the primary key, by which MySQL finds them."""
        c = self._contact
        return sa.select(sa.func.count()).where(c.phone_hash.in_(hashes)).with_for_update()

    def _having_others(self, hashes: Sequence[Any]) -> sa.Select[Any]:
        """Those with contacts besides one that a recipient of the campaign has, and that holds no time of its own."""
        c = self._contact
        campaign: Any = sa.bindparam("campaign")
        one_of_its_own = (
            sa.func.count() == sa.literal_column("1"),
            sa.func.min(c.campaign_no) == campaign,
            sa.func.max(c.sent_at).is_(None),
        )
        query = sa.select(c.phone_hash).where(c.phone_hash.in_(hashes)).group_by(c.phone_hash)
        return query.having(sa.not_(sa.and_(*one_of_its_own)))

    def _times(self, source: Any, contact: Any, identity: Any, only: Any = None) -> Any:
        """Rows with up to three times at which a phone was texted: of a forgotten recipient, and of its two requests.

        The recipient's phone is between, to be compared; see :func:`_of_phone`.

        :param only: a condition on the recipient ``r``.
        """
        r = self._t.recipients.alias("r")
        c, since = contact.c, sa.bindparam("since", type_=TIME)
        same = sa.and_(r.c.campaign_no == c.campaign_no, r.c.key == c.key)
        # A request that was claimed when its recipient was forgotten goes on; a contact with a time is of one before.
        forgotten = sa.and_(r.c.phone == "", c.sent_at.is_(None))
        its_own = sa.or_(r.c.phone != "", forgotten)
        joined = looked_up(source, r, sa.and_(same, its_own, *([] if only is None else [only])), isouter=True)
        kept = sa.case((c.sent_at > since, c.sent_at))
        times = [kept]
        for number, request_id in enumerate((r.c.request_id, r.c.proven_request_id), 1):
            q, x = self._t.requests.alias(f"q{number}"), self._t.outcomes.alias(f"x{number}")
            joined = looked_up(joined, q, q.c.id == request_id, isouter=True)
            joined = looked_up(joined, x, sa.and_(x.c.request_id == request_id, x.c.key == r.c.key), isouter=True)
            counts: tuple[Any, ...] = (
                q.c.sent_at > since,
                q.c.state.in_(MAY_HAVE_ARRIVED),
                sa.or_(x.c.status.is_(None), x.c.status.in_(COUNTED)),
            )
            if number > 1:
                counts = (*counts, r.c.proven_request_id != r.c.request_id)
            times.append(sa.case((sa.and_(*counts), q.c.sent_at)))
        there = sa.or_(*(time.is_not(None) for time in times))
        return sa.select(identity, r.c.phone, *times).select_from(joined).where(there)

    # -- recording ----------------------------------------------------------------------------------------------

    def record(self, connection: Connection, campaign_no: int, hashes: Sequence[bytes], keys: Sequence[bytes]) -> None:
        """Records that these phones are these recipients of the campaign."""
        rows = sorted((one, campaign_no, key) for one, key in zip(hashes, keys, strict=True))
        insert_new(connection, self._t.contacts, ("phone_hash", "campaign_no", "key"), rows)

    def unrecorded(self, connection: Connection, since: datetime, limit: int = 1) -> list[bytes]:
        """Requests marked since that moment whose contacts are not recorded."""
        q = self._t.requests.c
        query = sa.select(q.id).where(q.contacts.is_(None), q.sent_at > since).order_by(q.sent_at).limit(limit)
        return [bytes(one) for one in connection.execute(query).scalars()]

    def record_request(self, connection: Connection, hasher: PhoneHasher, request_id: bytes) -> None:
        """Records the contacts of a request that was marked without; a transaction of its own."""
        q, a, p = self._t.requests, self._t.attempts.c, self._t.past_requests.c
        r = self._t.recipients.alias("r")  # what is looked up in a ledger with a schema must have a name without it
        here = (q.c.id == request_id, q.c.contacts.is_(None))
        locked = sa.select(q.c.campaign_no, q.c.attempt_no).where(*here).with_for_update()
        found = connection.execute(locked).first()
        if found is None:
            return  # another transaction was faster, or the campaign was pruned
        columns = sa.select(r.c.key, r.c.phone)
        # A recipient that was taken over came with an earlier attempt: there is an index by attempt and request.
        of_attempts = sa.and_(r.c.first_attempt == a.attempt_no, r.c.request_id == request_id)
        of_request = columns.select_from(looked_up(self._t.attempts, r, of_attempts)).where(
            a.campaign_no == found.campaign_no
        )
        # One that a person re-opened has left it; a late answer may have shown since that it was texted.
        of_past = sa.and_(r.c.campaign_no == found.campaign_no, r.c.key == p.key)
        past = columns.select_from(looked_up(self._t.past_requests, r, of_past)).where(p.request_id == request_id)
        recipients = [*connection.execute(of_request), *connection.execute(past)]
        phones = {bytes(row.key): row.phone for row in recipients if row.phone}
        self.record(connection, found.campaign_no, hasher.of_phones(phones.values()), list(phones))
        connection.execute(sa.update(q).where(*here).values(contacts=1))


def places_of(some: Sequence[int], row_numbers: np.ndarray[Any, Any]) -> list[int]:
    """Where each of some row numbers stands in an array of different ones that has all of them."""
    order = np.argsort(row_numbers, kind="stable")
    places: list[int] = order[np.searchsorted(row_numbers, some, sorter=order)].tolist() if len(some) else []
    return places


def _of_phone(asked: str, phone: str | None, kept: datetime | None, *times: datetime | None) -> set[datetime]:
    """The times of a contact that are of texts to that phone.

    :param phone: that its recipient has. A key may have got another one since: then its texts went there.
    :param kept: of texts before the phone was forgotten.
    """
    found = (kept, *times) if phone in (asked, "") else (kept,)
    return {time for time in found if time is not None}


def window(caps: Sequence[Cap], now: datetime) -> datetime:
    """The moment from which on texts matter to any of the caps."""
    return now - timedelta(days=max(cap.days for cap in caps))


def left(caps: Sequence[Cap], times: Times, now: datetime) -> tuple[int, str]:
    """How many more texts a phone may get now, 0 or more, and the rule that says so."""

    def of(cap: Cap) -> int:
        since = now - timedelta(days=cap.days)
        return max(0, cap.texts - sum(time > since for time in times))

    strictest = min(caps, key=of)
    return of(strictest), f"at most: {counted(strictest.texts, 'text')} in {counted(strictest.days, 'day')}"
