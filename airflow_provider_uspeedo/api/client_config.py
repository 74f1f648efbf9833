# SPDX-License-Identifier: Apache-2.0
"""The settings of a client: where the API is, which key calls it, and how long to wait."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import SplitResult, urlsplit

from airflow_provider_uspeedo.api import connection_extras
from airflow_provider_uspeedo.core.characters import refuse_unfit, texts_in
from airflow_provider_uspeedo.core.contact_rules import NO_RULES, ContactRules
from airflow_provider_uspeedo.errors import ConfigurationError

DEFAULT_BASE_URL = "https://api.uspeedo.com"
DEFAULT_TIMEOUT = 30.0
MAX_TIMEOUT = 3600.0
GENERATIONS = ("action", "rest")
_NO_URL = "Connection host is not a valid URL: write it like https://api.uspeedo.com."


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """The settings of one connection, checked. Its ``repr`` shows no secret.

    :param base_url: scheme, host, and optionally port and path; ``/api`` at its end is dropped.
    :param access_key_id: the AccessKeyId.
    :param access_key_secret: the AccessKeySecret.
    :param account_id: sub-accounts must give it; sent by the generation ``action`` only.
    :param api: the generation of the API: ``action`` (signed) or ``rest`` (HTTP Basic).
    :param timeout: seconds, for connecting and for each read; a request as a whole may take twice as long.
    :param verify: whether the server's certificate is checked, or the path of a CA bundle to check it with.
    :param proxies: URL scheme to proxy URL, optionally ``no_proxy``; ``None`` for those of the environment.
    :param allow_http: permit plain ``http`` to a host other than this machine.
    :param conn_id: names the connection in messages; ``""`` where there is none.
    :param policy: the contact rules for everything that is sent with this connection.
    :raises ConfigurationError: if one of them is wrong; the message names the field of the connection.
    """

    base_url: str = DEFAULT_BASE_URL
    access_key_id: str = ""
    access_key_secret: str = field(default="", repr=False)
    account_id: int | None = None
    api: Literal["action", "rest"] = "action"
    timeout: float = DEFAULT_TIMEOUT
    verify: bool | str = True
    proxies: Mapping[str, str] | None = field(default=None, repr=False)
    allow_http: bool = False
    conn_id: str = ""
    policy: ContactRules = NO_RULES

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", _checked_url(self.base_url, allow_http=self.allow_http))
        _check_keys(self.access_key_id, self.access_key_secret)
        if self.api not in GENERATIONS:
            raise ConfigurationError('Connection extra \'api\' must be "action" or "rest".')
        if self.api == "rest" and ":" in self.access_key_id:
            raise ConfigurationError("Connection login (AccessKeyId) must not contain ':' with the extra api=\"rest\".")
        if not _is_count(self.account_id):
            raise ConfigurationError("Connection extra 'account_id' must be a whole number, 0 or more, or be left out.")
        if not _is_timeout(self.timeout):
            raise ConfigurationError(
                f"Connection extra 'timeout' must be a number of seconds above 0, at most {MAX_TIMEOUT:.0f}."
            )
        for name in ("verify", "proxies"):  # a path, and what is put into the environment and given to sockets
            for text in texts_in(getattr(self, name)):
                refuse_unfit(text, f"Connection extra '{name}'")

    @classmethod
    def from_connection(
        cls,
        *,
        login: str | None,
        password: str | None,
        host: str | None = None,
        port: int | None = None,
        schema: str | None = None,
        extra: Mapping[str, object] | None = None,
        conn_id: str = "",
    ) -> ClientConfig:
        """Read the pieces of an Airflow connection; extras may be texts (``"False"``, ``"5"``, JSON).

        :param host: such as ``http://127.0.0.1:8025`` or ``api.uspeedo.com``; a missing scheme means ``https``.
        :param port: used if ``host`` names none.
        :param schema: ``http`` or ``https``, as connection URIs have it; used if ``host`` names no scheme.
        :raises ConfigurationError: if one of them is wrong; the message names the field of the connection.
        """
        if not isinstance(extra or {}, Mapping):
            raise ConfigurationError("Connection extra must be a JSON object.")
        given = dict(extra or {})
        return cls(
            base_url=_url_of(host or "", port, schema or ""),
            access_key_id=(login or "").strip(),
            access_key_secret=(password or "").strip(),
            account_id=connection_extras.whole_number(given, "account_id"),
            api=cast("Literal['action', 'rest']", connection_extras.text(given, "api", "action").lower()),
            timeout=connection_extras.number(given, "timeout", DEFAULT_TIMEOUT),
            verify=connection_extras.switch_or_path(given, "verify", default=True),
            proxies=connection_extras.proxies(given, "proxies"),
            allow_http=connection_extras.switch(given, "allow_http", default=False),
            conn_id=conn_id,
            policy=connection_extras.policy(given, "policy"),
        )

    @property
    def host(self) -> str:
        """The host's name alone, for messages."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def place(self) -> str:
        """Host, port and connection, for messages."""
        parts = urlsplit(self.base_url)
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = parts.port or (80 if parts.scheme == "http" else 443)
        return f"{host}:{port}" + (f" (connection {self.conn_id!r})" if self.conn_id else "")

    @property
    def is_loopback(self) -> bool:
        """Whether the API is on this machine, as the sandbox is."""
        return _is_loopback(self.host)


