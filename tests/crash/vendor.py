# SPDX-License-Identifier: Apache-2.0
"""A vendor that writes down every number it accepts before it answers, and misbehaves by plan.

A program of its own, written from the vendor's documents. It shares no code with the package and cannot: it is run
without site-packages. It remembers nothing either: a scene is a folder with a plan and a journal, which may be copied.

``python -I -S vendor.py FOLDER`` prints its port and serves until its standard input ends. ``POST /SCENE/api`` sends,
as ``FOLDER/SCENE/plan.json`` has it: ``{"2": "accept and drop"}`` is a fault for the second request that comes. ``GET
/quiet`` answers when all other connections are done.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]
NOTHING, ALL, ALL_BUT_LAST = "nothing", "all", "all but the last"


@dataclass(frozen=True)
class Arrival:
    """One request that came: its targets as sent, and what is accepted of them."""

    number: int
    groups: list[Json]
    accepted: list[str]
    rejected: list[str]

    @property
    def session(self) -> str:
        return f"S{self.number}"


@dataclass(frozen=True)
class Fault:
    """One way to misbehave.

    :param takes: which of the numbers are accepted.
    :param told: the answer lets its reader know what became of each number.
    :param reply: the bytes of the answer.
    :param ending: what follows the answer: *keep* the connection, *close*, *reset*, or *stall* until the client goes.
    """

    takes: str
    told: bool
    reply: Callable[[Arrival], bytes]
    ending: str = "keep"


def http(status: str, body: bytes, length: int | None = None, headers: str = "") -> bytes:
    length = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n".encode() + body


def answer(arrival: Arrival, **changes: object) -> bytes:
    """The documented answer, changed in some fields; ``None`` takes one out."""
    body = {"RetCode": 0, "Action": "SendBatchUSMSMessageResponse", "Message": "", "ReqUuid": f"r{arrival.number}"}
    body["SuccessCount"] = len(arrival.accepted)
    if arrival.accepted:
        body["SessionNo"] = arrival.session
    body.update(changes)
    body = {name: value for name, value in body.items() if value is not None}
    return http("200 OK", json.dumps(body).encode(), headers="Content-Type: application/json\r\n")


def code(ret_code: object) -> Callable[[Arrival], bytes]:
    return lambda arrival: answer(arrival, RetCode=ret_code, Message="no", SuccessCount=None)


def failed_groups(arrival: Arrival, *, on_group: bool) -> list[Json]:
    groups = []
    for group in arrival.groups:
        targets = [dict(one) for one in group["Target"] if one["Phone"] in arrival.rejected]
        if not targets:
            continue
        failed = {"TemplateId": group["TemplateId"], "SenderId": group["SenderId"], "Target": targets}
        for one in [failed] if on_group else targets:
            one["FailureDetails"] = "phone in the black list"
        groups.append(failed)
    return groups


def failed_phones(arrival: Arrival) -> list[Json]:
    return [{"Phone": phone, "TemplateParams": [], "FailureReason": "black list"} for phone in arrival.rejected]


def tree(arrival: Arrival, ret_code: int = 0) -> bytes:
    return answer(arrival, RetCode=ret_code, FailContent=failed_groups(arrival, on_group=False))


def html(status: str) -> Callable[[Arrival], bytes]:
    return lambda arrival: http(status, b"<html>sorry</html>")


def nothing(arrival: Arrival) -> bytes:
    return b""


def half(arrival: Arrival) -> bytes:
    whole = answer(arrival)
    return whole[: len(whole) - 20]


FINE = Fault(ALL, True, answer)
UNREAD = "reset before reading"
FAULTS = {
    UNREAD: Fault(NOTHING, False, nothing, "reset"),
    "reset after reading": Fault(NOTHING, False, nothing, "reset"),
    "accept and drop": Fault(ALL, False, nothing, "close"),
    "accept and reset": Fault(ALL, False, nothing, "reset"),
    "500 before accepting": Fault(NOTHING, False, html("500 Internal Server Error")),
    "500 after accepting": Fault(ALL, False, html("500 Internal Server Error")),
    "503 before accepting": Fault(NOTHING, False, lambda arrival: http("503 Service Unavailable", b"")),
    "215400 after accepting": Fault(ALL, False, lambda a: answer(a, RetCode=215400, SessionNo=None, SuccessCount=None)),
    "truncated": Fault(ALL, False, half, "close"),
    "empty": Fault(ALL, False, lambda arrival: http("200 OK", b"")),
    "not JSON": Fault(ALL, False, html("200 OK")),
    "stall after accepting": Fault(ALL, False, nothing, "stall"),
    "stall before accepting": Fault(NOTHING, False, nothing, "stall"),
    "short count": Fault(ALL_BUT_LAST, False, answer),
    "429": Fault(NOTHING, True, lambda arrival: http("429 Too Many Requests", b"", headers="Retry-After: 0\r\n")),
    "150": Fault(NOTHING, True, code(150)),
    "153": Fault(NOTHING, True, code(153)),
    "215395": Fault(NOTHING, True, code(215395)),
    "18013": Fault(NOTHING, True, code(18013)),
    "code as text": Fault(ALL, True, lambda arrival: answer(arrival, RetCode="0")),
    "session as list": Fault(ALL, True, lambda arrival: answer(arrival, SessionNo=[arrival.session])),
    "partial, phone by phone": Fault(ALL_BUT_LAST, True, tree),
    "partial, by group": Fault(
        ALL_BUT_LAST, True, lambda arrival: answer(arrival, FailContent=failed_groups(arrival, on_group=True))
    ),
    "partial, flat": Fault(
        ALL_BUT_LAST, True, lambda arrival: answer(arrival, FailedTargetPhones=failed_phones(arrival))
    ),
    "partial, with a code": Fault(ALL_BUT_LAST, True, lambda arrival: tree(arrival, ret_code=18046)),
}
"""Beside these, a plan may say *no connection*: the client's own side then calls a port where nobody listens."""


