# SPDX-License-Identifier: Apache-2.0
"""What the pages show: the newest messages, the newest requests and some counters; memory stays bounded."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, TypeVar

from .magic_numbers import FinalReceipt

PAGE = 50
"""Messages or requests on one page."""
_COUNTRY = re.compile(r"\(\d*\)")
_Kept = TypeVar("_Kept")


class Message(NamedTuple):
    """One accepted message with its filled-in text."""

    time: float
    phone: str
    text: str
    template_id: str
    sender_id: str
    user_id: str
    segments: int
    session_no: str
    request_id: str
    receipt: FinalReceipt


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One call of the API and how it was answered.

    :param time: seconds since the epoch.
    :param seconds: time that the answer took to make.
    :param ret_code: the answer's code, or ``None`` if none was made.
    :param fault: the kind of fault that applied to it, or ``""``.
    """

    time: float
    seconds: float
    request_id: str
    generation: str
    action: str
    ret_code: int | None
    message: str
    fault: str
    accepted: int = 0
    rejected: int = 0


@dataclass(slots=True)
class Counters:
    """Counts since the sandbox started."""

    requests: int = 0
    refused: int = 0
    faults: int = 0
    accepted: int = 0
    rejected: int = 0
    segments: int = 0


@dataclass(slots=True)
class Inbox:
    """The newest messages and requests, newest first when read."""

    messages: deque[Message]
    requests: deque[RequestRecord]
    counters: Counters = field(default_factory=Counters)

    @classmethod
    def of(cls, messages_kept: int, requests_kept: int) -> Inbox:
        """Return an empty inbox that keeps so many of each."""
        return cls(deque(maxlen=messages_kept), deque(maxlen=requests_kept))

    def record(self, record: RequestRecord) -> None:
        """Keep a request and count it."""
        self.requests.append(record)
        self.counters.requests += 1
        self.counters.faults += bool(record.fault)
        self.counters.refused += record.ret_code not in (None, 0) and not record.accepted
        self.counters.accepted += record.accepted
        self.counters.rejected += record.rejected

    def keep(self, messages: Iterable[Message]) -> None:
        """Keep messages; the oldest make room."""
        self.messages.extend(messages)


def newest(kept: deque[_Kept], page: int) -> list[_Kept]:
    """Return one page, newest first; pages are counted from 1."""
    start = (page - 1) * PAGE
    return list(islice(reversed(kept), start, start + PAGE))


def mask(phone: str) -> str:
    """Return a phone with only its country code and last four digits left.

    >>> mask("(852)55311111"), mask("85255311111"), mask("(852)1111")
    ('(852)****1111', '****1111', '(852)****')
    """
    found = _COUNTRY.match(phone)
    country = found[0] if found else ""
    rest = phone[len(country) :]
    return f"{country}****{rest[-4:] if len(rest) > 4 else ''}"  # noqa: PLR2004 - the four digits that stay
