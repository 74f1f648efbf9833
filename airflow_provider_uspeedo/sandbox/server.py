# SPDX-License-Identifier: Apache-2.0
"""Runs a sandbox: in the foreground as a command, in a thread for tests and the demo."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from .app import build
from .inbox import Counters, RequestRecord
from .journal import Entry
from .settings import Settings
from .sockets import OpenProtocol
from .state import State

_STOP_SECONDS = 3
"""Seconds that open calls get to end when the sandbox stops."""
_START_SECONDS = 10.0


class Server(uvicorn.Server):
    """uvicorn's server; it says when it is ready, ends stalled calls when it stops, and then returns normally."""

    def __init__(self, state: State, on_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            build(state),
            http=OpenProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        super().__init__(config)
        self._state = state
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then say so."""
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End waiting faults, then stop."""
        self._state.stopping.set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM, and leave it at that: uvicorn would raise them again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox, as tests and the demo see it.

    :param url: its address without a trailing slash, such as ``http://127.0.0.1:40123``.
    """

    url: str
    settings: Settings
    _state: State = field(repr=False)

    def journal(self, since: int = 0) -> list[Entry]:
        """Return every number accepted so far, oldest first, without the first ``since``."""
        return list(self._state.journal.entries(since))

    def requests(self) -> list[RequestRecord]:
        """Return the newest calls, oldest first."""
        return list(self._state.inbox.requests)

    def counters(self) -> Counters:
        """Return the counts so far; they go on."""
        return self._state.inbox.counters

    def fault(self, kind: str, **asked: Any) -> None:
        """Queue a fault; see the control interface for ``on``, ``at``, ``times`` and the parameters of each kind.

        :raises ValueError: saying what is wrong.
        """
        self._state.faults.queue({"kind": kind, **asked})

    def clear_faults(self) -> None:
        """Forget all queued faults."""
        self._state.faults.clear()

    def ripen(self) -> None:
        """Make the receipts of everything accepted so far final."""
        self._state.receipts.ripen(time.time())


@contextlib.contextmanager
def running(port: int = 0, host: str = "127.0.0.1", **settings: Any) -> Iterator[Sandbox]:
    """Run a sandbox in a thread for as long as the ``with`` block lasts.

    :param port: 0 for a free one.
    :param settings: the fields of :class:`.settings.Settings`.
    :raises OSError: when the port is taken or the journal cannot be opened.
    :raises ValueError: when a template is not well-formed.
    """
    chosen = Settings(**settings)
    with contextlib.closing(listen(host, port)) as listener:
        state = State.from_settings(chosen)
        ready = threading.Event()
        server = Server(state, ready.set)
        thread = threading.Thread(target=_run, args=(server, listener), name="uspeedo-sandbox", daemon=True)
        thread.start()
        try:
            if not ready.wait(_START_SECONDS):
                raise RuntimeError("the sandbox did not start; its log says why")
            yield Sandbox(address(listener), chosen, state)
        finally:
            server.should_exit = True
            thread.join()
            state.journal.close()


def serve(settings: Settings, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Run a sandbox until SIGINT or SIGTERM; ``on_ready`` is called once it answers.

    :raises OSError: when the journal cannot be opened.
    """
    state = State.from_settings(settings)
    try:
        _run(Server(state, on_ready), listener)
    finally:
        state.journal.close()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound but does not listen yet.

    :raises OSError: when the host is unknown or the port is taken.
    """
    family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
    except OSError:
        bound.close()
        raise
    return bound


def address(listener: socket.socket) -> str:
    """Return the URL of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _run(server: Server, listener: socket.socket) -> None:
    asyncio.run(server.serve(sockets=[listener]))
