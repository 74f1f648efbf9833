# SPDX-License-Identifier: Apache-2.0
"""A person lets a later attempt send to rejected recipients again: exactly to those, and never by itself."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import wait
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.admin.rejected_recipients import RejectedRecipients
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.ledger.store.records import Request
from airflow_provider_uspeedo.ledger.store.staged_receipts import MessageReceipt
from tests.ledger.acting import (
    OpenLedger,
    Try,
    Vendor,
    invalid,
    key_of,
    lines_of,
    people,
    person,
    receipts_of,
    resolve,
    state_of,
)
from tests.ledger.faults import Pause, in_background, lost_acknowledgement


def reject(one: Try, names: str, *refused: str, first_row: int = 1) -> Request:
    """Sends a request whose answer lists those as rejected; all of them if none is named."""
    (request,) = one.claim(people(names, first_row))
    assert one.send(request, *(refused or names))
    return request


def reopen(ledger: Ledger, campaign: str, **how: Any) -> int:
    return LedgerAdmin(ledger).reopen_rejected(campaign, **{"reason": "the sender is registered", "by": "ann", **how})


def receive(ledger: Ledger, one: Try, request: Request, *names: str, result: str = "Success", proof: str = "") -> int:
    """Records a receipt for each of these recipients of a request."""
    proof = proof or ("rejected" if result == "SubmitFail" else "accepted")
    receipts = [MessageReceipt(request.id, key_of(name), result, "", "", None, 1, proof) for name in names]
    return ReceiptLedger(ledger).record(one.attempt.campaign_no, receipts_of(receipts))


def rerun(ledger: Ledger, campaign: str, names: Sequence[str], vendor: Vendor | None = None) -> Try:
    """A whole later attempt."""
    again = Try(ledger, campaign, vendor=vendor)
    again.text(people(names))
    return again


def everything(ledger: Ledger, campaign: str) -> Try:
    """One accepted, two rejected, one unknown, one claimed, one invalid row."""
    one = Try(ledger, campaign)
    reject(one, "abc", "b", "c")
    (lost,) = one.claim(people("d", 4))
    assert one.mark(lost)
    one.vendor.take(lost)
    assert one.mark_unknown(lost)
    one.claim([*people("e", 5), invalid(6)])
    return one


def test_rejected_recipients_are_sent_to_again_after_a_decision_and_no_others(ledger: Ledger, campaign: str) -> None:
    """By a later attempt, once; accepted, unknown and invalid ones stay as they are."""
    one = everything(ledger, campaign)
    older = Try(ledger, campaign)
    assert LedgerAdmin(ledger).count_rejected(campaign).recipients == 2
    assert reopen(ledger, campaign, expected=2) == 2
    assert one.counts() == {"accepted": 1, "not_sent": 3, "unknown": 1, "invalid": 1}
    assert older.claim(people("abc")) == []  # an attempt from before the decision has no part in it
    vendor = Vendor()
    again = rerun(ledger, campaign, "abcde", vendor)
    vendor.assert_texted("b", "c", "e")
    assert again.counts() == {"accepted": 4, "unknown": 1}
    last = rerun(ledger, campaign, "abcde")
    last.vendor.assert_texted()


def test_without_a_decision_they_are_never_sent_to(ledger: Ledger, campaign: str) -> None:
    """However often the campaign runs."""
    reject(Try(ledger, campaign), "abc", "b")
    for _ in range(3):
        rerun(ledger, campaign, "abc").vendor.assert_texted()


def test_the_rows_say_who_re_opened_them_and_why(ledger: Ledger, campaign: str) -> None:
    """Until they are sent; the list of decisions goes on to say so."""
    one, admin = Try(ledger, campaign), LedgerAdmin(ledger)
    reject(one, "ab", "b")
    reject(one, "cd", first_row=3)
    reopen(ledger, campaign, reason="call 55311111: the sender is registered", by="Dana")
    one.end()
    statuses = dict(lines_of(ledger, campaign, "row_number", "status"))
    assert statuses == {1: "accepted", 2: "not_sent", 3: "not_sent", 4: "not_sent"}
    reason = dict(lines_of(ledger, campaign, "row_number", "reason"))[2]
    begin = "re-opened by Dana at 20"
    assert str(reason).startswith(begin)
    assert str(reason).endswith("UTC after it was rejected: call ****1111: the sender is registered")
    rerun(ledger, campaign, "abcd")
    (line,) = admin.decisions(campaign)
    assert (line.outcome, line.recipients, line.requests, line.who, line.reason) == (
        "reopened", 3, 2, "Dana", "call ****1111: the sender is registered",
    )  # fmt: skip
    assert admin.show(campaign).counts == {"accepted": 4}


def test_who_is_rejected_again_stays_so_until_the_next_decision(ledger: Ledger, campaign: str) -> None:
    """Each decision is for what is rejected at that time."""
    reject(Try(ledger, campaign), "abc")
    for left in ("abc", "bc", "c"):
        assert reopen(ledger, campaign) == len(left)
        assert reopen(ledger, campaign) == 0
        again = Try(ledger, campaign)
        (request,) = again.claim(people("abc"))
        assert again.send(request, *left[1:])
        again.end()
        rerun(ledger, campaign, "abc").vendor.assert_texted()
    assert [line.recipients for line in LedgerAdmin(ledger).decisions(campaign)] == [3, 2, 1]
    assert again.status("a", "b", "c") == ["accepted"] * 3


@pytest.mark.parametrize("at_once", [(1, 500), (20_000, 1), (2, 2)], ids=["recipients", "requests", "both"])
def test_a_decision_in_portions_is_one_decision(ledger: Ledger, campaign: str, at_once: tuple[int, int]) -> None:
    """Many requests, each rejecting some: the line of the decision counts all of them."""
    one = Try(ledger, campaign)
    for request in one.claim(people("abcdefgh"), size=2):
        one.send(request, *"abcef")
    one.end()
    campaign_row = ledger.database.read(lambda c: LedgerAdmin(ledger)._find(c, campaign))
    few = RejectedRecipients(ledger, recipients_at_once=at_once[0], requests_at_once=at_once[1])
    assert few.reopen(campaign, campaign_row, "ann", "fixed", 5) == 5
    (line,) = LedgerAdmin(ledger).decisions(campaign)
    assert (line.recipients, line.requests) == (5, 3)
    rerun(ledger, campaign, "abcdefgh").vendor.assert_texted(*"abcef")


def test_an_unchanged_table_is_read_again_after_a_decision(ledger: Ledger, campaign: str) -> None:
    """What was read of it does not stand while somebody is to be sent to; once they are, it does."""
    one = Try(ledger, campaign)
    reject(one, "abc", "b")
    ledger.end_attempt(one.attempt, complete=True, fingerprint=bytes(16))
    shared = Try(ledger, campaign)
    assert ledger.share_reading(shared.attempt, one.attempt.number)
    shared.end(complete=False)
    reopen(ledger, campaign)
    vendor = Vendor()
    again = Try(ledger, campaign, vendor=vendor)
    found = ledger.complete_reading(again.attempt)
    assert found is not None
    assert not ledger.share_reading(again.attempt, found.attempt_no)
    again.send(again.claim(people("abc"))[0])
    vendor.assert_texted("b")
    ledger.end_attempt(again.attempt, complete=True, fingerprint=bytes(16))
    last = Try(ledger, campaign)
    assert ledger.share_reading(last.attempt, again.attempt.number)
    assert again.counts() == {"accepted": 3}


# -- receipts -----------------------------------------------------------------------------------------------------


def test_who_was_rejected_by_a_receipt_counts_as_rejected(ledger: Ledger, campaign: str) -> None:
    """*SubmitFail* of an unknown outcome."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    assert one.mark(request)
    assert one.settle(request, "a", "b", status="unknown")
    assert receive(ledger, one, request, "a", result="SubmitFail") == 1
    assert one.status("a", "b") == ["rejected", "unknown"]
    assert reopen(ledger, campaign, expected=1) == 1
    rerun(ledger, campaign, "ab").vendor.assert_texted("a")