def _url_of(host: str, port: int | None, schema: str) -> str:
    host, schema = host.strip(), schema.strip().lower()
    refuse_unfit(host, "Connection host")
    refuse_unfit(schema, "Connection schema")
    if not _is_one_word(host):  # the standard library drops line breaks silently
        raise ConfigurationError(_NO_URL)
    if "://" not in host:
        if schema not in {"", "http", "https"}:
            raise ConfigurationError('Connection schema must be "https" or "http", or empty.')
        host = _with_scheme(host, schema or "https")
    try:
        parts = urlsplit(host)
        if port and parts.netloc and parts.port is None:
            parts = parts._replace(netloc=f"{parts.netloc.rstrip(':')}:{port}")
    except ValueError:
        raise ConfigurationError(_NO_URL) from None
    return parts.geturl()


def _is_one_word(url: str) -> bool:
    """Return whether it has no space, no invisible character, and no backslash, which libraries read differently."""
    return url.isprintable() and not any(character.isspace() or character == "\\" for character in url)


def _with_scheme(host: str, scheme: str) -> str:
    if not host:
        host = DEFAULT_BASE_URL.removeprefix("https://")
    elif host.count(":") > 1 and "[" not in host:
        host = f"[{host}]"  # a bare IPv6 address, as Airflow cuts it out of a connection URI
    return f"{scheme}://{host}"


def _checked_url(url: str, *, allow_http: bool) -> str:
    refuse_unfit(url, "Connection host")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not _is_one_word(url):
        raise ConfigurationError(_NO_URL)
    _check_parts(parts)
    if parts.scheme == "http" and not (allow_http or _is_loopback(host)):
        raise ConfigurationError(
            "Connection host uses plain http, which would show phones and keys to the network: "
            "write https://, or set the extra allow_http to true. (http to this machine is fine.)"
        )
    return url.rstrip("/").removesuffix("/api")


def _check_parts(parts: SplitResult) -> None:
    if parts.scheme not in {"http", "https"}:
        raise ConfigurationError("Connection host must begin with https:// (or http:// for this machine).")
    if "@" in parts.netloc:
        raise ConfigurationError(
            "Connection host must not hold a user name or password: the AccessKeyId goes into login, "
            "the AccessKeySecret into password."
        )
    if parts.query or parts.fragment:
        raise ConfigurationError("Connection host must end before '?' and '#': only scheme, host, port and path.")


def _check_keys(key_id: str, secret: str) -> None:
    if not key_id:
        raise ConfigurationError("Connection login is empty: put the AccessKeyId there.")
    if not secret:
        raise ConfigurationError("Connection password is empty: put the AccessKeySecret there.")
    refuse_unfit(key_id, "Connection login (AccessKeyId)")
    refuse_unfit(secret, "Connection password (AccessKeySecret)")
    if not (key_id.isascii() and key_id.isprintable()) or " " in key_id:
        raise ConfigurationError("Connection login (AccessKeyId) holds a character that no key has: copy it again.")
    if not secret.isprintable():
        raise ConfigurationError("Connection password (AccessKeySecret) holds an invisible character: copy it again.")


def _is_count(number: object) -> bool:
    return number is None or (isinstance(number, int) and not isinstance(number, bool) and number >= 0)


def _is_timeout(seconds: object) -> bool:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return False
    return math.isfinite(seconds) and 0 < seconds <= MAX_TIMEOUT


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
