# SPDX-License-Identifier: Apache-2.0
"""Many rows handed to the database as a few values, which its own C code takes apart.

A value bound for each cell costs more than the insert, and each statement gives Python's lock away and has to win it
back from busy threads. So thousands of people are one statement: on SQLite a row of bytes for each column, in cells of
one width; on PostgreSQL COPY, or arrays of text where a row may be there already; on MySQL and MariaDB a JSON document.

Rows must go in in the order of their key: two transactions with opposite orders dead-lock, and neighbours share pages.
They are put in order before they are taken apart into statements, each of which is made when the one before has run:
together they would hold a claim's people twice more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from airflow_provider_uspeedo.core.arrays import (
    TEXT,
    cells_of,
    column_of_keys,
    column_of_numbers,
    column_of_texts,
    key_cells,
)
from airflow_provider_uspeedo.ledger.store.copying import copies, copy

Cells: TypeAlias = Sequence[Any] | pa.Array
"""The values of one column: an Arrow array, a list or a tuple with one for each row, none of them null."""

Statement: TypeAlias = tuple[str, tuple[Any, ...]]
"""Text for the driver, and the values to be bound to it."""

UNIT_SEPARATOR = "\x1f"
"""Between texts, or after them: none that is stored with a recipient has a control character."""
ROWS_AT_ONCE = 7_500
"""Rows of one statement: more are hardly faster, and take more memory; every server takes so many as one packet."""


def insertion(
    dialect: Dialect, table: sa.Table, columns: Mapping[str, Any], *, order_by: str = ""
) -> Iterator[Statement]:
    """Inserts rows; one whose key is taken leaves the old one untouched.

    :param columns: name to :data:`Cells`, all of one length and not empty, or to one value for all rows.
    :param order_by: the column of bytes by which they are put in order; in the order given, if there is none.
    """
    for cells in _pieces(columns, order_by):
        text, values = _insertion(dialect, table, cells)
        yield f"{text} {_or_nothing(dialect, table)}", values


def run(connection: Connection, statements: Iterable[Statement]) -> None:
    """Runs statements that give nothing back, each made when the one before has run."""
    for statement in statements:
        connection.exec_driver_sql(*statement)


def may_fail(dialect: Dialect, *, likely: bool) -> bool:
    """True if :func:`insertion_of_all` may be tried.

    PostgreSQL logs a statement that failed, with its values, and the key that was taken: a hash, which can be guessed.

    :param likely: it is not unlikely that it fails.
    """
    return dialect.name != "postgresql" or (copies(dialect) and not likely)


def insertion_of_all(
    dialect: Dialect, table: sa.Table, columns: Mapping[str, Any], *, order_by: str = ""
) -> Iterator[Statement]:
    """Inserts rows; if the key of one is taken, its statement fails. Otherwise like :func:`insertion`."""
    for cells in _pieces(columns, order_by):
        if copies(dialect):
            yield copy(_named(dialect, table), {_quoted(dialect, name): cell for name, cell in cells.items()})
        else:
            yield _insertion(dialect, table, cells)


def _insertion(dialect: Dialect, table: sa.Table, columns: Mapping[str, Any]) -> Statement:
    source, values = _relation(dialect, table, columns)
    names = ", ".join(_quoted(dialect, name) for name in columns)
    into = f"INSERT INTO {_named(dialect, table)} ({names}) "
    return f"{into}SELECT {names} FROM ({source}) given WHERE 1 = 1", values  # noqa: S608 - names of our own


def difference(
    dialect: Dialect, table: sa.Table, where: Mapping[str, Any], column: str, expected: Cells, *, order_by: str
) -> Iterator[Statement]:
    """Selects the rows of ``table`` found by ``where`` that hold something else than ``expected`` in ``column``.

    Each statement gives the values of ``where`` of each such row.

    :param where: name to :data:`Cells`, as long as ``expected``, or to one value for all.
    """
    names, wanted = [_quoted(dialect, name) for name in where], _quoted(dialect, column)
    found_by = " AND ".join(f"held.{name} = given.{name}" for name in names)
    selected, held = ", ".join(f"held.{name}" for name in names), _named(dialect, table)
    # One look at the index for each given row: left alone, PostgreSQL would read the whole table for it, and SQLite
    # all given rows for each of its own.
    if dialect.name == "postgresql":
        held = f"LATERAL (SELECT * FROM {held} held WHERE {found_by} OFFSET 0)"  # noqa: S608 - names of our own
    for cells in _pieces({**where, column: expected}, order_by):
        source, values = _relation(dialect, table, cells)
        text = f"SELECT {selected} FROM ({source}) given CROSS JOIN {held} held WHERE {found_by} AND held.{wanted} <> given.{wanted}"  # noqa: S608, E501 - names of our own
        yield text, values


def _pieces(columns: Mapping[str, Any], order_by: str) -> Iterator[dict[str, Any]]:
    """The same columns in order, so many rows at a time."""
    columns = {name: _column(cells) for name, cells in columns.items()}
    rows = next(len(cells) for cells in columns.values() if isinstance(cells, pa.Array))
    order = _order(columns[order_by]) if order_by else np.arange(rows)
    for start in range(0, rows, ROWS_AT_ONCE):
        places = column_of_numbers(order[start : start + ROWS_AT_ONCE])
        yield {name: _taken(cells, places) for name, cells in columns.items()}


def _taken(cells: Any, places: pa.Array) -> Any:
    if not isinstance(cells, pa.Array):
        return cells
    taken = cells.take(places)
    return taken.cast(TEXT) if pa.types.is_dictionary(taken.type) else taken


def _relation(dialect: Dialect, table: sa.Table, columns: Mapping[str, Any]) -> Statement:
    """A SELECT whose rows are those of ``columns``, in their order.

    :param table: tells the type of each column.
    """
    rows = next(len(cells) for cells in columns.values() if isinstance(cells, pa.Array))
    columns = {name: _one_for_all(cells) for name, cells in columns.items()}
    if dialect.name == "sqlite":
        return _on_sqlite(dialect, columns, rows)
    columns = {name: _listed(cells) for name, cells in columns.items()}
    return (_on_postgresql if dialect.name == "postgresql" else _on_mysql)(dialect, table, columns, rows)


def _one_for_all(cells: Any) -> Any:
    """The one value of a column that holds no other."""
    # All would be looked at for nothing if the last one differs.
    if isinstance(cells, pa.Array) and cells[0] == cells[-1] and pc.all(pc.equal(cells, cells[0])).as_py():
        return cells[0].as_py()
    return cells


def _column(cells: Any) -> Any:
    """The values of one column as an Arrow array; what is one value for all rows stays as it is."""
    if not isinstance(cells, list | tuple):
        return cells
    if isinstance(cells[0], bytes):
        return column_of_keys(cells)
    return column_of_numbers(np.array(cells)) if isinstance(cells[0], int) else column_of_texts(cells)


def _order(column: pa.Array) -> np.ndarray[Any, Any]:
    """The order of bytes. The first half of a random key decides it; where two have the same, any order will do."""
    return np.argsort(key_cells(column).view(">u8")[::2])


def _on_sqlite(dialect: Dialect, columns: Mapping[str, Any], rows: int) -> Statement:
    selected: list[str] = []
    values: list[Any] = []
    for name, cells in columns.items():
        made = "?"
        if isinstance(cells, pa.Array):
            packed, make = _packed(cells)
            width = packed.dtype.itemsize
            made = make.format(f"substr(?, each.number * {width} + 1, {width})")
            cells = packed.tobytes()  # noqa: PLW2901 - the same cells
        selected.append(f"{made} AS {_quoted(dialect, name)}")
        values.append(cells)
    numbers = "WITH RECURSIVE each(number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM each WHERE number < ?) "
    return numbers + _select(selected, "each"), (rows - 1, *values)


def _packed(cells: pa.Array) -> tuple[np.ndarray[Any, Any], str]:
    """The cells as bytes of one width, and how SQLite makes of each what it was."""
    if pa.types.is_fixed_size_binary(cells.type):
        return key_cells(cells), "{}"
    filler, texts = ord(UNIT_SEPARATOR), cells.cast(TEXT)
    offsets, data = cells_of(texts)
    lengths = np.diff(offsets)
    width = max(int(lengths.max()), 1)
    given = np.frombuffer(data, np.uint8)
    kind = "INTEGER" if pa.types.is_integer(cells.type) else "TEXT"
    if lengths.min() == width:
        return given.view(f"V{width}"), f"CAST({{}} AS {kind})"
    if (given == filler).any():
        raise ValueError("a text that is to be stored holds a control character")
    filled = np.full((len(cells), width), filler, np.uint8)
    filled[np.arange(width) < lengths[:, None]] = given
    return filled.view(f"V{width}").ravel(), f"CAST(rtrim(CAST({{}} AS TEXT), char({filler})) AS {kind})"


def _listed(cells: Any) -> Any:
    """The values of a column as a list."""
    if not isinstance(cells, pa.Array):
        return cells
    if pa.types.is_fixed_size_binary(cells.type):
        return key_cells(cells).tolist()
    return cells.to_pylist()


def _on_postgresql(dialect: Dialect, table: sa.Table, columns: Mapping[str, Any], rows: int) -> Statement:
    selected: list[str] = []
    constants: list[Any] = []
    arrays: list[str] = []
    names: list[str] = []
    values: list[Any] = []
    for name, cells in columns.items():
        quoted, kind = _quoted(dialect, name), table.c[name].type.compile(dialect)
        if not isinstance(cells, list | tuple):
            selected.append(f"CAST(%s AS {kind}) AS {quoted}")
            constants.append(cells)
            continue
        texts, made = _texts(cells)
        selected.append(made.format(quoted, kind) + f" AS {quoted}")
        names.append(quoted)
        arrays.append("string_to_array(%s, %s)")
        values += (_joined(texts, rows), UNIT_SEPARATOR)
    if not arrays:
        return _select(selected, "generate_series(1, %s)"), (*constants, rows)
    unnested = f"unnest({', '.join(arrays)}) AS cells ({', '.join(names)})"
    return _select(selected, unnested), (*constants, *values)


def _on_mysql(dialect: Dialect, table: sa.Table, columns: Mapping[str, Any], rows: int) -> Statement:
    selected: list[str] = []
    constants: list[Any] = []
    paths: list[str] = []
    documents: list[Sequence[Any]] = []
    for name, cells in columns.items():
        quoted, kind = _quoted(dialect, name), table.c[name].type
        if not isinstance(cells, list | tuple):
            selected.append(f"%s AS {quoted}")
            constants.append(cells)
            continue
        texts, _ = _texts(cells) if isinstance(cells[0], bytes) else (cells, "")
        written = f"CHAR({2 * len(cells[0])})" if isinstance(cells[0], bytes) else kind.compile(dialect)
        selected.append(f"UNHEX({quoted}) AS {quoted}" if isinstance(cells[0], bytes) else quoted)
        paths.append(f"{quoted} {written} PATH '$[{len(documents)}]' ERROR ON ERROR")
        documents.append(texts)
    if not documents:
        paths, documents = ["each_row INT PATH '$[0]'"], [[0] * rows]
    document = f"JSON_TABLE(%s, '$[*]' COLUMNS ({', '.join(paths)})) AS cells"
    return _select(selected, document), (*constants, _json(list(zip(*documents, strict=True))))


def _select(selected: Sequence[str], source: str) -> str:
    return f"SELECT {', '.join(selected)} FROM {source}"  # noqa: S608 - names of our own


def _texts(cells: Cells) -> tuple[Sequence[str], str]:
    """The cells as texts, and how PostgreSQL makes of each what it was."""
    if isinstance(cells[0], bytes):
        return [cell.hex() for cell in cells], "decode({0}, 'hex')"
    if isinstance(cells[0], str):
        return cells, "{0}"
    return [str(cell) for cell in cells], "CAST({0} AS {1})"


def _joined(texts: Sequence[str], rows: int) -> str:
    text = UNIT_SEPARATOR.join(texts)
    if text.count(UNIT_SEPARATOR) != rows - 1:
        raise ValueError("a text that is to be stored holds a control character")
    return text


def _json(document: Sequence[Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


def _or_nothing(dialect: Dialect, table: sa.Table) -> str:
    if dialect.name in ("mysql", "mariadb"):  # INSERT IGNORE would swallow other errors too
        first = next(iter(table.primary_key.columns)).name
        return f"ON DUPLICATE KEY UPDATE {first} = {_named(dialect, table)}.{first}"
    return "ON CONFLICT DO NOTHING"


def _named(dialect: Dialect, table: sa.Table) -> str:
    return dialect.identifier_preparer.format_table(table)


def _quoted(dialect: Dialect, name: str) -> str:
    return dialect.identifier_preparer.quote_identifier(name)
