# SPDX-License-Identifier: Apache-2.0
"""Rows that add up: every row of the table as read now has one status, however the table was before."""

from __future__ import annotations

from collections import Counter

import pytest

from airflow_provider_uspeedo.core.recipients import BadRow
from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import (
    Try,
    Vendor,
    duplicate,
    invalid,
    key_of,
    lines_of,
    people,
    person,
    portion_of,
    request_of,
)  # fmt: skip
from tests.ledger.faults import lost_acknowledgement


def statuses(ledger: Ledger, campaign: str) -> list[tuple[object, ...]]:
    return lines_of(ledger, campaign, "row_number", "status")


@pytest.mark.parametrize(
    ("now", "gone"),
    [("fedcba", ""), ("abcdefgh", ""), ("ace", "bdf"), ("xyz", "abcdef"), ("zbxy", "acdef"), ("", "abcdef")],
    ids=["reordered", "grown", "shrunk", "replaced", "mixed", "emptied"],
)
def test_a_rerun_counts_the_table_as_it_is_now(ledger: Ledger, campaign: str, now: str, gone: str) -> None:
    """Whoever was texted before is counted where he stands now; whoever is gone keeps a line without a row."""
    vendor = Vendor()
    Try(ledger, campaign, vendor=vendor).text(people("abcdef"), size=4)
    rerun = Try(ledger, campaign, vendor=vendor)
    rerun.text(people(now), size=2)
    assert rerun.counts() == ({"accepted": len(now)} if now else {})
    expected = [(row, "accepted") for row in range(1, len(now) + 1)] + [(None, "accepted")] * len(gone)
    assert statuses(ledger, campaign) == expected
    vendor.assert_nobody_texted_twice()


def test_a_table_that_lost_everybody_and_got_them_back_doubles_no_line(ledger: Ledger, campaign: str) -> None:
    """Readings replace one another, in both directions."""
    vendor = Vendor()
    for names in ("abc", "x", "cba", "abc"):
        Try(ledger, campaign, vendor=vendor).text(people(names))
    assert statuses(ledger, campaign) == [(1, "accepted"), (2, "accepted"), (3, "accepted"), (None, "accepted")]
    vendor.assert_texted(*"abcx")


@pytest.mark.parametrize("stopped", [False, True], ids=["rerun", "retry"])
def test_which_row_of_a_recipient_counts_is_stable(ledger: Ledger, campaign: str, stopped: bool) -> None:
    """The first row is the recipient's in every batch and every try; the others are duplicates of it."""
    vendor = Vendor()

    def go_through(one: Try, *, send: bool) -> None:
        for first_row in (1, 4):
            for request in one.claim(people("abc", first_row)):
                if send:
                    one.send(request)
        one.end(complete=send)

    go_through(Try(ledger, campaign, vendor=vendor), send=not stopped)
    again = Try(ledger, campaign, vendor=vendor)
    go_through(again, send=True)
    assert again.counts() == {"accepted": 3, "duplicate": 3}
    assert statuses(ledger, campaign) == [(row, "accepted" if row < 4 else "duplicate") for row in range(1, 7)]
    assert dict(lines_of(ledger, campaign, "row_number", "reason"))[5] == "same recipient as row 2"
    vendor.assert_texted(*"abc")


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
@pytest.mark.parametrize("other", ["new", "known"])
def test_one_recipient_in_two_requests_of_one_claim_is_texted_once(
    ledger: Ledger, campaign: str, known: bool, other: str
) -> None:
    """A chunk that was left open from the batch before may close in the same claim as its duplicate's."""
    vendor = Vendor()
    if known:
        Try(ledger, campaign, vendor=vendor).claim(people("a"))
    if other == "known":
        Try(ledger, campaign, vendor=vendor).claim(people("bc"))
    one = Try(ledger, campaign, vendor=vendor)
    requests = [
        request_of([person("b", 1), person("a", 2)]),
        request_of([person("a", 3), person("c", 4)]),
    ]
    for request in ledger.claim(one.attempt, portion_of(requests, read_to=4)):
        one.send(request)
    one.end()
    vendor.assert_texted(*"abc")
    assert one.counts() == {"accepted": 3, "duplicate": 1}
    assert statuses(ledger, campaign) == [(1, "accepted"), (2, "accepted"), (3, "duplicate"), (4, "accepted")]


