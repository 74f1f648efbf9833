# SPDX-License-Identifier: Apache-2.0
"""Handles an action that was read, and makes the regular answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import answers
from .accept import accept, blacklisted
from .answers import AnswerBody
from .call import Action, Call
from .faults import Fault
from .magic_numbers import ReasonPlace, Treatment
from .receipt_store import read_session_nos
from .refusals import NOT_FOUND, Refusal, missing, wrong
from .request_fields import Asked
from .state import State
from .submission import read_groups


@dataclass(frozen=True, slots=True)
class Result:
    """The regular answer to a call, and how many messages it accepted and rejected."""

    answer: AnswerBody
    accepted: int = 0
    rejected: int = 0


def handle(state: State, call: Call, action: Action, asked: Asked, fault: Fault | None) -> Result:
    """Do what a call asks for; a refusal is an answer too.

    :param fault: only its effect on what is accepted matters here.
    """
    try:
        return _ACTIONS[action](state, call, asked, fault)
    except Refusal as refused:
        return Result(answers.refusal(call, action, refused))


def _send(state: State, call: Call, asked: Asked, fault: Fault | None) -> Result:
    groups = read_groups(asked, state.templates, sender_required=call.generation == "B")
    result = accept(state, call, groups, _forced(fault))
    code = flat = None
    if fault is not None and fault.kind == "partial":
        code, flat = fault.params["code"], fault.params["shape"] == "flat"
    answer = answers.sent(call, result, code=code, flat=flat)
    return Result(answer, result.accepted, len(result.failures))


def _forced(fault: Fault | None) -> list[Treatment]:
    if fault is None or fault.kind not in {"partial", "unlisted"}:
        return []
    place: ReasonPlace = "nowhere" if fault.kind == "unlisted" else "phone"
    if fault.params.get("shape") == "group":
        place = "group"
    return blacklisted(fault.params["count"], place)


def _receipts(state: State, call: Call, asked: Asked, _: Fault | None) -> Result:
    where = "SessionNoSet" if call.generation == "A" else "id"
    session_nos = read_session_nos(asked.get(where), where)
    found = state.receipts.answer(session_nos, call.time, time_as_text=call.generation == "B")
    return Result({**answers.head(call, "receipts"), "Data": found})


def _templates(state: State, call: Call, asked: Asked, _: Fault | None) -> Result:
    where = "TemplateId" if call.generation == "A" else "id"
    ids = asked.get(where)
    if not ids:
        raise missing(where)
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise wrong(where, "must be an array of strings")
    found = [template.as_answer() for each in dict.fromkeys(ids) if (template := state.templates.find(each))]
    if not found:
        raise Refusal(NOT_FOUND, f"Params [{where}] template not found")
    # The document shows an object, four SDKs a list: A answers with the one, B with the other where it can.
    single = call.generation == "B" and len(ids) == 1
    return Result({**answers.head(call, "templates"), "Data": found[0] if single else found})


_ACTIONS: dict[Action, Callable[[State, Call, Asked, Fault | None], Result]] = {
    "send": _send,
    "receipts": _receipts,
    "templates": _templates,
}
