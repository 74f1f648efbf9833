# SPDX-License-Identifier: Apache-2.0
"""One sandbox for the tests of this folder, and a plain client for it that signs by a formula of its own."""

from __future__ import annotations

import base64
import hashlib
import http.client
import itertools
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox, running

KEY, SECRET = "sandbox", "sandbox-secret"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Reply:
    """What came back: status, headers (names in lower case), the body as text and, if it is JSON, parsed."""

    status: int
    headers: dict[str, str]
    text: str
    body: Any


@dataclass(frozen=True)
class Client:
    """A client of http.client's making; every call opens a connection of its own."""

    url: str

    def http(
        self, method: str, path: str, body: bytes | str | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        kept = {name.lower(): value for name, value in answer.getheaders()}
        parsed = json.loads(text) if text and kept.get("content-type") == "application/json" else None
        return Reply(answer.status, kept, text, parsed)

    def action(
        self, action: str, path: str = "/api", headers: dict[str, str] | None = None, **parameters: Any
    ) -> Reply:
        """Call generation A; ``headers`` replace the right ones."""
        body = {"Action": action, **parameters}
        return self.http("POST", path, json.dumps(body), {**signed(body), **(headers or {})})

    def send(self, *targets: dict[str, Any], template: str = "UTA_PLAIN", **more: Any) -> Reply:
        """Send to targets in one group by generation A."""
        return self.action("SendBatchUSMSMessage", TaskContent=[group(*targets, template=template)], **more)

    def receipts(self, *session_nos: str) -> Reply:
        return self.action("GetUSMSSendReceipt", SessionNoSet=list(session_nos))

    def rest(self, method: str, name: str, body: Any = None, secret: str = SECRET, **query: list[str]) -> Reply:
        """Call generation B."""
        path = f"/api/v1/usms/{name}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        token = base64.b64encode(f"{KEY}:{secret}".encode()).decode()
        return self.http(method, path, None if body is None else json.dumps(body), {"Authorization": f"Basic {token}"})

    def control(self, method: str, path: str, body: Any = None) -> Reply:
        kind = {} if body is None else {"Content-Type": "application/json"}
        return self.http(method, f"/sandbox/{path}", None if body is None else json.dumps(body), kind)

    def raw_send(self, *targets: dict[str, Any]) -> bytes:
        """Send by a bare socket; return all bytes up to the end of the connection.

        :raises ConnectionResetError: when the connection is reset.
        """
        body = {"Action": "SendBatchUSMSMessage", "TaskContent": [group(*targets)]}
        encoded = json.dumps(body).encode()
        head = {**signed(body), "Host": "127.0.0.1", "Content-Length": str(len(encoded)), "Connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        with socket.create_connection((urlsplit(self.url).hostname, urlsplit(self.url).port), timeout=10) as connection:
            connection.sendall(f"POST /api HTTP/1.1\r\n{lines}\r\n".encode() + encoded)
            return b"".join(iter(lambda: connection.recv(65_536), b""))


def signed(body: Any, secret: str = SECRET) -> dict[str, str]:
    """Return the headers of generation A for bodies of strings, integers, lists and objects."""
    return {
        "X-Access-Key-Id": KEY,
        "X-Timestamp": str(int(time.time())),
        "X-Nonce": os.urandom(16).hex(),
        "X-Signature": hashlib.sha1((flat(body) + secret).encode()).hexdigest(),
    }


def flat(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(name + flat(value[name]) for name in sorted(value))
    return "".join(map(flat, value)) if isinstance(value, list) else str(value)


def group(*targets: dict[str, Any], template: str = "UTA_PLAIN") -> dict[str, Any]:
    return {"TemplateId": template, "SenderId": "shop", "Target": list(targets)}


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running(receipt_delay=60.0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The sandbox that most tests share, without faults left over from the test before."""
    shared_sandbox.clear_faults()
    yield shared_sandbox
    shared_sandbox.clear_faults()


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox.url)


@pytest.fixture
def client_of() -> type[Client]:
    """Make a client for another sandbox than the shared one."""
    return Client


@pytest.fixture
def sign_headers() -> Any:
    return signed


@pytest.fixture
def target() -> Any:
    """Make targets with phones that no other test uses."""

    def make(ending: str = "", **more: Any) -> dict[str, Any]:
        return {"Phone": f"(852)5{next(_numbers):06d}{ending or '0'}", **more}

    return make


@pytest.fixture
def accepted(sandbox: Sandbox) -> Any:
    """Say how often each phone was accepted since the test began, by the journal."""
    before = len(sandbox.journal())

    def count() -> dict[str, int]:
        phones = [entry.phone for entry in sandbox.journal(since=before)]
        return {phone: phones.count(phone) for phone in phones}

    return count
