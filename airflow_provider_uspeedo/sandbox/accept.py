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
from .inbox import Message
from .journal import Entry
from .magic_numbers import BLACK_LIST, Fate, Place, fate_of
from .receipt_store import Sent, Session
from .segments import segments
from .state import State
from .submission import Group, Target
from .template_store import TEXT_LENGTH

_PHONE = re.compile(r"\(\d{1,4}\)\d{4,15}|\d{4,20}", re.ASCII)
_BARE = str.maketrans("", "", "()")
_WRONG_PHONE = Fate(reason="phone number format is wrong")
_LONG_TEXT = Fate(reason=f"text is longer than {TEXT_LENGTH} characters")


class Failure(NamedTuple):
    """One message that was rejected."""

    group: int
    target: Target
    fate: Fate


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a send request.

    :param session_nos: none if nothing was accepted; one in generation A, one per accepted group in B.
    :param accepted: number of messages accepted.
    """

    groups: Sequence[Group]
    session_nos: Sequence[str]
    accepted: int
    failures: Sequence[Failure]


class _Decision(NamedTuple):
    group: int
    target: Target
    text: str
    fate: Fate


def accept(state: State, call: Call, groups: Sequence[Group], forced: Sequence[Fate] = ()) -> Outcome:
    """Decide on every message, and journal the accepted ones before returning.

    :param forced: fates for the first messages, whatever their numbers.
    """
    decisions = list(_decide(groups, forced))
    good = [decision for decision in decisions if not decision.fate.reason]
    session_nos: list[str] = []
    for _, same in groupby(good, key=lambda decision: decision.group if call.generation == "B" else 0):
        session_nos.append(_record(state, call, groups, list(same)))
    failures = [Failure(group, target, fate) for group, target, _, fate in decisions if fate.reason]
    return Outcome(groups, session_nos, len(good), failures)


def _decide(groups: Sequence[Group], forced: Sequence[Fate]) -> Iterator[_Decision]:
    fates = iter(forced)
    for number, group in enumerate(groups):
        for target in group.targets:
            text = group.template.fill(target.params)
            yield _Decision(number, target, text, next(fates, None) or _fate(target, text))


def _fate(target: Target, text: str) -> Fate:
    if _PHONE.fullmatch(target.phone) is None:
        return _WRONG_PHONE
    if len(text) > TEXT_LENGTH:
        return _LONG_TEXT
    return fate_of(target.phone)


def _record(state: State, call: Call, groups: Sequence[Group], decisions: Sequence[_Decision]) -> str:
    """Journal the messages of one session first, then make them visible; return its SessionNo."""
    session_no = uuid.uuid4().hex
    state.journal.append([_entry(call, session_no, groups[each.group], each.target) for each in decisions])
    sent = [Sent(each.target.phone, each.target.user_id, segments(each.text), each.fate.receipt) for each in decisions]
    state.receipts.add(session_no, Session(call.time, sent))
    state.inbox.counters.segments += sum(each.segments for each in sent)
    if state.settings.inbox:
        state.inbox.keep(
            _message(call, session_no, groups[each.group], each, one) for each, one in zip(decisions, sent, strict=True)
        )
    return session_no


def _entry(call: Call, session_no: str, group: Group, target: Target) -> Entry:
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


def blacklisted(count: int, place: Place) -> list[Fate]:
    """Return fates that reject the first ``count`` messages and say so at ``place``."""
    return [Fate(reason=BLACK_LIST, place=place)] * count
