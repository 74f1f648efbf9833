# SPDX-License-Identifier: Apache-2.0
"""How long each page takes over a ledger with a long history, in Airflow's real API server.

::

    python -m tests.plugin.measure --rows 20000000 --kind postgresql

One campaign has all the rows, 20 more a thousand each. Each page is asked for three times by a person who is signed in;
the first time and the slower of the others are printed. The servers are those of the tests (see
``tests/ledger/servers.py``).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.keys import KeyMaker, KeySpec, campaign_hash
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.ledger.plans import DAY, hash_of, joined, numbers_below
from tests.ledger.servers import empty_database, plain_connection
from tests.plugin.conftest import HOME, migrate
from tests.plugin.signed_in import Browser, text_of

CAMPAIGN = "large"
OTHERS = 20
REQUEST = 1_000
"""Recipients of one request."""
GOAL = 0.5
"""Seconds."""
KEYS = {"sqlite": "x'{}'", "postgresql": "decode('{}', 'hex')", "mysql": "unhex('{}')"}
"""A recipient's key in SQL."""
TYPES = {"postgresql": "postgres", "mysql": "mysql"}


def write_campaign(kind: str, cursor: Any, campaign_no: int, rows: int) -> None:
    """Fills a campaign as an ended one is: of a hundred rows two are invalid and one is a duplicate.

    Of its recipients one in 200 was rejected, and one in 100,000 is unknown; of its requests one is unknown as a whole.
    """
    for statement in _statements(kind, campaign_no, rows):
        cursor.execute(statement)


