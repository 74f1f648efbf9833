# SPDX-License-Identifier: Apache-2.0
"""A vendor that writes down every number it accepts before it answers, and misbehaves by plan.

A program of its own, written from the vendor's documents. It shares no code with the package and cannot: it is run
without site-packages. It remembers nothing either: a scene is a folder with a plan and a journal, which may be copied.

``python -I -S vendor.py FOLDER`` prints its port and serves until its standard input ends. ``POST /SCENE/api`` sends,
as ``FOLDER/SCENE/plan.json`` has it: ``{"2": "accept and drop"}`` is a fault for the second request that comes, and
``{"latency": 0.5}`` the seconds that each answer takes once its numbers are written down (``[0.01, 0.5]``: up to so
many before and after). A request that is *held* is answered when there is a file ``FOLDER/SCENE/released``. ``GET
/quiet`` answers when all other connections are done.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import sys
import threading
import time
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
    :param pace: seconds between one piece of the answer and the next.
    :param held: the answer waits for leave.
    :param ending: what follows the answer: *keep* the connection, *close*, *reset*, or *stall* until the client goes.
    """

    takes: str
    told: bool
    reply: Callable[[Arrival], bytes]
    ending: str = "keep"
    pace: float = 0.0
    held: bool = False


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


def oversized(arrival: Arrival) -> bytes:
    return answer(arrival, Message="x" * (16 << 20))


def wrong_case(arrival: Arrival) -> bytes:
    right = {"RetCode": None, "SessionNo": None, "SuccessCount": None}
    wrong = {"retCode": 0, "sessionNo": arrival.session, "successCount": len(arrival.accepted)}
    return answer(arrival, **right, **wrong)


def redirect(arrival: Arrival) -> bytes:
    return http("307 Temporary Redirect", b"", headers="Location: /elsewhere/api\r\n")


OTHER_FAULTS = {
    "drip": Fault(ALL, True, answer, pace=0.03),
    "oversized": Fault(ALL, False, oversized, "close"),
    "redirect": Fault(NOTHING, False, redirect),
    "unknown fields": Fault(ALL, True, lambda arrival: answer(arrival, Surprise=[1], RequestUuid="r", ReqUuid=None)),
    "wrong case": Fault(ALL, False, wrong_case),
    "count as text": Fault(ALL, True, lambda a: answer(a, RetCode="0", SuccessCount=str(len(a.accepted)))),
    "says fewer": Fault(ALL, False, lambda arrival: answer(arrival, SuccessCount=len(arrival.accepted) - 1)),
    "held": Fault(ALL, True, answer, held=True),
}
"""More of them, for tests that do not put a crash into every gap of each."""
EVERY_FAULT = FAULTS | OTHER_FAULTS


class Vendor:
    """One server for all scenes of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pen = threading.Lock()
        self._counted: dict[Path, tuple[int, int]] = {}
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
        with self._pen:
            unread = self._write(scene, None) if self._next(scene)[1] == UNREAD else None
        if unread:
            connection.sendall(nothing(unread))
            return end(connection, FAULTS[UNREAD].ending)
        body = read_body(connection)
        if body is None:
            return False
        if "TaskContent" not in body:
            connection.sendall(http("200 OK", b'{"RetCode": 0, "Data": []}'))  # a template that it does not list
            return True
        before, after = self._latency(scene)
        time.sleep(before)
        fault, arrival = self._decide(scene, body)
        time.sleep(after)
        while fault.held and not (scene / "released").exists():
            time.sleep(0.01)
        send_slowly(connection, fault.reply(arrival), fault.pace)
        return end(connection, fault.ending)

    def _latency(self, scene: Path) -> tuple[float, float]:
        latency = self._plan(scene).get("latency", 0.0)
        if isinstance(latency, list):
            return random.uniform(0, latency[0]), random.uniform(0, latency[1])
        return 0.0, latency

    def _next(self, scene: Path) -> tuple[int, str | None]:
        number = 1 + self._count(scene / "journal.jsonl")
        return number, self._plan(scene).get(str(number))

    def _count(self, journal: Path) -> int:
        """The lines of a journal. Those that were counted before are not read again."""
        size = journal.stat().st_size if journal.exists() else 0
        known, lines = self._counted.get(journal, (0, 0))
        if size != known:
            with journal.open("rb") as file:
                file.seek(known)
                lines += file.read().count(b"\n")
            self._counted[journal] = (size, lines)
        return lines

    def _plan(self, scene: Path) -> Json:
        plan = scene / "plan.json"
        return json.loads(plan.read_text()) if plan.exists() else {}

    def _decide(self, scene: Path, body: Json) -> tuple[Fault, Arrival]:
        with self._pen:
            fault = EVERY_FAULT.get(self._next(scene)[1] or "", FINE)
            return fault, self._write(scene, body)

    def _write(self, scene: Path, body: Json | None) -> Arrival:
        number, name = self._next(scene)
        fault = EVERY_FAULT.get(name or "", FINE)
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


def send_slowly(connection: socket.socket, reply: bytes, pace: float) -> None:
    """The whole answer, or a tenth of it at a time."""
    step = len(reply) // 10 if pace else 0
    for start in range(0, len(reply), step or 1 << 30):
        connection.sendall(reply[start : start + (step or 1 << 30)])
        time.sleep(pace)


def end(connection: socket.socket, ending: str) -> bool:
    if ending == "stall":
        connection.recv(1)  # until the client closes
    elif ending == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return ending == "keep"


if __name__ == "__main__":
    threading.Thread(target=Vendor(Path(sys.argv[1])).serve, daemon=True).start()
    sys.stdin.read()
