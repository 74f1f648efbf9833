# SPDX-License-Identifier: Apache-2.0
"""Campaigns on a real ledger file against the sandbox, and the sandbox's journal as the witness of what they say.

The phones that rows must be sent as are written down with the rows, and the results are read with ``sqlite3`` alone:
nothing of the package judges itself.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from airflow_provider_uspeedo.api.client import USpeedoClient
from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.api.http.backoff import Backoff
from airflow_provider_uspeedo.campaign.campaign import Campaign
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.dry_run import dry_run
from airflow_provider_uspeedo.campaign.preflight import prepare
from airflow_provider_uspeedo.campaign.report import Report
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.campaign.survey import Account
from airflow_provider_uspeedo.campaign.table_reader import TableReader
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.core.summary import Summary
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.sandbox.journal import Entry
from airflow_provider_uspeedo.sandbox.server import Sandbox

ACCOUNT = Account("sandbox-secret", 1)
CAMPAIGN = "due/2026-11-22"
TIMEOUT = 20.0
"""Seconds after which the client gives an answer up: more than a busy machine takes."""
SHORT_BACKOFF = Backoff(attempts=5, first_wait=0.001, max_wait=0.002)


class Line(NamedTuple):
    """One line of the results relation."""

    row_number: int | None
    phone: str
    status: str
    reason: str | None
    session_no: str | None
    template_id: str
    sender_id: str


@dataclass
class Scene:
    """One ledger, the sandbox, and what the sandbox had accepted before.

    :param since: entries of the sandbox's journal that are none of this scene's.
    """

    sandbox: Sandbox
    folder: Path
    since: int
    api: str = "action"
    sizes: dict[str, Any] = field(default_factory=dict)
    account: Account = ACCOUNT

    @property
    def file(self) -> Path:
        return self.folder / "ledger.db"

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        ledger = Ledger(open_engine(f"sqlite:///{self.file}"), timeout=0.2, settle_timeout=0.2)
        try:
            yield ledger
        finally:
            ledger.close()

    @contextlib.contextmanager
    def client(self, **settings: Any) -> Iterator[USpeedoClient]:
        known = {"access_key_id": "sandbox", "access_key_secret": "sandbox-secret", "api": self.api}
        config = ClientConfig(**{"base_url": self.sandbox.url, "timeout": TIMEOUT, **known, **settings})
        client = USpeedoClient(config, query_backoff=SHORT_BACKOFF)
        try:
            yield client
        finally:
            client.close()

    def run(
        self,
        table: Any,
        config: CampaignConfig | None = None,
        *,
        stop_signal: StopSignal | None = None,
        ask: bool = True,
        **settings: Any,
    ) -> Report:
        """One attempt, to its end.

        :param ask: for the templates first.
        :param settings: of the client, where they differ from the sandbox's.
        """
        with self.client(**settings) as client:
            query = {"query": partial(client.query_templates, must_exist=True)} if ask else {}
            return self.run_with(client.send_written, table, config, stop_signal=stop_signal, **query)

    def run_with(
        self,
        send: Callable[..., Any],
        table: Any,
        config: CampaignConfig | None = None,
        *,
        stop_signal: StopSignal | None = None,
        query: Callable[..., Any] = lambda _ids: [],
        max_waiting_requests: int = 12,
    ) -> Report:
        """One attempt with another way of sending."""
        config = config or make_order()
        with self.ledger() as ledger:
            reading = prepare(config, table, query, ledger=ledger, account=self.account, **self.sizes)
            ledger.prepare()
            return Campaign(
                config,
                reading,
                ledger,
                send,
                StopSignal() if stop_signal is None else stop_signal,
                in_flight_timeout=0.0,
                max_waiting_requests=max_waiting_requests,
                backoff=SHORT_BACKOFF,
            ).run()

    def dry_run(self, table: Any, config: CampaignConfig | None = None) -> Summary:
        """A dry run."""
        config = config or make_order()
        with self.ledger() as ledger, self.client() as client:
            return dry_run(config, self._planned(config, table, ledger, client), ledger)

    def plan(self, table: Any, config: CampaignConfig | None = None) -> str:
        """The fingerprint of a plan."""
        with self.ledger() as ledger, self.client() as client:
            survey = self._planned(config or make_order(), table, ledger, client).survey
        assert survey is not None
        return str(survey.fingerprint)

    def _planned(self, config: CampaignConfig, table: Any, ledger: Ledger, client: USpeedoClient) -> TableReader:
        return prepare(
            config, table, client.query_templates, ledger=ledger, account=self.account, planning=True, **self.sizes
        )

    # -- what is known afterwards -------------------------------------------------------------------------------

    def journal(self) -> list[Entry]:
        return self.sandbox.journal(self.since)

    def texted(self) -> Counter[str]:
        """The phones that the sandbox accepted, and how often."""
        return Counter(entry.phone for entry in self.journal())

    def lines(self, campaign: str = CAMPAIGN) -> list[Line]:
        with contextlib.closing(sqlite3.connect(self.file)) as ledger:
            query = (
                "SELECT row_number, phone, status, reason, session_no, template_id, sender_id FROM uspeedo_results "
                "WHERE campaign_id = ? ORDER BY row_number"
            )
            return [Line(*row) for row in ledger.execute(query, (campaign,))]

    def statuses(self) -> list[str]:
        """The status of every row, in the table's order."""
        return [line.status for line in self.lines()]

    def dump(self) -> list[str]:
        """Everything that the ledger holds."""
        with contextlib.closing(sqlite3.connect(self.file)) as ledger:
            return list(ledger.iterdump())

    def check(self, report: Report, rows: int) -> None:
        """Asserts the guarantees: nobody twice, rows that add up, and no status that the journal contradicts."""
        lines, texted = self.lines(), self.texted()
        assert [line.row_number for line in lines] == list(range(1, rows + 1))
        assert report.summary.rows == rows
        assert {status: number for status, number in report.summary.counts.items() if number} == Counter(
            line.status for line in lines
        )
        assert set(texted.values()) <= {1}
        of_people = [line for line in lines if line.status not in ("invalid", "duplicate")]
        accepted = {line.phone for line in of_people if line.status == "accepted"}
        unknown = {line.phone for line in of_people if line.status == "unknown"}
        assert accepted <= texted.keys() <= accepted | unknown
        sessions = {entry.phone: entry.session_no for entry in self.journal()}
        for line in of_people:
            if line.status == "accepted":
                assert sessions[line.phone] in str(line.session_no).split(",")


def make_order(columns: Columns | None = None, **changes: Any) -> CampaignConfig:
    """An order of one request after the other, three people each, for the template with one variable.

    Without the circuit breaker, whose probes would shift the requests that these tests count and strike;
    ``test_outages.py`` has it on.
    """
    columns = columns or Columns("phone", ("name",))
    template = "" if columns.template_id else "UTA_CODE"
    return CampaignConfig(
        **{
            "campaign_id": CAMPAIGN, "columns": columns, "template_id": template, "chunk_size": 3, "concurrency": 1,
            "max_unknown_requests": None, **changes,
        }
    )  # fmt: skip


def people(number: int, start: int = 0) -> list[dict[str, str]]:
    """So many different people."""
    return [{"phone": f"+8525{n:07d}", "name": f"N{n}"} for n in range(start, start + number)]


def phones(table: Sequence[dict[str, Any]]) -> list[str]:
    """The phones of :func:`people`, as they must be sent."""
    return [f"(852){row['phone'][4:]}" for row in table]
