# SPDX-License-Identifier: Apache-2.0
"""The database behind ``sql_conn_id``: any connection whose hook is a ``DbApiHook``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_uspeedo.errors import ConfigurationError, SourceUnavailable


def connector(sql_conn_id: str, hook_params: Mapping[str, Any] | None = None) -> Callable[[], Any]:
    """What opens a DB-API connection; nothing is opened yet.

    Only the hook's ``get_conn`` is used: its ``run`` and what builds on it write statement and parameters to the log.

    :param hook_params: passed on to the hook, as Airflow's own SQL operators do.
    :raises ConfigurationError: there is no such connection, or it cannot run SQL; the message names the argument.
    :raises SourceUnavailable: Airflow could not look the connection up.
    """
    from airflow.providers.common.compat.sdk import BaseHook

    try:
        connection = BaseHook.get_connection(sql_conn_id)
    except Exception as error:  # noqa: BLE001 - any backend of secrets may be below
        if type(error).__name__ != "AirflowNotFoundException":
            raise SourceUnavailable(
                f"Connection {sql_conn_id!r} (sql_conn_id) could not be looked up ({type(error).__name__})."
            ) from None
        raise ConfigurationError(
            f"There is no connection {sql_conn_id!r}: sql_conn_id must name the connection of the database that sql "
            f"is for."
        ) from None
    hook = _hook(connection, sql_conn_id, hook_params or {})
    if not _is_dbapi(hook):
        raise ConfigurationError(
            f"sql_conn_id {sql_conn_id!r} is a connection of type {connection.conn_type!r}, whose hook "
            f"{type(hook).__name__} cannot run SQL (it is no DbApiHook). Name the connection of a database."
        )
    hook.log_sql = False
    return hook.get_conn  # type: ignore[no-any-return]


def _hook(connection: Any, sql_conn_id: str, hook_params: Mapping[str, Any]) -> Any:
    try:
        return connection.get_hook(hook_params=dict(hook_params))
    except TypeError:
        raise ConfigurationError(
            f"sql_hook_params do not fit the hook of connection {sql_conn_id!r} (type {connection.conn_type!r}): it "
            f"cannot be made with {', '.join(map(repr, hook_params)) or 'none'}."
        ) from None
    except Exception as error:  # noqa: BLE001 - a hook may raise anything, and quote the connection
        raise ConfigurationError(
            f"sql_conn_id {sql_conn_id!r} is a connection of type {connection.conn_type!r}, for which there is no hook "
            f"here ({type(error).__name__}). Install the Airflow provider of that database, or name another connection."
        ) from None


def _is_dbapi(hook: Any) -> bool:
    try:
        from airflow.providers.common.sql.hooks.sql import DbApiHook
    except ImportError:
        return False
    return isinstance(hook, DbApiHook)
