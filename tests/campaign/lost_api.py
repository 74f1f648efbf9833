# SPDX-License-Identifier: Apache-2.0
"""An address where something else answers, or nothing: a server of its own that notes every phone that reaches it."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from airflow_provider_uspeedo.api.response.templates import Template

PAGE = b"<html><body><h1>Welcome to a host that is not the API</h1></body></html>"
PHONE = re.compile(r'"Phone": ?"([^"]*)"')


class LostApi:
    """Answers as it is told to; knows which phones have reached it.

    :param way: how it answers: one of :data:`WAYS`, or ``well`` for accepting everything.
    """

    def __init__(self, way: str) -> None:
        self.way = way
        self.templates_well = False
        self.url = ""
        self.sends: list[list[str]] = []
        self.down_from: int | None = None
        self.down_to: int | None = None
        self.large_only = False
        self.gate: threading.Barrier | None = None
        self._lock = threading.Lock()

    def phones(self) -> list[str]:
        return [phone for phones in self.sends for phone in phones]

    def sizes(self) -> list[int]:
        return [len(phones) for phones in self.sends]

    def note(self, phones: list[str]) -> bool:
        """Notes a send; true if it is to be answered well."""
        with self._lock:
            self.sends.append(phones)
            number = len(self.sends)
        if self.gate is not None and len(phones) > 1:
            self.gate.wait(20)
        if self.large_only:
            return len(phones) == 1
        if self.down_from is None or number < self.down_from:
            return self.way == "well" or self.down_from is not None
        return self.down_to is not None and number > self.down_to


def _page(handler: Any, status: int) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Content-Length", str(len(PAGE)))
    if status == 302:
        handler.send_header("Location", "http://127.0.0.1:1/elsewhere")
    handler.end_headers()
    handler.wfile.write(PAGE)


def _json(handler: Any, body: dict[str, object], status: int = 200) -> None:
    data = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def _drop(handler: Any) -> None:
    handler.close_connection = True


def _hang(handler: Any) -> None:
    handler.server.closing.wait(20)
    handler.close_connection = True


WAYS: dict[str, Callable[[Any], None]] = {
    "page": lambda handler: _page(handler, 200),
    "not found": lambda handler: _page(handler, 404),
    "not allowed": lambda handler: _page(handler, 405),
    "redirect": lambda handler: _page(handler, 302),
    "bad gateway": lambda handler: _page(handler, 502),
    "other json": lambda handler: _json(handler, {"status": "ok"}),
    "server error": lambda handler: _json(handler, {"RetCode": 215400, "Message": "server error"}),
    "drop": _drop,
    "hang": _hang,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        api: LostApi = self.server.api  # type: ignore[attr-defined]
        if "SendBatchUSMSMessage" not in body and "SendBatch" not in self.path:
            self._query(api)
        elif api.note(phones := PHONE.findall(body)):
            _json(self, {"RetCode": 0, "SuccessCount": len(phones), "SessionNo": f"S{len(api.sends)}"})
        else:
            WAYS[api.way](self)

    def do_GET(self) -> None:
        self._query(self.server.api)  # type: ignore[attr-defined]

    def _query(self, api: LostApi) -> None:
        if api.way == "well" or api.templates_well:
            _json(self, {"RetCode": 0, "Data": []})
        else:
            WAYS[api.way](self)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that gave up."""


@contextmanager
def lost_api(way: str) -> Iterator[LostApi]:
    """Runs one."""
    api = LostApi(way)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.api, server.closing = api, threading.Event()  # type: ignore[attr-defined]
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield api
        finally:
            server.closing.set()  # type: ignore[attr-defined]
            server.shutdown()
            thread.join()


def templates_of(api: LostApi) -> Callable[[Any], list[Template]]:
    """A question for templates that is never asked: the preflight passes, as where only sending is out of order."""
    del api
    return lambda _ids: []
