# SPDX-License-Identifier: Apache-2.0
"""Whatever the order of campaigns, attempts, kills and changes of the rules: nobody is texted against a rule in force.

A rule is in force for a request if its attempt has it, or the ledger's list has it, when the mark begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.contact_rules import NO_RULES, Cap, ContactRules, Exclusion
from airflow_provider_uspeedo.core.recipients import Recipient
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.contacts import Contacts
from airflow_provider_uspeedo.ledger.protocol.marking import Marks
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.store.records import Request, new_id
from tests.ledger.acting import Try, key_of, person, resolve
from tests.ledger.mistakes import planted
from tests.ledger.test_policy import names_in, suppress, with_phone_of

NAMES = "abcde"
SHARED = {"e": "a"}
"""Who has the phone of another person, and a key of their own."""
RULES = {"none": NO_RULES, "one": ContactRules(caps=(Cap(1, 7),)), "two": ContactRules(caps=(Cap(2, 30),))}
STEPS = st.one_of(
    st.tuples(st.just("begin"), st.sampled_from("xy"), st.sampled_from(sorted(RULES)), st.permutations(NAMES)),
    st.tuples(st.just("mark"), st.integers(0, 9), st.sampled_from(["", "a", "b"])),
    st.tuples(st.just("mark"), st.integers(0, 9), st.just("")),
    st.tuples(st.just("answer"), st.integers(0, 9), st.sampled_from(["accepted", "rejected", "unknown", "released"])),
    st.tuples(st.just("suppress"), st.sampled_from("abcd"), st.booleans()),
    st.tuples(st.just("split"), st.integers(0, 9)),
    st.tuples(st.just("renew"), st.integers(0, 9)),
    st.tuples(st.just("resolve"), st.sampled_from("xy"), st.booleans()),
    st.tuples(st.just("forget"), st.sampled_from("abcd")),
)


def phone_of(name: str) -> str:
    """The person whose phone it is."""
    return SHARED.get(name, name)


def rows_of(names: Any) -> list[Recipient]:
    """One row for each name, in order."""
    return [with_phone_of(phone_of(name), name, row) for row, name in enumerate(names, 1)]


@dataclass
class World:
    """A ledger, its live attempts, and what people really got."""

    ledger: Ledger
    claimed: list[tuple[Try, str, Request]] = field(default_factory=list)
    sent: list[tuple[Try, Request]] = field(default_factory=list)
    released: list[tuple[Try, str, Request]] = field(default_factory=list)
    unknown: set[tuple[str, str]] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    texts: Counter[str] = field(default_factory=Counter)
    keys: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules: dict[bytes, str] = field(default_factory=dict)

    def begin(self, campaign: str, rules: str, names: Any) -> None:
        one = Try(self.ledger, campaign, rules=RULES[rules])
        self.claimed += [(one, rules, request) for request in one.claim(rows_of(names), size=3)]

    def mark(self, which: int, held_back: str) -> None:
        if not self.claimed:
            return
        one, rules, request = self.claimed.pop(which % len(self.claimed))
        rows = [row.row_number for row in request.recipients if row.user_id == f"user {held_back}"]
        judge = (lambda _now: [Exclusion("not_sent", "hours: night", rows)]) if held_back else None
        marked = one.marked(request, judge)
        for name in sorted(names_in(marked)):
            phone = phone_of(name)
            assert phone not in self.listed, f"{name} is on the list"
            assert name != held_back, f"{name} is held back"
            for cap in RULES[rules].caps:
                assert self.texts[phone] < cap.texts, f"{name} has had {self.texts[phone]} texts"
            self.texts[phone] += 1
            self.keys[one.attempt.campaign_id, name] += 1
            assert self.keys[one.attempt.campaign_id, name] == 1, f"{name} was texted twice by a campaign"
        if len(marked.recipients):
            self.sent.append((one, marked))
            self.rules[marked.id] = rules

    def split(self, which: int) -> None:
        if self.claimed:
            one, rules, request = self.claimed.pop(which % len(self.claimed))
            self.claimed += [(one, rules, part) for part in one.split(request) if len(part.recipients)]

    def renew(self, which: int) -> None:
        if self.released:
            one, rules, request = self.released.pop(which % len(self.released))
            renewed = self.ledger.renew(one.attempt, request, new_id())
            self.claimed += [(one, rules, renewed)] if len(renewed.recipients) else []

    def answer(self, which: int, how: str) -> None:
        if not self.sent:
            return
        one, request = self.sent.pop(which % len(self.sent))
        names = sorted(names_in(request))
        if how == "accepted":
            one.settle(request)
        elif how == "unknown":
            one.mark_unknown(request)
            self.unknown.update((one.attempt.campaign_id, name) for name in names)
        elif how == "rejected":
            one.settle(request, *names)
            self.texts.subtract(map(phone_of, names))
        else:
            one.release(request)
            self.released.append((one, self.rules[request.id], request))
            self._not_texted((one.attempt.campaign_id, name) for name in names)

    def resolve(self, campaign: str, as_sent: bool) -> None:
        """A person decides on all that are unknown; whom they call *not sent* may be sent to again."""
        theirs = {one for one in self.unknown if one[0] == campaign}
        if theirs:
            resolve(self.ledger, campaign, as_sent=as_sent, by="Ann", only=[key_of(name) for _, name in theirs])
        self.unknown -= theirs
        if not as_sent:
            self._not_texted(theirs)

    def _not_texted(self, whom: Iterable[tuple[str, str]]) -> None:
        for campaign, name in whom:
            self.texts[phone_of(name)] -= 1
            self.keys[campaign, name] -= 1

    def forget(self, name: str) -> None:
        """Whatever is blanked, texts count and nobody is texted twice."""
        LedgerAdmin(self.ledger).forget(person(name, 1).phone)

    def suppress(self, name: str, listed: bool) -> None:
        suppress(self.ledger, name, listed=listed)
        (self.listed.add if listed else self.listed.discard)(name)


@contextmanager
def world(mistake: Callable[[Ledger], Any] | None = None) -> Iterator[World]:
    with TemporaryDirectory() as folder:
        ledger = Ledger(open_engine(f"sqlite:///{Path(folder) / 'ledger.db'}"))
        ledger.prepare()
        try:
            yield World(ledger)
        finally:
            ledger.close()


@given(st.lists(STEPS, min_size=3, max_size=16))
def test_no_recipient_is_texted_against_a_rule_in_force(steps: list[tuple[Any, ...]]) -> None:
    """One step after the other; the races are in another module."""
    with world() as one:
        for verb, *how in steps:
            getattr(one, verb)(*how)


def test_a_list_that_is_read_once_is_caught() -> None:
    """As an attempt found it when it claimed."""
    with world() as one, planted(one.ledger, (r"(uspeedo_ledger\.suppressions) = (\?)", r"-9 < \2")):
        one.begin("x", "none", "ab")
        one.suppress("a", True)
        with pytest.raises(AssertionError, match="on the list"):
            one.mark(0, "")


def test_a_list_that_is_not_read_under_a_cap_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow way of marking has the same rules."""
    monkeypatch.setattr(Contacts, "suppressed", lambda *_: set())
    with world() as one:
        one.begin("x", "one", "ab")
        one.suppress("a", True)
        with pytest.raises(AssertionError, match="on the list"):
            one.mark(0, "")


def test_left_out_recipients_that_stay_in_the_body_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent is what the mark returns, not what was claimed."""
    without = Marks._without

    def all_of_it(self: Marks, connection: Any, attempt: Any, request: Request, *given: Any) -> Request:
        without(self, connection, attempt, request, *given)
        return request

    monkeypatch.setattr(Marks, "_without", all_of_it)
    with world() as one:
        one.begin("x", "none", "ab")
        with pytest.raises(AssertionError, match="held back"):
            one.mark(0, "a")


def test_contacts_that_are_missing_of_taken_over_recipients_are_caught() -> None:
    """A recipient is found by the attempt that brought it, which is not the one that texted it."""
    mistake = (
        r"WHERE (uspeedo_attempts)\.campaign_no = ",
        r"WHERE \1.attempt_no = (SELECT max(attempt_no) FROM uspeedo_attempts) - 1 AND \1.campaign_no = ",
    )
    with world() as one:
        one.begin("x", "none", "ab")
        one.claimed.clear()
        one.begin("x", "none", "ab")
        one.mark(0, "")
        with planted(one.ledger, mistake, only="uspeedo_recipients"):
            one.begin("y", "one", "ab")
        with pytest.raises(AssertionError, match="has had 1 texts"):
            one.mark(0, "")
