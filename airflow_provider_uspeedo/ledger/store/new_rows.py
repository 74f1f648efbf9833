# SPDX-License-Identifier: Apache-2.0
"""An INSERT of staged rows whose key is not in the table yet.

Keys that are visibly taken are looked up and left out where that costs less, or locks less, than to meet them
(PostgreSQL, MySQL). The unique key decides all the same: another transaction may take a key after the look.

Where even the statement that passes over taken keys costs more than a plain one (PostgreSQL inserts each of its rows
for a trial first), a plain one is run inside a savepoint, and the other one only if a key was taken after the look. Not
on MySQL: there the plain one would keep a shared lock on the row that has the key. Two transactions that had waited for
the same row would both get it, and then both wait for the other one to let go of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.lookups import looked_up


class NewRows:
    """One such INSERT, made once and executed many times.

    :param names: the columns, in the order of ``values``.
    :param source: what the values are selected from.
    :param where: conditions on it.
    :param taken: an alias of a table, and what finds the row there that has taken a key.
    """

    def __init__(
        self,
        dialect: DatabaseDialect,
        table: sa.Table,
        names: Sequence[str],
        values: Sequence[Any],
        *,
        source: Any,
        where: Any,
        order_by: Sequence[Any],
        taken: tuple[Any, Any],
    ) -> None:
        rows = sa.select(*values).select_from(source).where(where).order_by(*order_by)
        if dialect.looks_before_inserting:
            holder, found = taken
            looked = sa.select(*values).select_from(looked_up(source, holder, found, isouter=True))
            rows = looked.where(where, next(iter(holder.c)).is_(None)).order_by(*order_by)
        self._insert = dialect.new_only(table).from_select(names, rows, include_defaults=False)
        self._plain: Any = None
        if dialect.inserts_plainly:
            self._plain = sa.insert(table).from_select(names, rows, include_defaults=False)

    def insert(self, connection: Connection, given: Mapping[str, object]) -> None:
        """Inserts the rows, in the transaction of the connection."""
        if self._plain is not None:
            try:
                with connection.begin_nested():
                    connection.execute(self._plain, given)
            except sa.exc.IntegrityError:
                pass  # another transaction took a key after the look: below it is passed over
            else:
                return
        connection.execute(self._insert, given)
