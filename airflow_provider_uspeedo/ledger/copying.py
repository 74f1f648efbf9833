# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's COPY: the fastest way in, and one that fails as a whole if the key of any row is taken.

It runs like any other statement, ``connection.exec_driver_sql(*copy(...))``, so that its errors are told and its
transactions repeated as those of others are. The server writes a failed statement to its log; this one holds no value.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

from sqlalchemy.engine import Dialect

DRIVERS = ("psycopg2", "psycopg")
PIECE = 1 << 18
"""Bytes that the driver takes at once."""
_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
"""What has a meaning of its own between and within the fields."""


def copies(dialect: Dialect) -> bool:
    """True if the connection's driver can do it."""
    return dialect.name == "postgresql" and dialect.driver in DRIVERS


def copy(table: str, columns: Mapping[str, Any], *, order_by: str = "") -> tuple[str, tuple[bytes]]:
    """The statement that inserts rows, and its one value.

    :param table: its name and those of ``columns`` as SQL has them.
    :param columns: name to a list or tuple with one value for each row, or to one value for all rows.
    :param order_by: the column of bytes by which the rows are put in order; in the order given, if there is none.
    """
    columns = {name: columns[name] for name in sorted(columns, key=lambda name: name != order_by)}
    rows = next(len(cells) for cells in columns.values() if isinstance(cells, list | tuple))
    fields = [
        _texts(cells) if isinstance(cells, list | tuple) else repeat(_text(cells), rows) for cells in columns.values()
    ]
    lines = list(map("\t".join, zip(*fields, strict=True)))
    if order_by:
        lines.sort()
    given = "\n".join(lines).encode()
    return f"COPY {table} ({', '.join(columns)}) FROM STDIN (ENCODING 'UTF8')", (given,)


def execute(cursor: Any, statement: str, values: Any, _context: Any) -> bool:
    """SQLAlchemy's event ``do_execute``: runs the statements of :func:`copy`, and leaves all others alone."""
    if not statement.startswith("COPY "):
        return False
    (given,) = values
    if hasattr(cursor, "copy_expert"):
        cursor.copy_expert(statement, io.BytesIO(given), PIECE)
    else:
        with cursor.copy(statement) as destination:
            destination.write(given)
    return True


def _texts(cells: Sequence[Any]) -> Sequence[str]:
    if isinstance(cells[0], str) and not _needs_escapes("".join(cells)):
        return cells
    return list(map(str if isinstance(cells[0], int) else _text, cells))


def _text(cell: Any) -> str:
    if isinstance(cell, bytes):
        return r"\\x" + cell.hex()
    return cell.translate(_TABLE) if isinstance(cell, str) else str(cell)


_TABLE = str.maketrans(_ESCAPES)


def _needs_escapes(text: str) -> bool:
    return any(character in text for character in _ESCAPES)
