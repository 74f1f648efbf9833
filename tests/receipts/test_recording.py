# SPDX-License-Identifier: Apache-2.0
"""Receipts in the ledger: which of them stays, and what they settle; on every kind of database."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.ledger.results.receipt_queries import SentRequest
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS
from airflow_provider_uspeedo.ledger.store.records import Answer, Request
from airflow_provider_uspeedo.ledger.store.staged_receipts import RANKS, MessageReceipt
from tests.ledger.acting import OpenLedger, Try, key_of, newest, people, receipts_of, resolve

EARLY = datetime.fromisoformat("2026-11-22 09:00:00")  # as the ledger keeps times: UTC, without a zone
LATE = datetime.fromisoformat("2026-11-22 09:05:30")
PROOFS = {"Success": "accepted", "Fail": "accepted", "SubmitFail": "rejected", "Unknow": ""}


def receipt(request: Request, name: str, result: str, at: datetime | None = EARLY, **more: Any) -> MessageReceipt:
    """A receipt that names its recipient for certain."""
    given = {"code": "c", "description": "d", "cost_count": 1, "proof": PROOFS[result], **more}
    return MessageReceipt(request.id, key_of(name), result, at=at, **given)


def shown(ledger: Ledger, campaign: str) -> dict[bytes, dict[str, Any]]:
    """The results of a campaign by recipient."""
    rows = [dict(zip(COLUMNS, row, strict=True)) for some in ledger.results(campaign) for row in some]
    return {bytes.fromhex(row["recipient_key"]): row for row in rows}


def status(ledger: Ledger, campaign: str, name: str) -> str:
    return str(shown(ledger, campaign)[key_of(name)]["status"])


def sent(
    ledger: Ledger, campaign: str, names: Sequence[str], *, unknown: Sequence[str] = (), session: str = "S1"
) -> tuple[Try, Request]:
    """A settled request; of ``unknown`` the answer did not say what became of them."""
    attempt = Try(ledger, campaign)
    [request] = attempt.claim(people(names))
    assert attempt.mark(request)
    outcomes = tuple((key_of(name), Status.UNKNOWN, "not listed") for name in unknown)
    assert ledger.settle(attempt.attempt, request.id, Answer(session, 0, "V1", outcomes))
    return attempt, request


def record(ledger: Ledger, attempt: Try, *receipts: MessageReceipt) -> int:
    return ReceiptLedger(ledger).record(attempt.attempt.campaign_no, receipts_of(receipts))


def test_a_receipt_fills_its_columns_of_the_results(ledger: Ledger, campaign: str) -> None:
    """Whatever of it is missing is null, not an empty text, 0 or a time of its own."""
    attempt, request = sent(ledger, campaign, ["a", "b", "c"])
    bare = receipt(request, "b", "Fail", None, code="", description="", cost_count=None)
    record(ledger, attempt, receipt(request, "a", "Success", LATE, cost_count=3), bare)
    rows = shown(ledger, campaign)
    columns = ("receipt_result", "receipt_code", "receipt_desc", "receipt_at", "cost_count")
    found = {name: [rows[key_of(name)][column] for column in columns] for name in "abc"}
    assert found == {
        "a": ["Success", "c", "d", LATE, 3],
        "b": ["Fail", None, None, None, None],
        "c": [None, None, None, None, None],
    }
    assert {row["status"] for row in rows.values()} == {"accepted"}


def test_the_newest_final_receipt_stays_in_whatever_order_they_come(ledger: Ledger, campaign: str) -> None:
    """Late, repeated, reordered and contradicting receipts: one transaction each, in every order."""
    given = [("Unknow", LATE), ("Success", EARLY), ("Fail", LATE), ("Unknow", None)]
    orders = list(itertools.permutations(given))
    names = [f"p{number}" for number in range(len(orders))]
    attempt, request = sent(ledger, campaign, names)
    for turn in range(len(given)):
        record(
            ledger, attempt, *(receipt(request, name, *order[turn]) for name, order in zip(names, orders, strict=True))
        )
        record(ledger, attempt, *(receipt(request, name, *order[0]) for name, order in zip(names, orders, strict=True)))
    rows = shown(ledger, campaign)
    assert {(row["receipt_result"], row["receipt_at"]) for row in rows.values()} == {("Fail", LATE)}


def test_a_receipt_of_a_campaign_that_is_pruned_meanwhile_is_dropped(open_ledger: OpenLedger, campaign: str) -> None:
    """It waits for the pruning; without its recipient nothing would ever delete it."""
    ledger, other = open_ledger(), open_ledger()
    attempt, request = sent(ledger, campaign, ["a", "b"], unknown=["b"])
    ledger.end_attempt(attempt.attempt, complete=True)
    given = [receipt(request, "a", "Success"), receipt(request, "b", "Fail")]
    pruning = LedgerAdmin(other).prune(older_than=timedelta(0), campaign_ids=[campaign], with_unknown=True)
    assert [one.pruned for one in pruning] == [True]
    assert record(ledger, attempt, *given) == 0
    table = ledger.tables.receipts.c
    of_request = sa.select(table.key).where(table.request_id == request.id)
    assert ledger.database.read(lambda connection: connection.execute(of_request).all()) == []


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(["Success", "Fail", "SubmitFail"], 2)))
def test_of_two_final_receipts_of_one_time_the_one_that_shows_more_stays(
    ledger: Ledger, campaign: str, first: str, second: str
) -> None:
    """So that two collectors agree, whichever writes last."""
    attempt, request = sent(ledger, campaign, ["a"])
    record(ledger, attempt, receipt(request, "a", first))
    record(ledger, attempt, receipt(request, "a", second))
    assert shown(ledger, campaign)[key_of("a")]["receipt_result"] == max(first, second, key=RANKS.__getitem__)


def test_the_sql_orders_receipts_as_python_does(ledger: Ledger, campaign: str) -> None:
    """Every pair of kinds of receipts, in both orders."""
    kinds = list(itertools.product(RANKS, (None, EARLY, LATE), (None, 0, 2)))
    pairs = list(itertools.product(kinds, kinds))
    names = [f"p{number}" for number in range(len(pairs))]
    attempt = Try(ledger, campaign)
    requests = attempt.claim(people(names))
    for request in requests:
        attempt.send(request)
    holder = {one.key: request for request in requests for one in request.recipients}

    def made(name: str, kind: tuple[str, datetime | None, int | None]) -> MessageReceipt:
        result, at, cost = kind
        return MessageReceipt(holder[key_of(name)].id, key_of(name), result, "", "", at, cost)

    for turn in (0, 1):
        record(ledger, attempt, *(made(name, pair[turn]) for name, pair in zip(names, pairs, strict=True)))
    rows = shown(ledger, campaign)
    for name, pair in zip(names, pairs, strict=True):
        best = newest(made(name, kind) for kind in pair)
        row = rows[key_of(name)]
        assert (row["receipt_result"], row["receipt_at"], row["cost_count"]) == (best.result, best.at, best.cost_count)


@pytest.mark.parametrize(
    ("result", "proof", "becomes"),
    [
        ("Success", "accepted", "accepted"),
        ("Fail", "accepted", "accepted"),
        ("SubmitFail", "rejected", "rejected"),
        ("Unknow", "", "unknown"),
        ("Success", "", "unknown"),  # it is not certain of whom it is
    ],
)
def test_a_receipt_settles_what_is_unknown(
    ledger: Ledger, campaign: str, result: str, proof: str, becomes: str
) -> None:
    """And of nobody else in that request."""
    attempt, request = sent(ledger, campaign, ["a", "b", "c"], unknown=["a", "b"])
    settled = record(ledger, attempt, receipt(request, "a", result, proof=proof))
    assert settled == (becomes != "unknown")
    assert [status(ledger, campaign, name) for name in "abc"] == [becomes, "unknown", "accepted"]
    row = shown(ledger, campaign)[key_of("a")]
    assert row["receipt_result"] == result
    if becomes != "unknown":
        assert row["reason"].startswith(f"delivery receipt {result}")
    assert attempt.counts() == {key: n for key, n in _count([becomes, "unknown", "accepted"]).items() if n}


def _count(statuses: list[str]) -> dict[str, int]:
    return {one: statuses.count(one) for one in statuses}


@pytest.mark.parametrize("result", ["Success", "Fail", "SubmitFail", "Unknow"])
def test_a_receipt_never_changes_what_is_accepted_or_rejected(ledger: Ledger, campaign: str, result: str) -> None:
    """It is recorded beside it."""
    attempt = Try(ledger, campaign)
    [request] = attempt.claim(people(["a", "r"]))
    attempt.send(request, "r")
    record(ledger, attempt, receipt(request, "a", result), receipt(request, "r", result))
    assert [status(ledger, campaign, name) for name in "ar"] == ["accepted", "rejected"]
    assert {row["receipt_result"] for row in shown(ledger, campaign).values()} == {result}


def test_a_receipt_that_came_second_does_not_change_what_the_first_one_settled(ledger: Ledger, campaign: str) -> None:
    """The contradiction is in the results: rejected, and a receipt that says Success."""
    attempt, request = sent(ledger, campaign, ["a", "b"], unknown=["a", "b"])
    record(ledger, attempt, receipt(request, "a", "SubmitFail"), receipt(request, "b", "Success"))
    record(ledger, attempt, receipt(request, "a", "Success", LATE), receipt(request, "b", "SubmitFail", LATE))
    assert [status(ledger, campaign, name) for name in "ab"] == ["rejected", "accepted"]
    assert ReceiptLedger(ledger).contradicted(_requests(ledger, campaign)) == 1


def _requests(ledger: Ledger, campaign: str) -> list[SentRequest]:
    return ReceiptLedger(ledger).sent_requests(campaign, None)


@pytest.mark.parametrize(
    ("result", "becomes"), [("Success", "accepted"), ("Fail", "accepted"), ("SubmitFail", "not_sent")]
)
def test_after_not_sent_a_receipt_can_only_show_that_it_was_sent(
    ledger: Ledger, campaign: str, result: str, becomes: str
) -> None:
    """The person's decision stays against a receipt that would confirm it, and gives way to one that proves more."""
    attempt, request = sent(ledger, campaign, ["a", "b"], unknown=["a"])
    assert resolve(ledger, campaign, as_sent=False, by="Ada") == 1
    record(ledger, attempt, receipt(request, "a", result))
    assert status(ledger, campaign, "a") == becomes
    again = Try(ledger, campaign)
    requests = again.claim(people(["a", "b"]))
    assert [one.key for found in requests for one in found.recipients] == ([key_of("a")] * (becomes == "not_sent"))
    assert sum(again.counts().values()) == 2


