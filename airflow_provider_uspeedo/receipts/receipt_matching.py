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
from airflow_provider_uspeedo.api.response.receipt_answers import ReceiptColumns
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.results.receipt_queries import Member
from airflow_provider_uspeedo.ledger.store.staged_receipts import MessageReceipts

PROOFS = {"Success": str(Status.ACCEPTED), "Fail": str(Status.ACCEPTED), "SubmitFail": str(Status.REJECTED)}
"""What a final receipt proves: the carrier had a message that it delivered or failed to deliver."""


@dataclass(frozen=True, slots=True)
class SessionMatch:
    """The receipts of one session, matched.

    :param receipts: of our messages; several of one message as they came.
    :param foreign: receipts of phones that the session does not have.
    :param ambiguous: receipts that may be of several recipients.
    """

    receipts: MessageReceipts
    foreign: int = 0
    ambiguous: int = 0


class SessionMembers:
    """The recipients that one session carried, by all requests with its SessionNo."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = [member for member in members if member.phone or member.user_id]  # without forgotten ones
        self._by_phone: dict[str, Member | None] = {member.phone: member for member in self._members}
        if len(self._by_phone) < len(self._members):
            times = Counter(member.phone for member in self._members)
            self._by_phone.update(dict.fromkeys((phone for phone, number in times.items() if number > 1)))

    def match(self, receipts: ReceiptColumns) -> SessionMatch:
        """Matches receipts."""
        found = _Matched()
        others: list[int] = []
        for place, (phone, user_id) in enumerate(zip(receipts.phone, receipts.user_id, strict=True)):
            member = self._by_phone.get(phone)
            if member is not None and user_id in ("", member.user_id):
                found.places.append(place)
                found.members.append(member)
            else:
                others.append(place)
        found.certain += [True] * len(found.places)
        foreign, ambiguous = self._match_leniently(receipts, others, found) if others else (0, 0)
        return SessionMatch(found.receipts(receipts), foreign, ambiguous)

    def _match_leniently(self, receipts: ReceiptColumns, places: Sequence[int], found: _Matched) -> tuple[int, int]:
        """Those that do not repeat a phone as we wrote it, or name another user id, or a phone that is there twice.

        :returns: how many are foreign, and how many ambiguous.
        """
        named = [(receipts.phone[place], receipts.user_id[place]) for place in places]
        foreign = ambiguous = 0
        for place, (_, user_id), match in zip(places, named, self._index.find_all(named), strict=True):
            exact = self._exact(user_id, match)
            position = match.position if exact is None else exact
            if position is not None:
                found.places.append(place)
                found.members.append(self._members[position])
                found.certain.append(exact is not None or match.by_phone == {position})
            elif match.by_mark or match.by_phone:
                ambiguous += 1
            else:
                foreign += 1
        return foreign, ambiguous

    def _exact(self, user_id: str, match: Match) -> int | None:
        """The one recipient with this very user id, unless the phone names another one."""
        if not user_id or self._user_ids[user_id] != 1:
            return None
        [position] = [one for one in match.by_mark if self._members[one].user_id == user_id]
        return position if position in match.by_phone or not match.by_phone else None

    @cached_property
    def _index(self) -> TargetIndex:
        return TargetIndex(self._members)

    @cached_property
    def _user_ids(self) -> Counter[str]:
        return Counter(member.user_id for member in self._members)


@dataclass(slots=True)
class _Matched:
    """Which receipts are of whom.

    :param places: in the columns of receipts.
    :param members: the recipient of each.
    :param certain: whether each match is certain.
    """

    places: list[int] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    certain: list[bool] = field(default_factory=list)

    def receipts(self, read: ReceiptColumns) -> MessageReceipts:
        """Them, with what each proves, and times as the ledger keeps them."""
        naive = {at: at and at.replace(tzinfo=None) for at in set(read.at)}
        results = [read.result[place] for place in self.places]
        return MessageReceipts(
            request_id=[member.request_id for member in self.members],
            key=[member.key for member in self.members],
            result=results,
            code=[read.code[place] for place in self.places],
            description=[read.desc[place] for place in self.places],
            at=[naive[read.at[place]] for place in self.places],
            cost_count=[read.cost_count[place] for place in self.places],
            proof=[
                PROOFS.get(result, "") if certain else "" for result, certain in zip(results, self.certain, strict=True)
            ],
        )
