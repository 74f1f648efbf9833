# SPDX-License-Identifier: Apache-2.0
"""SQL that the databases write differently, or plan badly unless it is written so."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import Join

from airflow_provider_uspeedo.ledger.store.schema import TIME


class hex_text(FunctionElement[str]):  # noqa: N801 - named like the SQL functions it stands for
    """Bytes as lower-case hexadecimal text."""

    type = sa.String()
    inherit_cache = True


@compiles(hex_text)
def _hex(element: hex_text, compiler: Any, **options: Any) -> str:
    # SQLite's hex() makes an empty text of NULL.
    return f"nullif(lower(hex({compiler.process(element.clauses, **options)})), '')"


@compiles(hex_text, "postgresql")
def _hex_on_postgresql(element: hex_text, compiler: Any, **options: Any) -> str:
    return f"encode({compiler.process(element.clauses, **options)}, 'hex')"


class before_slash(FunctionElement[str]):  # noqa: N801 - named like the SQL functions that do it
    """The part of a text before its first slash; of a text that has one."""

    type = sa.String()
    inherit_cache = True


@compiles(before_slash)
def _before_slash(element: before_slash, compiler: Any, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    return f"substr({text}, 1, instr({text}, '/') - 1)"


@compiles(before_slash, "postgresql")
def _before_slash_on_postgresql(element: before_slash, compiler: Any, **options: Any) -> str:
    return f"split_part({compiler.process(element.clauses, **options)}, '/', 1)"


@compiles(before_slash, "mysql", "mariadb")
def _before_slash_on_mysql(element: before_slash, compiler: Any, **options: Any) -> str:
    return f"substring_index({compiler.process(element.clauses, **options)}, '/', 1)"


class database_now(FunctionElement[Any]):  # noqa: N801 - named like the SQL functions it stands for
    """The database's own time as this statement runs: UTC, without a zone. No worker's clock decides."""

    type = TIME
    inherit_cache = True


@compiles(database_now, "sqlite")
def _now_on_sqlite(_element: database_now, _compiler: Any, **_options: Any) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"  # as SQLAlchemy writes times there


@compiles(database_now, "postgresql")
def _now_on_postgresql(_element: database_now, _compiler: Any, **_options: Any) -> str:
    return "timezone('utc', clock_timestamp())"  # now() would be the time at which the transaction began


@compiles(database_now, "mysql", "mariadb")
def _now_on_mysql(_element: database_now, _compiler: Any, **_options: Any) -> str:
    return "UTC_TIMESTAMP(6)"


class in_order(Join):  # noqa: N801
    """A join of which the left side is read first."""

    inherit_cache = True


@compiles(in_order)
def _in_order(element: in_order, compiler: Any, **options: Any) -> str:
    return str(compiler.visit_join(element, **options))


@compiles(in_order, "sqlite")
def _in_order_on_sqlite(element: in_order, compiler: Any, **options: Any) -> str:
    # SQLite knows nothing of its tables' sizes, and would go through all source rows to find those of one campaign.
    parts = (element.left, element.right, element.onclause)
    left, right, condition = (compiler.process(part, **{**options, "asfrom": True}) for part in parts)
    return f"{left} CROSS JOIN {right} ON {condition}"


def rarely(condition: Any) -> Any:
    """The same condition; PostgreSQL takes it to hold for one row in 200.

    What is asked of the rows that are left would else seem so much that it compiled every look at the results first,
    which takes longer than the look.
    """
    return sa.case((condition, 1), else_=0) == 1
