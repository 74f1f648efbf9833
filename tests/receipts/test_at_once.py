# SPDX-License-Identifier: Apache-2.0
"""Two collectors at once, a killed one, and a person who decides meanwhile: nothing twice, nothing lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.ledger.store.engine import Database
from airflow_provider_uspeedo.ledger.store.records import Request
from tests.ledger.acting import OpenLedger, Try, key_of, newest, people, receipts_of, resolve
from tests.receipts.test_recording import EARLY, LATE, receipt, sent, shown, status

KINDS = [("Success", EARLY), ("Fail", LATE), ("SubmitFail", EARLY), ("Unknow", LATE), ("Unknow", None)]


def test_two_collectors_at_once_agree(open_ledger: OpenLedger, ledger: Ledger, campaign: str) -> None:
    """Each records the same messages in its own order and portions, with other receipts: the newest final one stays."""
    names = [f"p{number}" for number in range(60)]
    attempt, request = sent(ledger, campaign, names, unknown=names[:30])
    number = attempt.attempt.campaign_no
    chance = random.Random(5)
    given = {name: chance.sample(KINDS, 3) for name in names}
    start = threading.Barrier(3)

    def collector(which: int) -> int:
        mine = ReceiptLedger(open_ledger())
        order = random.Random(which).sample(names, len(names))
        start.wait()
        settled = 0
        for at in range(0, len(order), 7):
            some = order[at : at + 7]
            settled += mine.record(number, receipts_of(receipt(request, name, *given[name][which]) for name in some))
        return settled

    with ThreadPoolExecutor(3) as threads:
        settled = sum(threads.map(collector, range(3)))
    rows = shown(ledger, campaign)
    for name in names:
        best = newest(receipt(request, name, *kind) for kind in given[name])
        row = rows[key_of(name)]
        assert (row["receipt_result"], row["receipt_at"]) == (best.result, best.at)
    changed = [name for name in names[:30] if rows[key_of(name)]["status"] != "unknown"]
    final = [name for name in names[:30] if any(result != "Unknow" for result, _ in given[name])]
    assert (sorted(changed), settled) == (sorted(final), len(final))
    assert sum(attempt.counts().values()) == len(names)


@pytest.mark.parametrize("as_sent", [True, False])
def test_a_person_who_decides_meanwhile_waits_for_the_receipt_or_it_for_the_person(
    open_ledger: OpenLedger, ledger: Ledger, campaign: str, as_sent: bool
) -> None:
    """Whichever is first: nobody whose receipt says Success may be sent to again."""
    for turn in range(6):
        name = f"{campaign} {turn}"
        attempt, request = sent(ledger, name, ["a"], unknown=["a"])
        start = threading.Barrier(2)

        def decide(name: str = name, start: threading.Barrier = start) -> None:
            mine = open_ledger()
            start.wait()
            resolve(mine, name, as_sent=as_sent, by="Ada")

        def record(attempt: Try = attempt, request: Request = request, start: threading.Barrier = start) -> None:
            mine = ReceiptLedger(open_ledger())
            start.wait()
            mine.record(attempt.attempt.campaign_no, receipts_of([receipt(request, "a", "Success")]))

        with ThreadPoolExecutor(2) as threads:
            for done in [threads.submit(decide), threads.submit(record)]:
                done.result()
        assert status(ledger, name, "a") == "accepted"
        assert Try(ledger, name).claim(people(["a"])) == []


KILLED = """
import os, signal, sys
from sqlalchemy.engine import make_url
import sqlalchemy as sa
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.store.staged_receipts import MessageReceipt
from tests.ledger.acting import receipts_of

url, campaign, request, keys, after = sys.argv[1:]
engine = open_engine(url)
statements = iter(range(int(after)))
@sa.event.listens_for(engine, "after_cursor_execute")
def kill(*_):
    if next(statements, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
given = [
    MessageReceipt(bytes.fromhex(request), bytes.fromhex(key), "Success", "", "", None, 1, "accepted")
    for key in keys.split(",")
]
ReceiptLedger(Ledger(engine)).record(int(campaign), receipts_of(given))
"""


@pytest.mark.slow
@pytest.mark.parametrize("after", range(14))
def test_a_collector_that_is_killed_leaves_all_or_nothing(ledger: Ledger, campaign: str, after: int) -> None:
    """After each of its statements; the next one records what is missing."""
    names = ["a", "b", "c"]
    attempt, request = sent(ledger, campaign, names, unknown=["a"])
    number, url = attempt.attempt.campaign_no, ledger.database.engine.url.render_as_string(hide_password=False)
    keys = ",".join(key_of(name).hex() for name in names)
    child = [sys.executable, "-c", KILLED, url, str(number), request.id.hex(), keys, str(after)]
    ended = subprocess.run(child, cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": "."}, check=False)
    assert ended.returncode in (0, -signal.SIGKILL)
    rows = shown(ledger, campaign)
    found = {
        (row["receipt_result"], row["status"]) for row in rows.values() if row["recipient_key"] == key_of("a").hex()
    }
    assert found in ({("Success", "accepted")}, {(None, "unknown")})
    assert len({row["receipt_result"] for row in rows.values()}) == 1
    ReceiptLedger(ledger).record(number, receipts_of(receipt(request, name, "Success") for name in names))
    assert {(row["receipt_result"], row["status"]) for row in shown(ledger, campaign).values()} == {
        ("Success", "accepted")
    }


def test_a_commit_whose_acknowledgement_is_lost_is_repeated(
    ledger: Ledger, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repetition finds its own work, and still says how much it settled."""
    attempt, request = sent(ledger, campaign, ["a", "b"], unknown=["a"])
    write = Database.write

    def twice(self: Database, work: Any) -> Any:
        write(self, work)
        return write(self, work)

    monkeypatch.setattr(Database, "write", twice)
    given = receipts_of([receipt(request, "a", "Success")])
    assert ReceiptLedger(ledger).record(attempt.attempt.campaign_no, given) == 1
    assert status(ledger, campaign, "a") == "accepted"
