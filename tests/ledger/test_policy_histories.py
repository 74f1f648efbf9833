# SPDX-License-Identifier: Apache-2.0
"""Whatever the order of campaigns, attempts, kills and changes of the rules: nobody is texted against a rule in force.

A rule is in force for a request if its attempt has it, or the ledger's list has it, when the mark begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.contact_rules import NO_RULES, Cap, ContactRules, Exclusion
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.contacts import Contacts
from airflow_provider_uspeedo.ledger.protocol.marking import Marks
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.store.records import Request
from tests.ledger.acting import Try, people
from tests.ledger.mistakes import planted
from tests.ledger.test_policy import names_in, suppress

NAMES = "abcd"
RULES = {"none": NO_RULES, "one": ContactRules(caps=(Cap(1, 7),)), "two": ContactRules(caps=(Cap(2, 30),))}
STEPS = st.one_of(
    st.tuples(st.just("begin"), st.sampled_from("xy"), st.sampled_from(sorted(RULES)), st.permutations(NAMES)),
    st.tuples(st.just("mark"), st.integers(0, 9), st.sampled_from(["", "a", "b"])),
    st.tuples(st.just("mark"), st.integers(0, 9), st.just("")),
    st.tuples(st.just("answer"), st.integers(0, 9), st.sampled_from(["accepted", "rejected", "unknown", "released"])),
    st.tuples(st.just("suppress"), st.sampled_from(NAMES), st.booleans()),
)


@dataclass
class World:
    """A ledger, its live attempts, and what people really got."""

    ledger: Ledger
    claimed: list[tuple[Try, str, Request]] = field(default_factory=list)
    sent: list[tuple[Try, Request]] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    texts: Counter[str] = field(default_factory=Counter)
    keys: Counter[tuple[str, str]] = field(default_factory=Counter)

    def begin(self, campaign: str, rules: str, names: Any) -> None:
        one = Try(self.ledger, campaign, rules=RULES[rules])
        self.claimed += [(one, rules, request) for request in one.claim(people(names), size=3)]

    def mark(self, which: int, held_back: str) -> None:
        if not self.claimed:
            return
        one, rules, request = self.claimed.pop(which % len(self.claimed))
        rows = [row.row_number for row in request.recipients if row.user_id == f"user {held_back}"]
        judge = (lambda _now: [Exclusion("not_sent", "hours: night", rows)]) if held_back else None
        marked = one.marked(request, judge)
        for name in sorted(names_in(marked)):
            assert name not in self.listed, f"{name} is on the list"
            assert name != held_back, f"{name} is held back"
            for cap in RULES[rules].caps:
                assert self.texts[name] < cap.texts, f"{name} has had {self.texts[name]} texts"
            self.texts[name] += 1
            self.keys[one.attempt.campaign_id, name] += 1
            assert self.keys[one.attempt.campaign_id, name] == 1, f"{name} was texted twice by a campaign"
        if len(marked.recipients):
            self.sent.append((one, marked))

    def answer(self, which: int, how: str) -> None:
        if not self.sent:
            return
        one, request = self.sent.pop(which % len(self.sent))
        names = sorted(names_in(request))
        if how == "accepted":
            one.settle(request)
        elif how == "unknown":
            one.mark_unknown(request)
        elif how == "rejected":
            one.settle(request, *names)
            self.texts.subtract(names)
        else:
            one.release(request)
            self.texts.subtract(names)
            self.keys.subtract((one.attempt.campaign_id, name) for name in names)

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
def test_nobody_is_texted_against_a_rule_in_force(steps: list[tuple[Any, ...]]) -> None:
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
