# SPDX-License-Identifier: Apache-2.0
"""From the answer to a request to the outcome of each of its targets; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_uspeedo.api.response.matching import TargetIndex
from airflow_provider_uspeedo.api.response.send_answer import UNREADABLE, FailedTarget, SendAnswer
from airflow_provider_uspeedo.core.content import Named
from airflow_provider_uspeedo.core.statuses import Status

NO_REASON = "the API gave no reason"
TWO_TARGETS = "the API named a failure by the user id of one recipient and the phone of another"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one target.

    :param status: ``accepted``, ``rejected`` or ``unknown``.
    :param reason: empty if accepted; the vendor's own words, unmasked, if rejected: for the ledger only.
    """

    status: str
    reason: str = field(default="", repr=False)


ACCEPTED = Outcome(Status.ACCEPTED)


def rejected(reason: str) -> Outcome:
    """Make the outcome of a target that the API names as failed."""
    return Outcome(Status.REJECTED, reason or NO_REASON)


def unknown(reason: str) -> Outcome:
    """Make the outcome of a target whose outcome the answer does not prove."""
    return Outcome(Status.UNKNOWN, reason)


def outcomes(answer: SendAnswer, targets: Sequence[Named]) -> list[Outcome]:
    """Give the outcome of each target, in their order.

    A target that is listed as failed is rejected. The others are accepted only if the answer says so without
    contradiction: there is a session, every listed failure is one of the targets, and the accepted and the failed add
    up to the targets (or, where no count is given, the return code is 0). Otherwise it is not known which were. A
    failure whose mark and phone name different targets leaves both of them unknown.

    :param targets: those of the request that was answered.
    """
    named = _named(answer.failures, targets)
    contradiction = _contradiction(answer, sent=len(targets), failed=named.failed, not_found=named.not_found)
    rest = unknown(contradiction) if contradiction else ACCEPTED
    found = [rest] * len(targets)
    for position, outcome in named.rejected.items():
        found[position] = outcome
    for position in named.contradictory:
        found[position] = unknown(TWO_TARGETS)
    return found


@dataclass(slots=True)
class _NamedTargets:
    """What the failures of an answer name.

    :param rejected: by position.
    :param contradictory: the positions of targets of which one failed, and it is not known which.
    :param failed: how many targets failed, as far as that is known.
    :param not_found: failures that name no target, or several.
    """

    rejected: dict[int, Outcome] = field(default_factory=dict)
    contradictory: set[int] = field(default_factory=set)
    failed: int = 0
    not_found: int = 0


def _named(failures: Sequence[FailedTarget], targets: Sequence[Named]) -> _NamedTargets:
    named = _NamedTargets()
    if not failures:
        return named
    contradictions = set()
    matches = TargetIndex(targets).find_all([(failure.phone, failure.user_id) for failure in failures])
    for failure, match in zip(failures, matches, strict=True):
        if match.contradictory:
            contradictions.add(match)
            named.contradictory |= match.contradictory
        elif (position := match.position) is None:
            named.not_found += 1
        else:
            named.rejected.setdefault(position, rejected(failure.reason))
    surely = sum(position not in named.contradictory for position in named.rejected)
    named.failed = surely + min(len(contradictions), len(named.contradictory))
    return named


def _contradiction(answer: SendAnswer, *, sent: int, failed: int, not_found: int) -> str:
    count = answer.success_count
    if count == UNREADABLE:
        return "the API's count of accepted messages cannot be read"
    if not_found:
        return f"the API named {not_found} failed phones that are not in the request"
    if count is None:
        consistent = answer.ret_code == 0
        text = f"the API named {failed} of {sent} as failed and did not say how many it accepted"
    else:
        consistent = count + failed == sent
        text = f"the API accepted {count} of {sent} and named {failed} as failed"
    if not consistent:
        return text
    return "" if answer.session_nos else "the API gave no SessionNo"
