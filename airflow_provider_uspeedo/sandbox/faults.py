# SPDX-License-Identifier: Apache-2.0
"""The queue of faults: which fault applies to which future call."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .call import NAMES, Action

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    :param says: what it does, in words.
    :param params: its parameters with their defaults.
    :param accepts: whether messages are accepted before it applies; ``None`` if the parameter ``accepted`` says so.
    :param send_only: whether it makes no sense for receipts and templates.
    """

    says: str
    params: Mapping[str, Value]
    accepts: bool | None
    send_only: bool = False


KINDS: dict[str, Kind] = {
    "refuse": Kind("reset the connection without reading the body", {}, accepts=False),
    "stall": Kind("give no answer until the client gives up", {"seconds": 60.0, "accepted": True}, accepts=None),
    "drop": Kind("close the connection instead of answering", {"accepted": True, "reset": False}, accepts=None),
    "truncated": Kind("announce the whole answer, send part of it, close", {"part": 0.5}, accepts=True),
    "drip": Kind("send the answer little by little", {"seconds": 2.0}, accepts=True),
    "oversized": Kind("answer with an endless field", {"bytes": 64 * 1024 * 1024}, accepts=True),
    "too_many": Kind("HTTP 429 with Retry-After", {"retry_after": "1"}, accepts=False),
    "server_error": Kind("an HTTP 5xx page", {"status": 503, "accepted": False}, accepts=None),
    "redirect": Kind("an HTTP redirect", {"status": 307, "location": ""}, accepts=False),
    "empty": Kind("HTTP 200 without a body", {}, accepts=True),
    "not_json": Kind("HTTP 200 with a page instead of JSON", {}, accepts=True),
    "ret_code": Kind(
        "a code of your choice, without SessionNo",
        {"code": 153, "message": "fault on demand", "status": 200, "accepted": False},
        accepts=None,
    ),
    "string_code": Kind("RetCode and SuccessCount as strings", {}, accepts=True),
    "extra_fields": Kind("unknown fields, RequestUuid instead of ReqUuid", {}, accepts=True),
    "wrong_case": Kind("field names that begin with a small letter", {}, accepts=True),
    "other_session": Kind("SessionNo as a list in A, as a string in B", {}, accepts=True, send_only=True),
    "partial": Kind(
        "reject the first numbers; reason on the phone, on the group, or flat",
        {"count": 1, "shape": "phone", "code": 0},
        accepts=True,
        send_only=True,
    ),
    "unlisted": Kind("reject the first numbers without listing them", {"count": 1}, accepts=True, send_only=True),
    "short_count": Kind("accept all, but say fewer in SuccessCount", {"missing": 1}, accepts=True, send_only=True),
}
SHAPES = ("phone", "group", "flat")


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault with all of its parameters."""

    kind: str
    params: Mapping[str, Any]

    @property
    def accepts(self) -> bool:
        """Whether messages are accepted before it applies."""
        always = KINDS[self.kind].accepts
        return bool(self.params["accepted"]) if always is None else always


@dataclass(frozen=True, slots=True)
class Queued:
    """A fault that is queued for future calls.

    :param first: the first call that it applies to, counted from 1 since the sandbox started, per action.
    :param last: the last one; infinity for every call from the first on.
    """

    fault: Fault
    on: Action
    first: int
    last: float

    @classmethod
    def from_request(cls, asked: Mapping[str, Any], seen: Mapping[Action, int]) -> Queued:
        """Read one fault as the control interface takes it.

        :param asked: ``kind``, ``on`` (``send``), ``at`` (1 for the next call, or ``"every"``), ``times`` (1), and the
            parameters of the kind.
        :raises ValueError: saying what is wrong.
        """
        rest = dict(asked)
        name, on, at, times = rest.pop("kind", None), rest.pop("on", "send"), rest.pop("at", 1), rest.pop("times", 1)
        if name not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if on not in NAMES or (KINDS[name].send_only and on != "send"):
            raise ValueError("on must be send, receipts or templates; some kinds only know send")
        fault = Fault(name, _read_params(KINDS[name], rest))
        if at == "every":
            return cls(fault, on, seen[on] + 1, math.inf)
        if not (_is_count(at) and _is_count(times)):
            raise ValueError('at must be 1 or more, or "every"; times must be 1 or more')
        return cls(fault, on, seen[on] + at, seen[on] + at + times - 1)

    def as_answer(self) -> dict[str, object]:
        """Return what the control interface and the page show of it."""
        last = "every" if self.last == math.inf else int(self.last)
        return {"kind": self.fault.kind, "on": self.on, "first": self.first, "last": last, **self.fault.params}


class FaultQueue:
    """Queued faults; each call takes the first one that applies to it."""

    def __init__(self) -> None:
        self._seen: Counter[Action] = Counter()
        self._queued: list[Queued] = []

    def queue(self, asked: Mapping[str, Any]) -> Queued:
        """Queue a fault (see :meth:`Queued.from_request`).

        :raises ValueError: saying what is wrong with it.
        """
        queued = Queued.from_request(asked, self._seen)
        self._queued.append(queued)
        return queued

    def clear(self) -> None:
        """Forget all queued faults."""
        self._queued.clear()

    def waiting(self) -> list[Queued]:
        """Return the queued faults, oldest first."""
        return list(self._queued)

    def take(self, action: Action) -> Fault | None:
        """Count a call and return its fault."""
        fault = self._due(action)
        self._seen[action] += 1
        self._queued = [each for each in self._queued if each.on != action or each.last > self._seen[action]]
        return fault

    def take_refusal(self, action: Action) -> Fault | None:
        """Count a call and return its fault only if it applies before the body is read; else change nothing."""
        due = self._due(action)
        return self.take(action) if due is not None and due.kind == "refuse" else None

    def _due(self, action: Action) -> Fault | None:
        number = self._seen[action] + 1
        meant = (each for each in self._queued if each.on == action and each.first <= number <= each.last)
        return next((each.fault for each in meant), None)


def _read_params(kind: Kind, asked: Mapping[str, Any]) -> dict[str, Value]:
    unknown = asked.keys() - kind.params.keys()
    if unknown:
        raise ValueError(f"this kind has no {', '.join(sorted(unknown))}; it has {', '.join(kind.params) or 'none'}")
    params = {name: _read_value(name, asked.get(name, default), default) for name, default in kind.params.items()}
    if params.get("shape", "phone") not in SHAPES:
        raise ValueError(f"shape must be one of {', '.join(SHAPES)}")
    if "status" in params and not 200 <= int(params["status"]) <= 599:  # noqa: PLR2004 - the final HTTP statuses
        raise ValueError("status must be an HTTP status from 200 to 599")
    return params


def _read_value(name: str, value: object, default: Value) -> Value:
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(default):
        raise ValueError(f"{name} must be {_ARTICLES[type(default)]}")
    if isinstance(value, (int, float)) and (value < 0 or not math.isfinite(value)) and name != "code":
        raise ValueError(f"{name} must not be negative")
    return value


_ARTICLES: dict[type, str] = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
