# SPDX-License-Identifier: Apache-2.0
"""What one try reads: a line for every row of its table, which recipient it is, or why it is none.

A recipient has one row in a reading; every other row of it is a duplicate. For recipients that came into the ledger
with this try, their first row is noted with them. Those that were there before get a *seat*, which is unique within
the reading: whichever row is seated first is the recipient's, however the table was ordered before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from airflow_provider_uspeedo.core.arrays import column_of_keys
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient, duplicate_of
from airflow_provider_uspeedo.ledger.store.bulk import insert_new, portions
from airflow_provider_uspeedo.ledger.store.records import Attempt
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.staging import Statement, insertion, insertion_of_all, run
from airflow_provider_uspeedo.ledger.store.states import MAY_BE_TAKEN, MAY_HAVE_ARRIVED, RequestState


class SourceRows:
    """The statements that record rows."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.readings

    def of_new(self, dialect: Dialect, attempt: Attempt, cells: Mapping[str, Any]) -> Iterator[Statement]:
        """The statements that record recipients who come into the ledger with this try's requests.

        :param cells: ``first_row``, ``key`` and ``request_id`` of each.
        """
        return insertion_of_all(dialect, self._table, _columns(attempt, cells))

    def record_new(
        self, connection: Connection, attempt: Attempt, cells: Mapping[str, Any], others: set[bytes]
    ) -> None:
        """Records the recipients who came into the ledger with this try's requests.

        :param cells: ``first_row``, ``key`` and ``request_id`` of each who was to come.
        :param others: the keys of those who were there.
        """
        if others:
            new = pc.invert(pc.is_in(cells["key"], column_of_keys(list(others))))
            cells = {name: cells[name].filter(new) for name in ("first_row", "key", "request_id")}
        if len(cells["key"]):
            run(connection, insertion(connection.dialect, self._table, _columns(attempt, cells)))

    def record(
        self,
        connection: Connection,
        attempt: Attempt,
        recipients: Sequence[Recipient],
        bad_rows: Sequence[BadRow],
        found: Mapping[bytes, Any],
    ) -> set[int]:
        """Records rows of any kind, each once.

        :param found: what the ledger holds of their keys.
        :returns: the row numbers of those ``recipients`` that are duplicates of another row.
        """
        row_of = {
            one.key: found[one.key].first_row for one in recipients if found[one.key].first_attempt == attempt.number
        }
        new = [(attempt.number, one.row_number, one.key) for one in recipients if row_of.get(one.key) == one.row_number]
        insert_new(connection, self._table, ("attempt_no", "row_number", "key"), new)

        known = _first_rows(one for one in recipients if one.key not in row_of)
        texted = _first_rows(row for row in bad_rows if row.key not in known and _was_texted(row, found, attempt))
        row_of |= self._seat(connection, attempt, known | texted, found)

        seated = {row_number for key, row_number in texted.items() if row_of.get(key) == row_number}
        self._insert_bad(connection, attempt, [row for row in bad_rows if row.row_number not in seated])
        duplicates = [one for one in recipients if row_of.get(one.key, one.row_number) != one.row_number]
        self._insert_bad(connection, attempt, [duplicate_of(one, row_of[one.key]) for one in duplicates])
        return {one.row_number for one in duplicates}

    def _seat(
        self, connection: Connection, attempt: Attempt, known: Mapping[bytes, int], found: Mapping[bytes, Any]
    ) -> dict[bytes, int]:
        """Seats recipients that were in the ledger before; returns the row that has each one's seat."""
        readings = self._table.c
        rows = [
            (attempt.number, row_number, key, key, _stable_request(found[key], attempt))
            for key, row_number in sorted(known.items())
        ]
        insert_new(connection, self._table, ("attempt_no", "row_number", "key", "again", "request_id"), rows)
        query = sa.select(readings.again, readings.row_number).where(readings.attempt_no == attempt.number)
        return {
            row.again: row.row_number
            for portion in portions(sorted(known))
            for row in connection.execute(query.where(readings.again.in_(portion)))
        }

    def _insert_bad(self, connection: Connection, attempt: Attempt, rows: Sequence[BadRow]) -> None:
        columns = (
            "attempt_no", "row_number", "key", "status", "reason", "phone", "user_id", "template_id", "sender_id",
        )  # fmt: skip
        values = [
            (attempt.number, r.row_number, r.key, r.status, r.reason, r.phone, r.user_id, r.template_id, r.sender_id)
            for r in rows
        ]
        insert_new(connection, self._table, columns, values)


def _columns(attempt: Attempt, cells: Mapping[str, Any]) -> dict[str, Any]:
    return {"attempt_no": attempt.number, "row_number": cells["first_row"]} | {
        name: cells[name] for name in ("key", "request_id")
    }


def is_free(row: Any, attempt: Attempt) -> bool:
    """True if this attempt may try to take the recipient over."""
    return (
        row.proven_request_id is None
        and row.state in (*MAY_BE_TAKEN, RequestState.SUPERSEDED)
        and row.attempt_no < attempt.number
    )


def _first_rows(rows: Iterable[Recipient | BadRow]) -> dict[bytes, int]:
    """The first row of each key; one claim may bring several."""
    first: dict[bytes, int] = {}
    for one in sorted(rows, key=lambda row: row.row_number):
        if one.key is not None:
            first.setdefault(one.key, one.row_number)
    return first


def _was_texted(row: BadRow, found: Mapping[bytes, Any], attempt: Attempt) -> bool:
    """True of a row that is wrong today and whose recipient an earlier try may have texted: that is what counts."""
    known = found.get(row.key) if row.key is not None else None
    return known is not None and (
        known.first_attempt != attempt.number
        and (known.state in MAY_HAVE_ARRIVED or known.proven_request_id is not None)
    )


def _stable_request(row: Any, attempt: Attempt) -> bytes | None:
    """The request that will still hold the recipient when the rows are counted, if that is certain."""
    certain = row.proven_request_id is None and not is_free(row, attempt)
    return row.request_id if certain else None
