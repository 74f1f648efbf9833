# SPDX-License-Identifier: Apache-2.0
"""Opens the ledger's database: an Airflow connection, or a SQLite file if all attempts run on one machine."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.hooks import airflow_environment
from airflow_provider_uspeedo.hooks.driver_arguments import (
    refuse_wrong_arguments,
    refuse_wrong_host,
    refuse_wrong_port,
    refused_argument,
)
from airflow_provider_uspeedo.hooks.ledger_url import sqlite_url, url_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from airflow_provider_uspeedo.ledger.ledger import Ledger

FILE_NAME = "uspeedo_ledger.db"
"""The default ledger, in AIRFLOW_HOME."""
LOCAL_EXECUTORS = "LocalExecutor,SequentialExecutor,DebugExecutor"


def open_ledger(results_conn_id: str | None, results_table: str) -> Ledger:
    """The ledger behind a connection; nothing is created yet.

    :param results_conn_id: a connection of type ``sqlite``, ``postgres`` or ``mysql``; ``None``: the SQLite file.
    :raises ConfigurationError: the connection cannot hold a ledger, or the file must not be used here.
    :raises LedgerError: the driver is missing.
    """
    from airflow_provider_uspeedo.ledger.ledger import Ledger

    return Ledger(open_ledger_engine(results_conn_id), results_table)


def open_ledger_engine(results_conn_id: str | None, *, max_connect_seconds: int | None = None) -> Engine:
    """The engine of a ledger's database; see :func:`open_ledger`.

    :param max_connect_seconds: the most that a server is waited for, also if the connection allows more.
    """
    from airflow_provider_uspeedo.ledger.store.engine import open_engine

    if results_conn_id is None:
        refuse_file_on_many_machines()
        return open_default_file()
    url, arguments = url_of(_connection(results_conn_id), results_conn_id)
    if url.get_backend_name() == "sqlite":
        refuse_file_on_many_machines(results_conn_id)
    else:
        refuse_wrong_host(url.host, results_conn_id)
        refuse_wrong_port(url.port, results_conn_id)
        refuse_wrong_arguments(url.get_backend_name(), arguments, results_conn_id)
        if max_connect_seconds is not None:
            own = arguments["connect_timeout"] or max_connect_seconds  # to libpq 0 means no limit
            arguments = {**arguments, "connect_timeout": min(own, max_connect_seconds)}
    return _guarded(open_engine(url, connect_args=arguments), f"Connection {results_conn_id!r}", arguments)


def open_default_file() -> Engine:
    """The engine of the SQLite file in AIRFLOW_HOME; for every executor."""
    from airflow_provider_uspeedo.ledger.store.engine import open_engine

    return _guarded(open_engine(sqlite_url(str(default_file()))), "The default ledger")


def _guarded(engine: Engine, what: str, extras: Mapping[str, Any] = MappingProxyType({})) -> Engine:
    """The same engine; a new SQLite file is readable by its owner alone, and errors of a driver's arguments are ours.

    The files beside it (``-wal``, ``-shm``) get the rights of the file itself.
    """
    from sqlalchemy import event

    connected: list[bool] = []

    def connect(dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        if dialect.name == "sqlite" and engine.url.database:
            _make_private(engine.url.database, what)
        try:
            connection = dialect.connect(*arguments, **options)
        except dialect.dbapi.Error as error:
            if named := refused_argument(error, extras, what):
                raise named from None
            raise
        except Exception as error:  # noqa: BLE001 - drivers raise anything for a wrong extra, and may quote it
            if connected:  # the extras are right: the server broke off, and an answer may wait to be recorded
                raise dialect.dbapi.OperationalError(f"no connection ({type(error).__name__})") from None
            raise refused_argument(error, extras, what) or ConfigurationError(
                f"{what} cannot be used: the database's driver refuses one of its fields or extras "
                f"({type(error).__name__})."
            ) from None
        connected[:] = [True]
        return connection

    event.listen(engine, "do_connect", connect)
    return engine


def _make_private(path: str, what: str) -> None:
    """Makes a new SQLite file, readable by its owner alone.

    One that is there is not opened: to close it would give up the locks of this process.
    """
    refused = ""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
            refused = "read"
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) in (errno.EACCES, errno.EPERM, errno.EROFS):
            refused = "made"
    if refused:
        raise ConfigurationError(
            f"{what} cannot be used: the SQLite file {path!r} cannot be {refused} by the user of this process. Look at "
            "the owner and the mode of the file and of its folder."
        ) from None


def default_file() -> Path:
    """The SQLite file that is used when no connection is named."""
    if not airflow_environment.is_airflow_loaded():
        return Path(airflow_environment.home()) / FILE_NAME
    from airflow.configuration import AIRFLOW_HOME

    return Path(AIRFLOW_HOME) / FILE_NAME


def refuse_file_on_many_machines(results_conn_id: str | None = None) -> None:
    """Refuses a ledger in a SQLite file, the default one or that of a connection, where a retry may not find it.

    :raises ConfigurationError: attempts of one task may run on several machines here, each with its own file.
    """
    configured = option("core", "executor", "LocalExecutor")
    allowed = {name.strip() for name in option("uspeedo", "local_ledger_executors", LOCAL_EXECUTORS).split(",")}
    others = [name for name in _executor_names(configured) if name not in allowed]
    if others:
        given = "is not set" if results_conn_id is None else f"{results_conn_id!r} names a SQLite file"
        raise ConfigurationError(
            f"results_conn_id {given}, and on {', '.join(others)} a retry may run on another machine, where "
            "the SQLite ledger is empty: all recipients would be sent to again. Set results_conn_id, or the setting "
            "[uspeedo] results_conn_id for all tasks, to a PostgreSQL or MySQL connection. If all attempts do run on "
            "one machine, name the executor in [uspeedo] local_ledger_executors."
        )


def option(section: str, name: str, default: str) -> str:
    """An option of Airflow's configuration; read without importing Airflow where it is not loaded."""
    if not airflow_environment.is_airflow_loaded():
        with suppress(airflow_environment.AskAirflow):
            return airflow_environment.option(section, name, default)
    from airflow.providers.common.compat.sdk import conf

    found = conf.get(section, name, fallback=default)
    return default if found is None else str(found)


