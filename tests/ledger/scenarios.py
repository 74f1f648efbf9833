# SPDX-License-Identifier: Apache-2.0
"""What must hold between attempts. The tests run these as they are, and again with a mistake planted."""

from __future__ import annotations

from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import Try, Vendor, people, person, portion_of, request_of, state_of
from tests.ledger.faults import Pause, in_background, seen


def a_taken_claim_cannot_be_sent(ledger: Ledger, campaign: str) -> None:
    vendor = Vendor()
    first = Try(ledger, campaign, vendor=vendor)
    (request,) = first.claim(people("abc"))
    second = Try(ledger, campaign, vendor=vendor)
    for taken in second.claim(people("abc")):
        second.send(taken)
    first.send(request)
    vendor.assert_nobody_texted_twice()
    vendor.assert_texted(*"abc")


def a_claim_is_marked_by_one_owner_only(ledger: Ledger, campaign: str) -> None:
    vendor = Vendor()
    first, second = (Try(ledger, campaign, vendor=vendor) for _ in range(2))
    (request,) = first.claim(people("abc"))
    for one in (second, first):
        if one.mark(request):
            vendor.take(request)
    vendor.assert_nobody_texted_twice()


def two_live_attempts_make_progress(ledger: Ledger, campaign: str) -> None:
    vendor = Vendor()
    first, second = (Try(ledger, campaign, vendor=vendor) for _ in range(2))
    claimed = {first: first.claim(people("abc")), second: second.claim(people("abc"))}
    claimed[first] += first.claim(people("abc"))
    for one, requests in claimed.items():
        for request in requests:
            one.send(request)
    assert state_of(ledger, claimed[second][0]) == "settled", "the newer attempt lost its claim"
    vendor.assert_texted(*"abc")


def ones_own_claims_stay(ledger: Ledger, campaign: str) -> None:
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    assert one.claim(people("abc")) == []
    assert state_of(ledger, request) == "claimed"
    assert one.send(request)
    one.vendor.assert_texted(*"abc")


def only_what_is_ours_is_sent(ledger: Ledger, campaign: str) -> None:
    """Another attempt has claimed and sent some of a request's recipients after it was cut."""
    vendor = Vendor()
    slow, fast = (Try(ledger, campaign, vendor=vendor) for _ in range(2))
    request = request_of(people("abcd"))
    (faster,) = fast.claim([person("b", 1), person("d", 2)])
    fast.send(faster)
    for ours in ledger.claim(slow.attempt, portion_of([request], read_to=4)):
        slow.send(ours)
    vendor.assert_nobody_texted_twice()
    vendor.assert_texted(*"abcd")


def leftovers_are_found_again(ledger: Ledger, campaign: str) -> None:
    vendor = Vendor()
    Try(ledger, campaign, vendor=vendor).claim(people("abcdef"))
    Try(ledger, campaign, vendor=vendor).text(people("d"))
    later = Try(ledger, campaign, vendor=vendor)
    later.text(people("abcdef"))
    vendor.assert_texted(*"abcdef")
    assert later.counts() == {"accepted": 6}


def a_late_repetition_does_not_bring_a_request_back(ledger: Ledger, campaign: str) -> None:
    """A release whose acknowledgement was lost is repeated after another attempt took the request over."""
    first = Try(ledger, campaign)
    (request,) = first.claim(people("ab"))
    first.mark(request)
    first.release(request)
    Try(ledger, campaign).claim(people("a"))
    assert not first.release(request)
    assert not first.settle(request)
    assert state_of(ledger, request) == "superseded"


def marking_and_taking_over_at_once(owners: Ledger, takers: Ledger, campaign: str) -> None:
    """The owner's *sending* is written and not committed while another attempt takes over."""
    vendor = Vendor()
    owner, taker = Try(owners, campaign, vendor=vendor), Try(takers, campaign, vendor=vendor)
    (request,) = owner.claim(people("abc"))
    pause = Pause(owners.database.engine, "UPDATE uspeedo_requests SET state=")
    arrived = seen(takers.database.engine, "UPDATE uspeedo_requests SET state=")
    with in_background(lambda: owner.mark(request)) as marking:
        pause.wait()
        with in_background(lambda: taker.claim(people("abc"))) as taking:
            assert arrived.wait(10)
            pause.go()
            assert marking.result(20)
            vendor.take(request)
            for taken in taking.result(20):
                taker.send(taken)
    vendor.assert_nobody_texted_twice()
    assert state_of(owners, request) == "sending"
    assert owner.settle(request)
    assert taker.counts() == {"accepted": 3}


def only_what_is_claimed_is_split(ledger: Ledger, campaign: str) -> None:
    """A request that is on its way keeps its recipients."""
    vendor = Vendor()
    one = Try(ledger, campaign, vendor=vendor)
    (request,) = one.claim(people("abc"))
    assert one.mark(request)
    vendor.take(request)
    for part in one.split(request):
        if len(part.recipients):
            one.send(part)
    vendor.assert_nobody_texted_twice()


def only_ones_own_is_split(ledger: Ledger, campaign: str) -> None:
    """The request is another attempt's, which sends all of it."""
    vendor = Vendor()
    first, second = (Try(ledger, campaign, vendor=vendor) for _ in range(2))
    (request,) = second.claim(people("abc"))
    probe, _ = first.split(request)
    if len(probe.recipients):
        first.send(probe)
    second.send(request)
    vendor.assert_nobody_texted_twice()


def what_was_taken_over_is_not_moved_by_a_split(ledger: Ledger, campaign: str) -> None:
    vendor = Vendor()
    first = Try(ledger, campaign, vendor=vendor)
    (request,) = first.claim(people("abc"))
    second = Try(ledger, campaign, vendor=vendor)
    taken = second.claim(people("abc"))
    for part in first.split(request):
        if len(part.recipients):
            first.send(part)
    for one in taken:
        second.send(one)
    vendor.assert_nobody_texted_twice()
    vendor.assert_texted(*"abc")
