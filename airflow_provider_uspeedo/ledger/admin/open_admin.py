# SPDX-License-Identifier: Apache-2.0
"""A ledger that is open for what a person does, and the campaign that is named: what all operations begin with."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin import stop
from airflow_provider_uspeedo.ledger.admin.overview import Overviews, snapshots_of
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries


class OpenAdmin:
    """Opens and closes; finds campaigns.

    :param ledger: an open one; it is closed with this.
    """

    def __init__(self, ledger: LedgerQueries) -> None:
        self.ledger = ledger
        self._database, self._snapshots = ledger.database, snapshots_of(ledger.database)
        self._campaigns = Campaigns(ledger.tables)
        self._overviews = Overviews(ledger.tables, ledger.rows)
        self._is_there = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections to the database."""
        self.ledger.close()

    def absence(self) -> str:
        """Why there is no ledger, as a clause; ``""`` if there is one.

        :raises LedgerError: there is one of another version.
        """
        if self.ledger.exists():
            return ""
        file = self.ledger.database.file
        if file is not None and not file.exists():
            return f"the file {file} does not exist"
        return f"the database has no tables of a ledger {str(self.ledger.results_name)!r}"

    def _must_exist(self) -> None:
        """:raises ConfigurationError: there is no ledger; :raises LedgerError: it is of another version."""
        self._is_there = self._is_there or self.ledger.exists()
        if not self._is_there:
            raise ConfigurationError(
                f"There is no ledger here yet ({self.absence()}): no campaign has run with this results_conn_id and "
                "results_table."
            )

    def _find(self, connection: Connection, campaign_id: str) -> Any:
        return stop.known(self._campaigns.find, self.ledger.tables, connection, campaign_id)

    def _found(self, campaign_id: str) -> Any:
        self._must_exist()
        return self._database.read(lambda connection: self._find(connection, campaign_id))

    def _unpruned(self, campaign_id: str, what: str) -> Any:
        """:raises CampaignHalted: there is nothing left to ``what``."""
        found = self._found(campaign_id)
        stop.refuse_tombstone(campaign_id, found.pruned_at, what)
        return found