@pytest.mark.parametrize("result", ["Success", "Fail"])
@pytest.mark.parametrize("certain", [True, False], ids=["certain", "not certain"])
def test_whose_message_the_carrier_had_is_left_as_it_is(
    ledger: Ledger, campaign: str, result: str, certain: bool
) -> None:
    """The API rejected it, and a receipt says otherwise: to send it again would text the person twice."""
    one = Try(ledger, campaign)
    request = reject(one, "ab")
    receipt = MessageReceipt(request.id, key_of("a"), result, "", "", None, 1, "accepted" if certain else "")
    assert ReceiptLedger(ledger).record(one.attempt.campaign_no, receipts_of([receipt])) == 0
    assert one.status("a") == ["rejected"]
    count = LedgerAdmin(ledger).count_rejected(campaign)
    assert (count.recipients, count.requests, count.received, count.forgotten) == (1, 1, 1, 0)
    assert reopen(ledger, campaign, expected=1) == 1
    rerun(ledger, campaign, "ab").vendor.assert_texted("b")


@pytest.mark.parametrize("when", ["before it is claimed", "while it is claimed", "after it was sent", "rejected again"])
def test_a_late_receipt_shows_that_the_old_request_reached_the_recipient(
    ledger: Ledger, campaign: str, when: str
) -> None:
    """The old request is remembered: its receipt counts, and a recipient that is not out yet is not sent to."""
    one = Try(ledger, campaign)
    old = reject(one, "ab")
    reopen(ledger, campaign)
    again = Try(ledger, campaign)
    if when == "before it is claimed":
        assert receive(ledger, one, old, "a") == 1
    (request,) = again.claim(people("ab"))
    if when == "while it is claimed":
        assert receive(ledger, one, old, "a") == 1
    assert again.send(request, *("ab" if when == "rejected again" else ""))
    if when in ("after it was sent", "rejected again"):
        assert receive(ledger, one, old, "a") == 1
    texted = "b" if "claimed" in when else "ab"
    again.vendor.assert_texted(*texted)
    other = "rejected" if when == "rejected again" else "accepted"
    assert again.status("a", "b") == ["accepted", other]
    assert again.counts() in ({"accepted": 2}, {"accepted": 1, "rejected": 1})
    assert receive(ledger, one, old, "a") == 0
    assert LedgerAdmin(ledger).count_rejected(campaign).recipients == (1 if when == "rejected again" else 0)


