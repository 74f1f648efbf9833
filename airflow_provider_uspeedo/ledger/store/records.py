# SPDX-License-Identifier: Apache-2.0
"""What the ledger hands out: plain records."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypedDict

from airflow_provider_uspeedo.core.recipients import Recipient
from airflow_provider_uspeedo.core.slices import WHOLE, Slice

LONGEST_REQUEST_ID = 128
LONGEST_TEXT = 10_000
"""Characters kept of a vendor's text; the smallest column for long text holds 65,535 bytes."""
LONGEST_SESSIONS = 60_000
LARGEST_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One ``execute()``: who may settle its requests, and whose claims may be taken over.

    :param number: from the ledger, increasing, never used twice.
    :param first: no other try of this campaign was in the ledger when this one began.
    :param part: which table of the campaign it reads (a hash).
    :param slice_: which slice of that table.
    """

    campaign_no: int
    campaign_id: str
    number: int
    first: bool
    part: bytes = b""
    slice_: Slice = WHOLE


@dataclass(frozen=True, slots=True)
class WholeReading:
    """A try that recorded its table to the end.

    :param fingerprint: 16 bytes that stand for all that it read, and for how.
    """

    attempt_no: int
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """At most one HTTP call, and the recipients that are its own.

    :param id: 16 bytes made by the client, so that a claim repeated after a lost acknowledgement finds itself.
    :param canary: it goes before all others, and they only if it passes.
    """

    id: bytes
    recipients: Sequence[Recipient] = field(repr=False)
    canary: bool = False

    def of(self, recipients: Iterable[Recipient]) -> Request:
        """The same request with (some of) its recipients."""
        return replace(self, recipients=tuple(recipients))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is recorded of an answered call.

    :param outcomes: (key, status, reason) of the recipients that were not simply accepted.
    """

    session_no: str | None
    ret_code: int | None
    request_id: str
    outcomes: tuple[tuple[bytes, str, str], ...] = field(default=(), repr=False)

    def fitting(self) -> Answer:
        """The same, short enough for the columns: whatever the vendor sends, its answer can be recorded."""
        return Answer(
            self.session_no and _whole_numbers(self.session_no),
            _storable(self.ret_code),
            self.request_id[:LONGEST_REQUEST_ID],
            tuple((key, status, reason[:LONGEST_TEXT]) for key, status, reason in self.outcomes),
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows of one reading have one status through one request (``None``: through none)."""

    status: str
    rows: int
    request_id: bytes | None
    state: str | None
    attempt_no: int | None
    session_no: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that was rejected, is invalid, or may or may not have arrived."""

    row_number: int
    phone: str = field(repr=False)
    user_id: str = field(repr=False)
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What the ledger says of one recipient."""

    status: str
    reason: str | None
    session_no: str | None


class Cause(TypedDict):
    """Why a call was not answered."""

    ret_code: int | None
    vendor_id: str
    reason: str


def fitting(ret_code: int | None, vendor_id: str, reason: str) -> Cause:
    """The same, short enough for the columns."""
    return {
        "ret_code": _storable(ret_code),
        "vendor_id": vendor_id[:LONGEST_REQUEST_ID],
        "reason": reason[:LONGEST_TEXT],
    }


def _whole_numbers(session_nos: str) -> str:
    """As many session numbers as the column holds; none of them cut."""
    if len(session_nos) <= LONGEST_SESSIONS:
        return session_nos
    return session_nos[:LONGEST_SESSIONS].rpartition(",")[0]


def _storable(number: int | None) -> int | None:
    return None if number is None else max(-LARGEST_NUMBER, min(number, LARGEST_NUMBER))


def new_id() -> bytes:
    """16 bytes, unique without asking anybody; the leading milliseconds only keep neighbours together on disk."""
    return int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10)


def utc_now() -> datetime:
    """Now, in UTC, without a zone: the form in which all three databases keep it alike."""
    return datetime.now(UTC).replace(tzinfo=None)