@pytest.mark.parametrize("result", ["Success", "Fail", "SubmitFail"])
def test_after_sent_a_receipt_changes_nothing(ledger: Ledger, campaign: str, result: str) -> None:
    """A person said that it was sent: a receipt cannot say that it was not."""
    attempt, request = sent(ledger, campaign, ["a"], unknown=["a"])
    assert resolve(ledger, campaign, as_sent=True, by="Ada") == 1
    assert record(ledger, attempt, receipt(request, "a", result)) == 0
    row = shown(ledger, campaign)[key_of("a")]
    assert (row["status"], row["reason"].startswith("resolved by"), row["receipt_result"]) == ("accepted", True, result)


def test_a_receipt_of_a_message_that_was_sent_again_shows_both(ledger: Ledger, campaign: str) -> None:
    """The first request reached the recipient after all: the ledger says accepted, by that request."""
    first, request = sent(ledger, campaign, ["a"], unknown=["a"], session="S-first")
    resolve(ledger, campaign, as_sent=False, by="Ada")
    second = Try(ledger, campaign)
    [again] = second.claim(people(["a"]))
    second.mark(again)
    ledger.settle(second.attempt, again.id, Answer("S-second", 0, "V2", ()))
    record(ledger, first, receipt(request, "a", "Success"))
    row = shown(ledger, campaign)[key_of("a")]
    assert (row["status"], row["session_no"], row["receipt_result"]) == ("accepted", "S-first", "Success")
    assert second.counts() == {"accepted": 1}


