# SPDX-License-Identifier: Apache-2.0
"""What the ledger hands out: plain records."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypedDict

import numpy as np

from airflow_provider_uspeedo.core.keys import KeySpec
from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.slices import WHOLE, Slice
from airflow_provider_uspeedo.errors import LedgerError

MAX_REQUEST_ID = 128
MAX_TEXT = 10_000
"""Characters kept of a vendor's text; the smallest column for long text holds 65,535 bytes."""
MAX_SESSIONS = 60_000
MAX_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One ``execute()``: it may settle its requests, and later ones may take over its claims.

    :param number: from the ledger, increasing, never used twice.
    :param first: no other attempt of this campaign was in the ledger when this one began.
    :param part: which table of the campaign it reads (a hash).
    :param slice_: which slice of that table.
    :param spec: how the campaign reads phones and makes keys, as it was when it began; ``None``: as the caller does.
    :param phone_metadata: the version of the phone metadata that it began with; ``None``: not recorded.
    :param phone_key: the ledger's key of phones.
    """

    campaign_no: int
    campaign_id: str
    number: int
    first: bool
    part: bytes = b""
    slice_: Slice = WHOLE
    spec: KeySpec | None = None
    phone_metadata: str | None = None
    phone_key: bytes | None = field(default=None, repr=False)

    def hasher(self) -> PhoneHasher:
        """Makes the hashes by which the ledger knows phones."""
        if self.phone_key is None:
            raise LedgerError("The ledger has no phone_key: run `airflow-uspeedo migrate`, then try again.")
        return PhoneHasher(self.phone_key)


@dataclass(frozen=True, slots=True)
class CompleteReading:
    """An attempt that recorded its table to the end.

    :param fingerprint: 16 bytes that stand for all that it read, and for how.
    """

    attempt_no: int
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """At most one HTTP call, and the recipients that are its own.

    :param id: 16 bytes made by the client, so that a claim repeated after a lost acknowledgement finds itself.
    :param canary: it goes before all others, and they only if it passes.
    :param sole: it is all that its attempt has to send.
    :param list_version: the number of the ledger's list by which its phones were looked at; -1: by none.
    :param recorded: the ledger has the contacts of its recipients.
    :param left_out: what its mark left out: reasons, and how many recipients each.
    """

    id: bytes
    recipients: RecipientBatch = field(repr=False)
    canary: bool = False
    sole: bool = False
    list_version: int = -1
    recorded: bool = False
    left_out: tuple[tuple[str, int], ...] = ()

    def only(self, mask: np.ndarray[Any, Any]) -> Request:
        """The same request with those of its recipients that the mask says ``True`` of."""
        return self if mask.all() else replace(self, recipients=self.recipients.only(mask))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is recorded of an answered call.

    :param outcomes: (key, status, reason) of the recipients that were not simply accepted.
    """

    session_no: str | None
    ret_code: int | None
    vendor_request_id: str
    outcomes: tuple[tuple[bytes, str, str], ...] = field(default=(), repr=False)

    def fitting(self) -> Answer:
        """The same, cut to what the columns hold: no answer of the vendor is too long to be recorded."""
        return Answer(
            self.session_no and _whole_numbers(_text(self.session_no)),
            _storable(self.ret_code),
            _text(self.vendor_request_id)[:MAX_REQUEST_ID],
            tuple((key, status, _text(reason)[:MAX_TEXT]) for key, status, reason in self.outcomes),
        )

    def in_ascii(self) -> Answer:
        """The same with escapes for all other characters: fit for a database that holds few of them."""
        return Answer(
            self.session_no and _whole_numbers(_escaped(self.session_no)),
            self.ret_code,
            _escaped(self.vendor_request_id)[:MAX_REQUEST_ID],
            tuple((key, status, _escaped(reason)[:MAX_TEXT]) for key, status, reason in self.outcomes),
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
class FailedRow:
    """A row that was rejected, is invalid, or may or may not have arrived."""

    row_number: int
    phone: str = field(repr=False)
    user_id: str = field(repr=False)
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """What the ledger says of one recipient."""

    status: str
    reason: str | None
    session_no: str | None


class Cause(TypedDict):
    """Why a call has no answer that could be settled."""

    ret_code: int | None
    vendor_request_id: str
    reason: str


def fitting(ret_code: int | None, vendor_request_id: str, reason: str) -> Cause:
    """The same, fit for the columns."""
    return {
        "ret_code": _storable(ret_code),
        "vendor_request_id": _text(vendor_request_id)[:MAX_REQUEST_ID],
        "reason": _text(reason)[:MAX_TEXT],
    }


def in_ascii(cause: Cause) -> Cause:
    """The same with escapes for all other characters; see :meth:`Answer.in_ascii`."""
    return {
        "ret_code": cause["ret_code"],
        "vendor_request_id": _escaped(cause["vendor_request_id"])[:MAX_REQUEST_ID],
        "reason": _escaped(cause["reason"])[:MAX_TEXT],
    }


def _text(text: str) -> str:
    """The same with U+FFFD in place of what no database holds: a lone surrogate, and PostgreSQL's NUL."""
    if text.isascii() and "\0" not in text:
        return text
    return (
        text.encode("utf-16-le", "surrogatepass")
        .decode("utf-16-le", "replace")
        .replace("\0", "\N{REPLACEMENT CHARACTER}")
    )


def _escaped(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def _whole_numbers(session_nos: str) -> str:
    """As many session numbers as the column holds; none of them cut."""
    if len(session_nos) <= MAX_SESSIONS:
        return session_nos
    return session_nos[:MAX_SESSIONS].rpartition(",")[0]


def _storable(number: int | None) -> int | None:
    return None if number is None else max(-MAX_NUMBER, min(number, MAX_NUMBER))


def new_id() -> bytes:
    """16 bytes, unique without asking anything; the leading milliseconds only keep neighbours together on disk."""
    return int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10)


def utc_now() -> datetime:
    """Now, in UTC, without a zone: the form in which all three databases keep it alike."""
    return datetime.now(UTC).replace(tzinfo=None)
