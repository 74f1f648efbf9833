# SPDX-License-Identifier: Apache-2.0
"""Restricts pages and control to this machine: no other machine, and no other web site in the browser."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

Endpoint = Callable[[Request], Awaitable[Response]]
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send "Origin: null" with our own form
    "X-Content-Type-Options": "nosniff",
}


def is_loopback(host: str) -> bool:
    """Say whether a host name or address means this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def local(endpoint: Endpoint) -> Endpoint:
    """Wrap an endpoint so that only this machine reaches it."""

    async def guarded(request: Request) -> Response:
        refusal = _refuse(request)
        response = PlainTextResponse(refusal, 403) if refusal else await endpoint(request)
        response.headers.update(_HEADERS)
        return response

    return guarded


def _refuse(request: Request) -> str:
    """Return why a request is turned away, or ``""``.

    The ``Host`` stops a web site whose name was pointed at this machine, the ``Origin`` one that posts a form here.
    """
    if request.client is None or not is_loopback(request.client.host):
        return "only the machine that runs the sandbox may see this"
    host = request.headers.get("host", "")
    if not is_loopback(_name(host)):
        return "call the sandbox by a loopback address"
    origin = request.headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return "another web site must not use the sandbox"
    return ""


def _name(host: str) -> str:
    """Return a ``Host`` header without its port; ``""`` if it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
