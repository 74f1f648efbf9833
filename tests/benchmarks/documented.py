# SPDX-License-Identifier: Apache-2.0
"""The documented queries of the results, as a person types them: taken from the page, with another campaign's name."""

from __future__ import annotations

import re
import threading
import time
from contextlib import closing
from statistics import median
from typing import Any

from sqlalchemy.engine import URL

from tests.docs.pages import DOCS, code, read
from tests.ledger.servers import plain_connection

PAGE = "results.md"
CAMPAIGN = re.compile(r"(\b(?:campaign_id|name) = ')[^']+'")
"""A campaign's name in a query."""
OF_ALL_CAMPAIGNS = ("status = 'unknown'",)
"""What a query has that is about all campaigns, but only about what waits for a person in them."""
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL"}
RUNS, LONG = 3, 3.0
"""How often a query is asked; once it has taken so many seconds, no more."""
LIMIT = 60.0
"""A query that has no answer after so many seconds is cancelled, and counts with them."""


def queries(kind: str, campaign: str) -> dict[str, str]:
    """The queries for one campaign, and what waits in all of them, by what the page says they are for.

    :param campaign: letters, digits and spaces.
    """
    page, found = read(PAGE), {}
    foreign = [name for of, name in DATABASES.items() if of != kind]
    for piece in code("sql", [DOCS / PAGE]):
        if any(name in piece.heading for name in foreign):
            continue
        if CAMPAIGN.search(piece.text) or any(part in piece.text for part in OF_ALL_CAMPAIGNS):
            found[title(page, piece.text)] = CAMPAIGN.sub(rf"\g<1>{campaign}'", piece.text).strip().rstrip(";")
    return found


def title(page: str, query: str) -> str:
    """The first words of the paragraph above a query, or the query's own if there is none."""
    above = page[: page.index(query)].rpartition("```")[0].rstrip().rpartition("\n\n")[2]
    if above.startswith(("#", "`")) or above.endswith("```"):
        above = re.sub(r"\s+", " ", query).replace("`", "").partition(" FROM ")[0] + " (first rows)"
    return re.split(r"[(:.]", above.replace("\n", " "))[0].strip()


def ask(url: URL, campaign: str) -> dict[str, float]:
    """Seconds of each query, medians, with the driver's own connection and nothing set."""
    found = {}
    for name, query in queries(url.get_backend_name(), campaign).items():
        taken: list[float] = []
        while len(taken) < RUNS and sum(taken) < LONG:
            taken.append(ask_once(url, query, LIMIT))
        found[name] = median(taken)
    return found


def ask_once(url: URL, query: str, limit: float) -> float:
    """Seconds until all rows are here; at least ``limit`` if the query had to be cancelled."""
    with closing(plain_connection(url)) as connection:
        cancelled = threading.Event()
        timer = threading.Timer(limit, cancel, (url, connection, cancelled))
        timer.start()
        began = time.perf_counter()
        try:
            cursor = connection.cursor()
            cursor.execute(query)
            cursor.fetchall()
        except Exception:
            if not cancelled.is_set():  # the query itself is wrong
                raise
            return max(limit, time.perf_counter() - began)
        finally:
            timer.cancel()
        return time.perf_counter() - began


def cancel(url: URL, connection: Any, cancelled: threading.Event) -> None:
    """Ends what a connection is asking, from another thread."""
    cancelled.set()
    kind = url.get_backend_name()
    if kind == "sqlite":
        connection.interrupt()
    elif kind == "postgresql":
        connection.cancel()
    else:
        with closing(plain_connection(url)) as other:
            other.cursor().execute(f"KILL QUERY {connection.thread_id()}")
