# SPDX-License-Identifier: Apache-2.0
"""Histories of several attempts that live, die, come late and read different tables, and what must hold after them."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Request, new_id
from tests.ledger.acting import Try, Vendor, key_of, people, state_of

EVERYBODY = "abcdef"
TABLES = ("abcdef", "fedcba", "abc", "dxe", "aab", "")
FORWARD = {
    "claimed": {"sending", "superseded", None},
    "sending": {"settled", "released", "unknown"},
    "unknown": {"settled", "released"},
    "released": {"superseded"},
    "settled": set[str](),
    "superseded": set[str](),
}
"""One step of a request; ``None`` is a request of nobody, which is not kept."""

Step = tuple[int, int, int]
"""What is done, by which attempt, to which of its requests (or with which table)."""


class History:
    """Up to three attempts at a time, each with requests in any state; the vendor answers, or does not."""

    def __init__(self, ledger: Ledger, campaign: str) -> None:
        self._ledger = ledger
        self._campaign = campaign
        self.vendor = Vendor()
        self.tries = [self._begin()]
        self._requests: dict[Try, list[Request]] = {self.tries[0]: []}
        self._states: dict[bytes, str | None] = {}
        self._sent: set[bytes] = set()
        self._released: set[bytes] = set()

    def _begin(self) -> Try:
        return Try(self._ledger, self._campaign, vendor=self.vendor)

    def take(self, step: Step) -> None:
        what, who, which = step
        verbs = (
            self._claim,
            self._claim,
            self._mark,
            self._mark,
            self._settle,
            self._release,
            self._mark_unknown,
            self._renew,
        )
        if what >= len(verbs):
            self.tries.append(self._begin())
            self._requests[self.tries[-1]] = []
        else:
            verbs[what](self.tries[who % len(self.tries)], which)
        self._check_states()

    def _claim(self, one: Try, which: int) -> None:
        table = people(TABLES[self.tries.index(one) % len(TABLES)])  # a try reads one table
        self._requests[one] += one.claim(table[which % 2 :], size=1 + which % 3)

    def _request(self, one: Try, which: int) -> Request | None:
        mine = self._requests[one]
        return mine[which % len(mine)] if mine else None

    def _mark(self, one: Try, which: int) -> None:
        request = self._request(one, which)
        if request and request.id not in self._sent and one.mark(request):
            self._sent.add(request.id)
            if which % 3:
                self.vendor.take(request)  # and the answer may come, or be lost
            else:
                assert one.release(request)  # refused at once
                self._released.add(request.id)

    def _settle(self, one: Try, which: int) -> None:
        request = self._request(one, which)
        if request and request.id in self._sent - self._released:
            one.settle(request)

    def _release(self, one: Try, which: int) -> None:
        """A repetition of what was said before."""
        request = self._request(one, which)
        if request and request.id in self._released:
            one.release(request)

    def _mark_unknown(self, one: Try, which: int) -> None:
        if request := self._request(one, which):
            one.mark_unknown(request)

    def _renew(self, one: Try, which: int) -> None:
        if request := self._request(one, which):
            renewed = self._ledger.renew(one.attempt, request, new_id())
            if renewed.recipients:
                self._requests[one].append(renewed)

    def _check_states(self) -> None:
        for request in (request for requests in self._requests.values() for request in requests):
            before, now = self._states.get(request.id, "claimed"), state_of(self._ledger, request)
            assert before == now or _reachable(before, now), f"{before} -> {now}"
            self._states[request.id] = now

    def check(self) -> None:
        """Nobody twice; whoever is left is texted by a last try; the ledger and the vendor agree on everybody."""
        last = self._begin()
        last.text(people(EVERYBODY))
        self.vendor.assert_nobody_texted_twice()
        statuses = dict(zip(EVERYBODY, last.status(*EVERYBODY), strict=True))
        assert set(statuses.values()) <= {"accepted", "unknown"}, f"somebody is stranded: {statuses}"
        for name, status in statuses.items():
            if status == "accepted":
                assert self.vendor.texted[key_of(name)] == 1, f"{name} is called accepted and was not"
        assert sum(last.counts().values()) == len(EVERYBODY)
        for one in self.tries:
            one.counts()


def _reachable(before: str | None, after: str | None) -> bool:
    seen, ahead = set[str | None](), {before}
    while ahead:
        state = ahead.pop()
        seen.add(state)
        ahead |= FORWARD.get(state or "", set()) - seen  # type: ignore[operator]
    return after in seen - {before}


def play(ledger: Ledger, campaign: str, steps: Sequence[Step]) -> None:
    """Plays a history and checks what must hold.

    :raises AssertionError: it does not.
    """
    history = History(ledger, campaign)
    for step in steps:
        history.take(step)
    history.check()