def test_a_recipient_wanted_and_seen_in_one_claim_has_one_row(ledger: Ledger, campaign: str) -> None:
    """Another attempt got it between the two looks: the later row is the duplicate, and both rows are counted."""
    vendor = Vendor()
    first, second = (Try(ledger, campaign, vendor=vendor) for _ in range(2))
    (request,) = second.claim(people("a"))
    second.send(request)
    wanted = request_of([person("b", 1), person("a", 2)])
    for ours in ledger.claim(first.attempt, portion_of([wanted], [person("a", 3)], read_to=3)):
        first.send(ours)
    assert first.counts() == {"accepted": 2, "duplicate": 1}
    vendor.assert_texted("a", "b")


def test_a_row_that_is_wrong_today_keeps_what_was_texted_yesterday(ledger: Ledger, campaign: str) -> None:
    """Its delivery does not vanish because the phone does not parse any more; a row never texted is invalid."""
    Try(ledger, campaign).text(people("ab"))
    today = Try(ledger, campaign)
    today.text([invalid(1, "a"), person("b", 2), invalid(3, "c"), invalid(4)])
    assert today.counts() == {"accepted": 2, "invalid": 2}
    assert statuses(ledger, campaign) == [(1, "accepted"), (2, "accepted"), (3, "invalid"), (4, "invalid")]


def test_two_wrong_rows_of_one_texted_recipient_are_both_counted(ledger: Ledger, campaign: str) -> None:
    """One of them has the delivery, the other one is what it is."""
    Try(ledger, campaign).text(people("ab"))
    today = Try(ledger, campaign)
    today.text([invalid(1, "a"), invalid(2, "a"), person("b", 3), invalid(4, "b")])
    assert today.counts() == {"accepted": 2, "invalid": 2}


def test_a_right_row_after_a_wrong_one_of_the_same_recipient_is_a_duplicate(ledger: Ledger, campaign: str) -> None:
    """The wrong row was first and holds the delivery; nobody is texted again."""
    vendor = Vendor()
    Try(ledger, campaign, vendor=vendor).text(people("a"))
    today = Try(ledger, campaign, vendor=vendor)
    for rows in ([invalid(1, "a")], [person("a", 2)]):
        for request in today.claim(rows):
            today.send(request)
    today.end()
    assert today.counts() == {"accepted": 1, "duplicate": 1}
    vendor.assert_texted("a")


def test_a_wrong_row_of_a_recipient_never_texted_is_invalid(ledger: Ledger, campaign: str) -> None:
    """Claimed yesterday and never sent: nothing was delivered, so the row is what it is today."""
    yesterday = Try(ledger, campaign)
    yesterday.claim(people("a"))
    yesterday.end(complete=False)
    today = Try(ledger, campaign)
    today.text([invalid(1, "a")])
    assert today.counts() == {"invalid": 1}
    assert statuses(ledger, campaign) == [(1, "invalid"), (None, "not_sent")]


def test_every_kind_of_row_is_counted_once_after_a_lost_acknowledgement(ledger: Ledger, campaign: str) -> None:
    """A claim that is repeated records no row twice."""
    Try(ledger, campaign).text(people("ab"))
    one = Try(ledger, campaign)
    rows = [person("a", 1), person("c", 2), invalid(3), invalid(4, "b"), duplicate(5, 2, "c")]
    with lost_acknowledgement(ledger.database.engine) as happened:
        requests = one.claim(rows)
    assert happened
    assert [one.send(request) for request in requests] == [True]
    assert one.counts() == {"accepted": 3, "invalid": 1, "duplicate": 1}
    one.vendor.assert_texted("c")


