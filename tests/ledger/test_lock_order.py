# SPDX-License-Identifier: Apache-2.0
"""Every transaction takes its locks in one order; the recorder reads it from the statements that each one runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules, Exclusion
from airflow_provider_uspeedo.core.slices import Slice
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.ledger.store.records import Answer, new_id
from airflow_provider_uspeedo.ledger.store.staged_receipts import MessageReceipt
from tests.ledger.acting import SPEC, OpenLedger, Try, people, receipts_of, resolve
from tests.ledger.servers import SERVERS

pytestmark = pytest.mark.parametrize("kind", SERVERS[:1], indirect=True)
ORDER = ("campaigns", "attempts", "requests", "contacts", "recipients")
_LOCKING = re.compile(
    r"(?:UPDATE|DELETE FROM) uspeedo_(\w+)|SELECT .*FROM uspeedo_(\w+)\s.*FOR (?:KEY SHARE|UPDATE)", re.DOTALL
)


@contextmanager
def recorded(ledger: Ledger) -> Iterator[list[list[str]]]:
    """The tables of which each transaction locks existing rows, in the order of its statements."""
    transactions: list[list[str]] = []

    def begin(_connection: Any) -> None:
        transactions.append([])

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("UPDATE uspeedo_attempts SET name"):  # a decision's own, which nobody else locks
            return
        if (found := _LOCKING.search(statement)) and (table := found[1] or found[2]) in ORDER:
            transactions[-1].append(table)

    event.listen(ledger.database.engine, "begin", begin)
    event.listen(ledger.database.engine, "before_cursor_execute", note)
    yield transactions
    event.remove(ledger.database.engine, "begin", begin)
    event.remove(ledger.database.engine, "before_cursor_execute", note)


def settle_by_receipts(ledger: Ledger, of_person: Ledger, campaign: str) -> None:
    """Two requests with recipients that a person had called *not sent*, and whom receipts prove to be sent to."""
    attempt = Try(ledger, campaign)
    requests = attempt.claim(people("stuvwx", 20), size=3)
    for request in requests:
        attempt.mark(request)
        unknown = tuple((one.key, "unknown", "not listed") for one in request.recipients)
        ledger.settle(attempt.attempt, request.id, Answer("S", 0, "V", unknown))
    assert resolve(of_person, campaign, as_sent=False, by="ann") == 6
    given = [
        MessageReceipt(request.id, one.key, "Success", "", "", None, None, "accepted")
        for request in requests
        for one in request.recipients
    ]
    assert ReceiptLedger(ledger).record(attempt.attempt.campaign_no, receipts_of(given)) == 6


def reopen_and_receive(ledger: Ledger, campaign: str) -> None:
    """Two requests whose recipients were rejected, re-opened, and are proven to be sent to."""
    attempt = Try(ledger, campaign)
    requests = attempt.claim(people("ghijkl", 30), size=3)
    for request in requests:
        attempt.send(request, *"ghijkl")
    assert LedgerAdmin(ledger).reopen_rejected(campaign, reason="fixed", by="ann") >= 4
    given = [
        MessageReceipt(request.id, one.key, "Success", "", "", None, None, "accepted")
        for request in requests
        for one in request.recipients
    ]
    assert ReceiptLedger(ledger).record(attempt.attempt.campaign_no, receipts_of(given)) == len(given)


def test_every_transaction_locks_in_one_order(open_ledger: OpenLedger, campaign: str) -> None:
    """Campaign, attempts, requests, recipients: a claim that takes over, a renewal, answers, ends, decisions."""
    ledger = open_ledger()
    with recorded(ledger) as transactions:
        first, second = Try(ledger, campaign), Try(ledger, campaign)
        requests = first.claim(people("abcdefgh"), size=2)
        assert first.mark(requests[0])
        ledger.release(first.attempt, requests[0].id, ret_code=None, vendor_request_id="", reason="r")
        renewed = ledger.renew(first.attempt, requests[0], new_id())
        assert first.mark(renewed)
        ledger.mark_unknown(first.attempt, renewed.id, ret_code=None, vendor_request_id="", reason="r")
        assert sum(len(one.recipients) for one in second.claim(people("abcdefghi"), size=3)) == 7
        assert not first.mark(requests[1])  # it is the other attempt's by now
        ledger.settle(first.attempt, renewed.id, Answer("1", 0, "r"))
        ledger.end_attempt(first.attempt, complete=False)
        ledger.end_attempt(second.attempt, complete=True, fingerprint=bytes(16))
        settle_by_receipts(ledger, open_ledger(), campaign)
        reopen_and_receive(ledger, campaign)
    assert {table for one in transactions for table in one} == set(ORDER) - {"contacts"}
    for locks in transactions:
        places = [ORDER.index(table) for table in locks]
        assert places == sorted(places), locks


def test_a_mark_that_judges_locks_in_the_same_order(open_ledger: OpenLedger, empty_url: URL, campaign: str) -> None:
    """The request, the contacts of its phones by hash, the recipients that leave it. It holds the request already."""
    ledger = open_ledger(empty_url)
    ledger.prepare()
    one = Try(ledger, campaign, rules=ContactRules(caps=(Cap(1, 7),)))
    (request,) = one.claim(people("abc"))
    with recorded(ledger) as transactions:
        one.marked(request, lambda _now: [Exclusion("not_sent", "hours: night", [2])])
    (locks,) = [one for one in transactions if "contacts" in one]
    assert list(dict.fromkeys(locks)) == ["campaigns", "requests", "contacts", "recipients"]
    assert locks[-1] == "requests"


def test_an_end_locks_the_attempts_of_all_slices_by_number(open_ledger: OpenLedger, campaign: str) -> None:
    """Those of other slices too, and itself last: the first statement that locks attempts locks all that follow."""
    ledger = open_ledger()
    attempts = [ledger.open_attempt(campaign, SPEC, slice_=Slice(number, 2)) for number in (0, 1)]
    attempts.append(ledger.open_attempt(campaign, SPEC))
    locked: list[list[int]] = []

    def note(_connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if "FOR UPDATE" in statement and "uspeedo_attempts" in statement:
            if rows := [row[0] for row in cursor]:
                cursor.scroll(0, mode="absolute")
            locked.append(rows)

    for attempt in attempts[:2]:
        ledger.end_attempt(attempt, complete=True)
    event.listen(ledger.database.engine, "after_cursor_execute", note)
    ledger.end_attempt(attempts[2], complete=True)
    assert locked[0] == sorted(locked[0]) == [attempt.number for attempt in attempts]
    assert all(set(later) <= set(locked[0]) for later in locked[1:])
