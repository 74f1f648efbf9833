# SPDX-License-Identifier: Apache-2.0
"""The response to a send: read in every shape that it may have, and trusted only as far as it proves; pure.

The vendor's page contradicts itself, so the reader must be right under each interpretation of it: session, count and
failures are read whatever the return code and the HTTP status are, in the shape of either generation, and ``Message``
is never a sign of success.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from itertools import chain, islice
from typing import TypedDict

from airflow_provider_uspeedo.api import field_names
from airflow_provider_uspeedo.api.http.messages import HttpResponse
from airflow_provider_uspeedo.api.response.codes import CodeKind, ReturnCode, explain
from airflow_provider_uspeedo.api.response.encodings import is_text
from airflow_provider_uspeedo.api.response.json_values import (
    begins_as_json,
    json_object,
    leaves,
    listed,
    retry_after,
    text,
    vendor_request_id,
    whole_number,
)
from airflow_provider_uspeedo.core.masking import mask_digits, mask_phone, masked_quote
from airflow_provider_uspeedo.errors import CallError, NotSent, OutcomeUnknown, Refused

UNREADABLE = -1
"""Stands for a return code that is missing, or a success count that is there but is no number."""

MAX_CODE = 2**31 - 1
"""A larger "return code" is something else, maybe a phone: it is not quoted in a message."""
MAX_FAILURES = 10_000
"""Failures that are read: ten times as many as one request has targets."""

_MAX_QUOTE = 200


@dataclass(frozen=True, slots=True)
class FailedTarget:
    """One target that the API names as failed.

    :param phone: as the API writes it, which may differ from how it was sent; or ``""``.
    :param user_id: the mark that was sent with it; or ``""``.
    :param reason: the vendor's own words, unmasked: for the ledger only.
    """

    phone: str
    user_id: str
    reason: str

    def __repr__(self) -> str:
        return f"FailedTarget(phone={mask_phone(self.phone)!r}, reason={mask_digits(self.reason)!r})"


@dataclass(frozen=True, slots=True)
class SendAnswer:
    """What the API answered to one request.

    :param ret_code: the API's ``RetCode``; -1 if it gave none that can be read.
    :param session_nos: what receipts are asked with; empty if nothing was accepted.
    :param success_count: messages accepted; ``None`` if the API gave no count; -1 if its value is no number, or if
        the value of the session is no text: something was accepted, and it is not known how much.
    :param failures: the targets that it names as failed.
    :param request_id: the vendor's id of the request, or ``""``.
    :param message: the vendor's own words, unmasked.
    """

    ret_code: int
    session_nos: tuple[str, ...] = ()
    success_count: int | None = None
    failures: tuple[FailedTarget, ...] = ()
    request_id: str = ""
    message: str = field(default="", repr=False)


class _ErrorFacts(TypedDict):
    ret_code: int | None
    vendor_request_id: str
    http_status: int | None


def read_send_answer(http: HttpResponse, now: datetime) -> SendAnswer:
    """Read the response to a send, or raise the error that it means.

    The decision, first match wins:

    * there is a ``SessionNo``: an answer;
    * ``SuccessCount`` is 0 or missing, and the code refuses the call for good: :class:`~.Refused`; where it refuses
      because of phones, only if no failure is listed;
    * ``SuccessCount`` is 0 or missing, and the code says *later* or *sign again*: :class:`~.NotSent`;
    * HTTP 429 without a listed code, failures or a success, and not with broken JSON, which may have held them:
      :class:`~.NotSent`;
    * no JSON object, or no readable ``RetCode``: :class:`~.OutcomeUnknown`;
    * failures are listed, or the code is not 0 and there is a ``SuccessCount``: an answer;
    * anything else (nothing listed and a code of unknown outcome, or 0 without a session): :class:`~.OutcomeUnknown`.

    :param now: aware; what a ``Retry-After`` date is compared with.
    :raises Refused: no message was sent; fix the cause first.
    :raises NotSent: no message was sent; the same request may be sent again.
    :raises OutcomeUnknown: it may have arrived.
    """
    body = json_object(http)
    answer = _answer_from(body or {}, http)
    broken = begins_as_json(http.body) and (body is None or not is_text(http))
    problem = None if answer.session_nos else _problem(answer, http, now, broken=broken)
    if problem is not None:
        raise problem
    return answer


def _answer_from(body: Mapping[str, object], http: HttpResponse) -> SendAnswer:
    code = whole_number(body.get(field_names.RET_CODE))
    message = text(body.get(field_names.MESSAGE))
    session = body.get(field_names.SESSION_NO)
    failures = chain(
        _tree_failures(body.get(field_names.FAIL_CONTENT), message),
        _flat_failures(body.get(field_names.FAILED_TARGET_PHONES), message),
    )
    return SendAnswer(
        ret_code=UNREADABLE if code is None or abs(code) > MAX_CODE else code,
        session_nos=tuple(dict.fromkeys(_session_nos(session))),
        success_count=UNREADABLE if _is_unreadable(session) else _success_count(body.get(field_names.SUCCESS_COUNT)),
        failures=tuple(_at_most_max(failures)),
        request_id=vendor_request_id(http, body),
        message=message,
    )


def _problem(answer: SendAnswer, http: HttpResponse, now: datetime, *, broken: bool) -> CallError | None:
    code = explain(answer.ret_code)
    none_accepted = answer.success_count in (None, 0)
    if none_accepted and (code.kind is CodeKind.REFUSED or _refused_without_list(code, answer)):
        return Refused(
            _message("USpeedo refused the request; no message was sent", answer, code), **_error_facts(answer, http)
        )
    if none_accepted and code.kind in (CodeKind.RETRY_LATER, CodeKind.SIGN_AGAIN):
        return _not_sent(answer, http, now, code)
    plain = none_accepted and not (code.listed or answer.failures or broken)
    if plain and http.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _not_sent(answer, http, now, code)
    if answer.ret_code == UNREADABLE:
        return OutcomeUnknown(
            f"The answer (HTTP {http.status}) cannot be read as one of USpeedo's; the request may have been accepted."
            f"{_with_id(answer)}",
            **_error_facts(answer, http),
        )
    if answer.failures or (answer.ret_code != 0 and not none_accepted):
        return None
    return OutcomeUnknown(
        _message("USpeedo's answer leaves open whether the request was accepted", answer, code),
        **_error_facts(answer, http),
    )


def _refused_without_list(code: ReturnCode, answer: SendAnswer) -> bool:
    return code.kind is CodeKind.REFUSED_PHONES and not answer.failures


def _not_sent(answer: SendAnswer, http: HttpResponse, now: datetime, code: ReturnCode) -> NotSent:
    return NotSent(
        _message(f"USpeedo did not take the request (HTTP {http.status}); no message was sent", answer, code),
        retry_after=retry_after(http, now),
        sign_again=code.kind is CodeKind.SIGN_AGAIN,
        **_error_facts(answer, http),
    )


def _message(what: str, answer: SendAnswer, code: ReturnCode) -> str:
    named = "" if answer.ret_code == UNREADABLE else f" RetCode {answer.ret_code}: {code.meaning}."
    quote = masked_quote(answer.message, _MAX_QUOTE)
    vendor_words = f' The vendor\'s words: "{quote}".' if quote else ""
    advice = f" {code.advice}" if code.advice and named else ""
    return f"{what}.{named}{vendor_words}{advice}{_with_id(answer)}"


def _with_id(answer: SendAnswer) -> str:
    return f" (Request id {answer.request_id}.)" if answer.request_id else ""


def _error_facts(answer: SendAnswer, http: HttpResponse) -> _ErrorFacts:
    code = None if answer.ret_code == UNREADABLE else answer.ret_code
    return {"ret_code": code, "vendor_request_id": answer.request_id, "http_status": http.status}


def _session_nos(value: object) -> Iterator[str]:
    return (text(leaf) for leaf in leaves(value) if leaf is not False and text(leaf))


def _is_unreadable(session: object) -> bool:
    """Return whether any value in the place of the session is neither a text nor a positive number.

    Any value there is a sign that something was accepted; only texts and numbers prove it.
    """
    remaining = [session]
    while remaining:
        found = remaining.pop()
        if isinstance(found, list):
            remaining.extend(found)
        elif not (found is None or found is False or found == {} or _names_a_session(found)):
            return True
    return False


def _names_a_session(found: object) -> bool:
    if isinstance(found, str):
        return bool(text(found)) or not found.strip()
    return isinstance(found, int) and not isinstance(found, bool) and found > 0


def _success_count(value: object) -> int | None:
    if value is None or value == "":
        return None
    count = whole_number(value)
    return UNREADABLE if count is None or count < 0 else count


def _at_most_max(failures: Iterator[FailedTarget]) -> Iterable[FailedTarget]:
    """Cut a list that no request can have caused; what is cut off becomes one failure without a known target."""
    yield from islice(failures, MAX_FAILURES)
    if next(failures, None) is not None:
        yield FailedTarget("", "", "the API named more failures than can be read")


def _tree_failures(value: object, message: str) -> Iterator[FailedTarget]:
    for group in listed(value):
        if not isinstance(group, Mapping):
            yield FailedTarget("", "", text(group) or message)
            continue
        reason = text(group.get(field_names.FAILURE_DETAILS))
        if field_names.PHONE in group:
            yield _failure(group, message)
        targets = listed(group.get(field_names.TARGET))
        for target in targets:
            yield _failure(target, reason or message)
        # An empty list of targets fails none; a group with a reason, or without that field, fails an unknown target.
        if (reason or field_names.TARGET not in group) and not targets and field_names.PHONE not in group:
            yield FailedTarget("", "", reason or message)


def _flat_failures(value: object, message: str) -> Iterator[FailedTarget]:
    return (_failure(target, message) for target in listed(value))


def _failure(target: object, default_reason: str) -> FailedTarget:
    if not isinstance(target, Mapping):
        return FailedTarget(text(target), "", default_reason)  # maybe a bare phone
    reason = text(target.get(field_names.FAILURE_DETAILS)) or text(target.get(field_names.FAILURE_REASON))
    phone = target.get(field_names.PHONE)
    phone = whole_number(phone) if isinstance(phone, float) else phone
    return FailedTarget(text(phone), text(target.get(field_names.USER_ID)), reason or default_reason)
