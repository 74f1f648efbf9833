# SPDX-License-Identifier: Apache-2.0
"""The one table of whether a request may have arrived, for each error class of the HTTP libraries.

A class is named by its module and name, since not every version of the libraries has every class. The table judges a
class by the latest moment at which any supported version raises it. It is used only where no tracked connection was
asked to connect: a request that was handed to a socket may have arrived whatever the class says, and one whose
connection was tracked and that was never handed to a socket has not (see :mod:`.tracked_connection`).
"""

from __future__ import annotations

from enum import Enum


class Delivery(Enum):
    """Whether a request without a complete response may have arrived."""

    NEVER_LEFT = "never left"
    MAY_HAVE_ARRIVED = "may have arrived"


_NEVER = Delivery.NEVER_LEFT
_MAYBE = Delivery.MAY_HAVE_ARRIVED

DELIVERY_BY_CLASS = {
    # requests, before a connection is asked for or while it is made
    "requests.exceptions.ConnectTimeout": _NEVER,
    "requests.exceptions.InvalidProxyURL": _NEVER,
    "requests.exceptions.InvalidSchema": _NEVER,
    "requests.exceptions.InvalidURL": _NEVER,
    "requests.exceptions.MissingSchema": _NEVER,
    "requests.exceptions.URLRequired": _NEVER,
    # requests, at any time or after the response began
    "requests.exceptions.ChunkedEncodingError": _MAYBE,
    "requests.exceptions.ConnectionError": _MAYBE,
    "requests.exceptions.ContentDecodingError": _MAYBE,
    "requests.exceptions.FileModeWarning": _MAYBE,
    "requests.exceptions.HTTPError": _MAYBE,
    "requests.exceptions.InvalidHeader": _MAYBE,  # also for a header of the response
    "requests.exceptions.InvalidJSONError": _MAYBE,
    "requests.exceptions.JSONDecodeError": _MAYBE,
    "requests.exceptions.ProxyError": _MAYBE,  # urllib3 1.26 wraps any socket error behind a proxy in it
    "requests.exceptions.ReadTimeout": _MAYBE,
    "requests.exceptions.RequestException": _MAYBE,
    "requests.exceptions.RequestsDependencyWarning": _MAYBE,
    "requests.exceptions.RequestsWarning": _MAYBE,
    "requests.exceptions.RetryError": _MAYBE,
    "requests.exceptions.SSLError": _MAYBE,  # a handshake, or a record in the middle of the response
    "requests.exceptions.StreamConsumedError": _MAYBE,
    "requests.exceptions.Timeout": _MAYBE,
    "requests.exceptions.TooManyRedirects": _MAYBE,
    "requests.exceptions.UnrewindableBodyError": _MAYBE,
    # urllib3, before a connection is asked for or while it is made
    "urllib3.exceptions.ClosedPoolError": _NEVER,
    "urllib3.exceptions.ConnectTimeoutError": _NEVER,
    "urllib3.exceptions.EmptyPoolError": _NEVER,
    "urllib3.exceptions.HostChangedError": _NEVER,
    "urllib3.exceptions.LocationParseError": _NEVER,
    "urllib3.exceptions.LocationValueError": _NEVER,
    "urllib3.exceptions.NameResolutionError": _NEVER,
    "urllib3.exceptions.NewConnectionError": _NEVER,
    "urllib3.exceptions.ProxySchemeUnknown": _NEVER,
    "urllib3.exceptions.ProxySchemeUnsupported": _NEVER,
    "urllib3.exceptions.URLSchemeUnknown": _NEVER,
    # urllib3, at any time or after the response began
    "urllib3.exceptions.BodyNotHttplibCompatible": _MAYBE,
    "urllib3.exceptions.DecodeError": _MAYBE,
    "urllib3.exceptions.DependencyWarning": _MAYBE,
    "urllib3.exceptions.FullPoolError": _MAYBE,  # raised when a connection is returned to the pool
    "urllib3.exceptions.HTTPError": _MAYBE,
    "urllib3.exceptions.HTTPWarning": _MAYBE,
    "urllib3.exceptions.HeaderParsingError": _MAYBE,
    "urllib3.exceptions.IncompleteRead": _MAYBE,
    "urllib3.exceptions.InsecurePlatformWarning": _MAYBE,
    "urllib3.exceptions.InsecureRequestWarning": _MAYBE,
    "urllib3.exceptions.InvalidChunkLength": _MAYBE,
    "urllib3.exceptions.InvalidHeader": _MAYBE,
    "urllib3.exceptions.MaxRetryError": _MAYBE,
    "urllib3.exceptions.NotOpenSSLWarning": _MAYBE,
    "urllib3.exceptions.PoolError": _MAYBE,
    "urllib3.exceptions.ProtocolError": _MAYBE,
    "urllib3.exceptions.ProxyError": _MAYBE,
    "urllib3.exceptions.ReadTimeoutError": _MAYBE,
    "urllib3.exceptions.RequestError": _MAYBE,
    "urllib3.exceptions.ResponseError": _MAYBE,
    "urllib3.exceptions.ResponseNotChunked": _MAYBE,
    "urllib3.exceptions.SNIMissingWarning": _MAYBE,
    "urllib3.exceptions.SSLError": _MAYBE,
    "urllib3.exceptions.SecurityWarning": _MAYBE,
    "urllib3.exceptions.SubjectAltNameWarning": _MAYBE,
    "urllib3.exceptions.SystemTimeWarning": _MAYBE,
    "urllib3.exceptions.TimeoutError": _MAYBE,
    "urllib3.exceptions.TimeoutStateError": _MAYBE,
    "urllib3.exceptions.UnrewindableBodyError": _MAYBE,
    # what they re-export
    "email.errors.MessageDefect": _MAYBE,
    "http.client.IncompleteRead": _MAYBE,
    "json.decoder.JSONDecodeError": _MAYBE,
}
"""Every class of ``requests.exceptions`` and ``urllib3.exceptions``, of all supported versions."""


def name_of(kind: type[BaseException]) -> str:
    """Give the name by which the table knows a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def delivery_by_class(kind: type[BaseException]) -> Delivery:
    """Look a class up; one that the table does not name may have arrived."""
    return DELIVERY_BY_CLASS.get(name_of(kind), Delivery.MAY_HAVE_ARRIVED)
