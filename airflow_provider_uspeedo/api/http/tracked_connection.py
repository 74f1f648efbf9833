# SPDX-License-Identifier: Apache-2.0
"""Connections that note whether a request was handed to a socket, and that keep to its deadline.

The HTTP libraries report a failed TLS handshake and a TLS error in the middle of a response by the same exception; only
the connection itself knows which it was. It works for plain and TLS connections, directly and through proxies, with
urllib3 1 and 2.
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

from airflow_provider_uspeedo.errors import OutcomeUnknown

MAX_IDLE = 3.0
"""Seconds. A connection unused for longer may be half dead, which would look like a lost response: it is replaced."""

LATE_WAIT = 0.01
"""Seconds that a read may take after the deadline."""
MAX_LATE_READS = 50
"""Reads after the deadline; a whole response needs few, and one that comes byte by byte gets no further."""

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection as _Connection
    from urllib3.connectionpool import HTTPConnectionPool as _Pool
else:
    _Connection = _Pool = object


@dataclass
class RequestTracker:
    """What is known about one HTTP request while it is made.

    :param timeout: seconds that one wait for the server may take.
    :param max_idle: seconds; a connection that was unused for longer is not used for it.
    :param connecting: a tracked connection was asked to connect.
    :param handed_over: the request was handed to a socket, wholly or in part: from here on it may have arrived.
    :param deadline: monotonic time at which everything ends: twice the time-out, counted anew from the hand-over.
    """

    timeout: float
    max_idle: float = MAX_IDLE
    connecting: bool = False
    handed_over: bool = False
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self._start_deadline()

    def mark_handed_over(self) -> None:
        """Note that the next byte belongs to the request."""
        self.handed_over = True
        self._start_deadline()

    def next_timeout(self) -> float:
        """Give the seconds that the next wait may take.

        :raises TimeoutError: if no time is left.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return min(left, self.timeout)

    def _start_deadline(self) -> None:
        self.deadline = time.monotonic() + 2 * self.timeout


_TRACKER: ContextVar[RequestTracker] = ContextVar("uspeedo_request_tracker")


@contextmanager
def tracking(timeout: float, max_idle: float = MAX_IDLE) -> Iterator[RequestTracker]:
    """Track the request that this thread makes inside the block.

    :param timeout: seconds.
    :param max_idle: seconds.
    """
    tracker = RequestTracker(timeout, max_idle)
    token = _TRACKER.set(tracker)
    try:
        yield tracker
    finally:
        _TRACKER.reset(token)


_START_BEFORE: ContextVar[float] = ContextVar("uspeedo_start_before", default=float("inf"))


def elapsed() -> float:
    """Seconds since some moment, on a clock of this machine that is never set and goes on while it sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@contextmanager
def starting_before(moment: float) -> Iterator[None]:
    """A request that this thread makes inside the block begins before a moment, or not at all.

    A process may be frozen at any instruction, for hours; what it was about to send may be decided otherwise since.

    :param moment: of :func:`elapsed`.
    """
    token = _START_BEFORE.set(moment)
    try:
        yield
    finally:
        _START_BEFORE.reset(token)


def _refuse_late() -> None:
    if (late := elapsed() - _START_BEFORE.get()) > 0:
        raise OutcomeUnknown(
            f"This process was held up before it could send the request ({late:.0f} s too long), and dropped it: "
            "nothing left this machine, but it may have been decided otherwise meanwhile."
        )


@cache
def tracked(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Make a kind of pool whose connections are tracked; its requests must run inside :func:`tracking`.

    A kind that is tracked already is given back as it is.
    """
    if issubclass(pool, _TrackedPool):
        return pool
    connection = type(f"Tracked{pool.ConnectionCls.__name__}", (_TrackedConnection, pool.ConnectionCls), {})
    made = type(f"Tracked{pool.__name__}", (_TrackedPool, pool), {"ConnectionCls": connection})
    return cast("type[HTTPConnectionPool]", made)


def _response_with_deadline(sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
    return _FinalResponse(cast("socket.socket", _DeadlineSocket(sock)), *args, **kwargs)


class _FinalResponse(http.client.HTTPResponse):
    """Passes over what comes before the response, such as *103 Early Hints*.

    The library does so for 100 alone; any other would be taken for the response, and the response itself for that to
    the next request on this connection.
    """

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 < status < 200:  # noqa: PLR2004
                return version, status, reason
            http.client.parse_headers(self.fp)


class _TrackedPool(_Pool):
    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)
        idle_since = getattr(connection, "idle_since", None)
        if idle_since is None or time.monotonic() - idle_since <= _TRACKER.get().max_idle:
            return connection
        connection.close()
        return self._new_conn()

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.idle_since = time.monotonic()
        super()._put_conn(conn)


class _TrackedConnection(_Connection):
    idle_since: float | None = None
    response_class: Any = staticmethod(_response_with_deadline)

    def connect(self) -> None:
        _TRACKER.get().connecting = True
        try:
            super().connect()
        except BaseException:
            self.close()  # urllib3 1.26 leaves a socket open whose peer is gone before the handshake
            raise

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        # The libraries connect inside the first send; done here, everything before the next line is "never left".
        if self.sock is None:
            self.connect()
        _refuse_late()
        _TRACKER.get().mark_handed_over()
        super().endheaders(*args, **kwargs)

    def send(self, data: Any) -> None:
        if self.sock is None or not isinstance(data, bytes):
            super().send(data)
            return
        # socket.sendall over TLS starts the time-out again for every record of 16 KiB.
        rest = memoryview(data)
        while rest:
            self.sock.settimeout(_TRACKER.get().next_timeout())
            rest = rest[self.sock.send(rest) :]


class _DeadlineSocket:
    """A socket as far as an HTTP response uses it: something that can be read, until the deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._sock, _TRACKER.get()))


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket, each time no longer than the request as a whole may still take."""

    def __init__(self, sock: socket.socket, tracker: RequestTracker) -> None:
        self._sock = sock
        self._tracker = tracker
        self._raw = sock.makefile("rb", buffering=0)
        self._late_reads = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._next_timeout())
        return self._raw.readinto(buffer)

    def _next_timeout(self) -> float:
        """Give the seconds for the next read; after the deadline a moment for what has already been received.

        A frozen machine that goes on finds the deadline passed and the whole response in the socket's buffer.
        """
        try:
            return self._tracker.next_timeout()
        except TimeoutError:
            self._late_reads += 1
            if self._late_reads > MAX_LATE_READS:
                raise
            return LATE_WAIT

    def close(self) -> None:
        self._raw.close()
        super().close()