def _connection(conn_id: str) -> Any:
    """The connection, as a task finds it; in a shell also from Airflow's own database.

    :raises ConfigurationError: there is none of that name.
    """
    if (
        not _is_run_by_airflow()
        and not airflow_environment.is_airflow_loaded()
        and (found := airflow_environment.connection(conn_id)) is not None
    ):
        return found
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    try:
        if _is_run_by_airflow():
            return BaseHook.get_connection(conn_id)
        from airflow.models.connection import Connection

        return Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        raise unknown_connection("results_conn_id", conn_id) from None


def unknown_connection(argument: str, conn_id: str) -> ConfigurationError:
    """The error for an argument that names a connection which is not there."""
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    if variable in os.environ:
        return ConfigurationError(
            f"Airflow cannot read connection {conn_id!r}, which {argument} names, from the environment variable "
            f"{variable}: write it as a JSON object whose extra is an object, too, or as a URI."
        )
    return ConfigurationError(
        f"Airflow knows no connection {conn_id!r} here. {argument} names it: correct the name, or create the "
        "connection where this runs (in Airflow's own database, with the same AIRFLOW_HOME, in its secrets backend, or "
        f"in the environment variable {variable})."
    )


def _is_run_by_airflow() -> bool:
    """True in a task, a trigger or a DAG file: there Airflow 3 gives no access to its database."""
    return hasattr(sys.modules.get("airflow.sdk.execution_time.task_runner"), "SUPERVISOR_COMMS")


def _executor_names(configured: str) -> list[str]:
    """``team=LocalExecutor:alias,a.module.MyExecutor`` names LocalExecutor and MyExecutor."""
    parts = configured.replace(";", ",").split(",")
    return [part.strip().rpartition("=")[2].split(":")[0].rpartition(".")[2] for part in parts if part.strip()]
