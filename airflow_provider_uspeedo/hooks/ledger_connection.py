# SPDX-License-Identifier: Apache-2.0
"""Opens the ledger's database: an Airflow connection, or a SQLite file if all attempts run on one machine."""

from __future__ import annotations

import errno
import importlib.util
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.core.characters import LINE_BREAKS_AND_TABS, refuse_unfit, texts_in
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.hooks import airflow_environment
from airflow_provider_uspeedo.hooks.driver_arguments import refuse_wrong_arguments, refuse_wrong_port, refused_argument

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Engine

    from airflow_provider_uspeedo.ledger.ledger import Ledger

FILE_NAME = "uspeedo_ledger.db"
"""The default ledger, in AIRFLOW_HOME."""
LOCAL_EXECUTORS = "LocalExecutor,SequentialExecutor,DebugExecutor"
DRIVERS = {
    "postgresql": ("psycopg2", "psycopg"),
    "mysql": ("MySQLdb", "pymysql"),
}
"""Drivers in the order of preference, by the module they are imported as."""
SERVER_DEFAULTS: dict[str, dict[str, Any]] = {
    "postgresql": {
        "connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    },
    "mysql": {"connect_timeout": 10, "read_timeout": 300, "write_timeout": 300, "charset": "utf8mb4"},
}  # fmt: skip
"""Arguments of the drivers unless the connection's extra overrides them: a server that is gone must be noticed."""
DRIVER_NAMES = {"MySQLdb": "mysqldb"}
CHOSEN_DRIVERS = {
    "postgresql+psycopg2": "psycopg2", "postgresql+psycopg": "psycopg", "mysql+mysqldb": "MySQLdb",
    "mysql+pymysql": "pymysql", "mysqlclient": "MySQLdb", "pymysql": "pymysql",
}  # fmt: skip
"""What the extras ``sqlalchemy_scheme`` and ``client`` of Airflow's own hooks may choose, as modules. Other drivers
that they name, such as asynchronous ones, cannot hold a ledger, and are not used for it."""
NOT_FOR_THE_DRIVER = {
    "iam", "redshift", "redshift-serverless", "redshift_serverless", "cluster-identifier", "workgroup-name",
    "aws_conn_id",
    "region_name", "cursor", "client", "sqlalchemy_scheme", "sqlalchemy_query", "enable_log_db_messages",
    "azure_conn_id",
    "isolation_level",
}  # fmt: skip
"""Extras that Airflow's own hooks of these databases do not pass to the driver."""
STATEMENTS = {"init_command"}
"""Extras that hold SQL, which may have several lines."""
MAX_TIMEOUT_SECONDS = 31_536_000
"""Seconds: a year, the most that every driver takes."""
MILLISECONDS = {"tcp_user_timeout"}
"""Time-outs in milliseconds; 0 means the system's default."""


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

    :param max_connect_seconds: a server is not waited for longer, whatever the connection says.
    """
    from airflow_provider_uspeedo.ledger.store.engine import open_engine

    if results_conn_id is None:
        refuse_file_on_many_machines()
        return open_default_file()
    url, arguments = _address(_connection(results_conn_id), results_conn_id)
    if url.get_backend_name() == "sqlite":
        refuse_file_on_many_machines(results_conn_id)
    else:
        refuse_wrong_port(url.port, results_conn_id)
        refuse_wrong_arguments(url.get_backend_name(), arguments, results_conn_id)
        if max_connect_seconds is not None:
            own = arguments["connect_timeout"] or max_connect_seconds  # to libpq 0 means no limit
            arguments = {**arguments, "connect_timeout": min(own, max_connect_seconds)}
    return _guarded(open_engine(url, connect_args=arguments), f"Connection {results_conn_id!r}", arguments)


def open_default_file() -> Engine:
    """The engine of the SQLite file in AIRFLOW_HOME, whatever the executor is."""
    from airflow_provider_uspeedo.ledger.store.engine import open_engine

    return _guarded(open_engine(_sqlite_url(str(default_file()))), "The default ledger")


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
    return ConfigurationError(
        f"Airflow knows no connection {conn_id!r} here. {argument} names it: correct the name, or create the "
        "connection where this runs (in Airflow's own database, with the same AIRFLOW_HOME, in its secrets backend, or "
        f"in the environment variable AIRFLOW_CONN_{conn_id.upper()})."
    )


def _is_run_by_airflow() -> bool:
    """True in a task, a trigger or a DAG file: there Airflow 3 gives no access to its database."""
    return hasattr(sys.modules.get("airflow.sdk.execution_time.task_runner"), "SUPERVISOR_COMMS")


def _executor_names(configured: str) -> list[str]:
    """``team=LocalExecutor:alias,a.module.MyExecutor`` names LocalExecutor and MyExecutor."""
    parts = configured.replace(";", ",").split(",")
    return [part.strip().rpartition("=")[2].split(":")[0].rpartition(".")[2] for part in parts if part.strip()]


def _address(connection: Any, conn_id: str) -> tuple[URL, dict[str, Any]]:
    kind = {
        "sqlite": "sqlite",
        "postgres": "postgresql",
        "postgresql": "postgresql",
        "mysql": "mysql",
        "mariadb": "mysql",
    }
    backend = kind.get((connection.conn_type or "").lower())
    if backend is None:
        hint = (
            " Airflow stores the type generic where the provider of the named type is not installed: give the "
            "connection with its type in --conn-json, or in an environment variable."
            if (connection.conn_type or "").lower() in ("generic", "")
            else ""
        )
        raise ConfigurationError(
            f"Connection {conn_id!r} is of type {connection.conn_type!r}: results_conn_id needs one of type sqlite, "
            f"postgres or mysql.{hint}"
        )
    for field in ("host", "schema", "login", "password"):
        refuse_unfit(getattr(connection, field) or "", f"{field.capitalize()} of connection {conn_id!r}")
    if backend == "sqlite":
        return _sqlite_url(_sqlite_path(connection, conn_id)), {}
    return _server_url(connection, conn_id, backend)


def _sqlite_path(connection: Any, conn_id: str) -> str:
    path = connection.host or connection.schema or ""
    if not Path(path).is_absolute():
        raise ConfigurationError(
            f"Connection {conn_id!r} must name the SQLite file by an absolute path in its host field: what a "
            "relative path means differs between attempts, and with an empty ledger all recipients are sent to again."
        )
    return path


def _sqlite_url(path: str) -> URL:
    from sqlalchemy.engine import URL

    if not os.path.isdir(os.path.dirname(path)):  # noqa: PTH112, PTH120 - never an error, for any text
        raise ConfigurationError(f"The SQLite ledger {path!r} cannot be created: its folder does not exist.")
    if os.path.isdir(path):  # noqa: PTH112
        raise ConfigurationError(f"The SQLite ledger {path!r} cannot be created: this is a folder. Name a file in it.")
    return URL.create("sqlite", database=path)


def _server_url(connection: Any, conn_id: str, backend: str) -> tuple[URL, dict[str, Any]]:
    from sqlalchemy.engine import URL

    extra = connection.extra_dejson
    if not isinstance(extra, dict):
        raise ConfigurationError(f"Extra of connection {conn_id!r} is not a JSON object.")
    if "@" in (named := f"{connection.host} {connection.schema}") or "://" in named:
        raise ConfigurationError(
            f"Host and schema of connection {conn_id!r} must be the names of server and database alone: user and "
            "password have fields of their own."
        )
    iam = extra.get("iam")
    if iam is True or (isinstance(iam, str) and iam.lower() == "true"):
        raise ConfigurationError(
            f"Connection {conn_id!r} uses IAM: its password expires while a campaign runs. Use a password."
        )
    arguments = {
        name: value for name, value in extra.items() if name not in NOT_FOR_THE_DRIVER and not name.startswith("__")
    }
    if isinstance(arguments.get("ssl"), str):
        arguments["ssl"] = _json(arguments["ssl"], conn_id)
    _refuse_unfit_extras(arguments, conn_id)
    arguments = {name: _seconds(name, value, conn_id) for name, value in arguments.items()}
    arguments = {**SERVER_DEFAULTS[backend], **arguments}
    url = URL.create(
        f"{backend}+{_driver(backend, extra, conn_id)}",
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port or None,
        database=connection.schema or None,
    )
    return url, arguments


def _refuse_unfit_extras(arguments: dict[str, Any], conn_id: str) -> None:
    for name, value in arguments.items():
        refuse_unfit(name, f"The name of an extra of connection {conn_id!r}")
        allowed = LINE_BREAKS_AND_TABS if name in STATEMENTS else ""
        for text in texts_in(value):
            refuse_unfit(text, f"Extra {name!r} of connection {conn_id!r}", allowed=allowed)


def _seconds(name: str, value: Any, conn_id: str) -> Any:
    """A time-out as a number: pymysql refuses the text that a form or a URI gives; to libpq 0 means no limit."""
    if not name.endswith("_timeout"):
        return value
    minimum, maximum = (0, 1000 * MAX_TIMEOUT_SECONDS) if name in MILLISECONDS else (1, MAX_TIMEOUT_SECONDS)
    with suppress(ValueError):
        number = int(value) if isinstance(value, str) else value
        if isinstance(number, int) and not isinstance(number, bool) and minimum <= number <= min(maximum, 2**31 - 1):
            return number
    raise ConfigurationError(
        f"Extra {name!r} of connection {conn_id!r} is not a whole number, or not from {minimum} to {maximum:,}."
    )


def _json(text: str, conn_id: str) -> Any:
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigurationError(f"Extra 'ssl' of connection {conn_id!r} is not JSON.") from None


def _driver(backend: str, extras: dict[str, Any], conn_id: str) -> str:
    """The driver that the connection chooses, else the first one that is installed."""
    modules = DRIVERS[backend]
    for name in ("sqlalchemy_scheme", "client"):
        chosen = CHOSEN_DRIVERS.get(str(extras.get(name, "")).lower())
        if chosen in modules:
            if not _is_usable(chosen):
                raise ConfigurationError(
                    f"Extra {name!r} of connection {conn_id!r} chooses the driver {chosen}, which is not installed, or "
                    "which this SQLAlchemy does not know."
                )
            return DRIVER_NAMES.get(chosen, chosen)
    for module in modules:
        if _is_usable(module):
            return DRIVER_NAMES.get(module, module)
    extra = "postgres" if backend == "postgresql" else "mysql"
    raise ConfigurationError(
        f"No driver of {backend} is installed ({' or '.join(modules)}): pip install "
        f"'airflow-provider-uspeedo[{extra}]'."
    )


def _is_usable(module: str) -> bool:
    """True if the driver is installed, and SQLAlchemy can use it: 1.4 knows no psycopg 3."""
    if not importlib.util.find_spec(module):
        return False
    return module != "psycopg" or importlib.util.find_spec("sqlalchemy.dialects.postgresql.psycopg") is not None
