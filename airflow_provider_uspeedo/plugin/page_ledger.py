# SPDX-License-Identifier: Apache-2.0
"""The ledger that the page shows: that of the settings, opened with short time-outs, and asked in threads of its own.

A database that hangs must not take the threads that Airflow's own pages need.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_uspeedo.errors import LedgerUnavailable
from airflow_provider_uspeedo.hooks import ledger_connection
from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
from airflow_provider_uspeedo.plugin.daemon_threads import DaemonThreads

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.admin.campaign_pages import CampaignPages
    from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

T = TypeVar("T")
CONNECT_SECONDS = 3
REPEAT_SECONDS = 2.0
"""How long a query is repeated while the database fails in a passing way."""
ANSWER_SECONDS = 8.0
"""After which a page says that the database does not answer."""
DECISION_SECONDS = 60.0
MAY_BE_DECIDED = "What was decided may still be recorded: look at the campaign before you decide again."
KEPT_SECONDS = 60.0
"""For so long a connection is used before Airflow is asked again what it is."""
_threads = DaemonThreads(8, "uspeedo-page")


@dataclass(frozen=True, slots=True)
class OpenPageLedger:
    """One ledger, open.

    :param conn_id: its connection; ``None``: the SQLite file.
    :param place: where its database is, in words, without user and password.
    """

    conn_id: str | None
    results_table: str
    place: str
    pages: CampaignPages
    admin: LedgerAdmin


class _Kept:
    """The ledger that was opened last."""

    lock = threading.Lock()
    ledger: OpenPageLedger | None = None
    until = 0.0


def open_ledger() -> OpenPageLedger:
    """The ledger of the settings ``[uspeedo] results_conn_id`` and ``results_table``.

    :raises ConfigurationError: the connection cannot hold a ledger, or there is none of that name.
    """
    location = LedgerLocation.of()
    with _Kept.lock:
        kept = _Kept.ledger
        if kept is not None and time.monotonic() < _Kept.until and _is_at(kept, location):
            return kept
        if kept is not None:
            kept.admin.close()
        _Kept.ledger = _open(location)
        _Kept.until = time.monotonic() + KEPT_SECONDS
        return _Kept.ledger


def close_ledger() -> None:
    """Closes it; the next request opens it again."""
    with _Kept.lock:
        if _Kept.ledger is not None:
            _Kept.ledger.admin.close()
        _Kept.ledger = None


def _is_at(kept: OpenPageLedger, location: LedgerLocation) -> bool:
    if (kept.conn_id, kept.results_table) != (location.conn_id, location.results_table):
        return False
    return kept.conn_id is not None or kept.admin.ledger.database.file == ledger_connection.default_file()


def _open(location: LedgerLocation) -> OpenPageLedger:
    from airflow_provider_uspeedo.ledger.admin.campaign_pages import CampaignPages
    from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

    ledger = location.open_queries(REPEAT_SECONDS, CONNECT_SECONDS)
    return OpenPageLedger(
        location.conn_id, location.results_table, ledger.database.place, CampaignPages(ledger), LedgerAdmin(ledger)
    )


def in_background(work: Callable[..., object], *arguments: Any) -> None:
    """Runs ``work`` in a thread of the page's own, which is not waited for."""
    _threads.submit(work, *arguments)


async def in_thread(
    work: Callable[..., T], *arguments: Any, seconds: float = ANSWER_SECONDS, decides: bool = False, **named: Any
) -> T:
    """Runs ``work`` in a thread of the page's own.

    :param decides: it changes something.

    :raises LedgerUnavailable: it took longer than ``seconds``.
        It is not stopped here: the database cancels a query, and a decision may still be recorded.
    """
    running = asyncio.get_running_loop().run_in_executor(_threads, partial(work, *arguments, **named))
    try:
        return await asyncio.wait_for(running, seconds)
    except TimeoutError:
        raise LedgerUnavailable(
            f"The ledger's database did not answer within {seconds:.0f} seconds. "
            + (MAY_BE_DECIDED if decides else "Try again; if it stays so, look at the database.")
        ) from None
