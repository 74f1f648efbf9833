# SPDX-License-Identifier: Apache-2.0
"""Who may text whom when several attempts are alive, dead or late."""

from __future__ import annotations

import pytest

from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import OpenLedger, Try, Vendor, lines_of, people, person, portion_of, request_of, state_of
from tests.ledger.faults import Pause, in_background
from tests.ledger.scenarios import (
    a_claim_is_marked_by_one_owner_only,
    a_taken_claim_cannot_be_sent,
    leftovers_are_found_again,
    marking_and_taking_over_at_once,
    ones_own_claims_stay,
    two_live_attempts_make_progress,
)

MOVES = {
    "sqlite": "UPDATE uspeedo_recipients",
    "postgresql": "UPDATE uspeedo_recipients",
    "mysql": "UPDATE uspeedo_staged",
}
"""The beginning of the statement that moves recipients."""


def test_a_dead_attempts_claims_are_taken_over(ledger: Ledger, campaign: str) -> None:
    """Nothing of them left, so a later attempt sends them, cut differently or not."""
    vendor = Vendor()
    Try(ledger, campaign, vendor=vendor).claim(people("abcdef"), size=2)
    later = Try(ledger, campaign, vendor=vendor)
    later.text(people("abcdef"), size=4)
    vendor.assert_texted(*"abcdef")
    assert later.counts() == {"accepted": 6}


def test_a_late_attempt_drops_what_was_taken_from_it(ledger: Ledger, campaign: str) -> None:
    """A frozen worker that comes back finds its claim gone and sends nothing."""
    a_taken_claim_cannot_be_sent(ledger, campaign)


def test_a_claim_is_marked_by_one_owner_only(ledger: Ledger, campaign: str) -> None:
    """Marking tests the owner, not only the state."""
    a_claim_is_marked_by_one_owner_only(ledger, campaign)


def test_two_live_attempts_make_progress(ledger: Ledger, campaign: str) -> None:
    """Claims are taken in one direction only, so the two do not take them from each other for ever."""
    two_live_attempts_make_progress(ledger, campaign)


def test_ones_own_claims_are_never_taken_again(ledger: Ledger, campaign: str) -> None:
    """Claiming the same people once more in one attempt yields nothing."""
    ones_own_claims_stay(ledger, campaign)


def test_leftovers_of_a_superseded_request_stay_free(ledger: Ledger, campaign: str) -> None:
    """Taking one recipient of many leaves the others to any later attempt."""
    leftovers_are_found_again(ledger, campaign)


def test_leftovers_are_shown_as_no_longer_in_the_source(ledger: Ledger, campaign: str) -> None:
    """If the table does not hold them any more, they are *not_sent*, with the reason."""
    first = Try(ledger, campaign)
    first.claim(people("abc"))
    first.end(complete=False)
    Try(ledger, campaign).text(people("b"))
    assert lines_of(ledger, campaign, "row_number", "status") == [
        (1, "accepted"), (None, "not_sent"), (None, "not_sent"),
    ]  # fmt: skip
    reasons = {reason for _, reason in lines_of(ledger, campaign, "row_number", "reason")}
    assert reasons == {None, "no longer in the source"}


def test_what_is_sending_is_never_taken(ledger: Ledger, campaign: str) -> None:
    """It may have arrived: it counts as unknown, with the reason, until somebody settles it."""
    first = Try(ledger, campaign)
    (request,) = first.claim(people("ab"))
    assert first.mark(request)
    later = Try(ledger, campaign)
    later.text(people("abc"))
    later.vendor.assert_texted("c")
    assert later.counts() == {"unknown": 2, "accepted": 1}
    assert later.reason("a") == "in flight"
    assert ledger.still_sending([request.id]) == {request.id}
    assert first.settle(request, "b")
    assert later.counts() == {"accepted": 2, "rejected": 1}
    assert ledger.still_sending([request.id]) == set()


def test_claims_in_flight_are_shown_as_not_sent(ledger: Ledger, campaign: str) -> None:
    """Claimed, released and superseded: nothing left yet."""
    first = Try(ledger, campaign)
    (released,) = first.claim(people("ab"))
    first.mark(released)
    first.release(released)
    first.claim(people("cd", first_row=3))
    second = Try(ledger, campaign)
    second.claim(people("c", first_row=3), read_to=0)
    assert first.counts() == {"not_sent": 4}
    assert first.status(*"abcd") == ["not_sent"] * 4


def test_whose_a_recipient_is_is_asked_from_the_database(ledger: Ledger, campaign: str) -> None:
    """A claim that inserts nothing, because somebody was faster, yields exactly what was really left."""
    slow, fast = (Try(ledger, campaign) for _ in range(2))
    request = request_of(people("abcd"))  # cut before the other one came
    (faster,) = fast.claim([person("b", 1), person("d", 2)])
    (ours,) = ledger.claim(slow.attempt, portion_of([request], read_to=4))
    assert [recipient.row_number for recipient in ours.recipients] == [1, 3]
    assert slow.send(ours)
    assert fast.send(faster)
    slow.vendor.assert_texted("a", "c")
    assert slow.counts() == {"accepted": 4}


def test_an_empty_request_leaves_no_row(ledger: Ledger, campaign: str) -> None:
    """A request of which nothing is ours is not kept, and never counted as sent."""
    first = Try(ledger, campaign)
    (request,) = first.claim(people("ab"))
    first.send(request)
    later = Try(ledger, campaign)
    assert later.claim(people("ab")) == []
    assert ledger.requests_sent(later.attempt) == 0
    assert ledger.requests_sent(first.attempt) == 1


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("postgresql", marks=pytest.mark.database),
        pytest.param("mysql", id="mariadb", marks=pytest.mark.database),
    ],
    indirect=True,
)
def test_a_request_marked_at_the_same_moment_is_not_taken(open_ledger: OpenLedger, campaign: str) -> None:
    """The request first, its recipients second: the owner's uncommitted *sending* makes the other wait, and find it."""
    marking_and_taking_over_at_once(open_ledger(), open_ledger(), campaign)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("postgresql", marks=pytest.mark.database),
        pytest.param("mysql", id="mariadb", marks=pytest.mark.database),
    ],
    indirect=True,
)
def test_a_request_taken_at_the_same_moment_is_not_marked(open_ledger: OpenLedger, campaign: str, kind: str) -> None:
    """The other way round: the take-over is not committed yet, the owner waits, and drops its claim."""
    owner, taker = Try(open_ledger(), campaign), Try(open_ledger(), campaign)
    (request,) = owner.claim(people("abc"))
    pause = Pause(taker.ledger.database.engine, MOVES[kind])
    with in_background(lambda: taker.claim(people("abc"))) as taking:
        pause.wait()
        with in_background(lambda: owner.mark(request)) as marking:
            pause.go()
            assert not marking.result(20)
        (taken,) = taking.result(20)
    assert taker.send(taken)
    assert state_of(owner.ledger, request) == "superseded"
    taker.vendor.assert_texted(*"abc")
