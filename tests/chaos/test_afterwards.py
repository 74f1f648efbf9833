# SPDX-License-Identifier: Apache-2.0
"""``kill -9`` of what works on a campaign after it was sent: the collector of receipts, and who resolves.

Each child opens the ledger anew and is killed after a random statement of its own; the next one goes on.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.sandbox.server import running
from tests.chaos.judge import complaints
from tests.chaos.people import people, truth
from tests.chaos.stage import Scene, Stage, twice
from tests.ledger.servers import select
from tests.receipts.sending import client_of, send

ROOT = Path(__file__).parents[2]
KILLS, KILLS_OF_SHORT_FORM = 40, 8
KILLED = """
import os, signal, sys
import sqlalchemy as sa
from airflow_provider_uspeedo.ledger.store.engine import open_engine

engine = open_engine(sys.argv[1])
statements = iter(range(int(sys.argv[2])))

@sa.event.listens_for(engine, "before_cursor_execute")
@sa.event.listens_for(engine, "commit")
def kill(*_):
    if next(statements, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
"""
RESOLVES = """
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries

campaign, outcome, request = sys.argv[3:]
with LedgerAdmin(LedgerQueries(engine, "uspeedo_results")) as admin:
    admin.resolve(campaign, as_sent=outcome == "sent", by="Ada", request=request, in_flight=True)
"""
COLLECTS = """
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.receipts.collection import Collection
from tests.receipts.sending import client_of

ledger = ReceiptLedger(Ledger(engine))
campaign, url = sys.argv[3:]
Collection(ledger, client_of(url).ask_receipts, ledger.sent_requests(campaign, None)).ask()
"""
LOST = {"not-sent": "reset after reading", "sent": "accept and drop"}
"""What the vendor does to a request, by what is true of it afterwards."""


def killed(program: str, ledger: URL, after: int, *arguments: str) -> bool:
    """Whether the program was killed; otherwise it has ended well."""
    url = ledger.render_as_string(hide_password=False)
    child = [sys.executable, "-c", KILLED + program, url, str(after), *arguments]
    ended = subprocess.run(child, cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}, check=False, capture_output=True)
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr[-2000:]
    return ended.returncode != 0


def test_who_resolves_may_die_at_any_moment(stage: Stage, kind: str, chance: random.Random, long: bool) -> None:
    """Each request is decided once, as it was said; who was not sent to is sent to once, by the next attempt."""
    faults = {str(number): chance.choice(sorted(LOST.values())) for number in range(2, 8)}
    scene = stage.scene(
        kind, people(120, chance), plan=faults, timeout=2.0, chunk_size=10, concurrency=1, max_unknown_requests=None
    )
    scene.finish()
    accepted = {phone for arrival in scene.journal() for phone in arrival.accepted}
    hits, kills = 0, KILLS if long else KILLS_OF_SHORT_FORM
    with closing(open_admin(scene.ledger)) as admin:
        lost = admin.count_unknown(scene.campaign)
        assert lost.requests
        while waiting := admin.unknown_requests(scene.campaign, 100):
            one = chance.choice(waiting)
            outcome = truth_of(scene, one.id, accepted)
            after = chance.randint(1, 25) if hits < kills else 10_000
            hits += killed(RESOLVES, scene.ledger, after, scene.campaign, outcome, one.id)
            assert twice(scene) == []
        decided = [(line.recipients, line.requests) for line in admin.decisions(scene.campaign)]
    assert hits, "no child was killed"
    assert [sum(column) for column in zip(*decided, strict=True)] == [lost.recipients, lost.requests]
    report = scene.finish()
    # A person's word brings no session with it; otherwise the rows are as the vendor's journal says.
    said = complaints(scene.journal(), scene.ledger, scene.campaign, truth(scene.rows), finished=True)
    assert [one for one in said if "accepted in session None" not in one] == []
    assert report["state"] == "success"


def test_a_collector_may_die_at_any_moment(
    kind: str, chance: random.Random, long: bool, ledgers: Callable[[str], URL], tmp_path: Path
) -> None:
    """Each receipt is recorded once and as the vendor says it, whoever asked for it."""
    url, campaign, hits = ledgers(kind), f"collected {tmp_path}", 0
    endings = {"00000": "Success", "99993": "Fail", "99995": "SubmitFail", "99994": "Unknow"}
    table = [
        {"phone": f"+86131{number:03}{chance.choice(sorted(endings))}", "id": f"c{number}"} for number in range(200)
    ]
    with running(access_key_secret="sandbox-secret") as sandbox, closing(client_of(sandbox.url)) as client:
        with closing(Ledger(open_engine(url))) as ledger:
            ledger.prepare()
            send(ledger, client, campaign, table, size=10)
        sandbox.ripen()
        for _ in range(KILLS if long else KILLS_OF_SHORT_FORM):
            hits += killed(COLLECTS, url, chance.randint(1, 60), campaign, sandbox.url)
        assert not killed(COLLECTS, url, 1_000_000, campaign, sandbox.url)
    found = select(url, f"SELECT phone, receipt_result, status FROM uspeedo_results WHERE campaign_id = '{campaign}'")
    assert hits, "no child was killed"
    assert len(found) == len(table)
    assert {status for _, _, status in found} == {"accepted"}
    assert [result for phone, result, _ in found if result != endings[phone[-5:]]] == []


def open_admin(url: URL) -> LedgerAdmin:
    return LedgerAdmin(LedgerQueries(open_engine(url), "uspeedo_results"))


def truth_of(scene: Scene, request: str, accepted: set[str]) -> str:
    """What the vendor's journal says of a request: all of it was accepted, or nothing."""
    held = "SELECT phone FROM uspeedo_recipients WHERE request_id = "
    literal = f"'\\x{request}'" if scene.ledger.get_backend_name() == "postgresql" else f"x'{request}'"
    phones = {phone for (phone,) in select(scene.ledger, held + literal)}
    assert phones <= accepted or not phones & accepted
    return "sent" if phones <= accepted else "not-sent"
