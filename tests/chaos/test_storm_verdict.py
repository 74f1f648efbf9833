# SPDX-License-Identifier: Apache-2.0
"""The storm's verdict can tell whose fault a second text is, and sees every way in which a ledger may lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.campaign.report import Report
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.core.summary import Summary
from tests.chaos.storm.attempts import Draws, Ended
from tests.chaos.storm.clock import FROZEN
from tests.chaos.storm.journal import Journal, Whereabouts
from tests.chaos.storm.tables import StormRow, World
from tests.chaos.storm.verdict import ResultLine, Verdict

FIRST, SECOND = "aa" * 16, "bb" * 16
ANN, BOB = (StormRow(who, f"+8525000000{n}", who) for n, who in enumerate(("ann", "bob"), 1))
NOBODY = StormRow("eve", None, "eve")


def line(number: int | None, row: StormRow, status: str = "accepted", session: str | None = "S1") -> ResultLine:
    return ResultLine(number, row.phone, row.who, status, None, session)


GOOD = (line(1, ANN), line(2, BOB), line(3, NOBODY, "invalid", None))


def texted(journal: Journal, request: str = FIRST, *who: str, session: str = "S1") -> None:
    """One request from its claim to the vendor."""
    people = who or ("ann", "bob")
    journal.claimed_("task 1", request, people, journal.claim_begins("task 1"))
    journal.begins_to_mark("task 1", request)
    journal.arrived("task 1", request, people, (), session, "fine", listed=False)


def said(journal: Journal, request: str = FIRST, *who: str, decided: int | None = 2, in_flight: bool = True) -> None:
    """A person says *not sent*."""
    with journal.deciding(request, who or ("ann", "bob"), as_sent=False, in_flight=in_flight) as decision:
        decision.decided = decided


def found(
    journal: Journal,
    lines: Sequence[ResultLine] = GOOD,
    *,
    state: str = "settled",
    counts: dict[str, int] | None = None,
) -> list[str]:
    """What the verdict complains of."""
    told = dict.fromkeys(STATUSES, 0) | (counts or {"accepted": 2, "invalid": 1})
    report = Report(Summary("c", told, 0, 1), None, stopped=False, elsewhere=False, complete=True)
    last = Ended("the last", Draws(0), report, "done")
    verdict = Verdict(journal, URL.create("sqlite"), "c", World(False, [[ANN, BOB, NOBODY]]), [last], last)
    verdict.__dict__["lines"] = list(lines)  # what it would ask of a database
    verdict.__dict__["states"] = dict.fromkeys((FIRST, SECOND), (state, 2))
    return [complaint.text for complaint in verdict.complaints()]


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_the_truth_is_no_complaint(journal: Journal) -> None:
    texted(journal)
    assert found(journal) == []


def test_a_second_text_is_seen(journal: Journal) -> None:
    texted(journal)
    texted(journal, SECOND, "ann")
    (complaint,) = found(journal)
    assert complaint.startswith("ann was texted 2 times")


def test_a_second_text_after_an_untrue_word_is_the_persons_fault(journal: Journal) -> None:
    texted(journal)
    said(journal)
    texted(journal, SECOND, "ann", session="S2")
    assert found(journal) == []


def test_a_word_on_what_may_still_arrive_is_untrue(journal: Journal) -> None:
    """Its text comes second, though its request was the first."""
    journal.claimed_("task 1", FIRST, ("ann", "bob"), journal.claim_begins("task 1"))
    journal.begins_to_mark("task 1", FIRST)
    said(journal)
    texted(journal, SECOND, "ann", session="S2")
    journal.arrived("task 1", FIRST, ("ann", "bob"), (), "S1", "fine", listed=False)
    assert found(journal) == []


def test_a_true_word_excuses_nothing(journal: Journal) -> None:
    """What could not arrive any more, and did: the package sent it nevertheless."""
    journal.claimed_("task 1", FIRST, ("ann", "bob"), journal.claim_begins("task 1"))
    journal.begins_to_mark("task 1", FIRST)
    journal.is_over("task 1", "dead")
    said(journal)
    texted(journal, SECOND, "ann", session="S2")
    journal.arrived("task 1", FIRST, ("ann", "bob"), (), "S1", "fine", listed=False)
    assert any("ann was texted 2 times" in complaint for complaint in found(journal))


@pytest.mark.parametrize(
    "say",
    [
        lambda journal: said(journal, SECOND),
        lambda journal: said(journal, FIRST, "bob"),
        lambda journal: said(journal, decided=0),
    ],
    ids=["of another request", "of another person", "and the ledger did not take it"],
)
def test_a_word_of_something_else_excuses_nothing(journal: Journal, say: Callable[[Journal], None]) -> None:
    texted(journal)
    say(journal)
    texted(journal, SECOND, "ann", session="S2")
    assert any("ann was texted 2 times" in complaint for complaint in found(journal))


def test_a_word_that_came_after_the_second_claim_excuses_nothing(journal: Journal) -> None:
    texted(journal)
    texted(journal, SECOND, "ann", session="S2")
    said(journal)
    assert any("ann was texted 2 times" in complaint for complaint in found(journal))


def test_a_word_that_the_ledger_knew_to_be_untrue_excuses_nothing(journal: Journal) -> None:
    """The late answer was recorded before the person was claimed again."""
    texted(journal)
    said(journal)
    journal.settled_("task 1", FIRST)
    texted(journal, SECOND, "ann", session="S2")
    assert any("ann was texted 2 times" in complaint for complaint in found(journal))


def test_a_late_answer_that_says_nothing_is_no_knowledge(journal: Journal) -> None:
    texted(journal)
    said(journal)
    journal.settled_("task 1", FIRST, {"ann"})
    texted(journal, SECOND, "ann", session="S2")
    assert found(journal) == []


def test_what_was_frozen_for_longer_than_a_person_waits_must_never_arrive(journal: Journal) -> None:
    """Its process has to look at the clock before it sends: the word was true."""
    journal.claimed_("task 1", FIRST, ("ann", "bob"), journal.claim_begins("task 1"))
    journal.begins_to_mark("task 1", FIRST)
    journal.clock.skip(FROZEN)
    said(journal)
    texted(journal, SECOND, "ann", session="S2")
    journal.arrived("task 1", FIRST, ("ann", "bob"), (), "S1", "fine", listed=False)
    assert any("ann was texted 2 times" in complaint for complaint in found(journal))


def test_the_ledger_must_refuse_a_word_on_what_is_in_flight(journal: Journal) -> None:
    texted(journal, SECOND)
    journal.begins_to_mark("task 1", FIRST)
    assert journal.where(FIRST) is Whereabouts.LIVE
    said(journal, FIRST, "ann", in_flight=False)
    (complaint,) = found(journal)
    assert "which was in flight" in complaint


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([line(1, ANN), line(2, BOB, session="S9"), GOOD[2]], "is accepted in session S9"),
        ([line(1, ANN), line(2, BOB, "not_sent"), GOOD[2]], "is not sent in the end"),
        ([line(1, ANN), line(2, BOB, "unknown"), GOOD[2]], "is unknown though"),
        ([line(1, ANN), line(2, BOB, "rejected"), GOOD[2]], "is rejected; accepted by the vendor: True"),
        ([line(1, ANN), line(2, BOB, "invalid"), GOOD[2]], "there is nothing wrong with it"),
        ([line(1, ANN), line(2, BOB), line(3, NOBODY, "duplicate")], "the row cannot be sent"),
        ([line(1, ANN), line(2, ANN), GOOD[2]], "ann has 2 fates"),
        ([line(1, ANN), line(2, BOB, "duplicate"), GOOD[2]], "bob has 0 fates"),
        ([line(1, ANN), GOOD[2]], "rows [2] have no line"),
        ([*GOOD, line(2, BOB)], "rows [2] have more than one line"),
        ([*GOOD, line(4, BOB, "duplicate")], "the table has no such rows"),
        ([*GOOD, line(None, StormRow("kim", "+85250000009", "kim"))], "the vendor has not accepted it"),
    ],
)
def test_a_line_that_is_not_so_is_seen(journal: Journal, lines: list[ResultLine], complaint: str) -> None:
    texted(journal)
    assert any(complaint in text for text in found(journal, lines))


def test_a_state_that_may_be_taken_is_seen(journal: Journal) -> None:
    texted(journal)
    assert any("was accepted, and is released" in text for text in found(journal, state="released"))


def test_counts_that_differ_are_seen(journal: Journal) -> None:
    texted(journal)
    assert any(text.startswith("accepted: 2 lines, 1 in the") for text in found(journal, counts={"accepted": 1}))
    assert any("counts 1 rows, and its table has 3" in text for text in found(journal, counts={"accepted": 1}))
