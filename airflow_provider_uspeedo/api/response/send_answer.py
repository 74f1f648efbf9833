# SPDX-License-Identifier: Apache-2.0
"""The answer to a send: read whatever it looks like, and believed only as far as it goes; pure.

The vendor's page contradicts itself, so a reader has to hold under each of its readings: session, count and failures
are read whatever the return code and the HTTP status say, in the shape of either generation, and ``Message`` is never
a sign of success.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from itertools import chain, islice
from typing import TypedDict

from airflow_provider_uspeedo.api import field_names
from airflow_provider_uspeedo.api.http.messages import HttpAnswer
from airflow_provider_uspeedo.api.response.codes import ReturnCode, Verdict, explain
from airflow_provider_uspeedo.api.response.json_values import (
    begins_as_json,
    json_object,
    leaves,
    listed,
    request_id,
    retry_after,
    text,
    whole_number,
)
from airflow_provider_uspeedo.core.masking import mask_digits, mask_phone
from airflow_provider_uspeedo.errors import CallError, NotSent, OutcomeUnknown, Refused

UNREADABLE = -1
"""Stands for a return code that is missing, or a success count that is there but is no number."""

LARGEST_CODE = 2**31 - 1
"""A larger "return code" is something else, maybe somebody's phone: it is not repeated in a message."""
MOST_FAILURES = 10_000
"""Failures that are looked at: ten times as many as one request has targets."""

_LONGEST_QUOTE = 200


@dataclass(frozen=True, slots=True)
class Failure:
    """One target that the API names as failed.

    :param phone: as the API writes it, which may differ from how it was sent; or ``""``.
    :param user_id: the mark that was sent with it; or ``""``.
    :param reason: the vendor's own words, unmasked: for the ledger only.
    """

    phone: str
    user_id: str
    reason: str

    def __repr__(self) -> str:
        return f"Failure(phone={mask_phone(self.phone)!r}, reason={mask_digits(self.reason)!r})"


@dataclass(frozen=True, slots=True)
class SendAnswer:
    """What the API said of one request.

    :param ret_code: the API's ``RetCode``; -1 if it gave none that can be read.
    :param session_nos: what receipts are asked with; empty if nothing was accepted.
    :param success_count: messages accepted; ``None`` if the API did not say; -1 if what it said is no number, or if
        what stands for the session is no text: something was accepted, and nobody knows how much.
    :param failures: the targets that it names as failed.
    :param request_id: the vendor's id of the call, or ``""``.
    :param message: the vendor's own words, unmasked.
    """

    ret_code: int
    session_nos: tuple[str, ...] = ()
    success_count: int | None = None
    failures: tuple[Failure, ...] = ()
    request_id: str = ""
    message: str = field(default="", repr=False)


class _Facts(TypedDict):
    ret_code: int | None
    request_id: str
    http_status: int | None


def read_send_answer(http: HttpAnswer, now: datetime) -> SendAnswer:
    """Read the answer to a send, or say what its absence means.

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
    :raises Refused: nobody was texted; mend the cause first.
    :raises NotSent: nobody was texted; the same request may be sent again.
    :raises OutcomeUnknown: it may have arrived.
    """
    body = json_object(http.body)
    answer = _answer_from(body or {}, http)
    broken = body is None and begins_as_json(http.body)
    problem = None if answer.session_nos else _problem(answer, http, now, broken=broken)
    if problem is not None:
        raise problem
    return answer


def _answer_from(body: Mapping[str, object], http: HttpAnswer) -> SendAnswer:
    code = whole_number(body.get(field_names.RET_CODE))
    message = text(body.get(field_names.MESSAGE))
    session = body.get(field_names.SESSION_NO)
    failures = chain(
        _tree_failures(body.get(field_names.FAIL_CONTENT), message),
        _flat_failures(body.get(field_names.FAILED_TARGET_PHONES), message),
    )
    return SendAnswer(
        ret_code=UNREADABLE if code is None or abs(code) > LARGEST_CODE else code,
        session_nos=tuple(dict.fromkeys(_session_nos(session))),
        success_count=UNREADABLE if _is_odd(session) else _success_count(body.get(field_names.SUCCESS_COUNT)),
        failures=tuple(_not_too_many(failures)),
        request_id=request_id(http, body),
        message=message,
    )


