# SPDX-License-Identifier: Apache-2.0
"""Several attempts claim the same recipients in one moment: they wait for each other, and no two of them for ever."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import URL

from tests.ledger.acting import SPEC, OpenLedger, Try, Vendor, people
from tests.ledger.faults import MAX_WAIT, Pause, in_background
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
    while select(url, WAITING[url.get_backend_name()]) != [(number,)]:
        assert time.monotonic() < deadline, f"{number} transactions never waited at once"
        time.sleep(0.2)  # InnoDB looks anew only if nobody has asked for a tenth of a second


def test_those_that_wait_for_one_claim_do_not_deadlock(open_ledger: OpenLedger, empty_url: URL, campaign: str) -> None:
    """Both waited for the one that was first; each may then want what the other one has got by waiting."""
    found: list[object] = []

    def note(context: Any) -> None:
        error = context.original_exception
        found.append(getattr(error, "pgcode", None) or error.args[0])

    first, *others = (open_ledger(empty_url) for _ in range(3))
    first.prepare()
    for number in range(EARLIER):
        first.open_attempt(f"earlier {number}", SPEC)
    for one in others:
        event.listen(one.database.engine, "handle_error", note)
    vendor = Vendor()
    # Tables of three tasks; attempts at one table would come one after the other anyway.
    tries = [Try(one, campaign, part=str(number), vendor=vendor) for number, one in enumerate((first, *others))]
    pause = Pause(first.database.engine, "INSERT INTO uspeedo_recipients")
    with ExitStack() as running:
        claims = [running.enter_context(in_background(lambda: tries[0].claim(people("ab"))))]
        pause.wait()
        for number, name in enumerate("cd", 1):
            rows = people(f"ab{name}")
            claims.append(running.enter_context(in_background(lambda n=number, rows=rows: tries[n].claim(rows))))  # type: ignore[misc]
        wait_until_waiting(empty_url, 2)
        pause.go()
        claimed = [claim.result(2 * MAX_WAIT) for claim in claims]
    assert [error for error in found if error in DEADLOCKS] == []
    for one, requests in zip(tries, claimed, strict=True):
        for request in requests:
            one.send(request)
    vendor.assert_nobody_texted_twice()
