# SPDX-License-Identifier: Apache-2.0
"""Delivery receipts: they ripen from nothing over ``Unknow`` to a final result."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .magic_numbers import FinalReceipt
from .refusals import missing, wrong

SESSIONS = 100
"""Sessions that one call may ask for."""
_COUNTRY = re.compile(r"\((\d+)\)")
_DESCRIPTIONS = {"Success": ("DELIVRD", "delivered"), "Fail": ("undeliv", "absent subscriber")}
_DESCRIPTIONS["SubmitFail"] = ("SUBMIT_FAIL", "the operator refused the message")

Ripeness = Literal["empty", "unknown", "final"]


class Sent(NamedTuple):
    """One accepted message, as far as its receipt needs it."""

    phone: str
    user_id: str
    segments: int
    receipt: FinalReceipt


@dataclass(frozen=True, slots=True)
class Session:
    """The messages that were accepted under one SessionNo.

    :param accepted_at: seconds since the epoch.
    """

    accepted_at: float
    messages: Sequence[Sent]


class Receipts:
    """The sessions of the newest messages.

    :param delay: seconds from acceptance to the final receipt; the set is empty for the first half of it.
    :param kept: number of messages kept; the oldest sessions above it are forgotten.
    """

    def __init__(self, delay: float, kept: int) -> None:
        self._delay = delay
        self._room = kept
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._ripened_until = float("-inf")

    def add(self, session_no: str, session: Session) -> None:
        """Keep a session; the newest one is kept whatever its size."""
        self._sessions[session_no] = session
        self._room -= len(session.messages)
        while self._room < 0 and len(self._sessions) > 1:
            _, oldest = self._sessions.popitem(last=False)
            self._room += len(oldest.messages)

    def ripen(self, now: float) -> None:
        """Make the receipts of all messages accepted so far final."""
        self._ripened_until = now

    def answer(self, session_nos: Sequence[str], now: float, *, time_as_text: bool) -> list[dict[str, object]]:
        """Return the ``Data`` of a receipt call; unknown sessions are missing from it.

        :param time_as_text: ``ReceiptTime`` as a string instead of an integer; the vendor's sources show both.
        """
        return [
            {"SessionNo": number, "ReceiptSet": self._receipt_set(session, now, time_as_text)}
            for number in dict.fromkeys(session_nos)
            if (session := self._sessions.get(number)) is not None
        ]

    def state(self, session_no: str, receipt: FinalReceipt, now: float) -> str:
        """Return in a word how far a message is, for the inbox."""
        session = self._sessions.get(session_no)
        if session is None or self._ripeness(session, now) != "final":
            return "on its way"
        return receipt or "no receipt"

    def _ripeness(self, session: Session, now: float) -> Ripeness:
        age = now - session.accepted_at
        if age >= self._delay or session.accepted_at <= self._ripened_until:
            return "final"
        return "empty" if age < self._delay / 2 else "unknown"

    def _receipt_set(self, session: Session, now: float, time_as_text: bool) -> list[dict[str, object]]:
        ripeness = self._ripeness(session, now)
        if ripeness == "empty":
            return []
        final = ripeness == "final"
        at = int(min(session.accepted_at + self._delay, now)) if final else 0
        return [
            _receipt(sent, sent.receipt if final else "Unknow", str(at) if time_as_text else at)
            for sent in session.messages
            if sent.receipt
        ]


def read_session_nos(value: object, where: str) -> list[str]:
    """Return the SessionNos of a receipt call.

    :raises Refusal: when there are none, more than 100, or other things than strings.
    """
    if value is None or value == []:
        raise missing(where)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise wrong(where, "must be an array of strings")
    if len(value) > SESSIONS:
        raise wrong(where, f"has more than {SESSIONS} sessions")
    return value


def _receipt(sent: Sent, result: FinalReceipt, at: int | str) -> dict[str, object]:
    code, description = _DESCRIPTIONS.get(result, ("", ""))
    country = _COUNTRY.match(sent.phone)
    return {
        "Phone": sent.phone,
        "UserId": sent.user_id,
        "CostCount": sent.segments,
        "ReceiptResult": result,
        "ReceiptCode": code,
        "ReceiptDesc": description,
        "ReceiptTime": at,
        "CountryCode": country[1] if country else "",
        "BrevityCode": "",
    }