def _problem(answer: SendAnswer, http: HttpAnswer, now: datetime, *, broken: bool) -> CallError | None:
    code = explain(answer.ret_code)
    untouched = answer.success_count in (None, 0)
    if untouched and (code.verdict is Verdict.REFUSED or _refused_unnamed(code, answer)):
        return Refused(_said("USpeedo refused the request; nobody was texted", answer, code), **_facts(answer, http))
    if untouched and code.verdict in (Verdict.RETRY_LATER, Verdict.SIGN_AGAIN):
        return _not_sent(answer, http, now, code)
    silent = untouched and not (code.listed or answer.failures or broken)
    if silent and http.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _not_sent(answer, http, now, code)
    if answer.ret_code == UNREADABLE:
        return OutcomeUnknown(
            f"The answer (HTTP {http.status}) cannot be read as one of USpeedo; the request may have been accepted."
            f"{_with_id(answer)}",
            **_facts(answer, http),
        )
    if answer.failures or (answer.ret_code != 0 and not untouched):
        return None
    return OutcomeUnknown(
        _said("USpeedo's answer leaves open whether the request was accepted", answer, code), **_facts(answer, http)
    )


def _refused_unnamed(code: ReturnCode, answer: SendAnswer) -> bool:
    return code.verdict is Verdict.REFUSED_PHONES and not answer.failures


def _not_sent(answer: SendAnswer, http: HttpAnswer, now: datetime, code: ReturnCode) -> NotSent:
    return NotSent(
        _said(f"USpeedo did not take the request (HTTP {http.status}); nobody was texted", answer, code),
        retry_after=retry_after(http, now),
        sign_again=code.verdict is Verdict.SIGN_AGAIN,
        **_facts(answer, http),
    )


def _said(what: str, answer: SendAnswer, code: ReturnCode) -> str:
    named = "" if answer.ret_code == UNREADABLE else f" RetCode {answer.ret_code}: {code.meaning}."
    words = mask_digits(answer.message)[:_LONGEST_QUOTE]
    quote = f' The vendor\'s words: "{words}".' if words else ""
    advice = f" {code.advice}" if code.advice and named else ""
    return f"{what}.{named}{quote}{advice}{_with_id(answer)}"


def _with_id(answer: SendAnswer) -> str:
    return f" (Request id {answer.request_id}.)" if answer.request_id else ""


def _facts(answer: SendAnswer, http: HttpAnswer) -> _Facts:
    code = None if answer.ret_code == UNREADABLE else answer.ret_code
    return {"ret_code": code, "request_id": answer.request_id, "http_status": http.status}


def _session_nos(value: object) -> Iterator[str]:
    return (text(leaf) for leaf in leaves(value) if leaf is not False and text(leaf))


def _is_odd(session: object) -> bool:
    """Tell whether anything stands for the session that is no text, nor a number of one.

    Whatever stands there is a sign that something was accepted; only these are a proof of it.
    """
    waiting = [session]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting.extend(found)
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


def _not_too_many(failures: Iterator[Failure]) -> Iterable[Failure]:
    """Cut a list that no request can have caused; what is cut off stands there as a failure of nobody known."""
    yield from islice(failures, MOST_FAILURES)
    if next(failures, None) is not None:
        yield Failure("", "", "the API named more failures than can be read")


def _tree_failures(value: object, message: str) -> Iterator[Failure]:
    for group in listed(value):
        if not isinstance(group, Mapping):
            yield Failure("", "", text(group) or message)
            continue
        reason = text(group.get(field_names.FAILURE_DETAILS))
        if field_names.PHONE in group:
            yield _failure(group, message)
        targets = listed(group.get(field_names.TARGET))
        for target in targets:
            yield _failure(target, reason or message)
        # A group without targets is of nobody; one that lacks the very word, or has a reason, of somebody unknown.
        if (reason or field_names.TARGET not in group) and not targets and field_names.PHONE not in group:
            yield Failure("", "", reason or message)


def _flat_failures(value: object, message: str) -> Iterator[Failure]:
    return (_failure(target, message) for target in listed(value))


def _failure(target: object, otherwise: str) -> Failure:
    if not isinstance(target, Mapping):
        return Failure(text(target), "", otherwise)  # maybe a bare phone
    reason = text(target.get(field_names.FAILURE_DETAILS)) or text(target.get(field_names.FAILURE_REASON))
    phone = target.get(field_names.PHONE)
    phone = whole_number(phone) if isinstance(phone, float) else phone
    return Failure(text(phone), text(target.get(field_names.USER_ID)), reason or otherwise)