def test_a_receipt_that_says_rejected_again_changes_nothing(ledger: Ledger, campaign: str) -> None:
    """It can only show that more was sent; and without a decision not even that changes a rejected recipient."""
    one = Try(ledger, campaign)
    old = reject(one, "ab")
    assert receive(ledger, one, old, "a", "b", result="SubmitFail") == 0
    reopen(ledger, campaign)
    assert receive(ledger, one, old, "a", result="SubmitFail") == 0
    assert one.status("a", "b") == ["not_sent", "not_sent"]
    rerun(ledger, campaign, "ab").vendor.assert_texted("a", "b")


# -- what comes in between ----------------------------------------------------------------------------------------


def test_another_number_than_agreed_re_opens_nothing(ledger: Ledger, campaign: str) -> None:
    """And nothing to do is no decision."""
    one = Try(ledger, campaign)
    reject(one, "ab")
    with pytest.raises(ConfigurationError, match=r"Nothing was re-opened: it would be 2 recipients now, not 1\."):
        reopen(ledger, campaign, expected=1)
    assert one.status("a", "b") == ["rejected", "rejected"]
    assert LedgerAdmin(ledger).decisions(campaign) == ()


REOPENS = 4
"""Commits before that of the decision: looking for the ledger, the campaign, its requests, and opening the attempt."""
LOOKED = "AS kind, x.request_id"
"""Of the statement that looks which requests hold rejected recipients, outside of the transactions that move them."""


