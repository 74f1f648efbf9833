# SPDX-License-Identifier: Apache-2.0
"""Finds the recipient that a receipt is about, and says whether it is certain enough to settle an unknown outcome.

Certain is an exact user id that one recipient of the session has, or a phone that one recipient of the session has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from airflow_provider_uspeedo.api.response.matching import Match, TargetIndex
from airflow_provider_uspeedo.api.response.receipt_answers import Receipt
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.results.receipt_queries import Member
from airflow_provider_uspeedo.ledger.store.staged_receipts import MessageReceipt

PROOFS = {"Success": str(Status.ACCEPTED), "Fail": str(Status.ACCEPTED), "SubmitFail": str(Status.REJECTED)}
"""What a final receipt proves: the carrier had a message that it delivered or failed to deliver."""
SEVERAL = -1


@dataclass(slots=True)
class SessionMatch:
    """The receipts of one session, matched.

    :param receipts: of our messages.
    :param foreign: receipts of phones that the session does not have.
    :param ambiguous: receipts that may be of several recipients.
    """

    receipts: list[MessageReceipt] = field(default_factory=list)
    foreign: int = 0
    ambiguous: int = 0


class SessionMembers:
    """The recipients that one session carried, by all requests with its SessionNo."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = [member for member in members if member.phone or member.user_id]  # without forgotten ones
        self._by_phone: dict[str, int] = {}
        for position, member in enumerate(self._members):
            self._by_phone[member.phone] = SEVERAL if member.phone in self._by_phone else position

    def match(self, receipts: Sequence[Receipt]) -> SessionMatch:
        """Matches receipts, in their order."""
        found = SessionMatch()
        others: list[Receipt] = []
        for receipt in receipts:
            position = self._by_phone.get(receipt.phone, SEVERAL)
            if position != SEVERAL and receipt.user_id in ("", self._members[position].user_id):
                found.receipts.append(_of_message(receipt, self._members[position], certain=True))
            else:
                others.append(receipt)
        if others:
            self._match_leniently(others, found)
        return found

    def _match_leniently(self, receipts: Sequence[Receipt], found: SessionMatch) -> None:
        """Those that do not repeat a phone as we wrote it, or name another user id, or a phone that is there twice."""
        matches = self._index.find_all([(receipt.phone, receipt.user_id) for receipt in receipts])
        for receipt, match in zip(receipts, matches, strict=True):
            exact = self._exact(receipt, match)
            position = match.position if exact is None else exact
            if position is not None:
                certain = exact is not None or match.by_phone == {position}
                found.receipts.append(_of_message(receipt, self._members[position], certain=certain))
            elif match.by_mark or match.by_phone:
                found.ambiguous += 1
            else:
                found.foreign += 1

    def _exact(self, receipt: Receipt, match: Match) -> int | None:
        """The one recipient with this very user id, unless the phone names another one."""
        if not receipt.user_id or self._user_ids[receipt.user_id] != 1:
            return None
        [position] = [one for one in match.by_mark if self._members[one].user_id == receipt.user_id]
        return position if position in match.by_phone or not match.by_phone else None

    @cached_property
    def _index(self) -> TargetIndex:
        return TargetIndex(self._members)

    @cached_property
    def _user_ids(self) -> Counter[str]:
        return Counter(member.user_id for member in self._members)


def _of_message(receipt: Receipt, member: Member, *, certain: bool) -> MessageReceipt:
    at = receipt.at
    return MessageReceipt(
        member.request_id,
        member.key,
        receipt.result,
        receipt.code,
        receipt.desc,
        None if at is None else at.replace(tzinfo=None),
        receipt.cost_count,
        PROOFS.get(receipt.result, "") if certain else "",
    )


def newest_of_each(receipts: Sequence[MessageReceipt]) -> list[MessageReceipt]:
    """One receipt of each message: the one that counts, with all that any of them proves."""
    found: dict[tuple[bytes, bytes], MessageReceipt] = {}
    for receipt in receipts:
        message = receipt.request_id, receipt.key
        other = found.get(message)
        if other is None:
            found[message] = receipt
            continue
        proof = min(filter(None, (receipt.proof, other.proof)), default="")  # accepted before rejected
        found[message] = max(receipt, other, key=lambda one: one.age_order)._replace(proof=proof)
    return list(found.values())
