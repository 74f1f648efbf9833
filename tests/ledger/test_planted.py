# SPDX-License-Identifier: Apache-2.0
"""Every rule of the protocol is needed: with it left out, the tests of it fail."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from airflow_provider_uspeedo.ledger.protocol.moves import Moves
from airflow_provider_uspeedo.ledger.protocol.transitions import Transitions
from tests.ledger import scenarios
from tests.ledger.acting import OpenLedger, Try, Vendor, people, resolve
from tests.ledger.faults import Pause, in_background
from tests.ledger.mistakes import (
    CONFLICTS,
    CONFLICTS_ON_MYSQL,
    HOLDER,
    LEFTOVERS,
    LOOK_FOR_KEYS,
    LOOK_NOT_LARGER,
    LOOK_SMALLER,
    NOT_LARGER,
    OWNER,
    SMALLER,
    STATE,
    RecipientsFirst,
    planted,
)
from tests.ledger.servers import SERVERS


def test_marking_must_test_the_owner(open_ledger: OpenLedger, campaign: str) -> None:
    """Otherwise two attempts send one request."""
    ledger = open_ledger()
    with planted(ledger, OWNER), pytest.raises(AssertionError, match="texted more than once"):
        scenarios.a_claim_is_marked_by_one_owner_only(ledger, campaign)


def test_marking_must_test_the_state(open_ledger: OpenLedger, campaign: str) -> None:
    """Otherwise a late attempt sends what was taken from it."""
    ledger = open_ledger()
    with planted(ledger, STATE, only="sent_at"), pytest.raises(AssertionError, match="texted more than once"):
        scenarios.a_taken_claim_cannot_be_sent(ledger, campaign)


@pytest.mark.parametrize("step", ["settled_at", "reason"], ids=["settle", "release"])
def test_settling_must_never_be_forced(open_ledger: OpenLedger, campaign: str, step: str) -> None:
    """Otherwise a late repetition turns *superseded* back."""
    ledger = open_ledger()
    with planted(ledger, STATE, only=step), pytest.raises(AssertionError):
        scenarios.a_late_repetition_does_not_bring_a_request_back(ledger, campaign)


def test_taking_over_must_go_one_way(open_ledger: OpenLedger, campaign: str) -> None:
    """Otherwise two live attempts take each other's claims."""
    ledger = open_ledger()
    with (
        planted(ledger, LOOK_SMALLER),
        planted(ledger, SMALLER),
        pytest.raises(AssertionError, match="lost its claim"),
    ):
        scenarios.two_live_attempts_make_progress(ledger, campaign)


def test_either_of_the_two_tests_of_the_attempts_number_is_enough(open_ledger: OpenLedger, campaign: str) -> None:
    """What is looked at before the claim is not trusted: the statement tests it again."""
    ledger = open_ledger()
    with planted(ledger, LOOK_SMALLER):
        scenarios.two_live_attempts_make_progress(ledger, campaign)


def test_ones_own_claims_must_be_left_alone(open_ledger: OpenLedger, campaign: str) -> None:
    """Otherwise an attempt supersedes what it is about to send."""
    ledger = open_ledger()
    with planted(ledger, LOOK_NOT_LARGER), planted(ledger, NOT_LARGER), pytest.raises(AssertionError):
        scenarios.ones_own_claims_stay(ledger, campaign)


def test_leftovers_must_stay_free(open_ledger: OpenLedger, campaign: str) -> None:
    """Otherwise taking one recipient of many strands the others for ever."""
    ledger = open_ledger()
    with planted(ledger, LEFTOVERS), pytest.raises(AssertionError):
        scenarios.leftovers_are_found_again(ledger, campaign)


@pytest.mark.parametrize("off_by", [1, -1])
def test_the_mask_must_name_the_right_rows(
    open_ledger: OpenLedger, campaign: str, monkeypatch: pytest.MonkeyPatch, off_by: int
) -> None:
    """Otherwise a recipient of another attempt is texted in place of one's own."""
    numbers = Moves.row_numbers
    monkeypatch.setattr(Moves, "row_numbers", lambda *given: numbers(*given) + off_by)
    with pytest.raises(AssertionError):
        scenarios.only_what_is_ours_is_sent(open_ledger(), campaign)


