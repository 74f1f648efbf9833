# SPDX-License-Identifier: Apache-2.0
"""How a database would run a statement, and the statements that the package runs.

A plan is good if each recipient and each source row that it reads is found by an index, from its campaign or its
attempt: then the rows of other campaigns cost nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

LARGE = ("uspeedo_recipients", "uspeedo_source_rows", "uspeedo_receipts", "uspeedo_contacts")
ON_SQLITE = (*LARGE, "uspeedo_requests")
"""Servers may rightly read all requests, of which there are few, to join many recipients. SQLite does so if it must."""
_IN_THE_VIEW = {"r", "s", "bs"}
"""The names of the large tables there."""
_FIRST_COLUMNS = re.compile(
    r"\b(campaign_no|attempt_no|first_attempt|request_id|phone_hash|id|state|status|contacts)\b"
)


DAY = "'2026-01-01 00:00:00.000000'"
"""As every driver reads it."""


def complaints(kind: str, cursor: Any, statement: str, parameters: Any = None) -> list[str]:
    """The steps of the statement's plan that read a large table whole; the statement itself is not run."""
    word = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN (FORMAT JSON)", "mysql": "EXPLAIN"}[kind]
    given = () if parameters is None else (parameters,)
    cursor.execute(f"{word} {statement}", *given)
    rows = cursor.fetchall()
    if kind == "postgresql":
        plan = rows[0][0]
        found = _postgresql((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    elif kind == "mysql":
        names = [column[0] for column in cursor.description]
        found = _mysql([dict(zip(names, row, strict=True)) for row in rows], _aliases(statement))
    else:
        found = _sqlite([row[3] for row in rows], _aliases(statement, ON_SQLITE))
    return list(found)


def whole_campaigns(_kind: str, cursor: Any, statement: str, parameters: Any = None) -> list[str]:
    """The steps of SQLite's plan that read all recipients of a campaign, or of an attempt."""
    if not (names := "|".join(_aliases(statement, ["uspeedo_recipients"]))):
        return []
    cursor.execute(f"EXPLAIN QUERY PLAN {statement}", *(() if parameters is None else (parameters,)))
    whole = rf"SCAN ({names})\b|SEARCH ({names}) .*\((campaign_no|first_attempt)=\?\)( LEFT-JOIN)?$"
    return [row[3] for row in cursor.fetchall() if re.match(whole, row[3])]


def rows_read(kind: str, cursor: Any, query: str) -> int:
    """Runs a query, and says how many rows of the large tables (MariaDB: of any) it has read for it."""
    if kind == "postgresql":
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
        return sum(_rows_of(cursor.fetchone()[0][0]["Plan"]))
    cursor.execute("FLUSH STATUS")
    cursor.execute(query)
    cursor.fetchall()
    cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
    return sum(int(count) for _, count in cursor.fetchall())


def _rows_of(node: dict[str, Any]) -> Iterator[int]:
    if node.get("Relation Name") in LARGE:
        removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
        each = node["Actual Rows"] + sum(node.get(name, 0) for name in removed)
        yield int(each * node["Actual Loops"])
    for child in node.get("Plans", ()):
        yield from _rows_of(child)


def _aliases(statement: str, tables: Sequence[str] = LARGE) -> set[str]:
    found = set(_IN_THE_VIEW) if "uspeedo_results" in statement else set()
    for table in tables:
        for match in re.finditer(rf"\b{table}\b[`\"]?(?: AS)?(?: [`\"]?(\w+))?", statement):
            alias = match[1]
            found.add(
                alias if alias and alias.upper() not in ("WHERE", "ON", "SET", "JOIN", "LEFT", "GROUP") else table
            )
    staged = re.findall(r"uspeedo_staged[`\"]?(?: AS)? [`\"]?(\w+)", statement)
    return found - set(staged)


def _postgresql(node: dict[str, Any]) -> Iterator[str]:
    if node.get("Relation Name") in LARGE and node["Node Type"] != "ModifyTable":
        condition = node.get("Index Cond", node.get("Recheck Cond", ""))
        if not _FIRST_COLUMNS.search(condition):
            yield f"{node['Node Type']} on {node['Relation Name']}: {condition or 'no condition'}"
    for child in node.get("Plans", ()):
        yield from _postgresql(child)


def _mysql(rows: list[dict[str, Any]], aliases: set[str]) -> Iterator[str]:
    for row in rows:
        if row["table"] in aliases and row["type"] in ("ALL", "index"):
            yield f"{row['type']} of {row['table']}"


def _sqlite(steps: list[str], aliases: set[str]) -> Iterator[str]:
    for step in steps:
        word, name = (*step.split(" "), "")[:2]
        if name in aliases and (word == "SCAN" or "AUTOMATIC" in step or "ANY(" in step):
            yield step


@contextmanager
def planned(kind: str, engine: Engine, find: Callable[..., list[str]] = complaints) -> Iterator[dict[str, list[str]]]:
    """Has each statement of the package explained just before it runs, with its values and in its transaction.

    :param find: what is looked for in a plan.
    :returns: statement to what was found.
    """
    found: dict[str, list[str]] = {}

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        names_one = any(table in statement for table in ON_SQLITE)
        if (
            many
            or not names_one
            or not re.match(r"\s*(SELECT|WITH|UPDATE|DELETE|INSERT.*\bSELECT\b)", statement, re.DOTALL)
        ):
            return
        cursor = connection.connection.cursor()
        try:
            found[statement] = find(kind, cursor, statement, parameters)
        finally:
            cursor.close()

    def settle_in(connection: Any) -> None:
        if kind == "postgresql":  # the first statement brings the settings of the transaction
            plainly = {"stream_results": False, "yield_per": None}
            connection.exec_driver_sql("SELECT 1", execution_options=plainly).scalar()

    sa.event.listen(engine, "before_cursor_execute", explain)
    sa.event.listen(engine, "begin", settle_in)
    try:
        yield found
    finally:
        sa.event.remove(engine, "begin", settle_in)
        sa.event.remove(engine, "before_cursor_execute", explain)


# -- a ledger with a history ------------------------------------------------------------------------------------

CAMPAIGNS = 20


def write_history(kind: str, cursor: Any, recipients: int) -> None:
    """Adds campaigns to a new ledger, with ``recipients`` each: one row in ten invalid, some outcomes unknown."""
    for statement in _history(kind, recipients):
        cursor.execute(statement)


def _history(kind: str, recipients: int) -> Iterator[str]:
    if kind == "postgresql":
        for name in (
            "campaigns",
            "attempts",
            "requests",
            "recipients",
            "source_rows",
            "outcomes",
            "receipts",
            "contacts",
        ):
            yield f"ALTER TABLE uspeedo_{name} SET (autovacuum_enabled = false)"
    each = numbers_below(CAMPAIGNS)
    part = hash_of(kind, "'part'")
    campaign, name = hash_of(kind, joined(kind, "'c'", "n")), joined(kind, "'old '", "n")
    yield (
        f"INSERT INTO uspeedo_campaigns (name_hash, name, key_spec, created_at) "
        f"SELECT {campaign}, {name}, '{{}}', {DAY} FROM {each} ORDER BY n"
    )
    yield (
        "INSERT INTO uspeedo_attempts (uuid, campaign_no, part, name, read_to, started_at, ended_at) "
        f"SELECT {campaign}, n + 1, {part}, 'old', {2**62}, "
        f"{DAY}, {DAY} FROM {each} ORDER BY n"
    )
    count = CAMPAIGNS * recipients
    request = hash_of(kind, joined(kind, "'q'", "n"))
    yield (
        "INSERT INTO uspeedo_requests (id, campaign_no, attempt_no, state, claimed_at, sent_at, settled_at) "
        f"SELECT {request}, n % {CAMPAIGNS} + 1, n % {CAMPAIGNS} + 1, "
        f"CASE WHEN n % 400 = 7 THEN 'unknown' ELSE 'settled' END, {DAY}, {DAY}, {DAY} "
        f"FROM {numbers_below(count // 100)}"
    )
    of_recipient = hash_of(kind, joined(kind, "'q'", f"n % {count // 100}"))
    key = hash_of(kind, joined(kind, "'k'", "n"))
    yield (
        (
            "INSERT INTO uspeedo_recipients (campaign_no, key, request_id, first_attempt, first_row, phone, user_id, "
            f"template_id, sender_id) SELECT n % {CAMPAIGNS} + 1, {key}, {of_recipient}, n % {CAMPAIGNS} + 1, "
            f"n / {CAMPAIGNS} + 1, '(852)55311111', '', 'UTA1', '' FROM {numbers_below(count)}"
        )
        .replace("key, request_id", "`key`, request_id" if kind == "mysql" else "key, request_id")
        .replace(f"n / {CAMPAIGNS}", f"n DIV {CAMPAIGNS}" if kind == "mysql" else f"n / {CAMPAIGNS}")
    )
    phone = hash_of(kind, joined(kind, "'p'", f"n / {CAMPAIGNS}"))
    yield (
        f"INSERT INTO uspeedo_contacts (phone_hash, campaign_no, {'`key`' if kind == 'mysql' else 'key'}) "
        f"SELECT {phone}, n % {CAMPAIGNS} + 1, {key} FROM {numbers_below(count)}"
    ).replace(f"n / {CAMPAIGNS}", f"n DIV {CAMPAIGNS}" if kind == "mysql" else f"n / {CAMPAIGNS}")
    number, key_name = ("`row_number`", "`key`") if kind == "mysql" else ('"row_number"', "key")
    yield (
        f"INSERT INTO uspeedo_source_rows (attempt_no, {number}, status, reason, phone, user_id, template_id, "
        f"sender_id) SELECT n % {CAMPAIGNS} + 1, {recipients} + n, 'invalid', 'phone is empty', '', '', 'UTA1', '' "
        f"FROM {numbers_below(count // 10)}"
    )
    yield (
        f"INSERT INTO uspeedo_receipts (request_id, {key_name}, result) "
        f"SELECT {of_recipient}, {key}, 'Success' FROM {numbers_below(count)}"
    )
    for status, one_in, remainder in (("rejected", 20, 3), ("unknown", 1000, 5)):
        yield (
            f"INSERT INTO uspeedo_outcomes (request_id, {key_name}, status, reason) "
            f"SELECT {of_recipient}, {key}, '{status}', 'phone in the black list' "
            f"FROM {numbers_below(count)} AND n % {one_in} = {remainder}"
        )


def numbers_below(count: int) -> str:
    """Something to SELECT from: ``n`` from 0 to ``count - 1``."""
    digits = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
    places = len(str(count - 1))
    n = " + ".join(f"d{place}.d * {10**place}" for place in range(places))
    source = ", ".join(f"({digits}) d{place}" for place in range(places))
    return f"(SELECT {n} AS n FROM {source}) numbers WHERE n < {count}"


def joined(kind: str, left: str, right: str) -> str:
    return f"concat({left}, {right})" if kind != "sqlite" else f"{left} || ({right})"


def hash_of(kind: str, text: str) -> str:
    if kind == "sqlite":  # it has no hash function: the text itself, made 16 bytes long
        return f"CAST(substr(({text}) || '................', 1, 16) AS BLOB)"
    return f"decode(md5({text}), 'hex')" if kind == "postgresql" else f"unhex(md5({text}))"