def test_two_parts_of_one_campaign_send_no_duplicates(ledger: Ledger, campaign: str) -> None:
    """Mapped instances share a campaign and read different tables; each counts its own rows."""
    vendor = Vendor()
    first, second = (Try(ledger, campaign, part=part, vendor=vendor) for part in "01")
    claimed = [(first, first.claim(people("abc"))), (second, second.claim(people("cde")))]
    for one, requests in claimed:
        for request in requests:
            one.send(request)
        one.end()
    # Part 1 took the whole request with c, and left a and b to a later try of part 0.
    retry = Try(ledger, campaign, part="0", vendor=vendor)
    retry.text(people("abc"))
    vendor.assert_texted(*"abcde")
    assert retry.counts() == second.counts() == {"accepted": 3}
    assert Counter(statuses(ledger, campaign)) == Counter([(row, "accepted") for row in (1, 2, 3)] * 2)


def test_a_part_is_replaced_only_by_its_own_later_reading(ledger: Ledger, campaign: str) -> None:
    """A rerun of one mapped instance leaves the lines of the others alone."""
    for part, names in (("0", "ab"), ("1", "cd"), ("0", "b")):
        Try(ledger, campaign, part=part).text(people(names))
    assert statuses(ledger, campaign) == [
        (1, "accepted"), (1, "accepted"), (2, "accepted"), (None, "accepted"),
    ]  # fmt: skip


def test_a_stopped_try_counts_unread_rows_as_nothing(ledger: Ledger, campaign: str) -> None:
    """Its counts are about what it read; the lines of what it did not read again stay as they were."""
    Try(ledger, campaign).text(people("abcdef"))
    stopped = Try(ledger, campaign)
    for request in stopped.claim(people("xyb")):
        stopped.send(request)
    stopped.end(complete=False)
    assert stopped.counts() == {"accepted": 3}
    assert [row for row, _ in statuses(ledger, campaign)] == [1, 2, 3, 4, 5, 6, None, None]


def test_who_has_moved_up_in_the_table_is_not_shown_twice(ledger: Ledger, campaign: str) -> None:
    """A try that died had met a person at an earlier row; the row at which they were before is not theirs any more."""
    Try(ledger, campaign).text([*people("abcdef"), duplicate(7, 6, "f")])
    died = Try(ledger, campaign)
    died.claim(people("cde"), read_to=2)
    lines = lines_of(ledger, campaign, "row_number", "phone", "status")
    assert [row for row, *_ in lines] == [1, 2, 3, 6, 7, None, None]
    accepted = Counter(phone for _, phone, status in lines if status == "accepted")
    assert accepted == Counter(person(name, 1).phone for name in "abcdef")


def test_who_was_new_to_a_try_that_died_is_not_shown_twice(ledger: Ledger, campaign: str) -> None:
    """An older try that is still alive meets the same person at another row, after the newer one has died."""
    older, newer = Try(ledger, campaign), Try(ledger, campaign)
    newer.claim(people("xy"))
    older.claim(people("abx"))
    older.end()
    phones = [phone for (phone,) in lines_of(ledger, campaign, "phone")]
    assert sorted(phones) == sorted({person(name, 1).phone for name in "abxy"})


def test_a_late_attempt_does_not_push_out_a_newer_reading(ledger: Ledger, campaign: str) -> None:
    """A zombie that records after its successor has finished changes nobody's line."""
    zombie = Try(ledger, campaign)
    Try(ledger, campaign).text(people("abc"))
    zombie.claim(people("xyz"))
    zombie.end()
    assert statuses(ledger, campaign)[:3] == [(1, "accepted"), (2, "accepted"), (3, "accepted")]
    assert Counter(status for _, status in statuses(ledger, campaign)) == {"accepted": 3, "not_sent": 3}


def test_failures_are_listed_in_the_order_of_the_table(ledger: Ledger, campaign: str) -> None:
    """Rejected, invalid and unknown rows, up to the limit; nothing else."""
    one = Try(ledger, campaign)
    first, second = one.claim([*people("abcd"), invalid(5), duplicate(6, 1, "a")], size=2)
    one.send(first, "b")
    assert one.mark(second)
    assert one.mark_unknown(second)
    listed = [(f.row_number, f.status, f.reason) for f in ledger.failures(one.attempt, 10)]
    assert listed == [
        (2, "rejected", "phone in the black list"), (3, "unknown", "no answer"), (4, "unknown", "no answer"),
        (5, "invalid", "phone (column 'phone') is empty"),
    ]  # fmt: skip
    assert len(ledger.failures(one.attempt, 3)) == 3
    assert one.counts() == {"accepted": 1, "rejected": 1, "unknown": 2, "invalid": 1, "duplicate": 1}


