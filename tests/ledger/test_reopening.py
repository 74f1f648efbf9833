# SPDX-License-Identifier: Apache-2.0
"""What a person says of outcomes that nobody knows, and what happens if the answer comes after all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Answer, Request
from tests.ledger.acting import Try, Vendor, key_of, lines_of, people, resolve, state_of
from tests.ledger.faults import lost_acknowledgement


def lose_the_answer(one: Try, names: str = "abc") -> Request:
    """Sends a request whose answer does not come."""
    (request,) = one.claim(people(names))
    assert one.mark(request)
    one.vendor.take(request)
    assert one.mark_unknown(request)
    return request


def keys(names: Iterable[str]) -> list[bytes]:
    return [key_of(name) for name in names]


def test_resolved_as_sent_is_accepted_by_a_persons_word(ledger: Ledger, campaign: str) -> None:
    """It shows who said so and when, and nobody is texted again."""
    one = Try(ledger, campaign)
    lose_the_answer(one)
    assert resolve(ledger, campaign, as_sent=True, by="ann") == 3
    assert one.counts() == {"accepted": 3}
    assert re.fullmatch(r"resolved by ann at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", one.reason("a") or "")
    rerun = Try(ledger, campaign)
    rerun.text(people("abc"))
    rerun.vendor.assert_texted()


def test_resolved_as_not_sent_is_texted_by_a_later_run(ledger: Ledger, campaign: str) -> None:
    """Only by an attempt after the decision; the one whose request it was does not get them back."""
    one = Try(ledger, campaign)
    request = lose_the_answer(one)
    assert resolve(ledger, campaign, as_sent=False, by="ann") == 3
    assert one.counts() == {"not_sent": 3}
    assert "not sent: resolved by ann at" in (one.reason("a") or "")
    assert one.claim(people("abc")) == []
    assert state_of(ledger, request) == "unknown"
    rerun = Try(ledger, campaign)
    rerun.text(people("abc"))
    rerun.vendor.assert_texted(*"abc")


@pytest.mark.parametrize("as_sent", [True, False], ids=["sent", "not sent"])
def test_only_those_named_are_decided(ledger: Ledger, campaign: str, as_sent: bool) -> None:
    """Nothing follows for the others: they stay unknown, and their requests are not even touched."""
    one = Try(ledger, campaign)
    lose_the_answer(one, "abc")
    (flying,) = one.claim(people("de", first_row=4))
    assert one.mark(flying)
    assert resolve(ledger, campaign, as_sent=as_sent, by="ann", only=keys("bx")) == 1
    said = "accepted" if as_sent else "not_sent"
    assert one.status(*"abcde") == ["unknown", said, "unknown", "unknown", "unknown"]
    assert state_of(ledger, flying) == "sending"
    assert one.settle(flying)
    rerun = Try(ledger, campaign)
    rerun.text(people("abcde"))
    rerun.vendor.assert_texted(*("" if as_sent else "b"))


def test_a_late_answer_shows_accepted_though_it_was_resolved_as_not_sent(ledger: Ledger, campaign: str) -> None:
    """The old request is remembered: who was accepted by it is not texted by a later run."""
    one = Try(ledger, campaign)
    request = lose_the_answer(one)
    resolve(ledger, campaign, as_sent=False, by="ann", only=keys("ab"))
    assert one.settle(request, "b")
    assert one.status(*"abc") == ["accepted", "not_sent", "accepted"]
    assert one.counts() == {"accepted": 2, "not_sent": 1}
    rerun = Try(ledger, campaign)
    rerun.text(people("abc"))
    rerun.vendor.assert_texted("b")
    assert rerun.counts() == {"accepted": 3}
    assert dict(lines_of(ledger, campaign, "row_number", "session_no"))[1] == "S1"


def test_people_who_moved_on_are_not_marked_by_an_old_answer(ledger: Ledger, campaign: str) -> None:
    """The best of a recipient's requests counts: an old refusal does not undo a new acceptance, nor the reverse."""
    one = Try(ledger, campaign)
    request = lose_the_answer(one)
    resolve(ledger, campaign, as_sent=False, by="ann")
    rerun = Try(ledger, campaign)
    (renewed,) = rerun.claim(people("abc"))
    assert rerun.send(renewed, "b", "c")
    assert rerun.status(*"abc") == ["accepted", "rejected", "rejected"]
    assert one.settle(request, "a", "b")
    assert rerun.status(*"abc") == ["accepted", "rejected", "accepted"]
    assert rerun.counts() == {"accepted": 2, "rejected": 1}


def test_an_old_answer_may_come_while_the_new_request_is_out(ledger: Ledger, campaign: str) -> None:
    """What the old one proved holds; the answer to the new one then has nothing more to prove, and counts agree."""
    one = Try(ledger, campaign)
    request = lose_the_answer(one)
    resolve(ledger, campaign, as_sent=False, by="ann")
    rerun = Try(ledger, campaign)
    (renewed,) = rerun.claim(people("abc"))
    assert rerun.mark(renewed)
    assert one.settle(request, "b", "c")
    assert rerun.status(*"abc") == ["accepted", "unknown", "unknown"]
    assert rerun.settle(renewed, "a", "b")
    assert rerun.status(*"abc") == ["accepted", "rejected", "accepted"]
    assert rerun.counts() == {"accepted": 2, "rejected": 1}


