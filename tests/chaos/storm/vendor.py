# SPDX-License-Identifier: Apache-2.0
"""The vendor of a storm, in this process: it reads what would be written to the socket, and answers as the API does.

What it accepts is in the journal before its answer leaves. A request may be held in its socket, be lost before or after
it is accepted, or go on being under way when its process has given it up.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_uspeedo.api.http import tracked_connection
from airflow_provider_uspeedo.api.http.messages import HttpResponse
from airflow_provider_uspeedo.api.response.send_answer import SendAnswer, read_send_answer
from airflow_provider_uspeedo.errors import NotSent, OutcomeUnknown
from tests.chaos.storm.journal import Journal

FAULTS = (
    "slow", "held", "lost before", "lost after", "500 before", "500 after", "refused whole", "refused for now",
    "not connected", "rejects some", "miscounts", "no JSON", "late",
)  # fmt: skip
"""What may go wrong with one request; *late*: its process gives it up, and it arrives later."""
TIMEOUT = 60.0
"""Seconds after which a client gives a request up."""
HELD_FOR = 1.0
"""Seconds for which a request stays in its socket at most: until the person has acted."""


@dataclass(frozen=True)
class Call:
    """One request that leaves: whose, and what the body says."""

    attempt: str
    request: str
    targets: list[tuple[str, str]]
    """Phone and person."""

    @property
    def people(self) -> list[str]:
        return [who for _, who in self.targets]


class StormVendor:
    """One vendor for all attempts of one run."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._sessions = iter(range(1, 1_000_000))
        self._wire: list[Call] = []
        self.is_held = threading.Event()
        """A request is held in its socket: a good moment for a person to look."""
        self.looked = threading.Event()
        self.attended = False
        """There is a person who looks."""

    def send(self, call: Call, fault: str, alive: Callable[[], None]) -> SendAnswer:
        """One call, as the client makes it.

        :param alive: raises if the process that calls has died.
        """
        journal = self._journal
        began = journal.clock.now()
        try:
            tracked_connection._refuse_late()  # what the client's connections do before the first byte
        except OutcomeUnknown:
            journal.cannot_arrive(call.attempt, call.request, "was held up for too long, and drops")
            raise
        if fault == "not connected":
            journal.cannot_arrive(call.attempt, call.request, "was not connected with")
            raise NotSent("connection refused")
        if fault == "lost before":
            journal.cannot_arrive(call.attempt, call.request, "has lost on the way")
            raise OutcomeUnknown("the connection was closed before an answer came")
        if fault == "late":
            with journal.lock:
                self._wire.append(call)
                journal.on_the_wire(call.attempt, call.request, call.people)
            raise OutcomeUnknown("no answer in time")
        if fault == "slow":
            time.sleep(0.01)
        if fault == "held":
            self.hold(HELD_FOR)
        alive()
        with journal.lock:
            if journal.clock.now() - began > TIMEOUT:  # time was skipped while it was in its socket
                journal.cannot_arrive(call.attempt, call.request, "has timed out in its socket")
                raise OutcomeUnknown("timed out")
            answer = self._take(call, fault)
        if fault == "slow":
            time.sleep(0.01)
        alive()
        if fault == "lost after":
            raise OutcomeUnknown("the connection was closed before an answer came")
        return read_send_answer(answer, datetime.now(UTC))

    def deliver_late_ones(self) -> None:
        """What is under way arrives now."""
        with self._journal.lock:
            wire, self._wire = self._wire, []
            for call in wire:
                self._take(call, "late")

    def hold(self, seconds: float) -> None:
        """Stands still until the person has acted, or for so long."""
        if self.attended:
            self.looked.clear()
            self.is_held.set()
            self.looked.wait(seconds)

    def _take(self, call: Call, fault: str) -> HttpResponse:
        people = call.people
        number = next(self._sessions)
        if fault in ("500 before", "refused whole", "refused for now"):
            self._journal.arrived(call.attempt, call.request, (), (), "", fault, listed=False)
            if fault == "500 before":
                return HttpResponse(500, {}, b"<html>sorry</html>")
            return _answer(number, RetCode=18013 if fault == "refused whole" else 153, Message="no")
        rejected = people[::3] if fault == "rejects some" else []
        accepted = [one for one in people if one not in rejected]
        if fault == "miscounts":
            accepted, rejected = accepted[:-1], accepted[-1:]
        session = f"S{number}" if accepted else ""
        listed = fault == "rejects some"
        self._journal.arrived(call.attempt, call.request, accepted, rejected, session, fault or "fine", listed=listed)
        if fault == "500 after":
            return HttpResponse(500, {}, b"<html>sorry</html>")
        if fault == "no JSON":
            return HttpResponse(200, {}, b"<html>welcome</html>")
        failed = [
            {"TemplateId": "T1", "SenderId": "", "Target": [{"Phone": phone, "UserId": who}], "FailureDetails": "black"}
            for phone, who in call.targets
            if listed and who in rejected
        ]
        about: dict[str, Any] = {"SuccessCount": len(accepted)}
        if accepted:
            about["SessionNo"] = session
        return _answer(number, RetCode=0, Message="", **about, **({"FailContent": failed} if failed else {}))


def targets_in(body: bytes) -> list[tuple[str, str]]:
    """Phone and person of each target, from the part of a body that holds the groups."""
    groups = json.loads(b"{" + body + b"}")["TaskContent"]
    return [(target["Phone"], target["UserId"]) for group in groups for target in group["Target"]]


def _answer(number: int, **body: Any) -> HttpResponse:
    return HttpResponse(
        200, {"content-type": "application/json"}, json.dumps(body | {"ReqUuid": f"r{number}"}).encode()
    )
