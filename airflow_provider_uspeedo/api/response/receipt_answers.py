# SPDX-License-Identifier: Apache-2.0
"""Delivery receipts, read leniently; pure.

They are read by column: an answer may have a hundred thousand, and most of their values repeat.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final, Literal

from airflow_provider_uspeedo.api import field_names
from airflow_provider_uspeedo.api.response.json_values import listed, moment, text, whole_number
from airflow_provider_uspeedo.core.masking import mask_digits, mask_phone

ReceiptResult = Literal["Success", "Fail", "Unknow", "SubmitFail"]

_RESULTS: Final[dict[str, ReceiptResult]] = {"success": "Success", "fail": "Fail", "submitfail": "SubmitFail"}
"""The final ones. Any other value, the vendor's ``Unknow`` included, may still change."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The delivery receipt of one message.

    :param phone: as the API writes it.
    :param user_id: the mark that was sent with it; or ``""``.
    :param cost_count: segments charged, or ``None``.
    :param result: ``Unknow`` (the vendor's spelling) until it is final. It alone decides.
    :param code: the carrier's; no list of them is published.
    :param desc: the carrier's words, unmasked.
    :param at: aware UTC time, or ``None``.
    """

    phone: str
    user_id: str
    cost_count: int | None
    result: ReceiptResult
    code: str
    desc: str
    at: datetime | None
    country_code: str
    brevity_code: str

    @property
    def final(self) -> bool:
        """Whether the result will not change any more."""
        return self.result != "Unknow"

    def __repr__(self) -> str:
        return f"Receipt(phone={mask_phone(self.phone)!r}, result={self.result!r}, code={mask_digits(self.code)!r})"


@dataclass(frozen=True, slots=True)
class SessionReceipts:
    """The receipts of one session as far as they are known; none yet is an empty tuple."""

    session_no: str
    receipts: tuple[Receipt, ...] = field(repr=False)

    @property
    def final(self) -> bool:
        """Whether there are receipts and none of those that are there will change."""
        return bool(self.receipts) and all(receipt.final for receipt in self.receipts)


@dataclass(frozen=True, slots=True)
class ReceiptColumns:
    """Receipts by column, in the order of the answer: the columns are the fields of :class:`Receipt`."""

    phone: Sequence[str] = field(default=(), repr=False)
    user_id: Sequence[str] = field(default=(), repr=False)
    cost_count: Sequence[int | None] = field(default=(), repr=False)
    result: Sequence[ReceiptResult] = field(default=(), repr=False)
    code: Sequence[str] = field(default=(), repr=False)
    desc: Sequence[str] = field(default=(), repr=False)
    at: Sequence[datetime | None] = field(default=(), repr=False)
    country_code: Sequence[str] = field(default=(), repr=False)
    brevity_code: Sequence[str] = field(default=(), repr=False)

    @classmethod
    def of(cls, receipts: Sequence[Mapping[str, object]]) -> ReceiptColumns:
        """Those of an answer."""
        return cls(*(_read_each([one.get(name) for one in receipts], read) for name, read in _READERS))

    def __len__(self) -> int:
        return len(self.phone)

    def rows(self) -> tuple[Receipt, ...]:
        """An object for each."""
        return tuple(map(Receipt, *(getattr(self, column.name) for column in fields(self))))


@dataclass(frozen=True, slots=True)
class AnsweredSession:
    """What an answer says of one session."""

    session_no: str
    receipts: ReceiptColumns = ReceiptColumns()


@dataclass(frozen=True, slots=True)
class ReceiptsAnswer:
    """The answer to one query.

    :param sessions: one entry for each session asked for, in that order; a session that the answer does not name has
        no receipts yet.
    :param others: sessions that the answer names although they were not asked for.
    """

    sessions: tuple[AnsweredSession, ...]
    others: tuple[AnsweredSession, ...] = ()

    def rows(self) -> list[SessionReceipts]:
        """The sessions asked for, with an object for each receipt."""
        return [SessionReceipts(one.session_no, one.receipts.rows()) for one in self.sessions]


def read_receipts(body: Mapping[str, object], session_nos: Sequence[str]) -> list[SessionReceipts]:
    """Read the receipts in a response: one entry for each session asked for, in that order.

    A session that is not in the response has no receipts yet; one that was not asked for is ignored.
    """
    return read_receipts_answer(body, session_nos).rows()


def read_receipts_answer(body: Mapping[str, object], session_nos: Sequence[str]) -> ReceiptsAnswer:
    """Read all that a response says; whatever is missing, null or of another type in it, is no receipt yet."""
    found: dict[str, list[Mapping[str, object]]] = defaultdict(list)
    for session in listed(body.get(field_names.DATA)):
        if isinstance(session, dict):
            receipts = listed(session.get(field_names.RECEIPT_SET))
            found[text(session.get(field_names.SESSION_NO))] += [one for one in receipts if isinstance(one, dict)]
    read = {name: ReceiptColumns.of(receipts) for name, receipts in found.items()}
    return ReceiptsAnswer(
        tuple(AnsweredSession(name, read.get(name, ReceiptColumns())) for name in session_nos),
        tuple(AnsweredSession(name, read[name]) for name in sorted(read.keys() - set(session_nos))),
    )


def _result(value: object) -> ReceiptResult:
    return _RESULTS.get(text(value).lower(), "Unknow")


_READERS: Final[tuple[tuple[str, Callable[[object], Any]], ...]] = (
    (field_names.PHONE, text),
    (field_names.USER_ID, text),
    (field_names.COST_COUNT, whole_number),
    (field_names.RECEIPT_RESULT, _result),
    (field_names.RECEIPT_CODE, text),
    (field_names.RECEIPT_DESC, text),
    (field_names.RECEIPT_TIME, moment),
    (field_names.COUNTRY_CODE, text),
    (field_names.BREVITY_CODE, text),
)
"""How each column of :class:`ReceiptColumns` is read, in their order."""


def _read_each(values: Sequence[object], read: Callable[[object], Any]) -> list[Any]:
    """Read each value; of equal ones only one, where they are of one type (``True`` equals ``1``)."""
    kinds = set(map(type, values))
    if kinds <= {str} or kinds <= {int}:
        meaning = {value: read(value) for value in set(values)}
        return [meaning[value] for value in values]
    return [read(value) for value in values]
