# SPDX-License-Identifier: Apache-2.0
"""A proxy before a database server that knows a COMMIT when it sees one, and loses it or its acknowledgement.

It reads just enough of what a client sends to tell its messages apart; what the server says is passed on as it is.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

TLS_WANTED, GSS_WANTED = 80877103, 80877104
COM_QUERY = 3
MYSQL_HEADER = 4


class Messages(Protocol):
    """Cuts what a client sends into messages."""

    def whole(self, received: bytes) -> int:
        """The length of the first message of ``received``; 0 if it is not complete."""

    def is_commit(self, message: bytes) -> bool: ...


class PostgreSQLMessages:
    """A length and a content, with a letter before it once the connection is set up."""

    def __init__(self) -> None:
        self._typed = False

    def whole(self, received: bytes) -> int:
        start = 1 if self._typed else 0
        if len(received) < (5 if self._typed else 8):
            return 0
        (length,) = struct.unpack_from(">I", received, start)
        if len(received) < start + length:
            return 0
        if not self._typed:
            (wanted,) = struct.unpack_from(">I", received, 4)
            self._typed = wanted not in (TLS_WANTED, GSS_WANTED)
        return start + int(length)

    def is_commit(self, message: bytes) -> bool:
        return message[:1] == b"Q" and message[5:].rstrip(b"\0").strip(b"; ").upper() == b"COMMIT"


class MySQLMessages:
    """Three bytes of length and a number, then the content; a query begins with number 0 and the byte 3."""

    def whole(self, received: bytes) -> int:
        if len(received) < MYSQL_HEADER:
            return 0
        length = MYSQL_HEADER + int.from_bytes(received[:3], "little")
        return length if len(received) >= length else 0

    def is_commit(self, message: bytes) -> bool:
        return message[3:5] == bytes([0, COM_QUERY]) and message[5:].strip().upper() == b"COMMIT"


MESSAGES: dict[str, Callable[[], Messages]] = {"postgresql": PostgreSQLMessages, "mysql": MySQLMessages}


@dataclass
class Link:
    """One client's connection through the proxy."""

    client: socket.socket
    server: socket.socket
    messages: Messages
    received: bytes = b""
    _cut: bool = field(default=False)

    def next_message(self) -> bytes | None:
        """A whole message of those received; ``None`` if there is none yet."""
        if not (length := self.messages.whole(self.received)):
            return None
        message, self.received = self.received[:length], self.received[length:]
        return message

    def forward(self, message: bytes) -> None:
        """Gives a message to the server."""
        self.server.sendall(message)

    def swallow_answer(self) -> None:
        """Waits for the server's answer, and keeps it from the client."""
        with suppress(ConnectionError):
            self.server.recv(65536)

    def cut(self) -> None:
        """Cuts the client off; the server still knows nothing of it."""
        self._cut = True
        with suppress(OSError):
            self.client.shutdown(socket.SHUT_RDWR)

    @property
    def is_cut(self) -> bool:
        return self._cut


Fault = Callable[[Link, bytes], None]
"""What happens instead of passing a message on."""


def lose_acknowledgement(link: Link, message: bytes) -> None:
    """The commit happens, and the client never hears of it."""
    link.forward(message)
    link.swallow_answer()
    link.cut()


def lose_commit(link: Link, message: bytes) -> None:
    """The commit never comes to the server, which rolls back when the connection goes."""
    link.cut()


def delay_commit(link: Link, message: bytes, seconds: float = 0.4) -> None:
    """The client is cut off, and its commit comes to the server when the client has had time to try again."""
    link.cut()
    threading.Event().wait(seconds)
    link.forward(message)
    link.swallow_answer()


class Proxy:
    """Listens on a port of its own, and passes everything on.

    :param before: asked of every message of a client before it is passed on; a fault to have instead, or ``None``.
    """

    def __init__(self, kind: str, server_port: int, before: Callable[[Link, bytes], Fault | None]) -> None:
        self._messages = MESSAGES[kind]
        self._server_port = server_port
        self._before = before
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._links: list[Link] = []

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def serve(self) -> None:
        """Until it is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._attend, args=(client,), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in list(self._links):
            link.cut()

    def _attend(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                return  # the server is down: so is the client's connection
            with server:
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                link = Link(client, server, self._messages())
                self._links.append(link)
                with suppress(ConnectionError):
                    self._pass_on(link)
                self._links.remove(link)

    def _pass_on(self, link: Link) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(link.client, selectors.EVENT_READ)
            ready.register(link.server, selectors.EVENT_READ)
            while not link.is_cut:
                for key, _ in ready.select():
                    if link.is_cut or not self._moved(link, key.fileobj is link.client):
                        return

    def _moved(self, link: Link, from_client: bool) -> bool:
        """Passes on what came from one side; false if nothing will come any more."""
        if not from_client:
            if answer := link.server.recv(65536):
                link.client.sendall(answer)
            return bool(answer)
        received = link.client.recv(65536)
        link.received += received
        while not link.is_cut and (message := link.next_message()) is not None:
            (self._before(link, message) or Link.forward)(link, message)
        return bool(received)


class AtCommit:
    """A fault at one commit of all that pass, counted from 1; every other message passes."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.seen = 0
        self._number = number
        self._fault = fault
        self._lock = threading.Lock()

    def __call__(self, link: Link, message: bytes) -> Fault | None:
        if not link.messages.is_commit(message):
            return None
        with self._lock:
            self.seen += 1
            return self._fault if self.seen == self._number else None

    @property
    def happened(self) -> bool:
        return self.seen >= self._number


@contextmanager
def proxy(kind: str, server_port: int, before: Callable[[Link, bytes], Fault | None]) -> Iterator[Proxy]:
    """A proxy that serves until the block is left."""
    made = Proxy(kind, server_port, before)
    threading.Thread(target=made.serve, daemon=True).start()
    try:
        yield made
    finally:
        made.close()
