# SPDX-License-Identifier: Apache-2.0
"""The same reading without sending or writing: what a run would find, for a dry run and for ``max_recipients``.

The recipients already met are kept in a temporary SQLite file, so that memory stays flat and the ledger is only read.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.table_reader import TableReader
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient, duplicate_of
from airflow_provider_uspeedo.core.slices import WHOLE
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.core.summary import MAX_FAILURES, ListedFailure, Summary
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import RecipientStatus


def rehearse(order: CampaignConfig, reading: TableReader, ledger: Ledger | None) -> Summary:
    """The summary that a run would begin with: what is in the ledger already, and *not_sent* for what it would send.

    :param ledger: ``None`` where none exists yet.
    """
    attempt = ledger.peek(order.campaign_id, reading.spec) if ledger else None
    counts: Counter[str] = Counter()
    sessions: dict[str, None] = {}
    failures: list[ListedFailure] = []
    with _met_before() as met:
        for batch in _without_duplicates(reading.rows(), met):
            keys = [row.key for row in batch if row.key is not None and not _is_duplicate(row)]
            fates = ledger.outcomes(attempt, keys) if ledger and attempt else {}
            for row in batch:
                fate = _fate(row, fates, met)
                counts[fate.status] += 1
                sessions.update(dict.fromkeys(fate.session_no.split(",") if fate.session_no else ()))
                if fate.status in (Status.INVALID, Status.REJECTED, Status.UNKNOWN) and len(failures) < MAX_FAILURES:
                    failures.append(_listed(row, fate))
    return Summary(
        campaign_id=order.campaign_id,
        counts=counts,
        accepted_now=0,
        requests=0,
        session_nos=list(sessions),
        failures=failures,
        results_table=str(ledger.results_name) if ledger else "",
    )


def refuse_too_many(most: int, rows_at_most: int | None, reading: TableReader) -> None:
    """Checks ``max_recipients`` before the first message.

    :param rows_at_most: rows in the table, if its metadata says.
    :raises ConfigurationError: the table holds more recipients.
    """
    if rows_at_most is not None and rows_at_most <= most:
        return
    with _met_before() as met:
        rows = _without_duplicates(reading.rows(WHOLE), met)
        recipients = (row for batch in rows for row in batch if isinstance(row, Recipient))
        too_many = next(islice(recipients, most, None), None) is not None
    if too_many:
        raise ConfigurationError(
            f"The table holds more than max_recipients={most:,} recipients; nothing was sent. Check that it is the "
            "right table, or raise max_recipients."
        )


def _fate(row: Recipient | BadRow, fates: dict[bytes, RecipientStatus], met: sqlite3.Connection) -> RecipientStatus:
    known = fates.get(row.key) if row.key is not None else None
    if isinstance(row, Recipient):
        return known or RecipientStatus(Status.NOT_SENT, None, None)
    if known and known.status != Status.NOT_SENT and not _is_duplicate(row) and _first_row(row, met) == row.row_number:
        return known  # wrong today, but an earlier try texted it, and no other row stands for the recipient
    return RecipientStatus(row.status, row.reason, None)


def _listed(row: Recipient | BadRow, fate: RecipientStatus) -> ListedFailure:
    return ListedFailure.masked(row.row_number, row.phone, row.user_id, fate.status, fate.reason or "")


def _is_duplicate(row: Recipient | BadRow) -> bool:
    return isinstance(row, BadRow) and row.status == Status.DUPLICATE


def _without_duplicates(
    batches: Iterable[list[Recipient | BadRow]], met: sqlite3.Connection
) -> Iterator[list[Recipient | BadRow]]:
    """The same batches, in which a recipient's second row is a duplicate wherever its first one is."""
    for batch in batches:
        yield [_unless_met(row, met) for row in batch]


def _unless_met(row: Recipient | BadRow, met: sqlite3.Connection) -> Recipient | BadRow:
    if isinstance(row, BadRow) or (first := _first_row(row, met)) == row.row_number:
        return row
    return duplicate_of(row, first)


def _first_row(row: Recipient | BadRow, met: sqlite3.Connection) -> int:
    """The row that stands for this one's recipient: from now on this one, if none did before."""
    met.execute("INSERT INTO met VALUES (?, ?) ON CONFLICT DO NOTHING", (row.key, row.row_number))
    (first,) = met.execute("SELECT row_number FROM met WHERE key = ?", (row.key,)).fetchone()
    return int(first)


@contextmanager
def _met_before() -> Iterator[sqlite3.Connection]:
    with tempfile.TemporaryDirectory(prefix="uspeedo-") as folder:
        connection = sqlite3.connect(Path(folder) / "met.db", isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("CREATE TABLE met (key BLOB PRIMARY KEY, row_number INTEGER) WITHOUT ROWID")
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()
