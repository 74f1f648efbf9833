# SPDX-License-Identifier: Apache-2.0
"""What Airflow's environment variables and its configuration file say, read without importing Airflow.

Importing Airflow takes more than a second of processor time, and its own database as much again: a command at a shell
need not wait for either. Only plain cases are answered here (a connection in the environment, a literal option).
Wherever Airflow itself might answer otherwise, because of a secrets backend or an interpolated value, it must be asked.
"""

from __future__ import annotations

import json
import os
import sys
from configparser import Error as ConfigFileError
from configparser import RawConfigParser
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

EXTRA_KEY = "__extra__"
TEXTS = ("conn_type", "host", "schema", "login", "password", "description")
_EXPANDED = frozenset("$%~{}#;\n")
"""Characters that Airflow may expand, or that its parser may read as a comment."""


class AskAirflow(Exception):
    """The answer is not certain without Airflow."""


@dataclass(frozen=True, slots=True)
class EnvironmentConnection:
    """The fields of a connection, by the names that Airflow's own class gives them."""

    conn_type: str
    host: str | None = None
    schema: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    port: int | None = None
    extra_dejson: dict[str, Any] = field(default_factory=dict, repr=False)


def is_airflow_loaded() -> bool:
    """True where Airflow is imported already: then asking it costs nothing."""
    return "airflow" in sys.modules


def home() -> str:
    """The directory that Airflow takes as AIRFLOW_HOME."""
    return _expanded(os.environ.get("AIRFLOW_HOME", "~/airflow"))


def option(section: str, name: str, default: str) -> str:
    """An option of Airflow's configuration.

    :raises AskAirflow: its value is not literal, or the file cannot be read.
    """
    value = os.environ.get(f"AIRFLOW__{section}__{name}".upper())
    if value is None:
        value = _config_file().get(section, name, fallback=default)
    if _EXPANDED & set(value):
        raise AskAirflow
    return value


def connection(conn_id: str) -> EnvironmentConnection | None:
    """The connection in ``AIRFLOW_CONN_...``; ``None`` where Airflow must be asked.

    Airflow looks in a secrets backend first, then in the environment, then in its own database.
    """
    value = os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}", "").strip()
    if not value or "___" in conn_id:  # in a name, that separates a team
        return None
    try:
        if _has_secrets_backend():
            return None
        return _from_json(value) if value.startswith("{") else _from_uri(value)
    except (AskAirflow, ValueError, RecursionError):  # what is wrong, Airflow's own message says
        return None


def _has_secrets_backend() -> bool:
    if any(value for name, value in os.environ.items() if name.upper().startswith("AIRFLOW__SECRETS__BACKEND")):
        return True
    file = _config_file()
    names = file.options("secrets") if file.has_section("secrets") else []
    return any(name.startswith("backend") and file.get("secrets", name) for name in names)


def _config_file() -> RawConfigParser:
    named = os.environ.get("AIRFLOW_CONFIG")
    path = os.path.join(home(), "airflow.cfg") if named is None else _expanded(named)  # noqa: PTH118 - as Airflow does
    file = RawConfigParser()
    try:
        file.read(path, encoding="utf-8")
    except (ConfigFileError, OSError, ValueError):
        raise AskAirflow from None
    return file


def _expanded(text: str) -> str:
    """The text with ``~`` and variables replaced until nothing changes any more."""
    while (replaced := os.path.expanduser(os.path.expandvars(text))) != text:  # noqa: PTH111 - as Airflow does
        text = replaced
    return text


def _from_json(value: str) -> EnvironmentConnection:
    fields = json.loads(value)
    extra, port = fields.pop("extra", None), fields.pop("port", None)
    if not set(fields) <= set(TEXTS) or not all(isinstance(one, str | None) for one in fields.values()):
        raise AskAirflow
    fields.pop("description", None)
    return EnvironmentConnection(
        **{**fields, "conn_type": _normalised(fields.get("conn_type") or "")},
        port=int(port) if port else None,
        extra_dejson=_object(json.loads(extra) if isinstance(extra, str) and extra else extra or {}),
    )


def _from_uri(value: str) -> EnvironmentConnection:
    scheme, found, rest = value.partition("://")
    if not found or "://" in rest or scheme != urlsplit(value).scheme:
        raise AskAirflow
    parts = urlsplit(f"//{rest}")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra = json.loads(query[EXTRA_KEY]) if query.get(EXTRA_KEY) else {k: _plain(v) for k, v in query.items()}
    return EnvironmentConnection(
        conn_type=_normalised(scheme),
        host=_host(parts),
        schema=unquote(parts.path[1:]),
        login=parts.username and unquote(parts.username),
        password=parts.password and unquote(parts.password),
        port=parts.port,
        extra_dejson=_object(extra),
    )


def _host(parts: SplitResult) -> str:
    host = unquote(parts.hostname or "")
    if "/" in host:  # a path, which keeps its capital letters
        host = unquote(parts.netloc.rsplit("@", 1)[-1].split(":", 1)[0])
    return host


def _plain(value: str) -> str | int:
    """A value of a query: text, or a whole number.

    :raises AskAirflow: it may be something else, which Airflow 3 reads as JSON and Airflow 2 leaves as text.
    """
    try:
        read = json.loads(value) if value else value
    except ValueError:
        return value
    if isinstance(read, bool) or not isinstance(read, str | int):
        raise AskAirflow
    return read


def _object(extra: Any) -> dict[str, Any]:
    if not isinstance(extra, dict):
        raise AskAirflow
    return extra


def _normalised(conn_type: str) -> str:
    if not conn_type:
        raise AskAirflow
    return "postgres" if conn_type == "postgresql" else conn_type.replace("-", "_")