def test_a_conflict_must_leave_the_recipient_where_it_is(open_ledger: OpenLedger, campaign: str, kind: str) -> None:
    """Otherwise a recipient is given to whichever request comes last."""
    ledger = open_ledger()
    mistake = CONFLICTS_ON_MYSQL if kind == "mysql" else CONFLICTS
    looks = ledger.database.dialect.looks_before_inserting
    with (
        planted(ledger, LOOK_FOR_KEYS) if looks else nullcontext(),
        planted(ledger, mistake, only="INSERT INTO uspeedo_recipients"),
        pytest.raises(AssertionError, match="texted more than once"),
    ):
        scenarios.only_what_is_ours_is_sent(ledger, campaign)


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_the_unique_key_decides_whatever_was_looked_up(open_ledger: OpenLedger, campaign: str) -> None:
    """As if another transaction had been faster between the look and the insert."""
    ledger = open_ledger()
    with planted(ledger, LOOK_FOR_KEYS):
        scenarios.only_what_is_ours_is_sent(ledger, campaign)


def test_a_split_must_test_the_state(open_ledger: OpenLedger, campaign: str) -> None:
    """Otherwise a recipient of a request that is on its way is sent to once more."""
    ledger = open_ledger()
    with planted(ledger, STATE, only="SET state="), pytest.raises(AssertionError, match="texted more than once"):
        scenarios.only_what_is_claimed_is_split(ledger, campaign)


def test_a_split_must_test_the_owner(open_ledger: OpenLedger, campaign: str) -> None:
    """Otherwise an attempt cuts another's request, whose owner sends all that it has claimed."""
    ledger = open_ledger()
    with planted(ledger, OWNER, only="SET state="), pytest.raises(AssertionError, match="texted more than once"):
        scenarios.only_ones_own_is_split(ledger, campaign)


def test_a_split_must_leave_what_another_request_holds(open_ledger: OpenLedger, campaign: str) -> None:
    """Otherwise it takes recipients back from the attempt that has taken them over."""
    ledger = open_ledger()
    with (
        planted(ledger, HOLDER, only="UPDATE uspeedo_recipients"),
        planted(ledger, STATE, only="SET state="),
        pytest.raises(AssertionError, match="texted more than once"),
    ):
        scenarios.what_was_taken_over_is_not_moved_by_a_split(ledger, campaign)


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_the_request_must_be_taken_before_its_recipients(open_ledger: OpenLedger, campaign: str) -> None:
    """Otherwise recipients are taken from a request whose *sending* is not committed yet, and texted twice."""
    owners, takers = open_ledger(), open_ledger()
    claims = takers._claims
    claims._moves = RecipientsFirst(takers.tables, takers.database.dialect, claims._moves._staged)
    vendor = Vendor()
    owner, taker = Try(owners, campaign, vendor=vendor), Try(takers, campaign, vendor=vendor)
    (request,) = owner.claim(people("abc"))
    pause = Pause(owners.database.engine, "UPDATE uspeedo_requests SET state=")
    with in_background(lambda: owner.mark(request)) as marking:
        pause.wait()
        with in_background(lambda: taker.claim(people("abc"))) as taking:
            stolen = taking.result(20)  # nothing made it wait
            pause.go()
            assert marking.result(20)
    vendor.take(request)
    for taken in stolen:
        taker.send(taken)
    with pytest.raises(AssertionError, match="texted more than once"):
        vendor.assert_nobody_texted_twice()


def test_a_re_opened_request_must_be_remembered(
    open_ledger: OpenLedger, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise people are shown *not_sent*, and texted again, though the API had accepted them."""
    ledger = open_ledger()
    monkeypatch.setattr(Transitions, "_prove", lambda *_: None)
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    one.mark(request)
    resolve(ledger, campaign, as_sent=False, by="ann")
    one.settle(request)
    assert one.status("a", "b") == ["not_sent", "not_sent"]
