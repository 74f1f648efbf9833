# SPDX-License-Identifier: Apache-2.0
"""Creating the ledger, once, whoever comes first; and printing the DDL for those whose workers may not.

``python -m airflow_provider_uspeedo.ledger.ddl --dialect postgresql`` prints it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from airflow_provider_uspeedo.errors import LedgerError, LedgerUnavailable
from airflow_provider_uspeedo.ledger.bulk import new_only
from airflow_provider_uspeedo.ledger.engine import Database
from airflow_provider_uspeedo.ledger.lines import COLUMNS, Lines
from airflow_provider_uspeedo.ledger.names import RelationName
from airflow_provider_uspeedo.ledger.tables import VERSION, Tables

LOCK = 0x5573_7065_6564_6F
"""The advisory lock that one creator at a time holds (its bytes spell the vendor's name)."""


def prepare(database: Database, tables: Tables, lines: Lines, results: RelationName) -> None:
    """Creates what is missing under a lock.

    :raises LedgerError: another version, a table in the way of the results relation, or no right to create.
    """
    if database.read(lambda connection: _is_complete(connection, tables, results)):
        return
    try:
        database.write(lambda connection: _create(connection, tables, lines, results))
    except LedgerError as error:
        raise type(error)(
            f"{error} If this user may not create tables, let somebody who may run the output of "
            f"`python -m airflow_provider_uspeedo.ledger.ddl --dialect {database.dialect} --results-table {results}`."
        ) from None


def version_found(connection: Connection, tables: Tables) -> int | None:
    """The version of the ledger in this database, ``None`` if there is none.

    :raises LedgerError: it is not :data:`.tables.VERSION`.
    """
    table = tables.ledger
    if not sa.inspect(connection).has_table(table.name, schema=table.schema):
        return None
    version = connection.execute(sa.select(sa.func.max(table.c.version))).scalar()
    if version is not None and version != VERSION:
        raise LedgerError(
            f"The ledger in this database has version {version}; this package works with version {VERSION}. "
            "Install the package that made it, or migrate the ledger."
        )
    return version


def statements(dialect: Dialect, results_table: str = "uspeedo_results") -> Iterator[str]:
    """The DDL of a whole ledger, statement by statement."""
    results = RelationName.parse(results_table)
    tables = Tables(results.schema)
    for table in tables.metadata.sorted_tables:
        yield str(CreateTable(table).compile(dialect=dialect)).strip()
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            yield str(CreateIndex(index).compile(dialect=dialect)).strip()
    yield _view(dialect, Lines(tables), results)
    yield str(
        tables.ledger.insert().values(version=VERSION).compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    )


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


def _create(connection: Connection, tables: Tables, lines: Lines, results: RelationName) -> None:
    _lock(connection)
    try:
        if version_found(connection, tables) is None:
            tables.metadata.create_all(connection)
            connection.execute(new_only(connection.dialect.name, tables.ledger), [{"version": VERSION}])
        if not _has_view(connection, results):
            connection.exec_driver_sql(_view(connection.dialect, lines, results))
    finally:
        _unlock(connection)


def _view(dialect: Dialect, lines: Lines, results: RelationName) -> str:
    select = lines.results().compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    quote = dialect.identifier_preparer
    name = quote.quote(results.name)
    if results.schema:
        name = f"{quote.quote(results.schema)}.{name}"
    return f"CREATE VIEW {name} AS\n{select}"


def _lock(connection: Connection) -> None:
    """SQLite has its BEGIN IMMEDIATE; MySQL commits at every DDL statement, so its lock is the session's."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
    elif connection.dialect.name in ("mysql", "mariadb"):
        got = connection.exec_driver_sql(f"SELECT GET_LOCK('{LOCK}', 60)").scalar()
        if got != 1:
            raise LedgerUnavailable("Another task has been creating a ledger on this server for a minute. Try again.")


def _unlock(connection: Connection) -> None:
    if connection.dialect.name in ("mysql", "mariadb") and not connection.invalidated:
        connection.exec_driver_sql(f"SELECT RELEASE_LOCK('{LOCK}')")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the DDL."""
    parser = argparse.ArgumentParser(prog="python -m airflow_provider_uspeedo.ledger.ddl", description=main.__doc__)
    parser.add_argument("--dialect", choices=("sqlite", "postgresql", "mysql"), required=True)
    parser.add_argument("--results-table", default="uspeedo_results", help="name or schema.name")
    chosen = parser.parse_args(arguments)
    dialect: Any = sa.engine.make_url(f"{chosen.dialect}://").get_dialect()()
    for statement in statements(dialect, chosen.results_table):
        print(f"{statement};\n")


if __name__ == "__main__":
    main()
