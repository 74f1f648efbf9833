# SPDX-License-Identifier: Apache-2.0
"""Reads the rendered arguments of a query: ``sql``, ``sql_conn_id``, ``parameters``, ``sql_hook_params``."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.operators.arguments import text_or_none

if TYPE_CHECKING:
    from airflow_provider_uspeedo.tables.query import TableQuery


class HiddenParameters:
    """Parameters of a query, hidden from everything that Airflow writes: its text has only their names or number.

    Airflow renders the templates in them: it goes into any object that has ``template_fields``.
    """

    template_fields: Sequence[str] = ("parameters",)

    def __init__(self, given: Any) -> None:
        self._given = given
        self._rendered: list[Any] = []

    @classmethod
    def hiding(cls, given: Any) -> Any:
        """Wraps values. Templates of the whole, and references that Airflow must see to resolve, stay as they are."""
        if given is None or isinstance(given, cls) or _refers(given):
            return given
        if isinstance(given, str) and ("{{" in given or "{%" in given or text_or_none(given) is None):
            return given
        return cls(given)

    @staticmethod
    def unwrap(given: Any) -> Any:
        """The rendered parameters, or the unwrapped value."""
        return given.values if isinstance(given, HiddenParameters) else given

    @property
    def values(self) -> Any:
        """What the database is given."""
        return self._rendered[0] if self._rendered else self._given

    @property
    def parameters(self) -> Any:
        """What Airflow renders: as written, also if it was rendered before in this process."""
        return self._given

    @parameters.setter
    def parameters(self, rendered: Any) -> None:
        self._rendered = [rendered]

    def serialize(self) -> str:
        """The text that Airflow stores for it."""
        return str(self)

    def __str__(self) -> str:
        given = self._given
        if isinstance(given, Mapping):
            return f"<parameters {', '.join(map(str, given))}>"
        return f"<{len(given):,} parameters>" if isinstance(given, list | tuple) else "<parameters>"

    __repr__ = __str__

    def __deepcopy__(self, _memo: dict[int, Any]) -> HiddenParameters:
        return HiddenParameters(self._given)


def _refers(given: Any) -> bool:
    """True if it is, or holds, the output of another task, or something else that Airflow resolves."""
    if isinstance(given, Mapping):
        return any(map(_refers, given.values()))
    if isinstance(given, list | tuple | set):
        return any(map(_refers, given))
    return hasattr(given, "resolve") and hasattr(given, "iter_references")


def query_of(operator: Any) -> TableQuery | None:
    """The query of an operator's rendered arguments; ``None`` if it reads ``recipients``.

    :raises ConfigurationError: both or neither of ``recipients`` and ``sql`` are given, or an argument of the query is
        wrong; the message names it.
    """
    sql = operator.sql
    if sql is not None and not isinstance(sql, str):
        raise ConfigurationError(f"sql must be the text of one query, or the path of a .sql file, not a {_type(sql)}.")
    query, is_table = text_or_none(sql), _is_given(operator.recipients)
    if query is not None and is_table:
        raise ConfigurationError("Both recipients and sql are given: leave one of them out.")
    if query is None and not is_table:
        raise ConfigurationError(
            "Neither recipients nor sql is given (recipients is None if the task before returned no "
            "table): pass the table as recipients, or a query as sql and its connection as sql_conn_id."
        )
    return None if query is None else _query(operator, query)


def _query(operator: Any, sql: str) -> TableQuery:
    from airflow_provider_uspeedo.hooks.sql_connection import connector
    from airflow_provider_uspeedo.tables.query import TableQuery

    conn_id = text_or_none(operator.sql_conn_id)
    if conn_id is None:
        raise ConfigurationError("sql_conn_id is not given: name the connection of the database that sql is for.")
    parameters = _parsed("parameters", HiddenParameters.unwrap(operator.parameters), list | tuple | Mapping)
    hook_params = hook_params_of(operator)
    if isinstance(parameters, list):
        parameters = tuple(parameters)  # psycopg takes no list
    return TableQuery(connector(conn_id.strip(), hook_params), sql, parameters, repr(conn_id.strip()))


def hook_params_of(operator: Any) -> Mapping[str, Any] | None:
    """The arguments for the hook of a query's connection."""
    found: Mapping[str, Any] | None = _parsed("sql_hook_params", operator.sql_hook_params, Mapping)
    return found


def _is_given(recipients: Any) -> bool:
    return recipients is not None and not (isinstance(recipients, str) and text_or_none(recipients) is None)


def _parsed(argument: str, given: Any, wanted: Any) -> Any:
    """A list or dict, which may arrive as text: JSON, or as Python writes it."""
    if given is None or (isinstance(given, str) and text_or_none(given) is None):
        return None
    if isinstance(given, str):
        given = _literal(given)
    if not isinstance(given, wanted):
        raise ConfigurationError(f"{argument} must be {'a dict' if wanted is Mapping else 'a list or a dict'}.")
    return given


def _literal(written: str) -> Any:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(written)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def _type(value: Any) -> str:
    return type(value).__name__
