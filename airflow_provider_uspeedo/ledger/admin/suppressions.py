# SPDX-License-Identifier: Apache-2.0
"""The ledger's own list of phones that no campaign may text, kept as keyed hashes.

Every change locks the ledger's row, changes the list, and gives the row's ``suppressions`` another number, in one
transaction. A mark *sending* that compares the number sees the list as it was before the change or after it, never
half of it; two people who change the list at once do so one after the other. Many phones are many such transactions:
what was interrupted is done again from the start, and finds what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.ledger.admin.suppression_records import SuppressedGroup, SuppressedPhone, SuppressedPhones
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.store.bulk import insert_new, look_up, portions
from airflow_provider_uspeedo.ledger.store.records import utc_now

PHONES_AT_ONCE = 5_000
"""Phones of one transaction: a mark *sending* that needs the ledger's row waits for no more than that."""
SHOWN_HASH = 8
"""Hexadecimal digits of a hash that are shown: enough to tell two entries apart."""
MAX_GROUPS = 20

Change = Callable[[Connection, Sequence[bytes]], int]


class Suppressions:
    """The list of one ledger that is there.

    :param phones_at_once: phones of one transaction.
    """

    def __init__(self, ledger: LedgerQueries, *, phones_at_once: int = PHONES_AT_ONCE) -> None:
        self._database = ledger.database
        self._ledger, self._list = ledger.tables.ledger, ledger.tables.suppressed
        self._phones_at_once = phones_at_once

    def hasher(self) -> PhoneHasher:
        """What makes the hashes of this ledger."""
        query = sa.select(self._ledger.c.phone_key)
        return PhoneHasher(bytes(self._database.read(lambda connection: connection.execute(query).scalar_one())))

    # -- changing -----------------------------------------------------------------------------------------------

    def add(self, hashes: Iterable[bytes], reason: str, by: str) -> int:
        """Puts them on the list, and returns how many were not there; others keep their reason, name and time."""
        entry = {"reason": reason, "added_by": by, "added_at": utc_now()}
        return self._change(hashes, partial(self._insert, entry=entry))

    def remove(self, hashes: Iterable[bytes]) -> int:
        """Takes them off the list, and returns how many were there."""
        return self._change(hashes, self._delete)

    def _change(self, hashes: Iterable[bytes], change: Change) -> int:
        rest, changed = iter(hashes), 0
        while portion := sorted(set(islice(rest, self._phones_at_once))):
            changed += self._change_some(portion, change)
        return changed

    def _change_some(self, hashes: Sequence[bytes], change: Change) -> int:
        counts: list[int] = []  # a repetition after a lost acknowledgement finds nothing left to change

        def work(connection: Connection) -> None:
            connection.execute(sa.select(self._ledger.c.suppressions).with_for_update())
            counts.append(change(connection, hashes))
            if counts[-1]:
                number = self._ledger.c.suppressions
                connection.execute(sa.update(self._ledger).values({number: number + 1}))

        self._database.write(work)
        return max(counts)

    def _insert(self, connection: Connection, hashes: Sequence[bytes], *, entry: dict[str, Any]) -> int:
        there = set(self._those_of(connection, hashes))
        new = [one for one in hashes if one not in there]
        insert_new(connection, self._list, ("phone_hash", *entry), [(one, *entry.values()) for one in new])
        return len(new)

    def _delete(self, connection: Connection, hashes: Sequence[bytes]) -> int:
        there = self._those_of(connection, hashes)
        for portion in portions(there):
            connection.execute(sa.delete(self._list).where(self._list.c.phone_hash.in_(portion)))
        return len(there)

    def _those_of(self, connection: Connection, hashes: Sequence[bytes]) -> list[bytes]:
        """Those of the hashes that are on the list."""
        return [bytes(found) for (found,) in look_up(connection, self._listed, hashes)]

    def _listed(self, hashes: Sequence[Any]) -> sa.Select[Any]:
        column = self._list.c.phone_hash
        return sa.select(column).where(column.in_(hashes))

    # -- showing ------------------------------------------------------------------------------------------------

    def of(self, hashes: Sequence[bytes]) -> list[SuppressedPhone]:
        """The entries of these phones."""
        query = sa.select(self._list).where(self._list.c.phone_hash.in_(sorted(hashes)))
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [_entry(row) for row in rows]

    def show(self, limit: int) -> SuppressedPhones:
        """The newest entries, and how many there are of each person and reason."""
        c, count = self._list.c, sa.func.count()
        newest = sa.select(self._list).order_by(c.added_at.desc(), c.phone_hash).limit(limit)
        times = (sa.func.min(c.added_at), sa.func.max(c.added_at))
        groups = (
            sa.select(c.reason, c.added_by, count, *times)
            .group_by(c.reason, c.added_by)
            .order_by(count.desc(), c.reason, c.added_by)
            .limit(MAX_GROUPS)
        )

        def work(connection: Connection) -> SuppressedPhones:
            return SuppressedPhones(
                connection.execute(sa.select(count).select_from(self._list)).scalar_one(),
                tuple(_group(*row) for row in connection.execute(groups)),
                tuple(_entry(row) for row in connection.execute(newest)),
            )

        return self._database.read(work, by_index=False)


def _entry(row: Any) -> SuppressedPhone:
    shown = bytes(row.phone_hash).hex()[:SHOWN_HASH]
    return SuppressedPhone(shown, row.reason or "", row.added_by or "", row.added_at.replace(tzinfo=UTC))


def _group(reason: str | None, by: str | None, phones: int, first: datetime, last: datetime) -> SuppressedGroup:
    return SuppressedGroup(reason or "", by or "", phones, first.replace(tzinfo=UTC), last.replace(tzinfo=UTC))
