# SPDX-License-Identifier: Apache-2.0
"""From the answer to a request to what became of each of its targets; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_uspeedo.api.response.matching import Directory
from airflow_provider_uspeedo.api.response.send_answer import UNREADABLE, Failure, SendAnswer
from airflow_provider_uspeedo.core.content import Named
from airflow_provider_uspeedo.core.statuses import Status

NO_REASON = "the API gave no reason"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one target.

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
    """Make the outcome of a target that the answer leaves open."""
    return Outcome(Status.UNKNOWN, reason)


def outcomes(answer: SendAnswer, targets: Sequence[Named]) -> list[Outcome]:
    """Say what became of each target, in their order.

    A target that is listed as failed is rejected. The others are accepted only if the answer says so without
    contradiction: there is a session, every listed failure is one of the targets, and the accepted and the failed add
    up to the targets (or, where no count is given, the return code is 0). Otherwise they cannot be told apart.

    :param targets: those of the request that was answered.
    """
    failed, strangers = _failed(answer.failures, targets)
    doubt = _doubt(answer, sent=len(targets), failed=len(failed), strangers=strangers)
    rest = unknown(doubt) if doubt else ACCEPTED
    found = [rest] * len(targets)
    for position, outcome in failed.items():
        found[position] = outcome
    return found


def _failed(failures: Sequence[Failure], targets: Sequence[Named]) -> tuple[dict[int, Outcome], int]:
    if not failures:
        return {}, 0
    directory = Directory(targets)
    failed: dict[int, Outcome] = {}
    strangers = 0
    for failure in failures:
        position = directory.find(failure.phone, failure.user_id)
        if position is None:
            strangers += 1
        else:
            failed.setdefault(position, rejected(failure.reason))
    return failed, strangers


def _doubt(answer: SendAnswer, *, sent: int, failed: int, strangers: int) -> str:
    count = answer.success_count
    if count == UNREADABLE:
        return "the API's count of accepted messages cannot be read"
    if strangers:
        return f"the API named {strangers} failed phones that are not in the request"
    if count is None:
        clear = answer.ret_code == 0
        text = f"the API named {failed} of {sent} as failed and did not say how many it accepted"
    else:
        clear = count + failed == sent
        text = f"the API accepted {count} of {sent} and named {failed} as failed"
    if not clear:
        return text
    return "" if answer.session_nos else "the API gave no SessionNo"
