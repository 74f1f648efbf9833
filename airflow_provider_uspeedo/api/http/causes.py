# SPDX-License-Identifier: Apache-2.0
"""Says in words why an HTTP request got no response; never the text of an error, which may quote the request."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from collections.abc import Iterator

from requests import exceptions as requests_errors
from urllib3 import exceptions as urllib3_errors

_NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((socket.gaierror,), "the name cannot be resolved"),
    ((ConnectionRefusedError,), "the connection is refused"),
    ((ssl.SSLCertVerificationError,), "its certificate is not trusted here"),
    ((ssl.SSLError,), "TLS failed: is it the right port, and does it speak https?"),
    ((http.client.IncompleteRead,), "the answer breaks off"),
    (
        (ConnectionResetError, BrokenPipeError, ConnectionAbortedError, http.client.RemoteDisconnected),
        "it closed the connection",
    ),
    ((http.client.BadStatusLine, http.client.LineTooLong), "what answers does not speak HTTP"),
    ((TimeoutError, urllib3_errors.TimeoutError, requests_errors.Timeout), "it did not answer in {timeout:g} s"),
    ((urllib3_errors.DecodeError,), "the answer cannot be decompressed"),
)
"""The first line that fits; subclasses stand before their bases."""


def cause_of(error: BaseException, timeout: float) -> str:
    """Give the cause as a clause, such as "the name cannot be resolved".

    :param timeout: seconds that one wait took at most.
    """
    found = list(_chain(error))
    words = next(filter(None, (_words(one, timeout) for one in reversed(found))), "")
    if not words:
        return f"unexpected {' / '.join(dict.fromkeys(type(one).__name__ for one in found))}"
    proxied = any(isinstance(one, requests_errors.ProxyError | urllib3_errors.ProxyError) for one in found)
    return f"through the proxy, {words}" if proxied else words


def _words(error: BaseException, timeout: float) -> str:
    if isinstance(error, OSError) and error.errno in _NO_ROUTE:
        return "there is no route to it"
    return next((words.format(timeout=timeout) for kinds, words in _WORDS if isinstance(error, kinds)), "")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps, the innermost last."""
    seen: set[int] = set()
    found: BaseException | None = error
    while isinstance(found, BaseException) and id(found) not in seen:
        seen.add(id(found))
        yield found
        wrapped = [getattr(found, "reason", None), *found.args, found.__cause__, found.__context__]
        found = next((one for one in wrapped if isinstance(one, BaseException) and id(one) not in seen), None)
