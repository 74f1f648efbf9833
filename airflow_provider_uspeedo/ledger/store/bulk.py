# SPDX-License-Identifier: Apache-2.0
"""Many rows in few statements; rows that are there already stay as they are.

SQLAlchemy writes the SQL once per number of rows; the driver gets it with plain tuples. (An ``executemany`` goes row
by row over the network with some drivers, and binding a thousand rows through the ORM's types costs more than the
insert.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from airflow_provider_uspeedo.ledger.store.dialects import dialect_for

T = TypeVar("T")
BLOCKS = (512, 64, 8, 1)
"""Rows per statement, largest first: four texts per table serve every number of rows."""
IN_ONE_SELECT = 1000
"""Keys asked for in one SELECT; SQLite binds at most 32,766 values."""


def insert_new(
    connection: Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Inserts rows of ``columns``, in the order given; a row whose key is taken leaves the old one untouched.

    Give rows sorted by key: two transactions that insert in opposite orders deadlock.
    """
    start = 0
    for size in BLOCKS:
        while len(rows) - start >= size:
            block = rows[start : start + size]
            text = _insert_text(connection.dialect, table, tuple(columns), size)
            connection.exec_driver_sql(text, tuple(chain.from_iterable(block)))
            start += size


def portions(values: Iterable[T], size: int = IN_ONE_SELECT) -> Iterator[list[T]]:
    """Lists of at most ``size`` values, in order."""
    rest = iter(values)
    while portion := list(islice(rest, size)):
        yield portion


@lru_cache(maxsize=256)
def _insert_text(dialect: Dialect, table: sa.Table, columns: tuple[str, ...], rows: int) -> str:
    values: Any = [{name: sa.bindparam(f"{name}_{number}") for name in columns} for number in range(rows)]
    compiled = new_only(dialect.name, table).values(values).compile(dialect=dialect)
    expected = [f"{name}_{number}" for number in range(rows) for name in columns]
    if list(compiled.positiontup or ()) != expected:
        raise AssertionError(f"columns of {table.name} must be given in the table's order")
    return str(compiled)


def new_only(dialect_name: str, table: sa.Table) -> Any:
    """An INSERT that leaves existing rows alone."""
    return _dialect(dialect_name).new_only(table)


_dialect = lru_cache(dialect_for)
"""Any object of a kind writes the same INSERT."""
