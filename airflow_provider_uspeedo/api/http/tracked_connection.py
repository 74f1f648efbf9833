# SPDX-License-Identifier: Apache-2.0
"""Connections that note whether a request was given to a socket, and that keep to its deadline.

The HTTP libraries tell a failed TLS handshake and a TLS error in mid-answer by the same exception; only the connection
itself knows which it was. It works for plain and TLS connections, directly and through proxies, with urllib3 1 and 2.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from urllib3.connectionpool import HTTPConnectionPool

IDLE_LIMIT = 3.0
"""Seconds. A connection unused for longer may be half dead, which would look like a lost answer: a new one is made."""

LATE_WAIT = 0.01
"""Seconds that a read may take after the deadline."""
MOST_LATE_READS = 50
"""Reads after the deadline; a whole answer needs few, and a drip gets no further."""

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection as _Connection
    from urllib3.connectionpool import HTTPConnectionPool as _Pool
else:
    _Connection = _Pool = object


@dataclass
class Witness:
    """What was seen of one exchange.

    :param timeout: seconds that one wait for the other side may take.
    :param seen: a watched connection was used.
    :param given: the request was given to a socket, wholly or in part: from here on it may have arrived.
    :param deadline: monotonic time at which everything ends: twice the time-out, counted anew from ``given``.
    """

    timeout: float
    seen: bool = False
    given: bool = False
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self._wind_up()

    def give(self) -> None:
        """Note that the next byte belongs to the request."""
        self.given = True
        self._wind_up()

    def patience(self) -> float:
        """Give the seconds that the next wait may take.

        :raises TimeoutError: if no time is left.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return min(left, self.timeout)

    def _wind_up(self) -> None:
        self.deadline = time.monotonic() + 2 * self.timeout


_WITNESS: ContextVar[Witness] = ContextVar("uspeedo_witness")


@contextmanager
def watching(timeout: float) -> Iterator[Witness]:
    """Watch the exchange that this thread makes inside the block.

    :param timeout: seconds.
    """
    witness = Witness(timeout)
    token = _WITNESS.set(witness)
    try:
        yield witness
    finally:
        _WITNESS.reset(token)


@cache
def watched(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Make a kind of pool whose connections are watched; its requests must run inside :func:`watching`.

    A kind that is watched already is given back as it is.
    """
    if issubclass(pool, _WatchedPool):
        return pool
    connection = type(f"Watched{pool.ConnectionCls.__name__}", (_WatchedConnection, pool.ConnectionCls), {})
    made = type(f"Watched{pool.__name__}", (_WatchedPool, pool), {"ConnectionCls": connection})
    return cast("type[HTTPConnectionPool]", made)


def _patient_answer(sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
    return _FinalAnswer(cast("socket.socket", _Patient(sock)), *args, **kwargs)


class _FinalAnswer(http.client.HTTPResponse):
    """Passes over what comes before the answer, such as *103 Early Hints*.

    The library does so for 100 alone; any other would be taken for the answer, and the answer itself for that to the
    next request on this connection.
    """

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 < status < 200:  # noqa: PLR2004
                return version, status, reason
            http.client.parse_headers(self.fp)


class _WatchedPool(_Pool):
    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)
        idle_since = getattr(connection, "idle_since", None)
        if idle_since is None or time.monotonic() - idle_since <= IDLE_LIMIT:
            return connection
        connection.close()
        return self._new_conn()

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.idle_since = time.monotonic()
        super()._put_conn(conn)


class _WatchedConnection(_Connection):
    idle_since: float | None = None
    response_class: Any = staticmethod(_patient_answer)

    def connect(self) -> None:
        _WITNESS.get().seen = True
        try:
            super().connect()
        except BaseException:
            self.close()  # urllib3 1.26 leaves a socket open whose peer is gone before the handshake
            raise

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        # The libraries connect inside the first send; done here, everything before the next line is "never left".
        if self.sock is None:
            self.connect()
        _WITNESS.get().give()
        super().endheaders(*args, **kwargs)

    def send(self, data: Any) -> None:
        if self.sock is None or not isinstance(data, bytes):
            super().send(data)
            return
        # socket.sendall over TLS starts the time-out again for every record of 16 KiB.
        rest = memoryview(data)
        while rest:
            self.sock.settimeout(_WITNESS.get().patience())
            rest = rest[self.sock.send(rest) :]


class _Patient:
    """A socket as far as an HTTP answer uses it: something that can be read."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._sock, _WITNESS.get()))


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket, each time no longer than the whole exchange may still take."""

    def __init__(self, sock: socket.socket, witness: Witness) -> None:
        self._sock = sock
        self._witness = witness
        self._raw = sock.makefile("rb", buffering=0)
        self._late_reads = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._patience())
        return self._raw.readinto(buffer)

    def _patience(self) -> float:
        """Give the seconds for the next read; after the deadline a moment for what has long been waiting here.

        A frozen machine that goes on finds the deadline passed and the whole answer in the socket's buffer.
        """
        try:
            return self._witness.patience()
        except TimeoutError:
            self._late_reads += 1
            if self._late_reads > MOST_LATE_READS:
                raise
            return LATE_WAIT

    def close(self) -> None:
        self._raw.close()
        super().close()
