# SPDX-License-Identifier: Apache-2.0
"""What an older ledger lacks is added to it, piece by piece, so that it may be done again after any crash.

Every new column is nullable or has a default in the database, so that tries of the older version go on writing.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateColumn

from airflow_provider_uspeedo.ledger.store.schema import Tables

DROPPED = {
    "uspeedo_attempts_of_campaign": "of version 1, which knew no slices",
    "uspeedo_recipients_of_request": "of versions 1 and 2: a quarter of the cost of a claim, and no longer asked",
}
"""Indexes that were there once."""


def complete(connection: Connection, tables: Tables) -> None:
    """Adds the columns and indexes that tables of an older version lack, and drops what is no longer needed."""
    inspector = sa.inspect(connection)
    for table in tables.metadata.sorted_tables:
        known = {column["name"] for column in inspector.get_columns(table.name, schema=table.schema)}
        for column in table.columns:
            if column.name not in known:
                connection.exec_driver_sql(_addition(connection, table, column))
        found = {str(index["name"]) for index in inspector.get_indexes(table.name, schema=table.schema)}
        for index in table.indexes:
            if index.name not in found:
                index.create(connection)
        for name in sorted(found & DROPPED.keys()):
            sa.Index(name, next(iter(table.columns)), _table=table).drop(connection)


def _addition(connection: Connection, table: sa.Table, column: sa.Column) -> str:  # type: ignore[type-arg]
    name = connection.dialect.identifier_preparer.format_table(table)
    return f"ALTER TABLE {name} ADD COLUMN {CreateColumn(column).compile(dialect=connection.dialect)}"


def note_what_was_read(connection: Connection, tables: Tables) -> None:
    """Fills in what tries of version 1 did not note: how far each came, and how far later ones have read again.

    Nothing is ever lowered, so that it may be done while tries go on.
    """
    attempts, readings = tables.attempts, tables.readings
    read_by_later: dict[tuple[object, ...], int] = {}
    for row in connection.execute(sa.select(attempts).order_by(attempts.c.attempt_no.desc())).all():
        last = sa.select(sa.func.max(readings.c.row_number)).where(readings.c.attempt_no == row.attempt_no)
        slice_ = (row.campaign_no, row.part, row.slice_count, row.slice_no)
        for column, number in (
            (attempts.c.reached, connection.execute(last).scalar() or 0),
            (attempts.c.superseded_to, read_by_later.get(slice_, 0)),
        ):
            behind = (attempts.c.attempt_no == row.attempt_no, column < number)
            connection.execute(sa.update(attempts).where(*behind).values({column: number}))
        read_by_later[slice_] = max(row.read_to, read_by_later.get(slice_, 0))
