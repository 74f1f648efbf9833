# SPDX-License-Identifier: Apache-2.0
"""Connections that a response may cut: what HTTP cannot express is done to the socket itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class OpenProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, which also hands its connection to the application."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, "protocol": self}, _loop)


class Cut(Response):
    """No answer, or the beginning of one, then the connection is closed.

    :param raw: bytes to write before the end, status line included.
    :param after: seconds to wait first; it ends early when the client disconnects or the sandbox stops.
    :param reset: end it with RST instead of FIN; unwritten bytes are lost then.
    """

    def __init__(self, stopping: asyncio.Event, *, raw: bytes = b"", after: float = 0.0, reset: bool = False) -> None:
        super().__init__()
        self._stopping = stopping
        self._raw = raw
        self._after = after
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Act on the connection itself; nothing goes through ``send``."""
        transport: asyncio.Transport = scope["state"]["protocol"].transport
        gone = asyncio.ensure_future(_disconnected(receive))
        if self._after:
            await _first_of(self._after, gone, asyncio.ensure_future(self._stopping.wait()))
        if self._reset:
            _reset(transport)
        else:
            transport.write(self._raw)
            transport.close()
        await _first_of(None, gone)


def raw_answer(response: Response) -> tuple[bytes, bytes]:
    """Return head and body of a response as HTTP/1.1 bytes, for responses that HTTP libraries refuse to send."""
    lines = [b"HTTP/1.1 %d OK" % response.status_code, *(b"%s: %s" % pair for pair in response.raw_headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n", bytes(response.body)


def _reset(transport: asyncio.Transport) -> None:
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):  # the client was faster
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _first_of(seconds: float | None, first: asyncio.Future[None], *others: asyncio.Future[Any]) -> None:
    """Wait for one of them for at most so long; the others are cancelled, the first one goes on."""
    await asyncio.wait({first, *others}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for each in others:
        each.cancel()
