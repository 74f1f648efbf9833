# SPDX-License-Identifier: Apache-2.0
"""Waits for work in threads of its own, while Airflow may terminate the thread that waits."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.what_to_do import what_to_do
from airflow_provider_uspeedo.errors import SourceUnavailable

if TYPE_CHECKING:
    from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
    from airflow_provider_uspeedo.tables.query import TableQuery
    from airflow_provider_uspeedo.tables.spool import SpooledTable

log = logging.getLogger(__name__)
T = TypeVar("T")
LOOKED_UP_EVERY = 0.2
"""Seconds. A signal that comes just before the main thread begins to wait does not end its wait: Python runs the
handler, and so ``on_kill``, only when the thread wakes."""


def run_query(
    query: TableQuery, conn_id: str, stop_signal: StopSignal | None, *, argument: str = "sql"
) -> SpooledTable:
    """Runs a query in its own thread: the main thread waits for it and can be reached by a termination.

    :param conn_id: names the connection in the log.
    :param argument: names what the query is of.
    """
    if stop_signal:
        query.stop()
    log.info("Running the query of %s on connection %r.", argument, conn_id)
    with ThreadPoolExecutor(1, thread_name_prefix="uspeedo-query") as thread:
        running = thread.submit(query.read)
        try:
            while not wait([running], timeout=1).done:
                if stop_signal:  # again and again: the first time the query may not have begun yet
                    query.stop()
            table = running.result()
        except SourceUnavailable as error:
            if stop_signal:
                raise AirflowException(f"{error} Nothing was sent. {what_to_do('stopped')}") from None
            raise
        except BaseException:
            query.stop()
            raise
    log.info("The query gave %s; its connection is closed.", counted(table.rows, "row"))
    return table


def result_of(running: Future[T], stop_signal: StopSignal) -> T:
    """The report of a campaign that runs in a thread of its own.

    However often this thread is interrupted meanwhile, it stays until the requests in flight are settled.
    """
    interrupt: BaseException | None = None
    while not running.done():
        try:
            wait([running], timeout=LOOKED_UP_EVERY)
        except BaseException as error:  # noqa: BLE001 - on Airflow 2 a termination, which may come more than once
            stop_signal.stop()
            interrupt = interrupt or error
    if interrupt is not None:
        raise interrupt
    return running.result()
