# SPDX-License-Identifier: Apache-2.0
"""Runs a campaign, or a dry run of it, for a task: in threads of its own, which another thread may stop at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
from airflow_provider_uspeedo.operators.beginning import beginning
from airflow_provider_uspeedo.operators.observability import observed
from airflow_provider_uspeedo.operators.threads import result_of, run_query

if TYPE_CHECKING:
    from airflow_provider_uspeedo.api.response.templates import Template
    from airflow_provider_uspeedo.campaign.config import CampaignConfig
    from airflow_provider_uspeedo.campaign.report import Report
    from airflow_provider_uspeedo.campaign.table_reader import TableReader
    from airflow_provider_uspeedo.core.summary import Summary
    from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
    from airflow_provider_uspeedo.ledger.ledger import Ledger
    from airflow_provider_uspeedo.tables.query import TableQuery
    from airflow_provider_uspeedo.tables.spool import SpooledTable


class CampaignRun:
    """One attempt of a task: its ledger, its client, its queries, and the thread that sends.

    :param say: writes lines to the task's log.
    """

    ledger: Ledger
    hook: USpeedoHook

    def __init__(self, say: Callable[[Iterable[str]], None]) -> None:
        from airflow_provider_uspeedo.campaign.stop_signal import StopSignal

        self.stop_signal = StopSignal()
        self.queries: list[TableQuery] = []
        """The queries that were run so far."""
        self._say = say
        self._location: LedgerLocation | None = None
        self._table_name = ""
        self._running: Future[Report] | None = None

    def open(self, location: LedgerLocation, uspeedo_conn_id: str, table_name: str) -> None:
        """Opens the ledger, then the client.

        :param table_name: how to name the table if it cannot be opened.
        """
        self._location, self._table_name = location, table_name
        self.ledger = location.open_ledger()
        self.hook = USpeedoHook(uspeedo_conn_id)

    def stop(self) -> None:
        """Stops before the next request; requests in flight are settled as their answers come in."""
        self.stop_signal.stop()
        for query in self.queries:
            query.stop()

    def close(self) -> None:
        """Closes connections, though not under requests that are out: an interrupt may end this thread before them."""

        def close_all(_: object = None) -> None:
            self.hook.close()
            self.ledger.close()

        if self._running is None:
            close_all()
        else:
            self._running.add_done_callback(close_all)

    def read(self, query: TableQuery, conn_id: str, argument: str = "sql") -> SpooledTable:
        """The rows of a query: read once, and its connection closed.

        :param argument: names what the query is of.
        """
        self.queries.append(query)
        return run_query(query, conn_id, self.stop_signal, argument=argument)

    def dry_run(self, config: CampaignConfig, read_table: Callable[[], Any]) -> Summary:
        """Reads the table and the ledger; sends and writes nothing."""
        from airflow_provider_uspeedo.campaign.dry_run import dry_run

        return dry_run(config, self._prepare(config, read_table, planning=True), self.ledger)

    def send(self, config: CampaignConfig, read_table: Callable[[], Any], tags: Mapping[str, str]) -> Report:
        """Runs the campaign in its own thread: on Airflow 2 a termination is raised in the main thread.

        :param tags: of the metrics.
        """
        from airflow_provider_uspeedo.campaign.campaign import Campaign
        from airflow_provider_uspeedo.process_settings import process_settings

        with process_settings():
            reading = self._prepare(config, read_table)
            self.ledger.prepare()
            send = observed(self.hook.client.send_written, tags)
            timeout = self.hook.config.timeout
            campaign = Campaign(config, reading, self.ledger, send, self.stop_signal, in_flight_timeout=timeout)
            threads = ThreadPoolExecutor(1, thread_name_prefix="uspeedo-campaign")
            self._running = threads.submit(campaign.run)
            threads.shutdown(wait=False)
            return result_of(self._running, self.stop_signal)

    def _prepare(self, config: CampaignConfig, read_table: Callable[[], Any], *, planning: bool = False) -> TableReader:
        """The table, checked by all that is decided before the first message."""
        from airflow_provider_uspeedo.campaign.preflight import prepare
        from airflow_provider_uspeedo.campaign.survey import Account

        account = Account(self.hook.config.access_key_secret, self.hook.config.account_id)
        templates = _templates_of(self.hook)
        try:
            table = read_table()
            reading = prepare(config, table, templates, ledger=self.ledger, account=account, planning=planning)
        except Exception:  # also of what is refused one wants to know what it was
            self._say(beginning(config, self._table_name, self.ledger, self._location, self.hook).lines())
            raise
        self._say(beginning(config, reading, self.ledger, self._location, self.hook).lines())
        return reading


def _templates_of(hook: USpeedoHook) -> Callable[[Sequence[str]], list[Template]]:
    """The query for templates; one that does not exist is an error."""
    return partial(hook.client.query_templates, must_exist=True)
