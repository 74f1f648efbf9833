# SPDX-License-Identifier: Apache-2.0
"""The least rights on a ledger, for each of three roles: running campaigns, reading results, administration.

Creating and migrating needs no grant: the user that ran the DDL owns the tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.store.relation_name import RelationName
from airflow_provider_uspeedo.ledger.store.schema import NAMES, PREFIX, Tables

READ, ADD, CHANGE, DELETE = "SELECT", "INSERT", "UPDATE", "DELETE"
WORKER: dict[str, tuple[str, ...]] = {
    "ledger": (READ, f"{CHANGE} (cap_days)"),
    # A column that never changes: inserting what is there, and locking a row, need the right to change some column.
    # So a worker sees that a person has stopped the campaign, and cannot let it go on.
    "campaigns": (READ, ADD, f"{CHANGE} (campaign_no)"),
    "attempts": (READ, ADD, CHANGE),
    "requests": (READ, ADD, CHANGE, DELETE),
    "recipients": (READ, ADD, CHANGE),
    "source_rows": (READ, ADD, DELETE),
    "outcomes": (READ, ADD, DELETE),
    "past_requests": (READ, ADD),
    "receipts": (READ, ADD, CHANGE),
    "suppressed": (READ,),
    "contacts": (READ, ADD, CHANGE),
}
"""What a worker does with each table: claim, send, settle; resolve, where a task does that; collect receipts."""
ON_MYSQL: dict[str, tuple[str, ...]] = {
    "campaigns": (READ, ADD, f"{CHANGE} (campaign_no, name_hash, name, key_spec, phone_metadata, created_at)"),
    "source_rows": (READ, ADD, CHANGE, DELETE),
    "outcomes": (READ, ADD, CHANGE, DELETE),
    "past_requests": (READ, ADD, CHANGE),
}
"""Where MySQL and MariaDB need more: inserting what may be there needs the right to change what is inserted."""
ADMINISTRATOR: dict[str, tuple[str, ...]] = dict.fromkeys(NAMES, (READ, ADD, CHANGE, DELETE)) | {
    "ledger": (READ, f"{CHANGE} (suppressions)"),  # counted up with every change of the suppression list, and locked
}
ROLES = ("worker", "reader", "administrator")
SEQUENCES = {"campaigns": "campaign_no", "attempts": "attempt_no"}

_HOST = re.compile(r"[A-Za-z0-9_.:%/-]+", re.ASCII)


def script(dialect_name: str, role: str, user: str, results_table: str = "uspeedo_results") -> str:
    """The GRANT statements for one user, as text for a SQL client.

    :param role: one of :data:`ROLES`.
    :raises ConfigurationError: there is no such role or dialect, or the user cannot be one.
    """
    if role not in ROLES:
        raise ConfigurationError(f"role must be one of {', '.join(ROLES)}.")
    if dialect_name not in ("postgresql", "mysql"):
        raise ConfigurationError(
            "Grants are for postgresql and mysql (MariaDB, too). Of a SQLite ledger, the file's owner and mode decide."
        )
    return "".join(f"{statement};\n" for statement in _GrantScript(dialect_name, user, results_table).of(role))


class _GrantScript:
    def __init__(self, dialect_name: str, user: str, results_table: str) -> None:
        self._results = RelationName.parse(results_table)
        self._tables = Tables(self._results.schema)
        dialect: Any = sa.engine.make_url(f"{dialect_name}://").get_dialect()()
        self._quote = dialect.identifier_preparer
        self._on_mysql = dialect_name == "mysql"
        self._user = _account(user) if self._on_mysql else self._quote.quote_identifier(_checked(user))

    def of(self, role: str) -> Iterator[str]:
        if not self._on_mysql:
            yield f"GRANT USAGE ON SCHEMA {self._quote.quote(self._results.schema or 'public')} TO {self._user}"
        if role == "worker":
            yield self._temporary_tables()
            yield from self._on_tables(WORKER | ON_MYSQL if self._on_mysql else WORKER)
        elif role == "administrator":
            yield from self._on_tables(ADMINISTRATOR)
        yield self._grant((READ,), self._named(self._results.name))

    def _temporary_tables(self) -> str:
        """Every claim stages its rows in one."""
        if self._on_mysql:
            database = f"{self._quote.quote(self._results.schema)}.*" if self._results.schema else "*"
            return self._grant(("CREATE TEMPORARY TABLES",), database)
        # The name of the database is known to the session alone.
        text = self._user.replace("'", "''")
        grant = f"format('GRANT TEMPORARY ON DATABASE %I TO %s', current_database(), '{text}')"
        return f"DO $$ BEGIN EXECUTE {grant}; END $$"

    def _on_tables(self, rights: dict[str, tuple[str, ...]]) -> Iterator[str]:
        for name, some in rights.items():
            yield self._grant(some, self._named(PREFIX + name))
        if not self._on_mysql:
            for name, column in SEQUENCES.items():
                yield self._grant(("USAGE",), f"SEQUENCE {self._named(f'{PREFIX}{name}_{column}_seq')}")

    def _grant(self, rights: tuple[str, ...], on: str) -> str:
        return f"GRANT {', '.join(rights)} ON {on} TO {self._user}"

    def _named(self, name: str) -> str:
        schema, quoted = self._results.schema, self._quote.quote(name)
        return f"{self._quote.quote(schema)}.{quoted}" if schema else quoted


def _checked(name: str) -> str:
    if not name or not name.isprintable() or "\\" in name:
        raise ConfigurationError("user must be the name of a user of the database.")
    return name


def _account(user: str) -> str:
    """``name@host`` as MySQL quotes it; any host if none is given."""
    name, at, host = user.rpartition("@")
    name, host = (name, host) if at else (user, "%")
    if not _HOST.fullmatch(host):
        raise ConfigurationError("user must be name or name@host.")
    quoted = _checked(name).replace("'", "''")
    return f"'{quoted}'@'{host}'"
