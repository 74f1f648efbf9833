# SPDX-License-Identifier: Apache-2.0
"""The bodies of answers, in the shapes of both generations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from .accept import RejectedMessage, SendResult
from .call import NAMES, Action, Call
from .refusals import PARTIAL_FAILURE, Refusal

AnswerBody = dict[str, object]
_NO_DIGIT = re.compile(r"\D")


def head(call: Call, action: Action | None, code: int = 0, message: str = "") -> AnswerBody:
    """Return the fields that every answer has; generation A names the action too."""
    named = {"Action": f"{NAMES[action]}Response"} if action and call.generation == "A" else {}
    return {"RetCode": code, **named, "Message": message, "ReqUuid": call.request_id}


def refusal(call: Call, action: Action | None, refused: Refusal) -> AnswerBody:
    """Return the answer to a call that was refused as a whole."""
    return head(call, action, refused.code, refused.message)


def sent(call: Call, result: SendResult, *, code: int | None = None, flat: bool | None = None) -> AnswerBody:
    """Return the answer to a send request.

    :param code: its RetCode; by default 0, or 18046 when all messages failed.
    :param flat: failures as ``FailedTargetPhones`` (the default in B) instead of the tree ``FailContent`` (in A).
    """
    if code is None:
        code = 0 if result.accepted or not result.failures else PARTIAL_FAILURE
    answer = {**head(call, "send", code), "SuccessCount": result.accepted}
    if result.session_nos:
        answer["SessionNo"] = result.session_nos[0] if call.generation == "A" else list(result.session_nos)
    listed = [failure for failure in result.failures if failure.treatment.place != "nowhere"]
    if call.generation == "B" if flat is None else flat:
        return {**answer, "FailedTargetPhones": [_flat(failure) for failure in listed]}
    return {**answer, "FailContent": list(_tree(result, listed))}


def _flat(failure: RejectedMessage) -> AnswerBody:
    target = failure.target
    return {
        "Phone": _phone(failure),
        "TemplateParams": list(target.params),
        "FailureReason": failure.treatment.reason,
    }


def _tree(result: SendResult, listed: Sequence[RejectedMessage]) -> Iterable[AnswerBody]:
    def branch(failure: RejectedMessage) -> tuple[int, str]:
        return failure.group, failure.treatment.reason if failure.treatment.place == "group" else ""

    for (number, reason), failures in groupby(sorted(listed, key=branch), key=branch):
        group = result.groups[number]
        yield {
            "TemplateId": group.template.template_id,
            "SenderId": group.sender_id,
            "Target": [_leaf(failure) for failure in failures],
            "FailureDetails": reason,
        }


def _leaf(failure: RejectedMessage) -> AnswerBody:
    target = failure.target
    return {
        "Phone": _phone(failure),
        "TemplateParams": list(target.params),
        "ExtendCode": target.extend_code,
        "UserId": target.user_id,
        "FailureDetails": "" if failure.treatment.place == "group" else failure.treatment.reason,
        "Invalid": failure.treatment.reason.startswith("phone number format"),
    }


def _phone(failure: RejectedMessage) -> str:
    phone = failure.target.phone
    return _NO_DIGIT.sub("", phone) if failure.treatment.place == "digits" else phone
