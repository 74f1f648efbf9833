# SPDX-License-Identifier: Apache-2.0
"""Many rows in few statements; rows that are there already stay as they are.

SQLAlchemy writes the SQL once per number of rows; the driver gets it with plain tuples. (An ``executemany`` goes row
by row over the network with some drivers, and binding a thousand rows through the ORM's types costs more than the
insert.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from airflow_provider_uspeedo.ledger.store.dialects import dialect_for

T = TypeVar("T")
BLOCKS = (512, 64, 8, 1)
"""Rows per statement, largest first: four texts per table serve every number of rows."""
LOOKED_UP = (1000, 128, 16, 2)
"""Keys looked up by one statement of a fixed text, largest first."""
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


def look_up(
    connection: Connection, query: Callable[[Sequence[Any]], sa.Select[Any]], keys: Sequence[bytes], *given: Any
) -> list[Any]:
    """The rows of a query about some keys, whose text is written once for each number of keys.

    A thousand values bound through SQLAlchemy cost more than their look-up. The driver gets them as they are, and its
    rows are returned as it gives them.

    :param query: makes the query, with those bound values as the keys; a function or method of the same identity each
        time. Every other bound value comes after them.
    :param given: the other values, in their order.
    """
    found: list[Any] = []
    rest = list(keys)
    while rest:
        size = next((one for one in reversed(LOOKED_UP) if one >= len(rest)), LOOKED_UP[0])
        some, rest = rest[:size], rest[size:]
        some += some[-1:] * (size - len(some))  # the last one again: it changes nothing
        text = _query_text(connection.dialect, query, size)
        found += connection.exec_driver_sql(text, (*some, *given)).all()
    return found


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


@lru_cache(maxsize=64)
def _query_text(dialect: Dialect, query: Callable[[Sequence[Any]], sa.Select[Any]], keys: int) -> str:
    names = [f"key_{number}" for number in range(keys)]
    compiled = query([sa.bindparam(name) for name in names]).compile(dialect=dialect)
    if list(compiled.positiontup or ())[:keys] != names:
        raise AssertionError("the keys must be the first values of a query that looks them up")
    return str(compiled)


def new_only(dialect_name: str, table: sa.Table) -> Any:
    """An INSERT that leaves existing rows alone."""
    return _dialect(dialect_name).new_only(table)


_dialect = lru_cache(dialect_for)
"""Any object of a kind writes the same INSERT."""