def test_recording_twice_changes_nothing(ledger: Ledger, campaign: str) -> None:
    """As after a commit whose acknowledgement was lost, or by a second collector."""
    attempt, request = sent(ledger, campaign, ["a", "b"], unknown=["a"])
    given = [receipt(request, "a", "Success"), receipt(request, "b", "Fail")]
    assert record(ledger, attempt, *given) == 1
    once = shown(ledger, campaign)
    assert record(ledger, attempt, *given) == 0
    assert shown(ledger, campaign) == once


def test_texts_of_a_carrier_are_stored_whatever_they_hold(ledger: Ledger, campaign: str) -> None:
    """Every script, quotes, line ends; too long ones are cut, and impossible costs are none."""
    texts = ["黑名单 ✓", 'it\'s "quoted" \\ %s :x', "two\nlines\ttab", "x" * 20_000, "-1"]
    names = [f"n{number}" for number in range(len(texts))]
    attempt, request = sent(ledger, campaign, names)
    record(
        ledger,
        attempt,
        *(
            receipt(request, name, "Fail", description=text, code=text, cost_count=10**12)
            for name, text in zip(names, texts, strict=True)
        ),
    )
    rows = shown(ledger, campaign)
    found = [rows[key_of(name)] for name in names]
    assert [(row["receipt_desc"], row["receipt_code"]) for row in found] == [(t[:10_000], t[:128]) for t in texts]
    assert {row["cost_count"] for row in found} == {None}


def test_no_row_of_another_campaign_is_touched(ledger: Ledger, campaign: str) -> None:
    """The same people, in a request with the same SessionNo."""
    _, _ = sent(ledger, campaign + " other", ["a"], unknown=["a"])
    attempt, request = sent(ledger, campaign, ["a"], unknown=["a"])
    record(ledger, attempt, receipt(request, "a", "Success"))
    assert status(ledger, campaign + " other", "a") == "unknown"
    assert shown(ledger, campaign + " other")[key_of("a")]["receipt_result"] is None
