# SPDX-License-Identifier: Apache-2.0
"""One HTTP exchange with ``requests``: a complete answer, or the knowledge whether the request may have arrived."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, should_bypass_proxies

from airflow_provider_uspeedo.api.config import ClientConfig
from airflow_provider_uspeedo.api.http.messages import Call, HttpAnswer
from airflow_provider_uspeedo.api.http.tracked_connection import Witness, watched, watching
from airflow_provider_uspeedo.api.http.transport_errors import Fate, fate_by_class
from airflow_provider_uspeedo.errors import ConfigurationError, NotSent, OutcomeUnknown

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes. 1000 failures with their reasons need less than a tenth of it; a larger answer is not read to its end."""

_PIECE = 16 * 1024
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""None is asked for. One of these is understood all the same; two on top of each other unpack a byte to a million."""


class Transport:
    """Sends calls, each once: no retry, no redirect, no ``.netrc``; one session per thread, so threads may share it.

    :param config: whose proxies are used, or those of the environment; never the environment's for this machine.
    :raises ConfigurationError: if the CA bundle that ``verify`` names is not there.
    """

    def __init__(self, config: ClientConfig) -> None:
        if isinstance(config.verify, str) and not os.path.exists(config.verify):  # noqa: PTH110 - never raises
            raise ConfigurationError("Connection extra 'verify' names a CA bundle that does not exist on this machine.")
        self._config = config
        self._proxies = _proxies(config)
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._sessions: list[requests.Session] = []

    def send(self, call: Call) -> HttpAnswer:
        """Make one HTTP request and read its answer to the end.

        Connecting and each read take at most the time-out, the exchange as a whole at most twice as long.

        :raises NotSent: the request surely did not leave this machine.
        :raises OutcomeUnknown: it may have arrived, and no complete answer came.
        """
        with watching(self._config.timeout) as witness:
            try:
                return self._exchange(call)
            except OutcomeUnknown:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, only the witness and the table may judge it
                problem = self._problem(error, witness)
        raise problem  # outside the handler: what the libraries say may quote the answer, and so a phone

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
            self._mine = threading.local()
        for session in sessions:
            session.close()

    def _exchange(self, call: Call) -> HttpAnswer:
        response = self._session().send(
            _prepared(call),
            stream=True,
            allow_redirects=False,
            timeout=(self._config.timeout, self._config.timeout),
            verify=self._config.verify,
            proxies=self._proxies,
        )
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return HttpAnswer(response.status_code, headers, self._body(response))
        finally:
            response.close()

    def _body(self, response: requests.Response) -> bytes:
        if response.headers.get("Content-Encoding", "").strip().lower() not in _ENCODINGS:
            raise OutcomeUnknown(
                f"The answer of {self._config.host} is in an encoding that was not asked for, and was not read; the "
                "request may have arrived.",
                http_status=response.status_code,
            )
        body = bytearray()
        for piece in response.iter_content(_PIECE):
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise OutcomeUnknown(
                    f"The answer of {self._config.host} is larger than {LARGEST_ANSWER} bytes and was not read to its "
                    "end; the request may have arrived.",
                    http_status=response.status_code,
                )
        if getattr(response.raw, "length_remaining", None):  # urllib3 1.26 does not check it
            raise OutcomeUnknown(
                f"The answer of {self._config.host} is shorter than it says; the request may have arrived.",
                http_status=response.status_code,
            )
        return bytes(body)

    def _problem(self, error: Exception, witness: Witness) -> NotSent | OutcomeUnknown:
        host, name = self._config.host, _name(error)
        if _fate(error, witness) is Fate.NEVER_LEFT:
            return NotSent(f"No connection to {host} ({name}): nothing left this machine.")
        return OutcomeUnknown(f"The exchange with {host} failed ({name}); the request may have arrived.")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._mine, "session", None)
        if session is None:
            session = self._mine.session = _new_session()
            with self._lock:
                self._sessions.append(session)
        return session


def _prepared(call: Call) -> requests.PreparedRequest:
    request = _bare(call.method, call.url).copy()
    request.prepare_headers(call.headers)
    request.prepare_body(call.body, None)
    return request


@lru_cache(maxsize=8)
def _bare(method: str, url: str) -> requests.PreparedRequest:
    """Prepare what is the same for every send: to do it each time takes a tenth of what the whole request takes."""
    return requests.Request(method, url).prepare()


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow no redirect, nor read its body to prepare for one."""


class _WatchedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _watch(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _watch(manager)
        return manager


def _watch(manager: Any) -> None:
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: watched(pool) for scheme, pool in pools.items()}


def _new_session() -> requests.Session:
    session = _Session()
    session.trust_env = False  # a .netrc would replace the Authorization header
    for scheme in ("http://", "https://"):
        session.mount(scheme, _WatchedAdapter(max_retries=0))
    return session


def _proxies(config: ClientConfig) -> dict[str, str]:
    given: Mapping[str, str] | None = config.proxies
    if given is None:
        return {} if config.is_loopback else dict(get_environ_proxies(config.base_url))
    no_proxy = given.get("no_proxy", "")
    if no_proxy and should_bypass_proxies(config.base_url, no_proxy):
        return {}
    return {scheme: proxy for scheme, proxy in given.items() if scheme != "no_proxy"}


def _fate(error: Exception, witness: Witness) -> Fate:
    if witness.given:
        return Fate.MAY_HAVE_ARRIVED
    return Fate.NEVER_LEFT if witness.seen else fate_by_class(type(error))


def _name(error: BaseException) -> str:
    """Name the class of a failure and the class of what it wraps; never its text."""
    inner = getattr(error.args[0], "reason", error.args[0]) if error.args else None
    names = [type(found).__name__ for found in (error, inner) if isinstance(found, BaseException)]
    return " / ".join(dict.fromkeys(names))
