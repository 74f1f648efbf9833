# SPDX-License-Identifier: Apache-2.0
"""All that databases do differently: one object for each kind, and :func:`dialect_for` finds it.

Another database is one more module here, a line in :data:`_KINDS`, and the contract tests of the ledger.
"""

from __future__ import annotations

from airflow_provider_uspeedo.errors import LedgerError
from airflow_provider_uspeedo.ledger.store.dialects.base import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.dialects.mysql import MySQL
from airflow_provider_uspeedo.ledger.store.dialects.postgresql import PostgreSQL
from airflow_provider_uspeedo.ledger.store.dialects.sqlite import SQLite

__all__ = ["DatabaseDialect", "dialect_for"]

_KINDS: dict[str, type[DatabaseDialect]] = {
    "sqlite": SQLite,
    "postgresql": PostgreSQL,
    "mysql": MySQL,
    "mariadb": MySQL,
}


def dialect_for(name: str) -> DatabaseDialect:
    """The dialect of that SQLAlchemy name.

    :raises LedgerError: such a database cannot hold a ledger.
    """
    if (kind := _KINDS.get(name)) is None:
        raise LedgerError(f"A ledger cannot live in {name!r}: use SQLite, PostgreSQL, MySQL or MariaDB.")
    return kind()
