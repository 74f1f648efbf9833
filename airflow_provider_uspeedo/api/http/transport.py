# SPDX-License-Identifier: Apache-2.0
"""One HTTP request with ``requests``: a complete response, or an error that says whether it may have arrived."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, should_bypass_proxies

from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.api.http.causes import cause_of
from airflow_provider_uspeedo.api.http.messages import HttpRequest, HttpResponse
from airflow_provider_uspeedo.api.http.tracked_connection import MAX_IDLE, RequestTracker, tracked, tracking
from airflow_provider_uspeedo.api.http.transport_errors import Delivery, delivery_by_class
from airflow_provider_uspeedo.errors import ConfigurationError, NotSent, OutcomeUnknown

MAX_RESPONSE_BYTES = 8 * 1024 * 1024
"""Bytes. 1000 failures with their reasons need less than a tenth of it; a larger response is not read to its end."""

_PIECE = 16 * 1024
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""None is asked for, one of these is decoded all the same. Two nested ones could unpack a byte to a million."""


class Transport:
    """Sends requests, each once: no retry, no redirect, no ``.netrc``; one session per thread, so threads may share it.

    :param config: whose proxies are used, or those of the environment; never the environment's for this machine.
    :param max_response_bytes: a larger response is not read to its end.
    :param max_idle: seconds; a connection that was unused for longer is replaced.
    :raises ConfigurationError: if the CA bundle that ``verify`` names is not there.
    """

    def __init__(
        self, config: ClientConfig, *, max_response_bytes: int = MAX_RESPONSE_BYTES, max_idle: float = MAX_IDLE
    ) -> None:
        if isinstance(config.verify, str) and not os.path.exists(config.verify):  # noqa: PTH110 - never raises
            raise ConfigurationError(
                f"Connection extra 'verify' names a CA bundle that does not exist on this machine: {config.verify!r}."
            )
        self._config = config
        self._max_response_bytes = max_response_bytes
        self._max_idle = max_idle
        self._proxies = _proxies(config)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._sessions: list[requests.Session] = []

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send one HTTP request and read its response to the end.

        Connecting and each read take at most the time-out, the request as a whole at most twice as long.

        :raises NotSent: the request surely did not leave this machine.
        :raises OutcomeUnknown: it may have arrived, and no complete response came.
        """
        with tracking(self._config.timeout, self._max_idle) as tracker:
            try:
                return self._receive(request)
            except OutcomeUnknown:
                raise
            except Exception as error:  # noqa: BLE001 - of any error only the tracker and the table know what it means
                problem = self._problem(error, tracker)
        raise problem  # outside the handler: the library's error may quote the response, and so a phone

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
            self._local = threading.local()
        for session in sessions:
            session.close()

    def _receive(self, request: HttpRequest) -> HttpResponse:
        response = self._session().send(
            _prepared(request),
            stream=True,
            allow_redirects=False,
            timeout=(self._config.timeout, self._config.timeout),
            verify=self._config.verify,
            proxies=self._proxies,
        )
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return HttpResponse(response.status_code, headers, self._body(response))
        finally:
            response.close()

    def _body(self, response: requests.Response) -> bytes:
        if response.headers.get("Content-Encoding", "").strip().lower() not in _ENCODINGS:
            raise OutcomeUnknown(
                f"The response of {self._config.place} is in an encoding that was not asked for, and was not read; the "
                "request may have arrived.",
                http_status=response.status_code,
            )
        body = bytearray()
        for piece in response.iter_content(_PIECE):
            body += piece
            if len(body) > self._max_response_bytes:
                raise OutcomeUnknown(
                    f"The response of {self._config.place} is larger than {self._max_response_bytes} bytes and was not "
                    "read to its end; the request may have arrived.",
                    http_status=response.status_code,
                )
        if getattr(response.raw, "length_remaining", None):  # urllib3 1.26 does not check it
            raise OutcomeUnknown(
                f"The response of {self._config.place} is shorter than announced; the request may have arrived.",
                http_status=response.status_code,
            )
        return bytes(body)

    def _problem(self, error: Exception, tracker: RequestTracker) -> NotSent | OutcomeUnknown:
        place, cause = self._config.place, cause_of(error, self._config.timeout)
        if _delivery(error, tracker) is Delivery.NEVER_LEFT:
            return NotSent(f"No connection to {place}: {cause}; nothing left this machine.")
        return OutcomeUnknown(f"No complete response from {place}: {cause}; the request may have arrived.")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _new_session()
            with self._lock:
                self._sessions.append(session)
        return session


def _prepared(request: HttpRequest) -> requests.PreparedRequest:
    prepared = _without_content(request.method, request.url).copy()
    prepared.prepare_headers(request.headers)
    prepared.prepare_body(request.body, None)
    return prepared


@lru_cache(maxsize=8)
def _without_content(method: str, url: str) -> requests.PreparedRequest:
    """Prepare what is the same for every send; doing so each time takes a tenth of the time of a whole request."""
    return requests.Request(method, url).prepare()


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow no redirect, nor read its body to prepare for one."""


class _TrackedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _track(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _track(manager)
        return manager


def _track(manager: Any) -> None:
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: tracked(pool) for scheme, pool in pools.items()}


def _new_session() -> requests.Session:
    session = _Session()
    session.trust_env = False  # a .netrc would replace the Authorization header
    for scheme in ("http://", "https://"):
        session.mount(scheme, _TrackedAdapter(max_retries=0))
    return session


def _proxies(config: ClientConfig) -> dict[str, str]:
    given: Mapping[str, str] | None = config.proxies
    if given is None:
        return {} if config.is_loopback else dict(get_environ_proxies(config.base_url))
    no_proxy = given.get("no_proxy", "")
    if no_proxy and should_bypass_proxies(config.base_url, no_proxy):
        return {}
    return {scheme: proxy for scheme, proxy in given.items() if scheme != "no_proxy"}


def _delivery(error: Exception, tracker: RequestTracker) -> Delivery:
    if tracker.handed_over:
        return Delivery.MAY_HAVE_ARRIVED
    return Delivery.NEVER_LEFT if tracker.connecting else delivery_by_class(type(error))
