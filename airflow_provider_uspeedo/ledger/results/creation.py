# SPDX-License-Identifier: Apache-2.0
"""Creating the ledger, once, also when several tasks do so; and its DDL as text, where workers may not create it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from airflow_provider_uspeedo.core.phone_hashes import PHONE_KEY_BYTES
from airflow_provider_uspeedo.errors import ConfigurationError, LedgerError, LedgerRightMissing
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS, ResultRows
from airflow_provider_uspeedo.ledger.store.bulk import new_only
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect, dialect_for
from airflow_provider_uspeedo.ledger.store.engine import Database
from airflow_provider_uspeedo.ledger.store.migrations import complete, drop_what_is_left, take_over_readings
from airflow_provider_uspeedo.ledger.store.relation_name import RelationName
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.version import VERSION, Migration


def prepare(database: Database, tables: Tables, rows: ResultRows, results: RelationName) -> None:
    """Creates what is missing under a lock.

    :raises LedgerError: another version, a table in the way of the results relation, no right to create, or a database
        that cannot hold every text.
    """
    refuse_narrow_text(database, tables)
    if database.read(lambda connection: _is_complete(connection, tables, results)):
        return

    def create(connection: Connection) -> None:
        with _alone(database.dialect, connection):
            _create(connection, tables, rows, results)

    try:
        database.write(create)
    except LedgerRightMissing as error:
        raise LedgerRightMissing(
            f"{error} If this user may not create tables, let a user who may run the output of "
            f"`airflow-uspeedo --results-table {results} ddl --dialect {database.dialect.name}`."
        ) from None


def refuse_narrow_text(database: Database, tables: Tables) -> None:
    """:raises LedgerError: the database, a table or the connection cannot hold every text."""

    def look(connection: Connection) -> str:
        _refuse_no_database(connection, tables)
        return database.dialect.narrow_text(connection, tables.metadata.sorted_tables)

    if narrow := database.read(look):
        raise LedgerError(f"{narrow} It is {database.place}.")


def migrate(database: Database, tables: Tables, rows: ResultRows, results: RelationName) -> Migration:
    """Brings a ledger to this package's version under the same lock, and makes its results relation anew.

    :raises ConfigurationError: there is no ledger.
    :raises LedgerError: it was made by a newer version, or this user may not change it.
    """
    before = database.read(lambda connection: _version_in(connection, tables))
    if before is None:
        raise ConfigurationError("There is no ledger in this database: the first campaign creates one.")
    _refuse_newer(before)
    created: list[bool] = []  # a repetition after a lost acknowledgement finds the relation there

    def upgrade(connection: Connection) -> None:
        with _alone(database.dialect, connection):
            created.append(_upgrade(connection, tables, rows, results))

    try:
        database.write(upgrade)
    except LedgerRightMissing as error:
        raise LedgerRightMissing(
            f"{error} Migrating needs the rights of the tables' owner: run it as that user."
        ) from None
    return Migration(before, VERSION, any(created))


def version_found(connection: Connection, tables: Tables) -> int | None:
    """The version of the ledger in this database, ``None`` if there is none.

    :raises LedgerError: it is not :data:`.schema.VERSION`.
    """
    version = _version_in(connection, tables)
    if version is None:
        return None
    _refuse_newer(version)
    if version < VERSION:
        raise LedgerError(
            f"The ledger in this database has version {version}; this package works with version {VERSION}. Run "
            "`airflow-uspeedo migrate`, as a user who may change its tables, then try again."
        )
    if not _has_key(connection, tables):
        raise LedgerError(
            "The ledger in this database was made before there was a contact policy, and lacks tables for it. Run "
            "`airflow-uspeedo migrate`, as a user who may change its tables, then try again."
        )
    return version


def _has_key(connection: Connection, tables: Tables) -> bool:
    """The key of phones is what a migration makes last."""
    table = tables.ledger
    columns = sa.inspect(connection).get_columns(table.name, schema=table.schema)
    if not any(column["name"] == table.c.phone_key.name for column in columns):
        return False
    return connection.execute(sa.select(table.c.version).where(table.c.phone_key.is_not(None))).first() is not None


def _version_in(connection: Connection, tables: Tables) -> int | None:
    table = tables.ledger
    _refuse_no_database(connection, tables)
    if not sa.inspect(connection).has_table(table.name, schema=table.schema):
        return None
    version: int | None = connection.execute(sa.select(sa.func.max(table.c.version))).scalar()
    return version


def _refuse_no_database(connection: Connection, tables: Tables) -> None:
    """MySQL and MariaDB let a user in without a database, and then know of no tables."""
    needed = dialect_for(connection.dialect.name).needs_database_name
    if needed and not (connection.engine.url.database or tables.ledger.schema):
        raise ConfigurationError(
            "The ledger's connection names no database: enter it in the connection's schema field."
        )


def _refuse_newer(version: int) -> None:
    if version > VERSION:
        raise LedgerError(
            f"The ledger in this database has version {version}; this package works with version {VERSION}. It was "
            "made or migrated by a newer airflow-provider-uspeedo: install that version here, too."
        )


def script(dialect_name: str, results_table: str = "uspeedo_results") -> str:
    """The DDL of a whole ledger, as text for a SQL client."""
    dialect: Any = sa.engine.make_url(f"{dialect_name}://").get_dialect()()
    return "".join(f"{statement};\n\n" for statement in statements(dialect, results_table))


def statements(dialect: Dialect, results_table: str = "uspeedo_results") -> Iterator[str]:
    """The DDL of a whole ledger, statement by statement."""
    results = RelationName.parse(results_table)
    tables = Tables(results.schema)
    for table in tables.metadata.sorted_tables:
        yield str(CreateTable(table).compile(dialect=dialect)).strip()
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            yield str(CreateIndex(index).compile(dialect=dialect)).strip()
    view = _view(dialect, ResultRows(tables), results)
    # Our drivers take a per cent sign twice, a SQL client once.
    yield view.replace("%%", "%") if dialect.paramstyle in ("format", "pyformat") else view
    # The script holds the key, which is as secret as the phones in the ledger.
    key = os.urandom(PHONE_KEY_BYTES).hex()
    literal = dialect_for(dialect.name).bytes_literal(key)
    first: dict[str, Any] = {"version": sa.literal_column(str(VERSION)), "phone_key": sa.literal_column(literal)}
    yield str(tables.ledger.insert().values(first).compile(dialect=dialect))


def _is_complete(connection: Connection, tables: Tables, results: RelationName) -> bool:
    return version_found(connection, tables) is not None and _has_view(connection, results)


def _has_view(connection: Connection, results: RelationName) -> bool:
    inspector = sa.inspect(connection)
    if results.name in inspector.get_table_names(schema=results.schema):
        raise LedgerError(
            f"{results} is a table already, and the results relation is a view: choose another results_table."
        )
    if results.name not in inspector.get_view_names(schema=results.schema):
        return False
    view = sa.table(results.name, schema=results.schema)
    found = connection.execute(sa.select(sa.literal_column("*")).select_from(view).limit(0)).keys()
    if not set(found) >= set(COLUMNS):  # asked by SELECT: the right to look at a view's definition may be missing
        raise LedgerError(f"{results} is a view of something else already: choose another results_table.")
    return True


@contextmanager
def _alone(dialect: DatabaseDialect, connection: Connection) -> Iterator[None]:
    """One creator at a time."""
    dialect.lock_creation(connection)
    try:
        yield
    finally:
        dialect.unlock_creation(connection)


def _create(connection: Connection, tables: Tables, rows: ResultRows, results: RelationName) -> None:
    if version_found(connection, tables) is None:
        tables.metadata.create_all(connection)
        complete(connection, tables)  # an older version may have died here before it had noted its number
        first = {"version": VERSION, "phone_key": os.urandom(PHONE_KEY_BYTES)}
        connection.execute(new_only(connection.dialect.name, tables.ledger), [first])
    if not _has_view(connection, results):
        connection.exec_driver_sql(_view(connection.dialect, rows, results))


def _upgrade(connection: Connection, tables: Tables, rows: ResultRows, results: RelationName) -> bool:
    """Says whether there was no results relation before. May be repeated after a crash anywhere."""
    tables.metadata.create_all(connection)
    complete(connection, tables)
    take_over_readings(connection, tables)
    created = not _replace_view(connection, rows, results)
    drop_what_is_left(connection, tables)
    table = tables.ledger
    connection.execute(sa.update(table).where(table.c.version < VERSION).values(version=VERSION))
    no_key = table.c.phone_key.is_(None)
    connection.execute(sa.update(table).where(no_key).values(phone_key=os.urandom(PHONE_KEY_BYTES)))
    return created


def _replace_view(connection: Connection, rows: ResultRows, results: RelationName) -> bool:
    """Keeps the grants on it, and the views that are built on it, where the database can; false: it is new."""
    replacing = _has_view(connection, results)
    create = _view(connection.dialect, rows, results)
    if replacing and not dialect_for(connection.dialect.name).replaces_views:
        connection.exec_driver_sql(f"DROP VIEW {connection.dialect.identifier_preparer.quote(results.name)}")
    elif replacing:
        create = create.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
    connection.exec_driver_sql(create)
    return replacing


def _view(dialect: Dialect, rows: ResultRows, results: RelationName) -> str:
    select = rows.results().compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    quote = dialect.identifier_preparer
    name = quote.quote(results.name)
    if results.schema:
        name = f"{quote.quote(results.schema)}.{name}"
    return f"CREATE VIEW {name} AS\n{select}"