def test_a_late_answer_that_knows_nothing_proves_nothing(ledger: Ledger, campaign: str) -> None:
    """A recipient that the answer leaves unknown stays as the person said."""
    one = Try(ledger, campaign)
    request = lose_the_answer(one)
    resolve(ledger, campaign, as_sent=False, by="ann", only=keys("a"))
    resolve(ledger, campaign, as_sent=True, by="ann", only=keys("b"))
    assert one.settle(request, *"abc", status="unknown")
    assert one.status(*"abc") == ["not_sent", "accepted", "unknown"]


def test_a_late_answer_replaces_a_persons_word_that_it_was_sent(ledger: Ledger, campaign: str) -> None:
    """Nothing is shown accepted that the API is known to have refused; what it accepted needs nobody's word."""
    one = Try(ledger, campaign)
    request = lose_the_answer(one)
    resolve(ledger, campaign, as_sent=True, by="ann")
    assert one.settle(request, "b")
    assert one.status(*"abc") == ["accepted", "rejected", "accepted"]
    assert one.reason("a") is None


def test_a_call_that_surely_never_left_is_free_also_after_a_decision(ledger: Ledger, campaign: str) -> None:
    """Its owner's late answer counts for the recipients that were not decided on."""
    vendor = Vendor()
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    assert one.mark(request)
    resolve(ledger, campaign, as_sent=False, by="ann", only=keys("a"))
    assert one.release(request)
    rerun = Try(ledger, campaign, vendor=vendor)
    rerun.text(people("abc"))
    vendor.assert_texted(*"abc")


def test_no_recipient_resolved_as_sent_is_texted_because_of_a_late_release(ledger: Ledger, campaign: str) -> None:
    """A person said that some were sent; then the rest of that request stays unknown too."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    assert one.mark(request)
    resolve(ledger, campaign, as_sent=True, by="ann", only=keys("a"))
    assert not one.release(request)
    rerun = Try(ledger, campaign)
    rerun.text(people("abc"))
    rerun.vendor.assert_texted()
    assert rerun.counts() == {"accepted": 1, "unknown": 2}


def test_recipients_that_an_answer_left_unknown_can_be_resolved(ledger: Ledger, campaign: str) -> None:
    """Counts that do not match leave single recipients of a settled request unknown."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    assert one.mark(request)
    assert one.settle(request, "a", "b", status="unknown")
    assert resolve(ledger, campaign, as_sent=True, by="ann", only=keys("a")) == 1
    assert resolve(ledger, campaign, as_sent=False, by="bob") == 1
    assert one.status(*"abc") == ["accepted", "not_sent", "accepted"]
    rerun = Try(ledger, campaign)
    rerun.text(people("abc"))
    rerun.vendor.assert_texted("b")


@pytest.mark.parametrize("as_sent", [True, False], ids=["sent", "not sent"])
def test_a_decision_repeated_after_a_lost_acknowledgement_is_one(ledger: Ledger, campaign: str, as_sent: bool) -> None:
    """It is told of how many people it was made, and it was made once."""
    one = Try(ledger, campaign)
    lose_the_answer(one)
    with lost_acknowledgement(
        ledger.database.engine, after=2
    ) as happened:  # those before find the campaign, and open the attempt
        assert resolve(ledger, campaign, as_sent=as_sent, by="ann") == 3
    assert happened
    rerun = Try(ledger, campaign)
    rerun.text(people("abc"))
    rerun.vendor.assert_texted(*("" if as_sent else "abc"))


def test_deciding_twice_decides_nothing_more(ledger: Ledger, campaign: str) -> None:
    """What is decided is not unknown any more."""
    lose_the_answer(Try(ledger, campaign))
    assert [resolve(ledger, campaign, as_sent=sent, by="ann") for sent in (False, True, False)] == [3, 0, 0]


def test_an_answer_and_a_decision_at_once_lose_no_recipient(ledger: Ledger, campaign: str) -> None:
    """The decision holds the old request; the answer that waits for it still shows whom it accepted."""
    one = Try(ledger, campaign)
    request = lose_the_answer(one)
    with ThreadPoolExecutor(2) as threads:
        settling = threads.submit(ledger.settle, one.attempt, request.id, Answer("S1", 0, "V1"))
        deciding = threads.submit(resolve, ledger, campaign, as_sent=False, by="ann")
        assert settling.result(20)
        assert deciding.result(20) in (0, 3)
    assert one.counts() == {"accepted": 3}
    rerun = Try(ledger, campaign)
    rerun.text(people("abc"))
    rerun.vendor.assert_texted()
