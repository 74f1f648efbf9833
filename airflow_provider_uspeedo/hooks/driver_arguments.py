# SPDX-License-Identifier: Apache-2.0
"""What a connection gives to a database's driver: checked before it is used, and named when the driver refuses it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_uspeedo.errors import ConfigurationError

MAX_PORT = 65_535
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
WIDE = {
    "postgresql": ("client_encoding", "UTF8", ("utf8", "unicode")),
    "mysql": ("charset", "utf8mb4", ("utf8mb4",)),
}
"""The extra that sets the connection's character set, the one that holds every text, and its spellings."""
WRONG_STATEMENT = (1064, 1115, 1193, 1229, 1231, 1232, 1238, 1273)
"""Codes of MySQL and MariaDB for a statement that cannot be read, or that sets what is not there."""
_NAMED_BY_POSTGRESQL = re.compile(r'connection option "(\w+)"|invalid (\w+) value: ')
_OF_POSTGRESQL = {"definition of service": "service", "could not parse network address": "hostaddr"}
_OF_MYSQL = {1231: "sql_mode", 1273: "collation"}
"""Which extra a driver's text, or a server's code, is about."""
OF_ROWS = (
    "cursorclass", "use_unicode", "conv", "binary_prefix", "defer_connect",
    "cursor_factory", "connection_factory", "row_factory", "async", "async_",
)  # fmt: skip
"""Extras that change what a driver returns, or when."""
_NAMED_BY_SERVER = re.compile(r'parameter "([\w.]+)"')
_NAMED_BY_PYTHON = re.compile(r"'(\w+)'")


def refuse_wrong_port(port: int | None, conn_id: str) -> None:
    """:raises ConfigurationError: there is no such port."""
    if port is not None and not 0 < port <= MAX_PORT:
        raise ConfigurationError(f"Port of connection {conn_id!r} is not from 1 to {MAX_PORT}.")


def refuse_wrong_arguments(backend: str, arguments: Mapping[str, Any], conn_id: str) -> None:
    """Checks the extras whose wrong values would be noticed late, or reported without their name.

    :raises ConfigurationError: one of them cannot be right; the message names it and does not quote it.
    """
    name, wide, spellings = WIDE[backend]
    charset = arguments.get(name)
    if charset is not None and re.sub(r"[-_ ]", "", str(charset)).lower() not in spellings:
        raise ConfigurationError(
            f"Extra {name!r} of connection {conn_id!r} is not {wide}, and no other character set holds every text: "
            "remove it."
        )
    for name in OF_ROWS:
        if name in arguments:
            raise ConfigurationError(
                f"Extra {name!r} of connection {conn_id!r} changes what the driver returns, which the ledger could not "
                "read: remove it."
            )
    mode = arguments.get("sslmode")
    if mode is not None and mode not in SSL_MODES and backend == "postgresql":
        raise ConfigurationError(f"Extra 'sslmode' of connection {conn_id!r} is not one of {', '.join(SSL_MODES)}.")
    root = arguments.get("sslrootcert")
    if backend == "postgresql" and str(mode).startswith("verify-") and root not in (None, "system"):
        _refuse_missing_file(root, "sslrootcert", conn_id)
    if backend == "mysql":
        socket = arguments.get("unix_socket")
        if socket is not None:
            _refuse_missing_folder(os.path.dirname(str(socket)), "Extra 'unix_socket'", conn_id)  # noqa: PTH120
        nested = arguments.get("ssl")
        for of, named in [*(nested.items() if isinstance(nested, Mapping) else ()), *arguments.items()]:
            if of in ("ca", "cert", "key", "ssl_ca", "ssl_cert", "ssl_key") and named:
                _refuse_missing_file(named, of, conn_id)


def refuse_wrong_host(host: str | None, conn_id: str) -> None:
    """:raises ConfigurationError: it is the folder of a socket, and there is no such folder."""
    if host and host.startswith("/"):
        _refuse_missing_folder(host, "Host", conn_id)


def _refuse_missing_folder(path: str, field: str, conn_id: str) -> None:
    if not os.path.isdir(path):  # noqa: PTH112 - never an error, for any text
        raise ConfigurationError(
            f"{field} of connection {conn_id!r} leads to a folder that does not exist where this task runs."
        )


def _refuse_missing_file(path: Any, name: str, conn_id: str) -> None:
    if not isinstance(path, str) or not os.path.isfile(path):  # noqa: PTH113 - never an error, for any text
        raise ConfigurationError(
            f"Extra {name!r} of connection {conn_id!r} names a file that does not exist where this task runs."
        )


def refused_argument(error: BaseException, arguments: Mapping[str, Any], what: str) -> ConfigurationError | None:
    """The error of a driver that names one of its arguments, as ours; ``None`` if it names none.

    The driver's own text is not quoted: it may hold what the connection holds.

    :param what: the connection, at the beginning of a message.
    """
    text = str(error)
    found = _NAMED_BY_POSTGRESQL.search(text)
    name = next(filter(None, found.groups()), "") if found else ""
    if name not in arguments and isinstance(error, TypeError):
        name = next((one for one in _NAMED_BY_PYTHON.findall(text) if one in arguments), "")
    name = next((one for words, one in _OF_POSTGRESQL.items() if words in text), name)
    code = error.args[0] if error.args else None
    if isinstance(code, int) and _OF_MYSQL.get(code) in arguments:
        return ConfigurationError(f"{what} cannot be used: the server refuses its extra {_OF_MYSQL[code]!r}.")
    if name in arguments:
        return ConfigurationError(f"{what} cannot be used: the database's driver refuses its extra {name!r}.")
    if "init_command" in arguments and code in WRONG_STATEMENT:
        return ConfigurationError(f"{what} cannot be used: the server refuses its extra 'init_command'.")
    if "options" in arguments and (setting := _NAMED_BY_SERVER.search(text)):
        return ConfigurationError(
            f"{what} cannot be used: the server refuses what its extra 'options' says of {setting[1]!r}."
        )
    if "unsupported startup parameter" in text:
        return ConfigurationError(
            f"{what} cannot be used: the pool in front of the server refuses its extra 'options'. Remove it, or let "
            "the pool ignore it (PgBouncer: ignore_startup_parameters)."
        )
    return None