def test_more_than_was_agreed_are_not_re_opened(open_ledger: OpenLedger, campaign: str) -> None:
    """A receipt rejects one more after the look: the number is compared again under the lock."""
    ledger, admin = open_ledger(), open_ledger()
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    assert one.mark(request)
    assert one.settle(request, "a", "b", "c", status="unknown")
    receive(ledger, one, request, "a", result="SubmitFail")
    pause = Pause(admin.database.engine, LOOKED)
    with in_background(lambda: reopen(admin, campaign, expected=1)) as deciding:
        pause.wait()
        receive(ledger, one, request, "b", result="SubmitFail")
        pause.go()
        with pytest.raises(ConfigurationError, match=r"Only 0 recipients of 1 were re-opened: more are rejected"):
            deciding.result(20)
    assert one.status("a", "b", "c") == ["rejected", "rejected", "unknown"]


def test_who_is_shown_to_be_sent_to_after_the_look_is_left_alone(open_ledger: OpenLedger, campaign: str) -> None:
    """Fewer than was agreed is no lie."""
    ledger, admin = open_ledger(), open_ledger()
    one = Try(ledger, campaign)
    request = reject(one, "ab")
    pause = Pause(admin.database.engine, LOOKED)
    with in_background(lambda: reopen(admin, campaign, expected=2)) as deciding:
        pause.wait()
        receive(ledger, one, request, "a")
        pause.go()
        assert deciding.result(20) == 1
    assert one.status("a", "b") == ["rejected", "not_sent"]


@pytest.mark.parametrize("how", ["sent", "claimed"])
def test_recipients_of_a_later_decision_and_attempt_are_left_alone(
    open_ledger: OpenLedger, campaign: str, how: str
) -> None:
    """Two people decide; between the look of the first and its update the other one's are sent to, or claimed."""
    ledger, admin = open_ledger(), open_ledger()
    vendor = Vendor()
    reject(Try(ledger, campaign), "abc")
    pause = Pause(admin.database.engine, LOOKED)
    with in_background(lambda: reopen(admin, campaign, expected=3)) as deciding:
        pause.wait()
        assert reopen(ledger, campaign) == 3
        again = Try(ledger, campaign, vendor=vendor)
        (request,) = again.claim(people("abc"))
        if how == "sent":
            assert again.send(request, "c")
        pause.go()
        assert deciding.result(20) == 0
    assert again.send(request) == (how == "claimed")
    assert again.status("a", "b", "c") == ["accepted", "accepted", "rejected" if how == "sent" else "accepted"]
    rerun(ledger, campaign, "abc", vendor)
    vendor.assert_texted("a", "b", "c")
    assert [line.recipients for line in LedgerAdmin(ledger).decisions(campaign)] == [3]


@pytest.mark.parametrize(
    "at", ["FROM uspeedo_requests WHERE uspeedo_requests.id IN", "INSERT INTO uspeedo_past_requests"]
)
def test_a_receipt_that_comes_while_it_is_moved_still_counts(open_ledger: OpenLedger, campaign: str, at: str) -> None:
    """It waits for the lock on the old request, and finds then that the recipient has left it."""
    ledger, admin = open_ledger(), open_ledger()
    one = Try(ledger, campaign)
    request = reject(one, "ab")
    receipt = Pause(admin.database.engine, at)
    with (
        in_background(lambda: reopen(admin, campaign)) as deciding,
        in_background(lambda: receipt.wait() or receive(ledger, one, request, "a")) as receiving,
    ):
        receipt.wait()
        wait([receiving], timeout=1)  # it must wait; on SQLite its transaction does not even begin
        receipt.go()
        assert deciding.result(20) == 2
        assert receiving.result(20) == 1
    assert one.status("a", "b") == ["accepted", "not_sent"]
    rerun(ledger, campaign, "ab").vendor.assert_texted("b")


