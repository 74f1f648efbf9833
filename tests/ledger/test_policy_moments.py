# SPDX-License-Identifier: Apache-2.0
"""Rules and forgetting at the worst moment: while a mark waits, between a claim and its repetition, before a mark."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from airflow_provider_uspeedo.core.contact_rules import NO_RULES, Cap, ContactRules
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import utc_now
from tests.ledger.acting import OpenLedger, Try, key_of, lines_of, people, person, resolve
from tests.ledger.faults import Pause, in_background
from tests.ledger.servers import SERVERS
from tests.ledger.test_policy import ONE_A_WEEK, OVER, names_in, suppress

NINE_A_WEEK = ContactRules(caps=(Cap(9, 7),))
LOCK = "uspeedo_contacts AS c WHERE c.phone_hash IN"


@pytest.fixture
def two(open_ledger: OpenLedger, empty_url: URL) -> list[Ledger]:
    """A ledger of this test alone, opened by two processes."""
    first, second = open_ledger(empty_url), open_ledger(empty_url)
    first.prepare()
    return [first, second]


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_the_list_counts_as_it_is_after_the_lock(two: list[Ledger], campaign: str) -> None:
    """Another capped campaign may hold the phones for long; somebody is put on the list meanwhile."""
    own, other = two
    one = Try(own, campaign, rules=ONE_A_WEEK)
    (request,) = one.claim(people("ab"))
    waiting = Pause(own.database.engine, LOCK, before=True)
    with in_background(lambda: one.marked(request)) as marking:
        waiting.wait()
        suppress(other, "a")
        waiting.go()
        assert names_in(marking.result()) == {"b"}


def again_after(ledger: Ledger, what: Callable[[], None]) -> None:
    """The next transaction is committed, its acknowledgement is lost, and ``what`` happens before it is repeated."""
    real = ledger.database.write

    def twice(work: Callable[[Connection], object]) -> object:
        ledger.database.write = real  # type: ignore[method-assign]
        real(work)
        what()
        return real(work)

    ledger.database.write = twice  # type: ignore[method-assign, assignment]


def test_a_repeated_claim_excludes_the_recipients_that_it_excluded_before(two: list[Ledger], campaign: str) -> None:
    """Its rows are recorded: somebody who leaves the list in between would be a row twice."""
    own, other = two
    suppress(other, "a")
    one = Try(own, campaign)
    again_after(own, lambda: suppress(other, "a", listed=False))
    for request in one.claim(people("ab")):
        one.send(request)
    one.end()
    assert [number for (number,) in lines_of(own, campaign, "row_number")] == [1, 2]
    assert one.counts() == {"accepted": 1, "suppressed": 1}


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded by the claim", "recorded by the mark"])
def test_who_is_forgotten_before_the_mark_counts_all_the_same(two: list[Ledger], campaign: str, recorded: bool) -> None:
    """The request goes on: the text is sent, and every cap counts it, also that of a mark at the same moment."""
    own, other = two
    rules = ONE_A_WEEK if recorded else NO_RULES
    one = Try(own, campaign, rules=rules)
    (request,) = one.claim(people("ab"))
    next_one = Try(other, f"{campaign} next", rules=ONE_A_WEEK, vendor=one.vendor)
    (of_next,) = next_one.claim(people("ab"))
    assert LedgerAdmin(own).forget(person("a", 1).phone).recipients == 2
    assert one.send(request)
    assert names_in(next_one.marked(of_next)) == set()
    last = Try(other, f"{campaign} last", rules=ONE_A_WEEK, vendor=one.vendor)
    assert last.claim(people("ab")) == []
    one.vendor.assert_texted("a", "b")


def test_who_is_texted_after_being_forgotten_counts_by_the_later_text(two: list[Ledger], campaign: str) -> None:
    """Its outcome was unknown when it was forgotten, and a person called it *not sent*."""
    own, _ = two
    one = Try(own, campaign, rules=ONE_A_WEEK)
    (request,) = one.claim(people("a"))
    assert one.mark(request)
    one.mark_unknown(request)
    one.end()
    LedgerAdmin(own).forget(person("a", 1).phone)
    table = own.tables.contacts
    long_ago = utc_now() - timedelta(days=8)
    own.database.write(lambda c: c.execute(sa.update(table).values(sent_at=long_ago)))
    assert resolve(own, campaign, as_sent=False, by="Ann", only=[key_of("a")]) == 1
    again = Try(own, campaign, rules=ONE_A_WEEK, vendor=one.vendor)
    again.text(people("a"))
    last = Try(own, f"{campaign} last", rules=ONE_A_WEEK, vendor=one.vendor)
    last.text(people("a"))
    one.vendor.assert_texted("a")


def test_the_one_contact_of_a_phone_counts_by_the_time_that_it_holds(two: list[Ledger], campaign: str) -> None:
    """A phone with no contact but the request's own is followed all the same, if forgetting left a time there."""
    own, _ = two
    one = Try(own, campaign, rules=ONE_A_WEEK)
    (request,) = one.claim(people("ab"))
    assert one.mark(request)
    one.mark_unknown(request)
    one.end()
    LedgerAdmin(own).forget(person("a", 1).phone)
    assert resolve(own, campaign, as_sent=False, by="Ann") == 2
    again = Try(own, campaign)  # its claim asks no cap
    (request,) = again.claim(people("ab"))
    again.rules = ONE_A_WEEK
    marked = again.marked(request)
    assert names_in(marked) == {"b"}
    assert marked.left_out == ((OVER, 1),)


@pytest.mark.parametrize("rules", [NO_RULES, NINE_A_WEEK], ids=["no rules", "a cap"])
@pytest.mark.parametrize("names", ["ab", "a"])
def test_who_turns_out_to_have_been_texted_leaves_a_request_that_is_not_marked_yet(
    two: list[Ledger], campaign: str, names: str, rules: ContactRules
) -> None:
    """The late answer comes while the next attempt waits with its request: nobody of it is texted again."""
    ledger, _ = two
    one = Try(ledger, campaign)
    (request,) = one.claim(people("a"))
    assert one.mark(request)
    one.vendor.take(request)
    one.mark_unknown(request)
    assert resolve(ledger, campaign, as_sent=False, by="Ann") == 1
    again = Try(ledger, campaign, vendor=one.vendor, rules=rules)
    (waiting,) = again.claim(people(names))
    assert len(waiting.recipients) == len(names)
    assert one.settle(request)
    assert again.send(waiting) == (names == "ab")
    again.end()
    one.vendor.assert_texted(*names)
    assert again.counts() == {"accepted": len(names)}
    assert [status for _, status in lines_of(ledger, campaign, "row_number", "status")] == ["accepted"] * len(names)
