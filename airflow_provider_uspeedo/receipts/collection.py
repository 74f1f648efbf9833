# SPDX-License-Identifier: Apache-2.0
"""One query for the receipts that are not final: asked, matched and recorded session by session, in portions.

Memory holds the requests of the campaign and the recipients of two portions, never all of them: while one is recorded,
the next one is asked for and matched. No transaction is open while the API is asked.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from airflow_provider_uspeedo.api.response.receipt_answers import ReceiptsAnswer
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.ledger.results.receipt_queries import Member, SentRequest, Standing
from airflow_provider_uspeedo.ledger.store.staged_receipts import MessageReceipts
from airflow_provider_uspeedo.prefetch import prefetched
from airflow_provider_uspeedo.receipts.receipt_matching import SessionMembers
from airflow_provider_uspeedo.receipts.totals import Totals

log = logging.getLogger(__name__)

MAX_SESSIONS = 100
"""Sessions of one call, as the API allows."""
MAX_MESSAGES = 20_000
"""Messages whose receipts are in memory at once, unless one session has more."""

AskReceipts = Callable[[Sequence[str]], Iterable[ReceiptsAnswer]]


@dataclass(slots=True)
class Asked:
    """The result of one query.

    :param sessions: asked for.
    :param receipts: read, of our messages.
    :param settled: unknown outcomes that receipts settled.
    :param foreign: receipts of phones that the session does not have in the ledger.
    :param ambiguous: receipts that may be of several recipients.
    :param strangers: receipts of sessions that the ledger does not have.
    :param strange_sessions: those sessions.
    """

    sessions: int = 0
    receipts: int = 0
    settled: int = 0
    foreign: int = 0
    ambiguous: int = 0
    strangers: Counter[str] = field(default_factory=Counter)
    strange_sessions: set[str] = field(default_factory=set)


class Collection:
    """The receipts of the messages of some requests.

    :param requests: each with its sessions.
    :param unknown_sessions: sessions to be asked for that the ledger does not have.
    """

    def __init__(
        self,
        ledger: ReceiptLedger,
        ask: AskReceipts,
        requests: Sequence[SentRequest],
        unknown_sessions: Sequence[str] = (),
    ) -> None:
        self._ledger = ledger
        self._ask = ask
        self._requests = requests
        self._unknown_sessions = unknown_sessions
        self._standings: dict[bytes, list[Standing]] = defaultdict(list)
        self._note(requests)

    @property
    def totals(self) -> Totals:
        """What is known so far."""
        return Totals.of(standing for some in self._standings.values() for standing in some)

    @property
    def requests(self) -> Sequence[SentRequest]:
        """All requests of the collection."""
        return self._requests

    def ask(self) -> Asked:
        """Asks for every session that has a message without a final receipt.

        :raises CallError: the API does not answer; what was recorded before stays.
        """
        asked = Asked()
        portions = list(self._portions())
        matched = prefetched(self._matched(portion, asked) for portion in portions)
        with closing(matched):  # an error must not leave the API being asked
            for portion, receipts in zip(portions, matched, strict=True):
                self._record(portion, receipts, asked)
                self._note(portion)
        self._ask_strangers(asked)
        return asked

    def _matched(self, portion: Sequence[SentRequest], asked: Asked) -> list[MessageReceipts]:
        """The receipts of our messages, as the API has them now."""
        requests_of: dict[str, list[bytes]] = defaultdict(list)
        for request in portion:
            for session_no in request.session_nos:
                requests_of[session_no].append(request.id)
        members: dict[bytes, list[Member]] = defaultdict(list)
        for member in self._ledger.members(portion):
            members[member.request_id].append(member)
        found: list[MessageReceipts] = []
        asked.sessions += len(requests_of)
        for answer in self._ask(list(requests_of)):
            for session in answer.sessions:
                if session.receipts:
                    here = [member for one in requests_of[session.session_no] for member in members[one]]
                    match = SessionMembers(here).match(session.receipts)
                    asked.foreign += match.foreign
                    asked.ambiguous += match.ambiguous
                    asked.receipts += len(match.receipts)
                    found.append(match.receipts)
            self._count_strangers(answer, asked)
        return found

    def _record(self, portion: Sequence[SentRequest], found: Sequence[MessageReceipts], asked: Asked) -> None:
        if not found:
            return
        receipts = MessageReceipts.joined(found)
        campaign_of = {request.id: request.campaign_no for request in portion}
        for campaign_no in sorted(set(campaign_of.values())):
            places = [place for place, one in enumerate(receipts.request_id) if campaign_of[one] == campaign_no]
            asked.settled += self._ledger.record(campaign_no, receipts.take(places))

    def _ask_strangers(self, asked: Asked) -> None:
        for answer in self._ask(self._unknown_sessions) if self._unknown_sessions else ():
            for session in answer.sessions:
                asked.strangers.update(session.receipts.result)
                asked.strange_sessions.add(session.session_no)
            self._count_strangers(answer, asked)

    @staticmethod
    def _count_strangers(answer: ReceiptsAnswer, asked: Asked) -> None:
        for session in answer.others:
            asked.strangers.update(session.receipts.result)
            asked.strange_sessions.add(session.session_no)

    def _note(self, requests: Sequence[SentRequest]) -> None:
        """Reads how far the messages of these requests are."""
        for request in requests:
            self._standings.pop(request.id, None)
        for standing in self._ledger.standings(requests):
            self._standings[standing.request_id].append(standing)

    def _portions(self) -> Iterator[list[SentRequest]]:
        """The requests to be asked for, those that share a session together."""
        pending = {
            request.id
            for request in self._requests
            if any(standing.result is None for standing in self._standings.get(request.id, ()))
        } | self._ledger.reopened(self._requests)
        portion: list[SentRequest] = []
        sessions = messages = 0
        for group in _sharing_sessions(self._requests):
            if not any(request.id in pending for request in group):
                continue
            here = len({name for request in group for name in request.session_nos})
            size = sum(one.messages for request in group for one in self._standings.get(request.id, ()))
            if portion and (sessions + here > MAX_SESSIONS or messages + size > MAX_MESSAGES):
                yield portion
                portion, sessions, messages = [], 0, 0
            portion += group
            sessions += here
            messages += size
        if portion:
            yield portion


def _sharing_sessions(requests: Sequence[SentRequest]) -> list[list[SentRequest]]:
    """Requests in groups, so that two with one session are in the same group; nearly all are alone."""
    group_of: dict[str, list[SentRequest]] = {}
    groups: dict[int, list[SentRequest]] = {}
    for request in requests:
        group = [request]
        for other in {id(one): one for name in request.session_nos if (one := group_of.get(name)) is not None}.values():
            groups.pop(id(other))
            group = other + group
        groups[id(group)] = group
        for member in group:
            group_of.update(dict.fromkeys(member.session_nos, group))
    return list(groups.values())


def report(asked: Asked) -> None:
    """Logs the result of a query; sessions and counts, no phones."""
    log.info(
        "Asked for the receipts of %s: %s of our messages.",
        counted(asked.sessions, "session"),
        counted(asked.receipts, "receipt"),
    )
    if asked.settled:
        log.info("Receipts settled %s.", counted(asked.settled, "unknown outcome"))
    if asked.foreign:
        log.warning(
            "%s: the ledger has no such phone or user id in the session, so they are not recorded. The "
            "account may be used by others, too, or recipients were forgotten.",
            counted(asked.foreign, "receipt"),
        )
    if asked.ambiguous:
        log.warning(
            "%s may be of several recipients of one session, or of two different ones by phone and user id: they are "
            "not recorded.",
            counted(asked.ambiguous, "receipt"),
        )
    if asked.strange_sessions:
        log.warning(
            "The API reports %s that the ledger does not have (%s), with %s: they are not recorded. Look for the task "
            "that sent them.",
            counted(len(asked.strange_sessions), "session"),
            ", ".join(sorted(asked.strange_sessions)[:3]),
            ", ".join(f"{number:,} {result}" for result, number in sorted(asked.strangers.items())) or "no receipt",
        )