@pytest.mark.parametrize("expected", [2, None], ids=["agreed", "whatever"])
def test_a_repetition_re_opens_no_recipient_that_was_rejected_meanwhile(
    open_ledger: OpenLedger, campaign: str, expected: int | None
) -> None:
    """The acknowledgement is lost, and a receipt rejects one more before it is repeated."""
    ledger, admin = open_ledger(), open_ledger()
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    assert one.mark(request)
    assert one.settle(request, "a", "b", "c", status="unknown")
    receive(ledger, one, request, "a", "b", result="SubmitFail")
    meanwhile = partial(receive, ledger, one, request, "c", result="SubmitFail")
    with lost_acknowledgement(admin.database.engine, after=REOPENS, meanwhile=meanwhile) as happened:
        assert reopen(admin, campaign, expected=expected) == 2
    assert happened
    assert one.status(*"abc") == ["not_sent", "not_sent", "rejected"]
    assert [line.recipients for line in LedgerAdmin(ledger).decisions(campaign)] == [2]


def test_a_decision_repeated_after_a_lost_acknowledgement_is_one_decision(ledger: Ledger, campaign: str) -> None:
    """Its number is what it was, in what is returned and in what is kept."""
    reject(Try(ledger, campaign), "abc")
    with lost_acknowledgement(ledger.database.engine, after=REOPENS) as happened:
        assert reopen(ledger, campaign, expected=3) == 3
    assert happened
    assert [line.recipients for line in LedgerAdmin(ledger).decisions(campaign)] == [3]
    rerun(ledger, campaign, "abc").vendor.assert_texted(*"abc")


def test_two_decisions_at_once_are_about_each_recipient_once(open_ledger: OpenLedger, campaign: str) -> None:
    """The second waits for the first, and finds nothing left."""
    ledgers = open_ledger(), open_ledger()
    one = Try(ledgers[0], campaign)
    for request in one.claim(people("abcdefgh"), size=2):
        one.send(request, *"abcdefgh")
    with (
        in_background(lambda: reopen(ledgers[0], campaign)) as first,
        in_background(lambda: reopen(ledgers[1], campaign)) as second,
    ):
        assert first.result(20) + second.result(20) == 8
    assert sum(line.recipients for line in LedgerAdmin(ledgers[0]).decisions(campaign)) == 8
    rerun(ledgers[0], campaign, "abcdefgh").vendor.assert_texted(*"abcdefgh")


# -- stopped, pruned, forgotten -----------------------------------------------------------------------------------


def test_a_stopped_campaign_can_be_re_opened_and_stays_stopped(ledger: Ledger, campaign: str) -> None:
    """The count says so."""
    reject(Try(ledger, campaign), "ab")
    admin = LedgerAdmin(ledger)
    admin.stop(campaign, by="bob")
    count = admin.count_rejected(campaign)
    assert (count.recipients, count.stopped_by, count.stopped_at is None) == (2, "bob", False)
    assert reopen(ledger, campaign) == 2
    with pytest.raises(CampaignHalted, match="stopped by bob"):
        Try(ledger, campaign).claim(people("ab"))
    admin.resume(campaign)
    rerun(ledger, campaign, "ab").vendor.assert_texted("a", "b")


