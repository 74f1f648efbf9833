# SPDX-License-Identifier: Apache-2.0
"""Records delivery receipts, and settles by them what is still unknown.

Of two receipts of one message the final one stays, and of two final ones the newer one, in whatever order and however
often they come in: a collector that was killed, or runs twice, changes nothing. A receipt settles an outcome only where
nothing else has: not what the API answered, and not what a person decided, except that it can show that a message which
a person called *not sent*, or let a later attempt send again since it was rejected, was sent after all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.store.bulk import insert_new, portions
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.new_rows import NewRows
from airflow_provider_uspeedo.ledger.store.records import MAX_TEXT
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.staged_receipts import (
    RANKS,
    MessageReceipt,
    MessageReceipts,
    columns_of,
    staged_receipts,
    time_of_text,
)

COLUMNS = ("request_id", "key", "result", "code", "description", "received_at", "cost_count")
LONG_AGO = "1000-01-01 00:00:00.000000"
"""Stands for the time of a receipt that has none."""


class ReceiptRecords:
    """The statements that record receipts."""

    def __init__(self, tables: Tables, dialect: DatabaseDialect) -> None:
        self._t = tables
        self._dialect = dialect
        self._staged = staged_receipts(dialect.staged_schema(tables.metadata.schema))
        s, r = self._staged.alias("s"), tables.receipts.alias("r")
        self._new = self._replacing(s)
        self._inserts_first = not dialect.updates_on_conflict
        self._insert = NewRows(
            dialect,
            tables.receipts,
            COLUMNS,
            (s.c.request_id, s.c.recipient, *self._new.values()),
            source=s,
            where=sa.true(),
            order_by=(s.c.request_id, s.c.recipient),
            taken=(r, sa.and_(r.c.request_id == s.c.request_id, r.c.key == s.c.recipient)),
        )

    def record(self, connection: Connection, campaign_no: int, receipts: MessageReceipts) -> int:
        """Records receipts of a campaign; returns how many outcomes they settled that were unknown, or re-opened.

        :param receipts: one for each message at most, by request and recipient, not empty. Those of a pruned campaign
            are dropped.
        """
        if not self._is_there(connection, campaign_no):
            return 0
        settled = self._settle(connection, campaign_no, receipts)
        self._dialect.make_staged(connection, self._staged)
        size = self._dialect.rows_at_once
        for start in range(0, len(receipts), size):
            self._dialect.insert_staged(connection, self._staged, columns_of(receipts, start, start + size))
        if self._inserts_first:
            self._insert.insert(connection, {})
        connection.exec_driver_sql(self._merge_text(connection))
        self._dialect.drop_staged(connection, self._staged)
        return settled

    def _is_there(self, connection: Connection, campaign_no: int) -> bool:
        """Keeps the campaign from being pruned until the transaction ends; false if it has been.

        A receipt without its recipient would never be deleted, and what the carrier says may quote the phone.
        """
        campaigns = self._t.campaigns.c
        query = sa.select(campaigns.pruned_at).where(campaigns.campaign_no == campaign_no)
        found = connection.execute(query.with_for_update(read=True, key_share=True)).first()
        return found is not None and found.pruned_at is None

    # -- receipts -----------------------------------------------------------------------------------------------

    @staticmethod
    def _replacing(s: Any) -> dict[str, Any]:
        """What is recorded of a staged receipt, by column."""
        return {
            "result": s.c.result,
            "code": sa.func.nullif(s.c.code, sa.literal_column("''")),
            "description": sa.func.nullif(s.c.description, sa.literal_column("''")),
            "received_at": time_of_text(sa.func.nullif(s.c.received, sa.literal_column("''"))),
            "cost_count": sa.func.nullif(s.c.cost_count, sa.literal_column("-1")),
        }

    def _merge_text(self, connection: Connection) -> str:
        """Inserts the staged receipts, or replaces by them those that are there and count less.

        Another collector's row that is not committed yet is waited for, and compared then. On MySQL, whose upsert has
        no condition, this only replaces: the new ones are inserted before.
        """
        quote = connection.dialect.identifier_preparer.quote
        receipts = self._dialect.quoted_table(connection, self._t.receipts)
        staged = self._dialect.quoted_table(connection, self._staged)
        values = {name: str(value.compile(dialect=connection.dialect)) for name, value in self._new.items()}
        there = self._order(connection, "r", "r.received_at")
        if self._inserts_first:
            changes = ", ".join(f"r.{quote(name)} = {value}" for name, value in values.items())
            found = f"r.{quote('request_id')} = s.request_id AND r.{quote('key')} = s.recipient"
            # The right side of each assignment is of the staged row, so that their order does not matter.
            joined = f"{staged} AS s STRAIGHT_JOIN {receipts} AS r ON {found}"
            newer = f"{self._order(connection, 's', values['received_at'])} > {there}"
            return f"UPDATE {joined} SET {changes} WHERE {newer}"  # noqa: S608 - names of our own
        names = ", ".join(map(quote, COLUMNS))
        new = f"SELECT s.request_id, s.recipient, {', '.join(values.values())} FROM {staged} AS s WHERE true"  # noqa: S608
        changes = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in values)
        newer = f"{self._order(connection, 'excluded', 'excluded.received_at')} > {there}"
        return (
            f"INSERT INTO {receipts} AS r ({names}) {new} ORDER BY s.request_id, s.recipient "
            f"ON CONFLICT ({quote('request_id')}, {quote('key')}) DO UPDATE SET {changes} WHERE {newer}"
        )

    @staticmethod
    def _order(connection: Connection, row: str, at: str) -> str:
        """The row as :meth:`.MessageReceipts.newest_of_each` orders it."""
        cases = " ".join(f"WHEN '{result}' THEN {rank}" for result, rank in RANKS.items())
        long_ago = time_of_text(sa.literal_column(f"'{LONG_AGO}'")).compile(dialect=connection.dialect)
        rank = f"CASE {row}.result {cases} ELSE 0 END"
        final = f"CASE WHEN {rank} > 0 THEN 1 ELSE 0 END"
        return f"({final}, coalesce({at}, {long_ago}), {rank}, coalesce({row}.cost_count, -1))"

    # -- outcomes -----------------------------------------------------------------------------------------------

    def _settle(self, connection: Connection, campaign_no: int, receipts: MessageReceipts) -> int:
        """Settles the outcomes that receipts prove and that may change; locks only requests that have one."""
        proving = {request_id for request_id, proof in zip(receipts.request_id, receipts.proof, strict=True) if proof}
        before = self._open(connection, proving)
        proofs = [one for one in receipts.about(before) if one.proof]
        locked = sorted({one.request_id for one in proofs if _may_change(one, before)})
        if not locked:
            return 0
        for request_id in locked:
            self._lock(connection, request_id)
        outcomes = self._open(connection, locked)  # asked again: a person may have decided before the lock
        found = [one for one in proofs if _may_change(one, outcomes)]
        held = self._held(connection, campaign_no, [one.key for one in found])
        staying = [
            one
            for one in found
            if held.get(one.key) == one.request_id and outcomes[one.request_id, one.key] == Status.UNKNOWN
        ]
        # Called *not sent*, or re-opened, by a person: a receipt can only show that more was sent.
        proven = [
            one for one in found if held.get(one.key, one.request_id) != one.request_id and one.proof == Status.ACCEPTED
        ]
        self._replace_outcomes(connection, sorted(staying + proven))
        self._prove(connection, campaign_no, sorted(proven, key=lambda one: one.key))
        return len(staying) + len(proven)

    def _open(self, connection: Connection, requests: Iterable[bytes]) -> dict[tuple[bytes, bytes], str]:
        """The unknown and the rejected outcomes of requests."""
        x = self._t.outcomes.c
        query = sa.select(x.request_id, x.key, x.status).where(x.status.in_((Status.UNKNOWN, Status.REJECTED)))
        return {
            (bytes(row.request_id), bytes(row.key)): row.status
            for portion in portions(sorted(requests))
            for row in connection.execute(query.where(x.request_id.in_(portion)))
        }

    def _lock(self, connection: Connection, request_id: bytes) -> None:
        """A person's decision waits for it, and it for one."""
        requests = self._t.requests
        connection.execute(
            sa.update(requests).where(requests.c.id == request_id).values(request_id=requests.c.request_id)
        )

    def _held(self, connection: Connection, campaign_no: int, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The request that each recipient points at."""
        r = self._t.recipients.c
        query = sa.select(r.key, r.request_id).where(r.campaign_no == campaign_no)
        return {
            bytes(row.key): bytes(row.request_id)
            for portion in portions(sorted(set(keys)))
            for row in connection.execute(query.where(r.key.in_(portion)))
        }

    def _replace_outcomes(self, connection: Connection, proofs: Sequence[MessageReceipt]) -> None:
        outcomes = self._t.outcomes
        for request_id, some in groupby(proofs, key=lambda one: one.request_id):
            for portion in portions(one.key for one in some):
                connection.execute(
                    sa.delete(outcomes).where(
                        outcomes.c.request_id == request_id,
                        outcomes.c.key.in_(portion),
                        outcomes.c.status.in_((Status.UNKNOWN, Status.REJECTED)),
                    )
                )
        rows = [(one.request_id, one.key, str(one.proof), _reason(one)) for one in proofs]
        insert_new(connection, outcomes, ("request_id", "key", "status", "reason"), rows)

    def _prove(self, connection: Connection, campaign_no: int, proofs: Sequence[MessageReceipt]) -> None:
        """Recipients show the outcome of the request that reached them, whichever one they point at by now."""
        r, recipients = self._t.recipients.c, self._t.recipients
        if not proofs:
            return
        change = (
            sa.update(recipients)
            .where(r.campaign_no == campaign_no, r.key == sa.bindparam("recipient"), r.proven_request_id.is_(None))
            .values(proven_request_id=sa.bindparam("proven"))
        )
        connection.execute(change, [{"recipient": one.key, "proven": one.request_id} for one in proofs])
        # They have left the request that they still point at: counting must ask each of them.
        held = self._held(connection, campaign_no, [one.key for one in proofs])
        rows = sorted((request_id, key) for key, request_id in held.items())
        insert_new(connection, self._t.past_requests, ("request_id", "key"), rows)


def _may_change(receipt: MessageReceipt, outcomes: Mapping[tuple[bytes, bytes], str]) -> bool:
    """An unknown outcome; and a rejected one that was accepted after all, if a person has re-opened it."""
    status = outcomes.get((receipt.request_id, receipt.key))
    return status == Status.UNKNOWN or (status == Status.REJECTED and receipt.proof == Status.ACCEPTED)


def _reason(receipt: MessageReceipt) -> str:
    said = f": {receipt.description}" if receipt.proof == Status.REJECTED and receipt.description else ""
    return f"delivery receipt {receipt.result}{said}"[:MAX_TEXT]
