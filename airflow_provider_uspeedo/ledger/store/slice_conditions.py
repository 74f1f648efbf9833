# SPDX-License-Identifier: Apache-2.0
"""Which slice a row is in, computed by the database: the same as :func:`.core.slices.slice_of`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from airflow_provider_uspeedo.core.slices import Slice


class bucket(FunctionElement[int]):  # noqa: N801 - named like the SQL functions it stands for
    """The first two bytes of a key as a number."""

    type = sa.Integer()
    inherit_cache = True


@compiles(bucket, "sqlite")
def _bucket_on_sqlite(element: bucket, compiler: Any, **options: Any) -> str:
    key = compiler.process(element.clauses, **options)
    # SQLite makes no number of bytes, but it finds a hexadecimal digit in a list of them.
    digits = [f"(instr('123456789ABCDEF', substr(hex({key}), {place}, 1)))" for place in (1, 2, 3, 4)]
    return "({} * 4096 + {} * 256 + {} * 16 + {})".format(*digits)


@compiles(bucket, "postgresql")
def _bucket_on_postgresql(element: bucket, compiler: Any, **options: Any) -> str:
    key = compiler.process(element.clauses, **options)
    return f"(get_byte({key}, 0) * 256 + get_byte({key}, 1))"


@compiles(bucket, "mysql", "mariadb")
def _bucket_on_mysql(element: bucket, compiler: Any, **options: Any) -> str:
    return f"CAST(CONV(LEFT(HEX({compiler.process(element.clauses, **options)}), 4), 16, 10) AS UNSIGNED)"


def is_held_by(slice_: Slice, row_number: Any, key: Any) -> tuple[Any, ...]:
    """Conditions: the row is in that slice; none if it is the whole table."""
    number = sa.case((key.is_(None), row_number), else_=bucket(key))
    return () if slice_.is_whole else (number % slice_.count == slice_.number,)


def is_in_slice(reading: Any, row_number: Any, key: Any) -> Any:
    """A condition: the row is in the slice that ``reading`` (attempts, or an alias of them) read.

    :param key: a column that may be null.
    """
    number = sa.case((key.is_(None), row_number), else_=bucket(key))
    return sa.or_(reading.slice_count == 1, number % reading.slice_count == reading.slice_no)