class Vendor:
    """One server for all scenes of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pen = threading.Lock()
        self._open = 0
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def serve(self) -> None:
        print(self._listener.getsockname()[1], flush=True)
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self._open += 1
            threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        try:
            while self._exchange(connection):
                pass
        except OSError:
            pass  # the client is gone
        finally:
            connection.close()
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def _exchange(self, connection: socket.socket) -> bool:
        """One request and its answer; true if another one may come."""
        path = connection.recv(300, socket.MSG_PEEK).partition(b" ")[2].partition(b" ")[0].decode()
        if not path:
            return False
        if path == "/quiet":
            with self._changed:
                self._changed.wait_for(lambda: self._open == 1)
            connection.sendall(http("200 OK", b"", headers="Connection: close\r\n"))
            return False
        scene = self._folder / path.split("/")[1]
        if self._next(scene)[1] == UNREAD:
            fault, arrival = FAULTS[UNREAD], self._write(scene, None)
        else:
            body = read_body(connection)
            if body is None:
                return False
            fault, arrival = self._decide(scene, body)
        connection.sendall(fault.reply(arrival))
        return end(connection, fault.ending)

    def _next(self, scene: Path) -> tuple[int, str | None]:
        journal, plan = scene / "journal.jsonl", scene / "plan.json"
        number = 1 + (journal.read_bytes().count(b"\n") if journal.exists() else 0)
        return number, (json.loads(plan.read_text()) if plan.exists() else {}).get(str(number))

    def _decide(self, scene: Path, body: Json) -> tuple[Fault, Arrival]:
        with self._pen:
            fault = FAULTS.get(self._next(scene)[1] or "", FINE)
            return fault, self._write(scene, body)

    def _write(self, scene: Path, body: Json | None) -> Arrival:
        number, name = self._next(scene)
        fault = FAULTS.get(name or "", FINE)
        groups = body["TaskContent"] if body else []
        phones = [target["Phone"] for group in groups for target in group["Target"]]
        taken = {NOTHING: 0, ALL: len(phones), ALL_BUT_LAST: len(phones) - 1}[fault.takes]
        arrival = Arrival(number, groups, phones[:taken], phones[taken:] if fault.takes == ALL_BUT_LAST else [])
        line = {"number": number, "fault": name, "phones": phones, "accepted": arrival.accepted, "told": fault.told}
        line |= {"rejected": arrival.rejected, "session": arrival.session if arrival.accepted else None}
        with (scene / "journal.jsonl").open("a") as journal:
            journal.write(json.dumps(line) + "\n")
        return arrival


def read_body(connection: socket.socket) -> Json | None:
    """The body of one request as it was sent; ``None`` if the client went away before its end."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (piece := connection.recv(65536)):
            return None
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        if not (piece := connection.recv(65536)):
            return None
        body += piece
    found: Json = json.loads(body)
    return found


def end(connection: socket.socket, ending: str) -> bool:
    if ending == "stall":
        connection.recv(1)  # until the client closes
    elif ending == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return ending == "keep"


if __name__ == "__main__":
    threading.Thread(target=Vendor(Path(sys.argv[1])).serve, daemon=True).start()
    sys.stdin.read()
