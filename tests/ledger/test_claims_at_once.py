# SPDX-License-Identifier: Apache-2.0
"""Several attempts claim the same recipients in one moment: they wait for each other, and no two of them for ever."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import SPEC, OpenLedger, Try, Vendor, people, portion_of, request_of
from tests.ledger.faults import MAX_WAIT, Pause, in_background, seen
from tests.ledger.servers import SERVERS, select

pytestmark = pytest.mark.parametrize("kind", SERVERS, indirect=True)
DEADLOCKS = ("40P01", 1213)
EARLIER = 30
"""Attempts at other campaigns: among very few MariaDB looks for those of one table by reading, and locking, all."""
WAITING = {
    "postgresql": (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ),
    "mysql": (
        "SELECT count(*) FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p "
        "ON p.ID = t.trx_mysql_thread_id WHERE p.DB = database() AND t.trx_state = 'LOCK WAIT'"
    ),
}


def wait_until_waiting(url: URL, number: int) -> None:
    """Until so many transactions of this database wait for a lock."""
    deadline = time.monotonic() + MAX_WAIT
    time.sleep(0.2)  # InnoDB looks anew only if nobody has asked for a tenth of a second
    while select(url, WAITING[url.get_backend_name()]) != [(number,)]:
        assert time.monotonic() < deadline, f"{number} transactions never waited at once"
        time.sleep(0.2)


def deadlocks_of(*ledgers: Ledger) -> list[object]:
    """The deadlocks that the database finds among their transactions from now on."""
    found: list[object] = []

    def note(context: Any) -> None:
        error = context.original_exception
        code = getattr(error, "pgcode", None) or error.args[0]
        if code in DEADLOCKS:
            found.append(code)

    for one in ledgers:
        event.listen(one.database.engine, "handle_error", note)
    return found


def tasks_of(campaign: str, ledgers: Sequence[Ledger]) -> tuple[list[Try], list[object]]:
    """Attempts of as many tasks at a campaign in a new ledger, and the deadlocks that are found among them.

    Each task has a table of its own; attempts at one table would come one after the other anyway.
    """
    ledgers[0].prepare()
    for number in range(EARLIER):
        ledgers[0].open_attempt(f"earlier {number}", SPEC)
    found, vendor = deadlocks_of(*ledgers), Vendor()
    return [Try(one, campaign, part=str(part), vendor=vendor) for part, one in enumerate(ledgers)], found


def pause_at_insert(one: Try) -> Pause:
    """Stops it once it has inserted its recipients."""
    return Pause(one.ledger.database.engine, "INSERT INTO uspeedo_recipients")


def test_those_that_wait_for_one_claim_do_not_deadlock(open_ledger: OpenLedger, empty_url: URL, campaign: str) -> None:
    """Both waited for the one that was first; each may then want what the other one has got by waiting."""
    tries, found = tasks_of(campaign, [open_ledger(empty_url) for _ in range(3)])
    pause = pause_at_insert(tries[0])
    with ExitStack() as running:
        claims = [running.enter_context(in_background(lambda: tries[0].claim(people("ab"))))]
        pause.wait()
        for number, name in enumerate("cd", 1):
            rows = people(f"ab{name}")
            claims.append(running.enter_context(in_background(lambda n=number, rows=rows: tries[n].claim(rows))))  # type: ignore[misc]
        wait_until_waiting(empty_url, 2)
        pause.go()
        claimed = [claim.result(2 * MAX_WAIT) for claim in claims]
    assert found == []
    for one, requests in zip(tries, claimed, strict=True):
        for request in requests:
            one.send(request)
    tries[0].vendor.assert_nobody_texted_twice()


def test_a_recipient_met_by_an_insert_is_not_held_while_its_request_is_wanted(
    open_ledger: OpenLedger, empty_url: URL, campaign: str
) -> None:
    """MariaDB locks it at once; its owner, which holds the request and wants the recipient, must get it."""
    (owner, taker), found = tasks_of(campaign, [open_ledger(empty_url) for _ in range(2)])
    claimed, met = pause_at_insert(owner), pause_at_insert(taker)
    holds = Pause(owner.ledger.database.engine, "UPDATE uspeedo_recipients", before=True)
    with in_background(lambda: owner.claim(people("abc"))) as claiming:
        claimed.wait()
        with in_background(lambda: taker.claim(people("abcd"))) as taking:
            wait_until_waiting(empty_url, 1)
            claimed.go()
            (request,) = claiming.result(MAX_WAIT)
            met.wait()
            with in_background(lambda: owner.split(request)) as splitting:
                holds.wait()
                wanted = seen(taker.ledger.database.engine, "UPDATE uspeedo_requests SET state")
                holds.go()
                met.go()
                halves = splitting.result(2 * MAX_WAIT)
                taken = taking.result(2 * MAX_WAIT)
    assert wanted.is_set()
    assert found == []
    for one, requests in ((taker, taken), (owner, halves)):
        for request in requests:
            if len(request.recipients):
                one.send(request)
    taker.vendor.assert_texted(*"abcd")


def test_a_recipient_met_by_an_insert_is_not_held_while_another_request_is_taken(
    open_ledger: OpenLedger, empty_url: URL, campaign: str
) -> None:
    """What it met is being sent; an older attempt's claim is to be taken over all the same, and by another one, too."""
    (dead, owner, taker, other), found = tasks_of(campaign, [open_ledger(empty_url) for _ in range(4)])
    dead.claim(people("b"))
    claimed, met = pause_at_insert(owner), pause_at_insert(taker)
    with in_background(lambda: owner.claim(people("a"))) as claiming:
        claimed.wait()
        with in_background(lambda: taker.claim(people("ab"))) as taking:
            wait_until_waiting(empty_url, 1)
            claimed.go()
            (request,) = claiming.result(MAX_WAIT)
            assert owner.send(request)
            met.wait()
            # It cut its request before that was claimed.
            portion = portion_of([request_of(people("ab"))], read_to=2)
            with in_background(lambda: other.ledger.claim(other.attempt, portion)) as taking_too:
                if empty_url.get_backend_name() == "mysql":
                    wait_until_waiting(empty_url, 1)  # for the recipient, with the dead attempt's request in its hands
                met.go()
                claims = ((taker, taking.result(2 * MAX_WAIT)), (other, taking_too.result(2 * MAX_WAIT)))
    assert found == []
    for one, requests in claims:
        for request in requests:
            one.send(request)
    taker.vendor.assert_texted(*"ab")
