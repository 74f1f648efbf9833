# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's COPY: the fastest way in, and one that fails as a whole if the key of any row is taken.

It runs like any other statement, ``connection.exec_driver_sql(*copy(...))``, so that its errors are told and its
transactions repeated as those of others are. The server writes a failed statement to its log; this one holds no value,
though the log names the key that was taken (and the row, if somebody has put a trigger on the table).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.engine import Dialect

from airflow_provider_uspeedo.core.arrays import TEXT, cells_of, hexadecimal, side_by_side

DRIVERS = ("psycopg2", "psycopg")
PIECE = 1 << 18
"""Bytes that the driver takes at once."""
_ESCAPES: Any = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
"""What has a meaning of its own between and within the fields; the backslash first, since the others bring it in."""
_HEX = r"\\x"
"""Stands before bytes as hexadecimal digits."""


def copies(dialect: Dialect) -> bool:
    """True if the connection's driver can do it."""
    return dialect.name == "postgresql" and dialect.driver in DRIVERS


def copy(table: str, columns: Mapping[str, Any]) -> tuple[str, tuple[bytes]]:
    """The statement that inserts rows, and its one value.

    :param table: its name and those of ``columns`` as SQL has them.
    :param columns: name to an Arrow array with one value for each row, or to one value for all rows.
    """
    parts: list[Any] = []
    for cells in columns.values():
        parts += ["\t", *(_column(cells) if isinstance(cells, pa.Array) else (_value(cells),))]
    given = cells_of(side_by_side([*parts[1:], "\n"]))[1].tobytes()
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


def _column(cells: pa.Array) -> tuple[Any, ...]:
    if pa.types.is_fixed_size_binary(cells.type):
        return _HEX, hexadecimal(cells)
    texts = cells.cast(TEXT)
    if pa.types.is_integer(cells.type) or not _needs_escapes(cells_of(texts)[1].tobytes()):
        return (texts,)
    for character, escape in _ESCAPES.items():
        texts = pc.replace_substring(texts, character, escape)
    return (texts,)


def _value(cell: Any) -> str:
    if isinstance(cell, bytes):
        return _HEX + cell.hex()
    return cell.translate(str.maketrans(_ESCAPES)) if isinstance(cell, str) else str(cell)


def _needs_escapes(texts: bytes) -> bool:
    return len(texts.translate(None, "".join(_ESCAPES).encode())) < len(texts)
