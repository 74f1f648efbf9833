# SPDX-License-Identifier: Apache-2.0
"""An older ledger becomes one of this version, piece by piece, so that it may be done again after any crash.

Every new column is nullable or has a default in the database. An attempt of version 3 that still runs can settle what
it has sent; its next claim fails, and a retry goes on from there.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateColumn
from sqlalchemy.types import NullType

from airflow_provider_uspeedo.ledger.store.bulk import new_only
from airflow_provider_uspeedo.ledger.store.dialects import dialect_for
from airflow_provider_uspeedo.ledger.store.schema import ROW_NUMBER, Tables

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


def take_over_readings(connection: Connection, tables: Tables) -> None:
    """Brings over what versions 1 to 3 recorded of rows: a line for each, now only those of no new recipient.

    Every row up to ``read_to`` is recorded now, and none after it; before, some after it could be.
    """
    readings = _readings(tables)
    if not sa.inspect(connection).has_table(readings.name, schema=readings.schema):
        return
    old, rows = readings.c, tables.source_rows
    texts = [old[name] for name in ("status", "reason", "phone", "user_id", "template_id", "sender_id")]
    names = ["attempt_no", ROW_NUMBER, "known_key", "key", *(column.name for column in texts)]
    key = sa.case((old.again.is_(None), old.key))
    kept = sa.select(old.attempt_no, old[ROW_NUMBER], old.again, key, *texts).where(
        sa.or_(old.status.is_not(None), old.again.is_not(None))
    )
    connection.execute(new_only(connection.dialect.name, rows).from_select(names, kept, include_defaults=False))
    _note_how_far_attempts_came(connection, tables, readings)


def _note_how_far_attempts_came(connection: Connection, tables: Tables, readings: sa.Table) -> None:
    """Nothing is ever lowered, so that it may be done again."""
    attempts = tables.attempts
    read_by_later: dict[tuple[object, ...], int] = {}
    for row in connection.execute(sa.select(attempts).order_by(attempts.c.attempt_no.desc())).all():
        last = sa.select(sa.func.max(readings.c[ROW_NUMBER])).where(readings.c.attempt_no == row.attempt_no)
        read_to = max(row.read_to, connection.execute(last).scalar() or 0)
        slice_ = (row.campaign_no, row.part, row.slice_count, row.slice_no)
        for column, number in (
            (attempts.c.read_to, read_to),
            (attempts.c.superseded_to, read_by_later.get(slice_, 0)),
        ):
            behind = (attempts.c.attempt_no == row.attempt_no, column < number)
            connection.execute(sa.update(attempts).where(*behind).values({column: number}))
        read_by_later[slice_] = max(read_to, read_by_later.get(slice_, 0))


def drop_what_is_left(connection: Connection, tables: Tables) -> None:
    """Drops what nothing writes any more, once the results relation does not need it.

    A second results relation of the ledger may need it still: then it stays until that one is migrated.
    """
    readings, attempts = _readings(tables), tables.attempts
    preparer = connection.dialect.identifier_preparer
    inspector = sa.inspect(connection)
    columns = {column["name"] for column in inspector.get_columns(attempts.name, schema=attempts.schema)}
    if "reached" in columns:
        _unless_needed(connection, f"ALTER TABLE {preparer.format_table(attempts)} DROP COLUMN reached")
    if inspector.has_table(readings.name, schema=readings.schema):
        _unless_needed(connection, f"DROP TABLE {preparer.format_table(readings)}")


def _unless_needed(connection: Connection, statement: str) -> None:
    if not dialect_for(connection.dialect.name).ddl_in_savepoints:
        connection.exec_driver_sql(statement)
        return
    savepoint = connection.begin_nested()
    try:
        connection.exec_driver_sql(statement)
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise
        savepoint.rollback()
    else:
        savepoint.commit()


def _readings(tables: Tables) -> sa.Table:
    """The table of versions 1 to 3."""
    names = ("attempt_no", ROW_NUMBER, "key", "again", "status", "reason", "phone", "user_id", "template_id")
    columns = [sa.Column(name, NullType()) for name in (*names, "sender_id")]
    return sa.Table("uspeedo_readings", sa.MetaData(schema=tables.metadata.schema), *columns)
