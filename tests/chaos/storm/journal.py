# SPDX-License-Identifier: Apache-2.0
"""What really happened in one run, in one order: every claim, mark, text and decision, written by the storm itself.

It shares no code with the package, and knows of each request whether it can still reach the vendor. So it can say of a
person's *not sent* whether it was true when it was said, and of a second text whose fault it is.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.chaos.storm.clock import STALE, StormClock


class Whereabouts(Enum):
    """Where one request is. It has left its process for good once it is *gone* or *arrived*."""

    LIVE = "in its process, marked or about to be"
    ON_THE_WIRE = "given up by its process, and still under way"
    ARRIVED = "at the vendor"
    GONE = "lost for good"


MAY_STILL_ARRIVE = (Whereabouts.LIVE, Whereabouts.ON_THE_WIRE)


@dataclass(frozen=True)
class Event:
    """One line of the history.

    :param number: its place in the one order of the run.
    :param who: the attempt, the person or the vendor.
    :param request: the id of the request that it is about, as hexadecimal digits, or ``""``.
    :param people: those whom it concerns.
    """

    number: int
    what: str
    who: str
    request: str = ""
    people: frozenset[str] = frozenset()
    about: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        about = "".join(f", {name} {value}" for name, value in self.about.items())
        request = f" request {self.request[-12:]}" if self.request else ""
        people = f" ({len(self.people)} people)" if self.people else ""
        return f"{self.number:>5} {self.who}: {self.what}{request}{people}{about}"


@dataclass(frozen=True)
class Text:
    """One message that the vendor accepted: through which request, and of which attempt."""

    number: int
    request: str
    attempt: str


@dataclass
class Decision:
    """A person's word on one request.

    :param began: the number of the event before which nothing of it was in the ledger.
    :param people: the recipients of the request whose outcome was unknown then.
    :param accepted: those of them whom the vendor had accepted at that moment, by its own journal.
    :param where: where the request was at that moment, and when the word was in the ledger.
    :param in_flight: the person took it on themselves that the request may still arrive.
    :param decided: of how many recipients the ledger took it; ``None``: no answer, it may have been any number.
    """

    as_sent: bool
    request: str
    began: int
    people: frozenset[str]
    accepted: frozenset[str]
    where: Whereabouts | None
    in_flight: bool
    where_then: Whereabouts | None = None
    decided: int | None = None
    refused: bool = False

    @property
    def counts(self) -> bool:
        """It is, or may be, in the ledger."""
        return not self.refused and self.decided != 0

    def is_true_of(self, person: str) -> bool:
        """What was said of that person was so, and could not change any more."""
        if self.as_sent:
            return person in self.accepted
        return person not in self.accepted and self.where not in MAY_STILL_ARRIVE


class Journal:
    """The history of one run; safe to share between threads."""

    def __init__(self) -> None:
        self.clock = StormClock()
        self.lock = threading.RLock()
        self.events: list[Event] = []
        self.texts: dict[str, list[Text]] = {}
        self.rejected: set[str] = set()
        self.rejections: list[tuple[int, str, frozenset[str]]] = []
        self.reopenings: list[tuple[int, int]] = []
        self.sessions: dict[str, set[str]] = {}
        self.decisions: list[Decision] = []
        self.claimed: dict[str, int] = {}
        self._learned: dict[str, tuple[int, frozenset[str]]] = {}
        self.holders: dict[str, frozenset[str]] = {}
        self._where: dict[str, Whereabouts] = {}
        self._owner: dict[str, str] = {}
        self._marked_at: dict[str, float] = {}

    def note(self, what: str, who: str, request: str = "", people: Iterable[str] = (), **about: Any) -> int:
        """Appends an event; returns its number."""
        with self.lock:
            event = Event(len(self.events), what, who, request, frozenset(people), about)
            self.events.append(event)
            return event.number

    # -- what attempts do ---------------------------------------------------------------------------------------

    def claim_begins(self, who: str) -> int:
        return self.note("begins to claim", who)

    def claimed_(self, who: str, request: str, people: Iterable[str], began: int, old: str = "") -> None:
        """The ledger said that these people are that request's."""
        with self.lock:
            self.claimed[request] = began
            self.holders[request] = frozenset(people)
            self._owner[request] = who
            self.note("has claimed", who, request, people, **({"instead of": old[-12:]} if old else {}))

    def begins_to_mark(self, who: str, request: str) -> None:
        with self.lock:
            self._where[request] = Whereabouts.LIVE
            self._owner[request] = who
            self._marked_at[request] = self.clock.now()
            self.note("begins to mark", who, request, self.holders.get(request, ()))

    def settled_(self, who: str, request: str, unknown: Iterable[str] = ()) -> None:
        """The ledger has the answer to a request.

        :param unknown: those of whom the answer says nothing.
        """
        with self.lock:
            people = self.holders.get(request, frozenset())
            self._learned[request] = (self.note("has settled", who, request, people), people - frozenset(unknown))

    def learned(self, request: str, person: str) -> int | None:
        """The number of the event by which the ledger had the vendor's word on a person; ``None``: it never had."""
        number, people = self._learned.get(request, (None, frozenset()))
        return number if person in people else None

    def cannot_arrive(self, who: str, request: str, why: str) -> None:
        """The request has not arrived, and its process will not send it."""
        with self.lock:
            if self._where.get(request) is Whereabouts.LIVE:
                self._where[request] = Whereabouts.GONE
                self.note(why, who, request, self.holders.get(request, ()))

    def on_the_wire(self, who: str, request: str, people: Collection[str]) -> None:
        with self.lock:
            self._where[request] = Whereabouts.ON_THE_WIRE
            self.note("gives up a request that is still under way", who, request, people)

    def is_over(self, who: str, how: str) -> None:
        """No thread of this attempt is left: what it has not sent it never will."""
        with self.lock:
            for request, owner in self._owner.items():
                if owner == who and self._where.get(request) is Whereabouts.LIVE:
                    self._where[request] = Whereabouts.GONE
            self.note(f"is over: {how}", who)

    # -- what the vendor does -----------------------------------------------------------------------------------

    def arrived(
        self,
        who: str,
        request: str,
        accepted: Collection[str],
        rejected: Collection[str],
        session: str,
        told: str,
        *,
        listed: bool,
    ) -> None:
        """A request is at the vendor, which has decided on each of its people.

        :param listed: the answer names those whom it rejects.
        """
        with self.lock:
            self._where[request] = Whereabouts.ARRIVED
            people = [*accepted, *rejected]
            number = self.note(
                "arrives at the vendor", who, request, people, accepted=len(accepted), rejected=len(rejected),
                session=session, answer=repr(told),
            )  # fmt: skip
            for person in accepted:
                self.texts.setdefault(person, []).append(Text(number, request, who))
                self.sessions.setdefault(person, set()).add(session)
            if listed:
                self.rejected.update(rejected)
                self.rejections.append((number, request, frozenset(rejected)))

    def accepted_of(self, request: str) -> frozenset[str]:
        """The people of a request whom the vendor has accepted through it so far."""
        with self.lock:
            return frozenset(
                person for person, texts in self.texts.items() if any(text.request == request for text in texts)
            )

    def where(self, request: str) -> Whereabouts | None:
        """``None``: it was never marked, as far as is known.

        One that has not left for so long that ``resolve`` takes it for dead must never leave: it is gone.
        """
        with self.lock:
            where = self._where.get(request)
            stale = where is Whereabouts.LIVE and self.clock.now() - self._marked_at[request] > STALE
            return Whereabouts.GONE if stale else where

    # -- what a person says -------------------------------------------------------------------------------------

    @contextmanager
    def deciding(self, request: str, people: Iterable[str], *, as_sent: bool, in_flight: bool) -> Any:
        """Notes what is so before the word is given; the caller says afterwards what became of it."""
        with self.lock:
            decision = Decision(
                as_sent, request, len(self.events), frozenset(people), self.accepted_of(request) & frozenset(people),
                self.where(request), in_flight,
            )  # fmt: skip
            self.decisions.append(decision)
            where = decision.where.value if decision.where else "never marked"
            self.note(
                f"says {'sent' if as_sent else 'not sent'}{' (in flight, too)' if in_flight else ''} of", "the person",
                request, decision.people, accepted=len(decision.accepted), where=repr(where),
            )  # fmt: skip
        yield decision
        with self.lock:
            decision.where_then = self.where(request)
            told = "refused" if decision.refused else f"taken, of {decision.decided}"
            self.note(f"has said it, and it is {told}", "the person", request, decision.people)

    @contextmanager
    def reopening(self) -> Any:
        """Notes when a person lets rejected people be sent to again, and when that was over, whatever came of it."""
        began = self.note("lets rejected people be sent to again", "the person")
        try:
            yield
        finally:
            self.reopenings.append((began, self.note("has re-opened rejected people", "the person")))

    def reopened_between(self, began: int, ended: int) -> bool:
        """A person may have let rejected people be sent to again between these two events."""
        return any(over > began and begin < ended for begin, over in self.reopenings)

    # -- for the report of a failure ------------------------------------------------------------------------------

    def history(self, person: str) -> list[str]:
        """Every event that concerns one person, and those that concern all."""
        concerning = {request for request, people in self.holders.items() if person in people}
        concerning |= {event.request for event in self.events if person in event.people and event.request}
        return [str(event) for event in self.events if person in event.people or event.request in concerning] + [
            str(event) for event in self.events if not event.request and ("is over" in event.what)
        ]
