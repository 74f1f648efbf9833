# SPDX-License-Identifier: Apache-2.0
"""Reads the rendered argument ``policy``, and hides phones in it from what Airflow writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.core.suppress_sources import is_source, parsed
from airflow_provider_uspeedo.errors import ConfigurationError, SourceUnavailable, TableError
from airflow_provider_uspeedo.operators.arguments import text_or_none
from airflow_provider_uspeedo.operators.hidden_rows import HiddenRows
from airflow_provider_uspeedo.policy import ContactPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_uspeedo.core.contact_rules import ContactRules
    from airflow_provider_uspeedo.core.suppress_sources import SuppressSource
    from airflow_provider_uspeedo.tables.query import TableQuery
    from airflow_provider_uspeedo.tables.spool import SpooledTable

_LISTS = (list, tuple, set, frozenset)


class HiddenPhones(HiddenRows):
    """Phones, or rows, that may not be texted."""

    what = "phones"


def hide_phones(policy: Any) -> Any:
    """The policy as a dict whose phones by value are wrapped. Templates and outputs of other tasks stay for Airflow."""
    if isinstance(policy, ContactPolicy):
        policy = policy.to_dict()
    if isinstance(policy, str):
        found = parsed(policy)
        if not isinstance(found, Mapping):
            is_plain = "{{" in policy or "{%" in policy or text_or_none(policy) is None
            return policy if is_plain else HiddenPhones(policy)
        policy = found
    if not isinstance(policy, Mapping):
        return policy if policy is None or _refers(policy) else HiddenPhones.hiding(policy)
    return {name: _hidden(value) if name == "suppress" else _plain(name, value) for name, value in policy.items()}


def rules_of(operator: Any, company: ContactRules) -> ContactRules:
    """The rules that hold for a task: those of its argument ``policy``, and those of its connection.

    :raises ConfigurationError: a field is wrong, or the two contradict each other; the message names it.
    """
    from airflow_provider_uspeedo.core.contact_policy import read_policy, tightened

    policy = _shown(operator.policy)
    if policy is None or (isinstance(policy, str) and text_or_none(policy) is None):
        if operator.has_policy:
            raise ConfigurationError(
                "policy is None or empty once it is rendered: a task that is given a policy is not run without it. "
                "Pass {} for no rules, or leave the argument out."
            )
        return company
    return tightened(company, read_policy(policy, "policy"))


def query_of_list(source: SuppressSource) -> TableQuery | None:
    """The query that gives a list of phones; ``None`` for one that is no query.

    :raises ConfigurationError: there is no such connection or table; the message names the field.
    """
    if not source.sql_conn_id:
        return None
    from airflow_provider_uspeedo.hooks.sql_connection import connector
    from airflow_provider_uspeedo.tables.query import TableQuery

    sql = source.sql or f"SELECT {_name(source.column)} FROM {_name(source.table)}"  # noqa: S608 - names, checked
    try:
        connect = connector(source.sql_conn_id)
    except ConfigurationError as error:
        raise ConfigurationError(f"policy: suppress: {error}") from None
    return TableQuery(connect, sql, None, repr(source.sql_conn_id))


def with_queries_read(rules: ContactRules, run: Callable[[TableQuery, str], SpooledTable]) -> ContactRules:
    """The same rules, with the rows of lists that are in databases.

    :param run: runs a query; its second argument is the name of the connection.
    """

    def read(source: SuppressSource) -> SuppressSource:
        query = query_of_list(source)
        if query is None:
            return source
        try:
            return replace(source, rows=run(query, source.sql_conn_id))
        except (TableError, SourceUnavailable) as error:
            raise type(error)(f"policy: suppress: {error}") from None

    return replace(rules, suppress=tuple(map(read, rules.suppress))) if rules.suppress else rules


def _name(written: str) -> str:
    """The name of a table or column, which needs no quotes in any database.

    :raises ConfigurationError: it is something else.
    """
    parts = written.split(".")
    if all(part.isidentifier() and part.isascii() for part in parts):
        return written
    raise ConfigurationError(
        f"policy: suppress: {written!r} is no plain name of a table or column (letters, digits and _): write a query "
        "as 'sql' instead."
    )


def _hidden(given: Any) -> Any:
    """What may hold phones by value, wrapped; paths, queries, templates and references stay."""
    if _refers(given) or isinstance(given, HiddenRows):
        return given
    if isinstance(given, str):
        return HiddenPhones.hiding(given)
    if isinstance(given, Mapping):
        if not is_source(given):
            return HiddenPhones(given)
        return {key: _hidden_table(value) if key == "table" else value for key, value in given.items()}
    if isinstance(given, _LISTS):
        given = _ordered(given)
        kept = [one for one in given if _refers(one) or isinstance(one, HiddenRows) or is_source(one) or _template(one)]
        by_value = [one for one in given if not any(one is other for other in kept)]
        places = [_hidden(one) for one in kept]
        return [*places, HiddenPhones(by_value)] if by_value or not places else places
    return HiddenPhones.hiding(given)


def _hidden_table(value: Any) -> Any:
    return value if isinstance(value, str) or _refers(value) else HiddenPhones.hiding(value)


def _template(value: Any) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _plain(name: str, value: Any) -> Any:
    """Sets and tuples as lists: Airflow writes them down, and finds templates in them. A set of hours is refused."""
    has_no_order = name == "hours" and isinstance(value, set | frozenset)  # sorted, 21 to 6 would become 6 to 21
    return _ordered(value) if isinstance(value, _LISTS) and not has_no_order else value


def _ordered(values: Any) -> list[Any]:
    """A set in the same order each time a DAG is parsed: another one would be another version of the DAG."""
    return sorted(values, key=str) if isinstance(values, set | frozenset) else list(values)


def _refers(given: Any) -> bool:
    """True for the output of another task, a parameter of the DAG, and anything else that Airflow resolves."""
    return hasattr(given, "resolve") and hasattr(given, "iter_references")


def _shown(given: Any) -> Any:
    """What was wrapped, however it is nested."""
    if isinstance(given, HiddenRows):
        return given.rows
    if isinstance(given, Mapping):
        return {key: _shown(value) for key, value in given.items()}
    if isinstance(given, list) and any(isinstance(one, HiddenRows | Mapping | list) for one in given):
        return _flattened(given)
    return given


def _flattened(given: list[Any]) -> list[Any]:
    found: list[Any] = []
    for one in given:
        shown = _shown(one)
        found.extend(shown if isinstance(one, HiddenRows) and isinstance(shown, _LISTS) else [shown])
    return found
