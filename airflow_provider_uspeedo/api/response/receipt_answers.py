# SPDX-License-Identifier: Apache-2.0
"""Delivery receipts, read leniently; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

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
class ReceiptsAnswer:
    """The answer to one query.

    :param sessions: one entry for each session asked for, in that order; a session that the answer does not name has
        no receipts yet.
    :param others: sessions that the answer names although they were not asked for.
    """

    sessions: tuple[SessionReceipts, ...]
    others: tuple[SessionReceipts, ...] = ()


def read_receipts(body: Mapping[str, object], session_nos: Sequence[str]) -> list[SessionReceipts]:
    """Read the receipts in a response: one entry for each session asked for, in that order.

    A session that is not in the response has no receipts yet; one that was not asked for is ignored.
    """
    return list(read_receipts_answer(body, session_nos).sessions)


def read_receipts_answer(body: Mapping[str, object], session_nos: Sequence[str]) -> ReceiptsAnswer:
    """Read all that a response says; whatever is missing, null or of another type in it, is no receipt yet."""
    found: dict[str, list[Receipt]] = defaultdict(list)
    for session in listed(body.get(field_names.DATA)):
        if isinstance(session, Mapping):
            receipts = (one for one in listed(session.get(field_names.RECEIPT_SET)) if isinstance(one, Mapping))
            found[text(session.get(field_names.SESSION_NO))] += map(_receipt, receipts)
    asked = tuple(SessionReceipts(session_no, tuple(found.get(session_no, ()))) for session_no in session_nos)
    others = found.keys() - set(session_nos)
    return ReceiptsAnswer(asked, tuple(SessionReceipts(name, tuple(found[name])) for name in sorted(others)))


def _receipt(fields: Mapping[str, object]) -> Receipt:
    return Receipt(
        phone=text(fields.get(field_names.PHONE)),
        user_id=text(fields.get(field_names.USER_ID)),
        cost_count=whole_number(fields.get(field_names.COST_COUNT)),
        result=_RESULTS.get(text(fields.get(field_names.RECEIPT_RESULT)).lower(), "Unknow"),
        code=text(fields.get(field_names.RECEIPT_CODE)),
        desc=text(fields.get(field_names.RECEIPT_DESC)),
        at=moment(fields.get(field_names.RECEIPT_TIME)),
        country_code=text(fields.get(field_names.COUNTRY_CODE)),
        brevity_code=text(fields.get(field_names.BREVITY_CODE)),
    )
