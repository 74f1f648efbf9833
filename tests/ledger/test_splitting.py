# SPDX-License-Identifier: Apache-2.0
"""A claimed request is cut in two, for a probe: nobody is lost or doubled by it, whoever comes in between."""

from __future__ import annotations

import pytest

from airflow_provider_uspeedo.errors import CampaignHalted
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.store.records import new_id
from tests.ledger import scenarios
from tests.ledger.acting import OpenLedger, Try, Vendor, key_of, people, state_of
from tests.ledger.faults import Pause, in_background, seen
from tests.ledger.servers import SERVERS


def test_both_parts_are_claimed_and_hold_everybody_once(open_ledger: OpenLedger, campaign: str) -> None:
    one = Try(open_ledger(), campaign)
    (request,) = one.claim(people("abcd"))
    probe, rest = one.split(request)
    assert (probe.recipients.keys(), rest.recipients.keys()) == ([key_of("a")], [key_of(name) for name in "bcd"])
    assert (probe.id != request.id, rest.id) == (True, request.id)
    assert one.send(probe, "a")
    second, last = one.split(rest, 2)
    assert one.send(second)
    assert one.send(last)
    one.end()
    one.vendor.assert_texted(*"abcd")
    assert one.counts() == {"accepted": 3, "rejected": 1}
    assert one.status(*"abcd") == ["rejected", "accepted", "accepted", "accepted"]


def test_parts_that_are_never_sent_are_taken_over(open_ledger: OpenLedger, campaign: str) -> None:
    """As after a crash right after the split."""
    vendor = Vendor()
    first = Try(open_ledger(), campaign, vendor=vendor)
    (request,) = first.claim(people("abcd"))
    probe, rest = first.split(request)
    assert first.mark(probe)
    second = Try(open_ledger(), campaign, vendor=vendor)
    second.text(people("abcd"))
    vendor.assert_texted(*"bcd")
    assert not first.send(rest)
    assert second.counts() == {"accepted": 3, "unknown": 1}


def test_a_repetition_finds_what_it_has_done(open_ledger: OpenLedger, campaign: str) -> None:
    """As after a commit whose acknowledgement was lost; also if another attempt has taken all of it since."""
    ledger = open_ledger()
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    probe_id = new_id()
    for _ in range(2):
        probe, rest = ledger.split(one.attempt, request, 1, probe_id)
        assert (len(probe.recipients), len(rest.recipients)) == (1, 2)
    taken = Try(ledger, campaign, vendor=one.vendor)
    (theirs,) = taken.claim(people("abc"))
    probe, rest = ledger.split(one.attempt, request, 1, probe_id)
    assert [len(part.recipients) for part in (probe, rest)] == [0, 0]
    assert taken.send(theirs)
    one.vendor.assert_texted(*"abc")


def test_what_is_gone_is_not_ours(open_ledger: OpenLedger, campaign: str) -> None:
    """Nothing is left behind either: no empty request."""
    ledger = open_ledger()
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    Try(ledger, campaign).claim(people("abc"))
    probe, rest = one.split(request)
    assert [len(part.recipients) for part in (probe, rest)] == [0, 0]
    assert state_of(ledger, probe) is None
    assert state_of(ledger, request) == "superseded"


@pytest.mark.parametrize(
    "scenario",
    [
        scenarios.only_what_is_claimed_is_split,
        scenarios.only_ones_own_is_split,
        scenarios.what_was_taken_over_is_not_moved_by_a_split,
    ],
)
def test_no_recipient_is_texted_twice(open_ledger: OpenLedger, campaign: str, scenario: object) -> None:
    scenario(open_ledger(), campaign)  # type: ignore[operator]


def test_a_person_s_stop_is_honoured(open_ledger: OpenLedger, campaign: str) -> None:
    ledger = open_ledger()
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    LedgerAdmin(ledger).stop(campaign, by="ann")
    with pytest.raises(CampaignHalted, match="was stopped by ann"):
        one.split(request)


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
@pytest.mark.parametrize("splits_first", [True, False])
def test_a_split_and_a_take_over_at_once(open_ledger: OpenLedger, campaign: str, splits_first: bool) -> None:
    """Whichever comes second waits, and finds what the first has left."""
    owners, takers = open_ledger(), open_ledger()
    vendor = Vendor()
    owner, taker = Try(owners, campaign, vendor=vendor), Try(takers, campaign, vendor=vendor)
    (request,) = owner.claim(people("abc"))
    first, second = (owners, takers) if splits_first else (takers, owners)
    pause = Pause(first.database.engine, "UPDATE uspeedo_requests SET state=")
    arrived = seen(second.database.engine, "UPDATE uspeedo_requests SET state=")
    split, take = (lambda: list(owner.split(request))), (lambda: taker.claim(people("abc")))
    with in_background(split if splits_first else take) as one:
        pause.wait()
        with in_background(take if splits_first else split) as other:
            assert arrived.wait(10)
            pause.go()
            parts, taken = (one.result(20), other.result(20)) if splits_first else (other.result(20), one.result(20))
    for part in parts:
        if len(part.recipients):
            owner.send(part)
    for part in taken:
        taker.send(part)
    vendor.assert_nobody_texted_twice()
    vendor.assert_texted(*"abc")


def test_the_campaign_remembers_that_a_request_was_not_answered(open_ledger: OpenLedger, campaign: str) -> None:
    ledger = open_ledger()
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    assert not ledger.has_unknown_request(one.attempt)
    one.mark(request)
    assert not ledger.has_unknown_request(one.attempt)
    one.mark_unknown(request)
    assert ledger.has_unknown_request(Try(ledger, campaign).attempt)
    assert not ledger.has_unknown_request(Try(ledger, campaign + " of others").attempt)
