# SPDX-License-Identifier: Apache-2.0
"""Where the phones of people who may not be texted are kept: the field ``suppress`` of a contact policy.

A source is a path or URI, a table or query of a database, or phones and rows that are given by value.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.core.rows_as_text import is_rows_as_text
from airflow_provider_uspeedo.errors import ConfigurationError

PHONE_COLUMN = "phone"
PLACES = ("path", "table", "sql")
KEYS = (*PLACES, "sql_conn_id", "column")
_NOTHING = ("", "none", "null")
_ITERABLE = (list, tuple, set, frozenset)
_OF_PATHS = frozenset("/\\.*?[")
"""A text in a list is a path only with one of these. A phone has none of them but dots."""


@dataclass(frozen=True, slots=True, eq=False)
class SuppressSource:
    """One list of phones that may not be texted. One of the first four is given.

    :param path: a path or URI, or an ``ObjectStoragePath``.
    :param rows: a frame, an Arrow table, a list of dicts or of phones.
    :param table: the name of a table, with :attr:`sql_conn_id`.
    :param sql: a query, with :attr:`sql_conn_id`.
    :param column: the column with the phones.
    """

    path: Any = None
    rows: Any = field(default=None, repr=False)
    table: str = ""
    sql: str = field(default="", repr=False)
    sql_conn_id: str = ""
    column: str = PHONE_COLUMN

    @property
    def name(self) -> str:
        """How messages call it; never a value."""
        if self.sql_conn_id:
            return f"{f'table {self.table!r}' if self.table else 'query'} of connection {self.sql_conn_id!r}"
        return "list given by value" if self.path is None else f"list {str(self.path)!r}"


def sources_of(given: Any, where: str) -> tuple[SuppressSource, ...]:
    """Read the field ``suppress``.

    :param given: rendered, and nothing in it hidden: a source or a list of sources; lists and sets may also hold
        phones, or rows as dicts.
    :param where: names the field in messages.
    :raises ConfigurationError: it is empty or something else; the message quotes no value.
    """
    if isinstance(given, str):
        return _of_text(given, where)
    if given is None:
        raise ConfigurationError(f"{where} is None: leave it out, or give a list of phones, or where there is one.")
    if isinstance(given, Mapping):
        return (_of_mapping(given, where),)
    if isinstance(given, _ITERABLE):
        return _of_list(given, where)
    if isinstance(given, int | float | bytes | bytearray):
        raise ConfigurationError(
            f"{where} must be a list of phones, or where there is one, and is of type {type(given).__name__}."
        )
    return (SuppressSource(path=given),) if _is_path_object(given) else (SuppressSource(rows=given),)


def is_source(element: Any) -> bool:
    """Return whether an element of a list is a source, and not a phone or a row."""
    if isinstance(element, str):
        return not is_rows_as_text(element) and not _OF_PATHS.isdisjoint(element)
    if isinstance(element, Mapping):
        return not set(PLACES).isdisjoint(element) and set(element) <= set(KEYS)
    return element is not None and not isinstance(element, int | float)


def parsed(text: str) -> Any:
    """Return what JSON or a Python literal stands for; ``None`` if the text is neither."""
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return read(text.strip())
    return None


def _of_text(text: str, where: str) -> tuple[SuppressSource, ...]:
    if text.strip().lower() in _NOTHING:
        raise ConfigurationError(f"{where} is empty: leave it out, or give a list of phones, or where there is one.")
    found = parsed(text)
    if isinstance(found, (Mapping, *_ITERABLE)):
        return sources_of(found, where)
    if not is_rows_as_text(text):
        return (SuppressSource(path=text.strip()),)
    if len(text.splitlines()) > 1 or not {",", ";", "|"}.isdisjoint(text):
        raise ConfigurationError(f"{where} is the text of rows: give a list of phones, or the path of a file.")
    return (SuppressSource(rows=[text]),)


def _of_list(given: Iterable[Any], where: str) -> tuple[SuppressSource, ...]:
    elements = list(given)
    places = [element for element in elements if is_source(element)]
    rows = [element for element in elements if not is_source(element)]
    of_places = [source for place in places for source in sources_of(place, where)]
    dicts = [row for row in rows if isinstance(row, Mapping)]
    phones = [row for row in rows if not isinstance(row, Mapping)]
    by_value = [some for some in (dicts, phones) if some] if elements else [[]]
    return (*of_places, *(SuppressSource(rows=some) for some in by_value))


def _of_mapping(given: Mapping[Any, Any], where: str) -> SuppressSource:
    places = [name for name in PLACES if name in given]
    unknown = [mask_digits(str(key)) for key in given if key not in KEYS]
    if unknown or len(places) != 1:
        wrong = f"has the unknown key {unknown[0]!r}" if unknown else f"has {' and '.join(map(repr, places)) or 'none'}"
        raise ConfigurationError(
            f"{where} {wrong}: give one of 'path', 'table' and 'sql', and beside it only 'sql_conn_id' and 'column'."
        )
    (place,) = places
    for key, value in given.items():
        if value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING):
            raise ConfigurationError(f"{where}: {key!r} is empty: leave it out, or give it.")
        if key != place and not isinstance(value, str):
            raise ConfigurationError(f"{where}: {key!r} must be a text.")
    column, conn_id, value = given.get("column", PHONE_COLUMN), given.get("sql_conn_id", "").strip(), given[place]
    if place == "path":
        return SuppressSource(path=_path(value, conn_id, where), column=column)
    if place == "table" and not isinstance(value, str) and not conn_id:
        return SuppressSource(rows=list(value) if isinstance(value, _ITERABLE) else value, column=column)
    if not isinstance(value, str):
        raise ConfigurationError(f"{where}: {place!r} must be a text.")
    if not conn_id:
        raise ConfigurationError(f"{where}: {place!r} needs 'sql_conn_id', the connection of its database.")
    return SuppressSource(**{place: value.strip()}, sql_conn_id=conn_id, column=column)


def _path(value: Any, conn_id: str, where: str) -> Any:
    if conn_id:
        raise ConfigurationError(f"{where}: 'sql_conn_id' goes with 'table' or 'sql', not with 'path'.")
    if isinstance(value, str) and not is_rows_as_text(value):
        return value.strip()
    if not _is_path_object(value) or isinstance(value, str):
        raise ConfigurationError(f"{where}: 'path' must be a path or a URI.")
    return value


def _is_path_object(given: Any) -> bool:
    kind = type(given)
    return hasattr(kind, "__fspath__") or all(hasattr(kind, name) for name in ("fs", "path", "protocol"))
