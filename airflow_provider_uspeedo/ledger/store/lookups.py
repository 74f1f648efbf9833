# SPDX-License-Identifier: Apache-2.0
"""A join that looks each staged row up in a table by its index, in the order of the staged rows.

Left alone, a planner that knows nothing of a campaign that is being written, or of a temporary table, reads the whole
of one table for it, with the rows of all other campaigns.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.selectable import Join


class looked_up(Join):  # noqa: N801 - used like the functions of SQLAlchemy
    """``left``, and for each of its rows the rows of a table that an index finds.

    :param table: a table or an alias of one; its columns can be used as usual.
    :param found_by: what compares its indexed columns with those of ``left`` or with bound values.
    :param isouter: rows of ``left`` without any stay.
    """

    inherit_cache = True

    def __init__(self, left: Any, table: Any, found_by: Any, *, isouter: bool = False) -> None:
        super().__init__(left, table, found_by, isouter=isouter)


def held_by(requests: Any, attempts: Any, recipients: Any) -> Any:
    """Requests, each with the recipients that it holds: found by the index of attempts and requests.

    :param attempts: a table or an alias of one, as the others.
    """
    of_campaign = looked_up(requests, attempts, attempts.c.campaign_no == requests.c.campaign_no)
    of_it = (recipients.c.first_attempt == attempts.c.attempt_no, recipients.c.request_id == requests.c.id)
    return looked_up(of_campaign, recipients, sa.and_(*of_it))


class looked_through(looked_up):  # noqa: N801 - as above
    """The same where most rows of a campaign are wanted: PostgreSQL, which then hashes, chooses how."""

    inherit_cache = True


@compiles(looked_through, "postgresql")
def _chosen_by_the_planner(element: looked_through, compiler: Any, **options: Any) -> str:
    return str(compiler.visit_join(element, **options))


@compiles(looked_up)
def _plain(element: looked_up, compiler: Any, **options: Any) -> str:
    return str(compiler.visit_join(element, **options))


def _fixed_order(word: str) -> Any:
    def compile_it(element: looked_up, compiler: Any, **options: Any) -> str:
        if element.isouter:  # the left side of an outer join is read first anyway
            return str(compiler.visit_join(element, **options))
        parts = (element.left, element.right, element.onclause)
        left, right, condition = (compiler.process(part, **{**options, "asfrom": True}) for part in parts)
        return f"{left} {word} {right} ON {condition}"

    return compile_it


compiles(looked_up, "sqlite")(_fixed_order("CROSS JOIN"))
compiles(looked_up, "mysql", "mariadb")(_fixed_order("STRAIGHT_JOIN"))


@compiles(looked_up, "postgresql")
def _on_postgresql(element: looked_up, compiler: Any, **options: Any) -> str:
    options = {**options, "asfrom": True}
    left, table = (compiler.process(part, **options) for part in (element.left, element.right))
    condition = compiler.process(element.onclause, **{**options, "asfrom": False})
    name = compiler.preparer.format_alias(element.right) if isinstance(element.right, sa.sql.expression.Alias) else ""
    name = name or compiler.preparer.format_table(element.right, use_schema=False)
    kind = "LEFT JOIN" if element.isouter else "JOIN"
    # OFFSET 0 keeps the look-up what it is: a scan of the index for each row on the left.
    found = f"LATERAL (SELECT * FROM {table} WHERE {condition} OFFSET 0)"  # noqa: S608 - names of our own
    return f"{left} {kind} {found} AS {name} ON true"
