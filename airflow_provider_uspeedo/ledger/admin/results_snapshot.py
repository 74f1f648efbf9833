# SPDX-License-Identifier: Apache-2.0
"""The results of one campaign at one moment, in the order of the table, in flat memory."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.ledger.admin import stop
from airflow_provider_uspeedo.ledger.admin.overview import Overviews, snapshots_of
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS
from airflow_provider_uspeedo.ledger.store.schema import ROW_NUMBER

ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class ResultsSnapshot:
    """One moment of a campaign.

    :param taken_at: by the clock of this machine; aware, in UTC.
    :param open_attempts: attempts that have not ended: they are running, or were killed, and no later attempt has read
        their table to its end.
    :param portions: the rows, by column; to be read once, within the block that opened the snapshot.
    """

    taken_at: datetime
    open_attempts: int
    hasher: PhoneHasher
    portions: Iterator[dict[str, tuple[Any, ...]]] = field(repr=False)


@contextmanager
def open_results_snapshot(ledger: LedgerQueries, campaign_id: str) -> Iterator[ResultsSnapshot]:
    """Opens one transaction that only reads; it ends with the block.

    :param ledger: one that is there.
    :raises ConfigurationError: it has no such campaign.
    :raises CampaignHalted: the campaign was pruned.
    :raises LedgerUnavailable: the database does not answer, or fails while it is read.
    """
    tables = ledger.tables
    with snapshots_of(ledger.database).streaming() as connection:
        taken_at = datetime.now(UTC)
        found = stop.known(Campaigns(tables).find, tables, connection, campaign_id)
        stop.refuse_tombstone(campaign_id, found.pruned_at, "export")
        key = connection.execute(sa.select(tables.ledger.c.phone_key)).scalar_one()
        open_attempts = Overviews(tables, ledger.rows).open_attempts(connection, found.campaign_no)
        with closing(_portions(connection, ledger, found.campaign_no)) as portions:
            yield ResultsSnapshot(taken_at, open_attempts, PhoneHasher(bytes(key)), portions)


def _portions(
    connection: Connection, ledger: LedgerQueries, campaign_no: int
) -> Generator[dict[str, tuple[Any, ...]], None, None]:
    rows = ledger.rows.results(campaign_no).subquery()
    number = rows.c[ROW_NUMBER]
    # Rows of several tables share a number; a row without one is in no table any more.
    order = (number.is_(None), number, rows.c.recipient_key, rows.c.status)
    query = sa.select(*(rows.c[name] for name in COLUMNS)).order_by(*order)
    result = connection.execute(query)
    try:
        for portion in result.partitions(ROWS_AT_ONCE):
            yield dict(zip(COLUMNS, zip(*portion, strict=True), strict=True))
    finally:
        result.close()  # before the transaction ends: a driver of MySQL complains of rows that were not read
