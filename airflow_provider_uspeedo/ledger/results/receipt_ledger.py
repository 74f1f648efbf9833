# SPDX-License-Identifier: Apache-2.0
"""What the collection of receipts does with a ledger, one method for each transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns, refuse_pruned
from airflow_provider_uspeedo.ledger.protocol.receipt_records import ReceiptRecords
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.results.receipt_queries import (
    Member,
    ReceiptQueries,
    ReceiptReason,
    SentRequest,
    Standing,
)
from airflow_provider_uspeedo.ledger.store.bulk import portions
from airflow_provider_uspeedo.ledger.store.staged_receipts import MessageReceipts

REQUESTS_AT_ONCE = 100
"""Requests that one statement is about; of 1000 recipients each at most."""


class ReceiptLedger:
    """The receipts of one ledger.

    :param ledger: as campaigns use it.
    """

    def __init__(self, ledger: LedgerQueries) -> None:
        self._ledger = ledger
        self._database = ledger.database
        self._campaigns = Campaigns(ledger.tables)
        self._queries = ReceiptQueries(ledger.tables)
        self._records = ReceiptRecords(ledger.tables, ledger.database.dialect)

    def sent_requests(self, campaign_id: str | None, session_nos: Sequence[str] | None) -> list[SentRequest]:
        """The answered requests of a campaign, or those of sessions; with both, those of the campaign's sessions.

        :raises ConfigurationError: the ledger has no such campaign, or none of the sessions.
        :raises CampaignHalted: the campaign was pruned.
        """
        number = None if campaign_id is None else self._campaign_no(campaign_id)
        if not self._ledger.exists():
            raise ConfigurationError(f"There is no ledger yet: it is looked for in {self._database.place}.")
        found = self._database.read(lambda c: self._queries.sent_requests(c, number, session_nos))
        if session_nos and not found:
            where = f"campaign {campaign_id!r}" if campaign_id else "the ledger"
            raise ConfigurationError(
                f"None of the {len(session_nos):,} session_nos is in {where}: do results_conn_id and results_table "
                f"name the ledger of the task that sent them? It is {self._database.place}."
            )
        return found

    def not_to_be_asked(self, campaign_no: int) -> dict[str, int]:
        """How many recipients may have been sent to without a SessionNo to ask with, by status."""
        return self._database.read(lambda c: self._queries.not_to_be_asked(c, campaign_no))

    def members(self, requests: Sequence[SentRequest]) -> list[Member]:
        """All recipients that these requests carried."""
        return [one for number, ids in _portions(requests) for one in self._members(number, ids)]

    def standings(self, requests: Sequence[SentRequest]) -> list[Standing]:
        """How far the messages of these requests are."""
        return [one for number, ids in _portions(requests) for one in self._standings(number, ids)]

    def reopened(self, requests: Sequence[SentRequest]) -> set[bytes]:
        """Those of the requests whose receipts could show that a message called *not sent* was sent."""
        found: set[bytes] = set()
        for _, ids in _portions(requests):
            found |= self._reopened(ids)
        return found

    def reasons(self, requests: Sequence[SentRequest]) -> Iterator[ReceiptReason]:
        """Why messages were not delivered; a reason may come several times."""
        for number, ids in _portions(requests):
            yield from self._reasons(number, ids)

    def contradicted(self, requests: Sequence[SentRequest]) -> int:
        """How many messages were rejected, and delivered or tried all the same."""
        return sum(self._contradicted(number, ids) for number, ids in _portions(requests))

    def record(self, campaign_no: int, receipts: MessageReceipts) -> int:
        """Records receipts, and what they prove; returns how many unknown outcomes they settled.

        :param receipts: any number for each message.
        """
        settled: list[int] = []
        counting = receipts.newest_of_each().ordered()

        def work(connection: Connection) -> None:  # a repetition after a lost acknowledgement finds nothing left
            settled.append(self._records.record(connection, campaign_no, counting))

        if counting:
            self._database.write(work)
        return max(settled, default=0)

    def _campaign_no(self, campaign_id: str) -> int:
        found = (
            self._database.read(lambda connection: self._campaigns.find(connection, campaign_id))
            if self._ledger.exists()
            else None
        )
        if found is None:
            raise ConfigurationError(
                f"The ledger has no campaign {campaign_id!r}: give campaign_id, results_conn_id and results_table as "
                f"the task that sends has them. It is {self._database.place}."
            )
        refuse_pruned(campaign_id, found.pruned_at)
        return int(found.campaign_no)

    def _members(self, number: int, ids: Sequence[bytes]) -> list[Member]:
        return self._database.read(lambda c: self._queries.members(c, number, ids))

    def _standings(self, number: int, ids: Sequence[bytes]) -> list[Standing]:
        return self._database.read(lambda c: self._queries.standings(c, number, ids))

    def _reopened(self, ids: Sequence[bytes]) -> set[bytes]:
        return self._database.read(lambda c: self._queries.reopened(c, ids))

    def _reasons(self, number: int, ids: Sequence[bytes]) -> list[ReceiptReason]:
        return self._database.read(lambda c: self._queries.reasons(c, number, ids))

    def _contradicted(self, number: int, ids: Sequence[bytes]) -> int:
        return self._database.read(lambda c: self._queries.contradicted(c, number, ids))


def _portions(requests: Sequence[SentRequest]) -> Iterator[tuple[int, list[bytes]]]:
    """The ids of some requests of one campaign, with its number."""
    for number in sorted({request.campaign_no for request in requests}):
        ids = sorted(request.id for request in requests if request.campaign_no == number)
        for some in portions(ids, REQUESTS_AT_ONCE):
            yield number, some
