# SPDX-License-Identifier: Apache-2.0
"""The URL of a ledger's database, and the arguments for its driver, from the fields and extras of a connection."""

from __future__ import annotations

import importlib.util
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.core.characters import LINE_BREAKS_AND_TABS, refuse_unfit, texts_in
from airflow_provider_uspeedo.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

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


def url_of(connection: Any, conn_id: str) -> tuple[URL, dict[str, Any]]:
    """The URL of the database behind a connection, and the arguments for its driver.

    :raises ConfigurationError: the connection cannot hold a ledger; the message names the field or the extra.
    """
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
        return sqlite_url(_sqlite_path(connection, conn_id)), {}
    return server_url(connection, conn_id, backend)


def _sqlite_path(connection: Any, conn_id: str) -> str:
    path = connection.host or connection.schema or ""
    if not Path(path).is_absolute():
        raise ConfigurationError(
            f"Connection {conn_id!r} must name the SQLite file by an absolute path in its host field: what a "
            "relative path means differs between attempts, and with an empty ledger all recipients are sent to again."
        )
    return path


def sqlite_url(path: str) -> URL:
    """The URL of a SQLite file.

    :raises ConfigurationError: it cannot be created.
    """
    from sqlalchemy.engine import URL

    if not os.path.isdir(os.path.dirname(path)):  # noqa: PTH112, PTH120 - never an error, for any text
        raise ConfigurationError(f"The SQLite ledger {path!r} cannot be created: its folder does not exist.")
    if os.path.isdir(path):  # noqa: PTH112
        raise ConfigurationError(f"The SQLite ledger {path!r} cannot be created: this is a folder. Name a file in it.")
    return URL.create("sqlite", database=path)


def server_url(connection: Any, conn_id: str, backend: str) -> tuple[URL, dict[str, Any]]:
    """The same as :func:`url_of` for a PostgreSQL or MySQL server."""
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