def _statements(kind: str, no: int, rows: int) -> Iterator[str]:
    requests = max(1, rows // REQUEST)
    key_name, number_name = (quoted(kind, name) for name in ("key", "row_number"))
    text, digest = partial(joined, kind), partial(hash_of, kind)
    request, of_recipient = (digest(text(f"'{no} q'", number)) for number in ("n", f"n % {requests}"))
    key, key_before = (digest(text(f"'{no} k'", number)) for number in ("n", "n - 1"))
    phone, phone_before = (text("'(852)'", f"50000000 + {number}") for number in ("n", "n - 1"))
    user, user_before, session = text("'u'", "n"), text("'u'", "n - 1"), text("'S'", "n")
    bad, known, sent = "n % 100 IN (17, 71)", "n % 100 = 43", "n % 100 NOT IN (17, 43, 71)"
    state = "CASE WHEN n = 5 THEN 'unknown' ELSE 'settled' END"
    yield (
        "INSERT INTO uspeedo_requests (id, campaign_no, attempt_no, state, claimed_at, sent_at, settled_at, "
        f"session_no, contacts) SELECT {request}, {no}, {no}, {state}, {DAY}, {DAY}, {DAY}, "
        f"{session}, 1 FROM {numbers_below(requests)}"
    )
    yield (
        f"INSERT INTO uspeedo_recipients (campaign_no, {key_name}, request_id, first_attempt, first_row, phone, "
        f"user_id, template_id, sender_id) SELECT {no}, {key}, {of_recipient}, {no}, n + 1, {phone}, "
        f"{user}, 'UTA1', 'Shop' FROM {numbers_below(rows)} AND {sent}"
    )
    yield (
        f"INSERT INTO uspeedo_source_rows (attempt_no, {number_name}, status, reason, phone, user_id, template_id, "
        f"sender_id) SELECT {no}, n + 1, 'invalid', 'phone is empty', '', {user}, 'UTA1', 'Shop' "
        f"FROM {numbers_below(rows)} AND {bad}"
    )
    yield (
        f"INSERT INTO uspeedo_source_rows (attempt_no, {number_name}, status, {key_name}, phone, user_id, template_id, "
        f"sender_id) SELECT {no}, n + 1, 'duplicate', {key_before}, {phone_before}, {user_before}, 'UTA1', 'Shop' "
        f"FROM {numbers_below(rows)} AND {known}"
    )
    for status, reason, those in (
        ("rejected", "phone in the black list", "n % 200 = 7"),
        ("unknown", "not listed", "n % 100000 = 9"),
    ):
        yield (
            f"INSERT INTO uspeedo_outcomes (request_id, {key_name}, status, reason) SELECT {of_recipient}, {key}, "
            f"'{status}', '{reason}' FROM {numbers_below(rows)} AND {sent} AND {those}"
        )


def quoted(kind: str, name: str) -> str:
    return f"`{name}`" if kind == "mysql" else f'"{name}"'


def write_ledger(kind: str, url: URL, rows: int) -> None:
    ledger = Ledger(open_engine(url))
    ledger.prepare()
    spec = KeySpec(columns=None, kinds=(), default_region=None)
    attempts = [ledger.open_attempt(name, spec) for name in (CAMPAIGN, *(f"small {n}" for n in range(OTHERS)))]
    connection = plain_connection(url)
    cursor = connection.cursor()
    for attempt in attempts:
        if attempt.campaign_no != attempt.number:
            raise AssertionError("the first attempts of the first campaigns have the same numbers")
        write_campaign(kind, cursor, attempt.campaign_no, rows if attempt is attempts[0] else 1_000)
        cursor.execute(f"UPDATE uspeedo_attempts SET read_to = {2**62} WHERE attempt_no = {attempt.number}")
        connection.commit()
    (key,) = KeyMaker(spec).of_phones([f"(852){50_000_000 + rows // 2}"])
    column, old, made = quoted(kind, "key"), hash_of(kind, joined(kind, "'1 k'", str(rows // 2))), KEYS[kind]
    cursor.execute(
        f"UPDATE uspeedo_recipients SET {column} = {made.format(bytes(key).hex())} "
        f"WHERE campaign_no = 1 AND {column} = {old}"
    )
    connection.commit()
    connection.close()
    for attempt in attempts:
        ledger.end_attempt(attempt, complete=True)
    ledger.close()


class Pages:
    """Times what a person asks for."""

    def __init__(self, browser: Browser, goal: float) -> None:
        self._browser, self._goal = browser, goal
        self.slow: list[str] = []

    def get(self, name: str, path: str) -> Any:
        return self._time(name, lambda: self._browser.get(path))

    def search(self, name: str, path: str, **fields: str) -> Any:
        token = self._browser.token()
        return self._time(name, lambda: self._browser.post(path, fields, token=token))

    def _time(self, name: str, ask: Any) -> Any:
        seconds = []
        for _ in range(3):
            before = time.perf_counter()
            answer = ask()
            seconds.append(time.perf_counter() - before)
        first, later = seconds[0], max(seconds[1:])
        slow = max(first, later) > self._goal or answer.status_code != 200
        if slow:
            self.slow.append(name)
        print(f"{name:48} {answer.status_code} {first:7.2f} s, then {later:6.2f} s{'  <' if slow else ''}", flush=True)
        return answer


def measure(pages: Pages, browser: Browser, rows: int) -> None:
    campaign = f"/uspeedo/campaigns/{campaign_hash(CAMPAIGN).hex()}"
    pages.get("campaigns", "/uspeedo/")
    pages.search("campaigns, by name", "/uspeedo/search", word="small 1")
    pages.get("a campaign, being counted", campaign)
    before = time.perf_counter()
    while "Being counted" in (counted := browser.get(campaign)).text:
        time.sleep(1)
    print(f"{'(its count, in the background)':48}     {time.perf_counter() - before:7.2f} s", flush=True)
    if f"{rows:,}" not in text_of(counted) and str(rows) not in text_of(counted):
        raise AssertionError("the page does not say how many rows there are")
    pages.get("a campaign, counted", campaign)
    pages.get("requests", f"{campaign}/requests")
    pages.get("requests that are unknown", f"{campaign}/requests?state=unknown")
    first = pages.get("rows", f"{campaign}/rows")
    follow(pages, "rows, the next page", first)
    for status in ("accepted", "rejected", "unknown", "invalid", "duplicate", "suppressed", "not_sent"):
        found = pages.get(f"rows that are {status}", f"{campaign}/rows?status={status}")
        follow(pages, f"rows that are {status}, the next page", found)
    request = re.search(r"of_request=(\w+)", browser.get(f"{campaign}/requests").text)
    if request:
        pages.get("rows of one request", f"{campaign}/rows?of_request={request[1]}")
    pages.search("rows of a phone", f"{campaign}/rows", wanted=f"+852 {50_000_000 + rows // 2}")
    pages.search("rows of a user id", f"{campaign}/rows", wanted=f"u{rows // 2}")
    for page in ("query", "resolve", "reopen", "stop"):
        pages.get(page, f"{campaign}/{page}")


def follow(pages: Pages, name: str, answer: Any) -> None:
    """Asks for the next page, if there is one."""
    link = re.search(r'href="([^"]*)" rel="next"', answer.text)
    if link:
        pages.get(name, unescape(link[1]))


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--goal", type=float, default=GOAL, help="seconds; if a page takes longer, the exit code is 1")
    parser.add_argument("--kind", choices=("sqlite", "postgresql", "mysql"), default="sqlite")
    asked = parser.parse_args(None if arguments is None else list(arguments))
    with tempfile.TemporaryDirectory() as folder, empty_database(asked.kind, Path(folder)) as url:
        before = time.perf_counter()
        write_ledger(asked.kind, url, asked.rows)
        print(f"{asked.rows:,} rows in {asked.kind}, written in {time.perf_counter() - before:.0f} s")
        connection: dict[str, Any] = {"conn_type": "sqlite", "host": url.database}
        if asked.kind in TYPES:
            connection = {"conn_type": TYPES[asked.kind], "host": url.host, "login": url.username, "port": url.port}
            connection |= {"schema": url.database}
        os.environ |= {"AIRFLOW_CONN_LEDGER": json.dumps(connection), "AIRFLOW__USPEEDO__RESULTS_CONN_ID": "ledger"}
        os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
        migrate(HOME)
        from airflow.api_fastapi.app import create_app

        from airflow_provider_uspeedo.plugin import page_ledger

        browser = Browser(create_app(apps="core"), "admin")
        browser.get("/uspeedo/")  # what is imported for the first page
        pages = Pages(browser, asked.goal)
        try:
            measure(pages, browser, asked.rows)
        finally:
            page_ledger.close_ledger()
    if pages.slow:
        sys.exit(f"over {asked.goal} s: {', '.join(pages.slow)}")


if __name__ == "__main__":
    main()