def held(row: int, status: str, reason: str, name: str) -> BadRow:
    """A row that a rule of a policy excludes."""
    return BadRow(row, status, reason, "(852)55311111", "", "UTA1", "", key_of(name))


CLOSED = "hours: opens at 2026-11-30 01:00 UTC"


def test_a_row_that_a_rule_excludes_is_the_one_line_of_a_recipient_that_was_claimed_before(
    ledger: Ledger, campaign: str
) -> None:
    """Whoever died with the claim: the rule is the reason now, also in an attempt after that."""
    first = Try(ledger, campaign)
    first.claim(people("abc"))
    for _ in range(2):
        later = Try(ledger, campaign)
        later.claim(
            [
                held(1, "not_sent", CLOSED, "a"),
                held(2, "suppressed", "country: AQ", "b"),
                *people("c", 3),
                held(4, "not_sent", CLOSED, "a"),
            ]
        )
        later.end()
        assert lines_of(ledger, campaign, "row_number", "status", "reason") == [
            (1, "not_sent", CLOSED),
            (2, "suppressed", "country: AQ"),
            (3, "not_sent", None),
            (4, "duplicate", "same recipient as row 1"),
        ]
        assert later.counts() == {"not_sent": 2, "suppressed": 1, "duplicate": 1}
        assert ledger.not_sent_by_rule(later.attempt, ("hours",)) == {"hours": 1}


def test_a_row_that_a_rule_excludes_shows_what_another_attempt_does_with_its_recipient(
    ledger: Ledger, campaign: str
) -> None:
    """The other one had claimed it while the rule allowed it, and sends; that is the truth, and not the rule."""
    slow = Try(ledger, campaign)
    first, second, third = slow.claim(people("abc"), size=1)
    later = Try(ledger, campaign)
    later.claim([held(row, "not_sent", CLOSED, name) for row, name in enumerate("abc", 1)])
    later.end()
    assert slow.send(first)
    assert slow.mark(second)
    assert slow.send(third, "c")
    assert lines_of(ledger, campaign, "row_number", "status") == [
        (1, "accepted"), (2, "unknown"), (3, "rejected"),
    ]  # fmt: skip
    assert later.counts() == {"accepted": 1, "unknown": 1, "rejected": 1}


def test_a_second_row_of_a_recipient_that_this_attempt_claimed_is_a_duplicate(ledger: Ledger, campaign: str) -> None:
    """Though a rule, such as the hours of another time zone in that row, excludes it."""
    one = Try(ledger, campaign)
    one.claim(people("a"))
    one.claim([held(2, "not_sent", CLOSED, "a")])
    assert one.counts() == {"not_sent": 1, "duplicate": 1}


def test_rows_that_were_not_sent_are_counted_by_the_rule_that_held_them_back(ledger: Ledger, campaign: str) -> None:
    """Those of a row of its own and those of a request that was given back, each once; no others."""
    one = Try(ledger, campaign)
    rows = [
        *people("abcd"),
        held(5, "not_sent", "hours: opens at 2026-11-30 01:00 UTC", "e"),
        held(6, "not_sent", "not after: 2026-11-22 12:00 UTC has passed", "f"),
        held(7, "suppressed", "hours: never open", "g"),
        invalid(8),
    ]
    sent, given_back, *_ = one.claim(rows, size=1)
    assert one.send(sent)
    assert one.mark(given_back)
    assert ledger.release(
        one.attempt, given_back.id, ret_code=None, vendor_request_id="", reason="hours: opens at 2026-11-30 01:00 UTC"
    )
    one.end()
    assert ledger.not_sent_by_rule(one.attempt, ("hours", "not after")) == {"hours": 2, "not after": 1}
    assert one.counts() == {"accepted": 1, "not_sent": 5, "suppressed": 1, "invalid": 1}
    later = Try(ledger, campaign)
    assert ledger.not_sent_by_rule(later.attempt, ("hours", "not after")) == {"hours": 0, "not after": 0}