def test_a_pruned_campaign_has_nothing_to_re_open(open_ledger: OpenLedger, empty_url: URL, campaign: str) -> None:
    """Also if it is pruned between the look and the transaction; what was decided before stays visible."""
    ledger, admin = open_ledger(empty_url), open_ledger(empty_url)
    ledger.prepare()
    one = Try(ledger, campaign)
    reject(one, "ab", "b")
    reopen(ledger, campaign)
    rerun_ = Try(ledger, campaign)
    (again,) = rerun_.claim(people("ab"))
    rerun_.send(again, "b")
    rerun_.end()
    one.end()
    pause = Pause(admin.database.engine, LOOKED)
    with in_background(lambda: reopen(admin, campaign)) as deciding:
        pause.wait()
        (pruned,) = LedgerAdmin(ledger).prune(older_than=timedelta(0))
        assert pruned.pruned
        pause.go()
        with pytest.raises(CampaignHalted, match="was pruned"):
            deciding.result(20)
    for verb in (LedgerAdmin(ledger).count_rejected, lambda name: reopen(ledger, name)):
        with pytest.raises(CampaignHalted, match="there is nothing left to re-open"):
            verb(campaign)
    assert [line.recipients for line in LedgerAdmin(ledger).decisions(campaign)] == [1]


def test_whose_phone_is_forgotten_is_not_sent_to_again(open_ledger: OpenLedger, empty_url: URL, campaign: str) -> None:
    """The table may still hold it."""
    ledger = open_ledger(empty_url)
    ledger.prepare()
    reject(Try(ledger, campaign), "ab")
    LedgerAdmin(ledger).forget(person("a", 1).phone)
    count = LedgerAdmin(ledger).count_rejected(campaign)
    assert (count.recipients, count.received, count.forgotten) == (1, 0, 1)
    assert reopen(ledger, campaign, expected=1) == 1
    rerun(ledger, campaign, "ab").vendor.assert_texted("b")


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 501])
def test_a_reason_is_required(ledger: Ledger, campaign: str, reason: str) -> None:
    """One that can be kept and read."""
    one = Try(ledger, campaign)
    reject(one, "a")
    with pytest.raises(ConfigurationError, match="reason must say why"):
        reopen(ledger, campaign, reason=reason)
    with pytest.raises(ConfigurationError, match="by must be the name"):
        reopen(ledger, campaign, by=" ")
    assert one.status("a") == ["rejected"]


def test_the_number_of_statements_does_not_grow_with_the_recipients(open_ledger: OpenLedger, campaign: str) -> None:
    """None is about one recipient."""
    ledger = open_ledger()
    numbers = []
    for size in (2, 900):
        name = f"{campaign} {size}"
        one = Try(ledger, name)
        everyone = [f"{size} {number}" for number in range(size)]
        (request,) = one.claim(people(everyone))
        assert one.send(request, *everyone)
        statements: list[str] = []

        def note(_connection: Any, _cursor: Any, text: str, *_rest: Any, kept: list[str] = statements) -> None:
            kept.append(text)

        sa.event.listen(ledger.database.engine, "before_cursor_execute", note)
        assert reopen(ledger, name) == size
        sa.event.remove(ledger.database.engine, "before_cursor_execute", note)
        numbers.append(len(statements))
    assert numbers[0] == numbers[1]


def test_the_old_request_and_its_outcomes_are_remembered(ledger: Ledger, campaign: str) -> None:
    """Nothing of what the API said is lost."""
    one = Try(ledger, campaign)
    request = reject(one, "ab", "b")
    reopen(ledger, campaign)
    assert state_of(ledger, request) == "settled"
    x, p = ledger.tables.outcomes.c, ledger.tables.past_requests.c
    kept = ledger.database.read(lambda c: c.execute(sa.select(x.key, x.status).where(x.request_id == request.id)).all())
    left = ledger.database.read(lambda c: c.execute(sa.select(p.key).where(p.request_id == request.id)).scalars().all())
    assert ([tuple(row) for row in kept], list(left)) == ([(key_of("b"), "rejected")], [key_of("b")])
    assert resolve(ledger, campaign, as_sent=False, by="ann") == 0
