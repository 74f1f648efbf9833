# SPDX-License-Identifier: Apache-2.0
"""What a failed query means: the database's words without values, and whether a later attempt can succeed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.errors import SourceUnavailable, TableError, USpeedoError

MAX_CHARACTERS = 300
HIDDEN_VALUE = "[hidden]"
LEAST_CHARACTERS = 3
"""A shorter parameter would be found by chance everywhere."""
RAISED = "P0001"
"""The SQLSTATE of an exception that a function of the database raises, with a text of its own."""
NOT_THERE = frozenset({"42P01", "42S02", "3F000", "1146", "1049"})
"""SQLSTATE or MySQL code of a table or schema that is not there (yet)."""
WRONG = frozenset({"1054", "1064", "1142", "1143", "1305", "1318"})
"""MySQL codes of a wrong query that its drivers class as operational errors."""
WRONG_CLASSES = frozenset({"ProgrammingError", "NotSupportedError", "DataError"})
"""DB-API classes of a query or parameters that are wrong."""
WRONG_WORDS = re.compile(
    r"no such (column|function)|syntax error|ambiguous|parameters?\b|Binder Error|Parser Error", re.IGNORECASE
)
NOT_THERE_WORDS = re.compile(r"no such table|does not exist|Catalog Error", re.IGNORECASE)
# MySQL writes a value between quotes as it is, with quotes of its own.
_QUOTED = re.compile(r"""'.*'(?= for (?:column|key)\b)|'[^']*'|"[^"]*"|`[^`]*`|\u201c[^\u201d]*\u201d""")
_BARE_VALUE = re.compile(r"(?i)\b(value|string|date|time|timestamp|datetime|number|literal)(\s*:\s*)[^\s'\"`\u201c].*")
"""What follows is a value without quotes, as BigQuery writes it."""
_PASSWORD = re.compile(r"(?i)(password|token|secret)\S*\s*[=:]\s*\S+")
_URL = re.compile(r"\b[a-zA-Z][\w+.-]*://\S+")


def query_failed(error: Exception, name: str, sql: str, parameters: Any) -> USpeedoError:
    """The error for a query that the database, or its driver, refused or could not finish."""
    wording = words(error, sql, parameters)
    if is_wrong(error):
        return TableError(f"The query of sql failed on connection {name}: {wording} Change sql or parameters.")
    return SourceUnavailable(f"The query of sql failed on connection {name}: {wording}")


def no_connection(error: Exception, name: str) -> USpeedoError:
    """The error for a connection that could not be opened."""
    if isinstance(error, ImportError) or type(error).__name__ == "AirflowOptionalProviderFeatureException":
        return TableError(f"Connection {name} (sql_conn_id) cannot be used: its driver is not installed.")
    if isinstance(error, TypeError | ValueError):
        return TableError(
            f"Connection {name} (sql_conn_id) cannot be opened ({type(error).__name__}): check its fields, its extra, "
            f"and sql_hook_params."
        )
    return SourceUnavailable(f"No connection to the database of {name} (sql_conn_id): {words(error, '', None)}")


def is_wrong(error: Exception) -> bool:
    """True if the query itself is wrong, so that no later attempt can succeed."""
    code, text = _code(error), _text(error)
    if code in NOT_THERE or (code is None and NOT_THERE_WORDS.search(text) and "column" not in text.lower()):
        return False
    if code in WRONG or isinstance(error, TypeError | ValueError | LookupError):
        return True
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & WRONG_CLASSES or WRONG_WORDS.search(text))


def is_database_error(error: BaseException) -> bool:
    """True of what a driver raises for a statement that has ended."""
    return any(cls.__name__ in ("Error", "DatabaseError") for cls in type(error).__mro__)


def words(error: Exception, sql: str, parameters: Any) -> str:
    """The error's class, code and first line, without any value.

    What stands in quotes is kept only where ``sql`` has it too: names of tables and columns. Parameters, runs of
    digits, URLs and passwords are taken out.
    """
    code = _code(error)
    named = type(error).__name__ + (f" {code}" if code else "")
    text = "" if code == RAISED else _text(error)
    for value in sorted(_texts(parameters), key=len, reverse=True):
        text = text.replace(value, HIDDEN_VALUE)
    text = _PASSWORD.sub(rf"\1 {HIDDEN_VALUE}", _URL.sub(HIDDEN_VALUE, text))
    text = _BARE_VALUE.sub(rf"\1\2{HIDDEN_VALUE}", text)
    text = _QUOTED.sub(lambda quoted: quoted[0] if _is_name(quoted[0][1:-1], sql) else HIDDEN_VALUE, text)
    text = mask_digits(text).strip()[:MAX_CHARACTERS].rstrip(" .")
    return f"{named}: {text}." if text else f"{named}."


def _is_name(quoted: str, sql: str) -> bool:
    """True for what is written in the query as a name, not in single quotes, and has no run of digits."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", sql)
    last = quoted.rpartition(".")[2]  # MySQL writes 'database.table'
    return (
        bool(re.fullmatch(r"[\w$.\" ]+", quoted))
        and not re.search(r"\d{4}", quoted)
        and (re.search(rf"(?<!\w){re.escape(last)}(?!\w)", bare, re.IGNORECASE) is not None)
    )


def _text(error: Exception) -> str:
    """The first line of the database's own words."""
    wording = getattr(getattr(error, "diag", None), "message_primary", None)  # PostgreSQL: not the query
    if not wording:
        wording = next((part for part in reversed(error.args) if isinstance(part, str)), "")
    return next((line for line in str(wording).splitlines() if line.strip()), "")


def _code(error: Exception) -> str | None:
    """SQLSTATE of PostgreSQL and others, or the number of MySQL."""
    for found in (*error.args[:1], getattr(error, "pgcode", None), getattr(error, "sqlstate", None)):
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        if isinstance(found, str) and re.fullmatch(r"[0-9A-Z]{5}", found):
            return found
    return None


def _texts(value: Any) -> Iterator[str]:
    """All parameters as they could stand in a message."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set):
        for element in value:
            yield from _texts(element)
    elif value is not None and len(str(value)) >= LEAST_CHARACTERS:
        yield str(value)
