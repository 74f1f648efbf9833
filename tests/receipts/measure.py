# SPDX-License-Identifier: Apache-2.0
"""How long a question for many receipts takes beyond the API's own time, and how much memory.

::

    python -m tests.receipts.measure --messages 1000000 --kind sqlite

The answers are JSON as the API sends it. Writing them is not counted; reading, matching and recording them is. The
servers of the other kinds are those of the tests (see ``tests/ledger/servers.py``).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_uspeedo.api.http.messages import HttpResponse
from airflow_provider_uspeedo.api.response.json_values import json_object
from airflow_provider_uspeedo.api.response.receipt_answers import ReceiptsAnswer, read_receipts_answer
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.process_settings import process_settings
from airflow_provider_uspeedo.receipts.collection import MAX_SESSIONS, Collection
from tests.ledger.acting import Try
from tests.ledger.plans import DAY, hash_of, joined, numbers_below
from tests.ledger.servers import empty_database, plain_connection

CAMPAIGN = "measured"
REQUEST = 1_000
"""Messages of one request."""
OLD = ("SubmitFail", "Fail", "Success", "Success", "Success", "Success", "Success", "Success", "Success", "Success")


class Api:
    """Answers for messages numbered from 0, of which session ``n`` carried every ``sessions``-th.

    The answers are written to a file before the clock starts.
    """

    def __init__(self, messages: int, *, final: bool) -> None:
        self._messages, self._sessions, self._final = messages, messages // REQUEST, final
        self.receipts = 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this object
        self._place: dict[str, tuple[int, int]] = {}
        for number in range(self._sessions):
            name = f"S{number}"
            start = self._file.tell()
            self._place[name] = start, self._file.write(json.dumps(self._session(name)).encode())

    def ask(self, session_nos: Sequence[str]) -> Iterator[ReceiptsAnswer]:
        for start in range(0, len(session_nos), MAX_SESSIONS):
            asked = session_nos[start : start + MAX_SESSIONS]
            body = b'{"RetCode": 0, "Data": [' + b",".join(map(self._written, asked)) + b"]}"
            self.receipts += len(asked) * REQUEST
            yield read_receipts_answer(json_object(HttpResponse(200, {}, body)) or {}, asked)

    def _written(self, name: str) -> bytes:
        start, length = self._place[name]
        return os.pread(self._file.fileno(), length, start)

    def _session(self, name: str) -> dict[str, Any]:
        numbers = range(int(name[1:]), self._messages, self._sessions)
        return {"SessionNo": name, "ReceiptSet": [self._receipt(number) for number in numbers]}

    def _receipt(self, number: int) -> dict[str, Any]:
        result = OLD[number // self._sessions % 10] if self._final else "Unknow"
        return {
            "Phone": f"(852){50_000_000 + number}", "UserId": f"u{number}", "CostCount": 1, "ReceiptResult": result,
            "ReceiptCode": "DELIVRD", "ReceiptDesc": "delivered", "ReceiptTime": str(1_795_348_800 + number),
            "CountryCode": "852", "BrevityCode": "",
        }  # fmt: skip


def write_campaign(ledger: Ledger, kind: str, messages: int) -> None:
    """A campaign that was sent: requests of a thousand messages, one in a hundred of them unknown."""
    attempt = Try(ledger, CAMPAIGN).attempt
    sessions = messages // REQUEST
    request, key = hash_of(kind, joined(kind, "'q'", "n")), hash_of(kind, joined(kind, "'k'", "n"))
    of_recipient = hash_of(kind, joined(kind, "'q'", f"n % {sessions}"))
    name = "`key`" if kind == "mysql" else "key"
    here = f"{attempt.campaign_no}, {attempt.number}"
    phone = joined(kind, "'(852)'", "50000000 + n")
    session, user_id = joined(kind, "'S'", "n"), joined(kind, "'u'", "n")
    columns = "id, campaign_no, attempt_no, state, claimed_at, sent_at, settled_at, session_no"
    requests = (
        f"INSERT INTO uspeedo_requests ({columns}) SELECT {request}, {here}, 'settled', {DAY}, {DAY}, {DAY}, {session} "
        f"FROM {numbers_below(sessions)}"
    )
    columns = f"campaign_no, {name}, request_id, first_attempt, first_row, phone, user_id, template_id, sender_id"
    recipients = (
        f"INSERT INTO uspeedo_recipients ({columns}) SELECT {attempt.campaign_no}, {key}, {of_recipient}, "
        f"{attempt.number}, n + 1, {phone}, {user_id}, 'UTA1', '' FROM {numbers_below(messages)}"
    )
    outcomes = (
        f"INSERT INTO uspeedo_outcomes (request_id, {name}, status, reason) SELECT {of_recipient}, {key}, 'unknown', "
        f"'not listed' FROM {numbers_below(messages)} AND n % 100 = 0"
    )
    connection = plain_connection(ledger.database.engine.url)
    for statement in (requests, recipients, outcomes):
        connection.cursor().execute(statement)
        connection.commit()
    connection.close()


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Prints the time that a step takes."""
    before, processor_before = time.perf_counter(), time.process_time()
    found = work()
    wall, cpu = time.perf_counter() - before, time.process_time() - processor_before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:32} {wall:7.1f} s, {cpu:7.1f} s of this process's processor, peak memory {peak:.0f} MB", flush=True)
    return found


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--kind", choices=("sqlite", "postgresql", "mysql"), default="sqlite")
    asked = parser.parse_args(None if arguments is None else list(arguments))
    with tempfile.TemporaryDirectory() as folder, empty_database(asked.kind, Path(folder)) as url:
        ledger = Ledger(open_engine(url))
        ledger.prepare()
        write_campaign(ledger, asked.kind, asked.messages)
        receipts = ReceiptLedger(ledger)
        print(f"{asked.messages:,} messages in {asked.kind}")
        for final in (False, True):
            api = Api(asked.messages, final=final)
            name = "final" if final else "Unknow"
            requests = receipts.sent_requests(CAMPAIGN, None)
            collection = timed(f"{name}: standings", lambda a=api, r=requests: Collection(receipts, a.ask, r))
            with process_settings():
                found = timed(f"{name}: a question", collection.ask)
            assert found.receipts == api.receipts == asked.messages
            timed(f"{name}: reasons", lambda r=requests: list(receipts.reasons(r)))
            print(f"{'':32} settled {found.settled:,}, {dict(collection.totals.all.by_result)}")
        ledger.close()


if __name__ == "__main__":
    main()
