# SPDX-License-Identifier: Apache-2.0
"""A USpeedo that writes down every number it accepts before it answers, in both generations of the API.

A program of its own, written from the vendor's documents; it shares no code with any of the tools and is run without
site-packages. Like the real one it has no idempotency key: whatever it accepts is a message.

``python -I -S vendor.py FOLDER`` prints its port and serves until its standard input ends. ``FOLDER/plan.json`` names a
fault by the number of the request, in the order they come: ``{"3": "drop"}``; ``{"down": 60}``: nothing is accepted for
so many seconds from the third on. ``FOLDER/journal.jsonl`` is the truth.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Targets = list[tuple[Json, Json]]
"""Each target with its group."""

MAX_TARGETS = 1000
DOWN_FROM = 3
REASON = "phone in the black list"
ACTION, REST = "/api", "/api/v1/usms/SendBatchUSMSMessage"


@dataclass(frozen=True)
class Call:
    """One request to send, as it was decided.

    :param rest: of the newer generation, whose answer has another shape.
    """

    number: int
    rest: bool
    fault: str
    accepted: Targets
    rejected: Targets

    def body(self) -> Json:
        """The documented answer: RetCode 0, the number accepted, and whoever was refused."""
        session = f"S{self.number}"
        body: Json = {"RetCode": 0, "Message": "", "SuccessCount": len(self.accepted), "RequestUuid": f"r{self.number}"}
        if self.accepted:
            body["SessionNo"] = [session] if self.rest else session
        if self.rest:
            return body | {"FailedTargetPhones": [flat(target) for target, _ in self.rejected]}
        body |= {"Action": "SendBatchUSMSMessageResponse", "ReqUuid": f"r{self.number}"}
        return body | {"FailContent": tree(self.rejected)} if self.rejected else body


def flat(target: Json) -> Json:
    return {"Phone": target["Phone"], "TemplateParams": target.get("TemplateParams", []), "FailureReason": REASON}


def tree(rejected: Targets) -> list[Json]:
    group = {name: rejected[0][1].get(name, "") for name in ("TemplateId", "SenderId")}
    targets = [dict(target, FailureDetails=REASON) for target, _ in rejected]
    return [group | {"Target": targets, "FailureDetails": REASON}]


class Truth:
    """The plan and the journal of one folder.

    :param slow: seconds that every answer takes.
    """

    def __init__(self, folder: Path) -> None:
        self._journal = folder / "journal.jsonl"
        plan = json.loads((folder / "plan.json").read_text())
        self.slow: float = plan.pop("slow", 0.0)
        self._down: float = plan.pop("down", 0.0)
        self._up_at = float("inf")
        self._faults: dict[str, str] = plan
        self._pen = threading.Lock()
        self._number = 0

    def decide(self, groups: list[Json], *, rest: bool) -> Call:
        """Accepts the numbers of a request, as the plan has it, and writes them down."""
        targets = [(target, group) for group in groups for target in group["Target"]]
        with self._pen:
            self._number += 1
            fault = self._faults.get(str(self._number), "")
            taken = len(targets) // 2 if fault == "half" else len(targets)
            call = Call(self._number, rest, fault, targets[:taken], targets[taken:])
            if self._is_down():
                call = Call(self._number, rest, fault := "502", [], [])
            line = {"number": call.number, "at": time.time(), "fault": fault}
            line |= {"accepted": [target["Phone"] for target, _ in call.accepted]}
            line |= {"rejected": [target["Phone"] for target, _ in call.rejected]}
            with self._journal.open("a") as journal:
                journal.write(json.dumps(line) + "\n")
        return call

    def _is_down(self) -> bool:
        if not self._down or self._number < DOWN_FROM:
            return False
        if self._number == DOWN_FROM:
            self._up_at = time.monotonic() + self._down
        return time.monotonic() < self._up_at


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    truth: Truth

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path.partition("?")[0].rstrip("/")
        if path == ACTION and body.get("Action") == "QueryUSMSTemplate":
            self.answer(200, {"RetCode": 0, "Data": [template(one) for one in body["TemplateId"]]})
        elif path not in {ACTION, REST} or sum(len(group["Target"]) for group in body["TaskContent"]) > MAX_TARGETS:
            self.answer(400, {"RetCode": 215392, "Message": "not a call to send at most 1000 messages"})
        else:
            call = self.truth.decide(body["TaskContent"], rest=path == REST)
            time.sleep(self.truth.slow)
            FAULTS[call.fault](self, call)

    def answer(self, status: int, body: Json) -> None:
        written = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *about: object) -> None:
        """The journal says it all."""


def template(template_id: str) -> Json:
    return {"TemplateId": template_id, "Template": "Dear {1}, your parcel is here.", "Purpose": 2, "Status": 2}


def fine(handler: Handler, call: Call) -> None:
    handler.answer(200, call.body())


def drop(handler: Handler, call: Call) -> None:
    handler.close_connection = True


def bad_gateway(handler: Handler, call: Call) -> None:
    handler.answer(502, {"Message": "Bad Gateway"})


def stall(handler: Handler, call: Call) -> None:
    """Nothing until the client is gone."""
    handler.rfile.read(1)
    handler.close_connection = True


FAULTS: dict[str, Callable[[Handler, Call], None]] = {
    "": fine,
    "half": fine,
    "drop": drop,
    "502": bad_gateway,
    "stall": stall,
}


def main(folder: Path) -> None:
    Handler.truth = Truth(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
