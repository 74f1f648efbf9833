# SPDX-License-Identifier: Apache-2.0
"""Deciding on every message of a send request, and recording those that are accepted."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from .call import Call
from .charged_segments import segments
from .inbox import Message
from .journal import Entry
from .magic_numbers import BLACK_LIST, ReasonPlace, Treatment, treatment_of
from .receipt_store import Sent, Session
from .state import State
from .submission import Group, SubmittedTarget
from .template_store import TEXT_LENGTH

_PHONE = re.compile(r"\(\d{1,4}\)\d{4,15}|\d{4,20}", re.ASCII)
_BARE = str.maketrans("", "", "()")
_WRONG_PHONE = Treatment(reason="phone number format is wrong")
_LONG_TEXT = Treatment(reason=f"text is longer than {TEXT_LENGTH} characters")


class RejectedMessage(NamedTuple):
    """One message that was rejected."""

    group: int
    target: SubmittedTarget
    treatment: Treatment


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of a send request.

    :param session_nos: none if nothing was accepted; one in generation A, one per accepted group in B.
    :param accepted: number of messages accepted.
    """

    groups: Sequence[Group]
    session_nos: Sequence[str]
    accepted: int
    failures: Sequence[RejectedMessage]


class _Decision(NamedTuple):
    group: int
    target: SubmittedTarget
    text: str
    treatment: Treatment


def accept(state: State, call: Call, groups: Sequence[Group], forced: Sequence[Treatment] = ()) -> SendResult:
    """Decide on every message, and journal the accepted ones before returning.

    :param forced: the treatments of the first messages; those of their numbers do not count.
    """
    decisions = list(_decide(groups, forced))
    good = [decision for decision in decisions if not decision.treatment.reason]
    session_nos: list[str] = []
    for _, same in groupby(good, key=lambda decision: decision.group if call.generation == "B" else 0):
        session_nos.append(_record(state, call, groups, list(same)))
    failures = [
        RejectedMessage(group, target, treatment) for group, target, _, treatment in decisions if treatment.reason
    ]
    return SendResult(groups, session_nos, len(good), failures)


def _decide(groups: Sequence[Group], forced: Sequence[Treatment]) -> Iterator[_Decision]:
    treatments = iter(forced)
    for number, group in enumerate(groups):
        for target in group.targets:
            text = group.template.fill(target.params)
            yield _Decision(number, target, text, next(treatments, None) or _treatment(target, text))


def _treatment(target: SubmittedTarget, text: str) -> Treatment:
    if _PHONE.fullmatch(target.phone) is None:
        return _WRONG_PHONE
    if len(text) > TEXT_LENGTH:
        return _LONG_TEXT
    return treatment_of(target.phone)


def _record(state: State, call: Call, groups: Sequence[Group], decisions: Sequence[_Decision]) -> str:
    """Journal the messages of one session first, then make them visible; return its SessionNo."""
    session_no = uuid.uuid4().hex
    state.journal.append([_entry(call, session_no, groups[each.group], each.target) for each in decisions])
    sent = [
        Sent(each.target.phone, each.target.user_id, segments(each.text), each.treatment.receipt) for each in decisions
    ]
    state.receipts.add(session_no, Session(call.time, sent))
    state.inbox.counters.segments += sum(each.segments for each in sent)
    if state.settings.inbox:
        state.inbox.keep(
            _message(call, session_no, groups[each.group], each, one) for each, one in zip(decisions, sent, strict=True)
        )
    return session_no


def _entry(call: Call, session_no: str, group: Group, target: SubmittedTarget) -> Entry:
    return Entry(
        time=call.time,
        request_id=call.request_id,
        session_no=session_no,
        generation=call.generation,
        phone=target.phone,
        number=target.phone.translate(_BARE),
        user_id=target.user_id,
        extend_code=target.extend_code,
        template_id=group.template.template_id,
        sender_id=group.sender_id,
        params=target.params,
    )


def _message(call: Call, session_no: str, group: Group, decision: _Decision, sent: Sent) -> Message:
    return Message(
        time=call.time,
        phone=sent.phone,
        text=decision.text,
        template_id=group.template.template_id,
        sender_id=group.sender_id,
        user_id=sent.user_id,
        segments=sent.segments,
        session_no=session_no,
        request_id=call.request_id,
        receipt=sent.receipt,
    )


def blacklisted(count: int, place: ReasonPlace) -> list[Treatment]:
    """Return treatments that reject the first ``count`` messages, with the reason at ``place``."""
    return [Treatment(reason=BLACK_LIST, place=place)] * count
