# SPDX-License-Identifier: Apache-2.0
"""Reads the table without sending or writing, for a dry run and for ``max_recipients``.

The recipients seen so far are kept in a temporary SQLite file: memory stays flat, and the ledger is only read.
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
from airflow_provider_uspeedo.campaign.guards import InvalidRows
from airflow_provider_uspeedo.campaign.table_reader import TableReader
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient, duplicate_of
from airflow_provider_uspeedo.core.slices import WHOLE
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.core.summary import MAX_FAILURES, ListedFailure, Summary
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import RecipientStatus


def dry_run(config: CampaignConfig, reading: TableReader, ledger: Ledger | None) -> Summary:
    """Returns the summary of a run that sends nothing: what is in the ledger, and *not_sent* for what it would send.

    :param ledger: ``None`` if none exists yet.
    """
    attempt = ledger.peek(config.campaign_id, reading.spec) if ledger else None
    reading.continue_campaign(attempt.spec if attempt else None)
    counts: Counter[str] = Counter()
    sessions: dict[str, None] = {}
    failures: list[ListedFailure] = []
    with _temporary_index() as seen:
        for batch in _without_duplicates(reading.rows(), seen):
            keys = [row.key for row in batch if row.key is not None and not _is_duplicate(row)]
            known_statuses = ledger.outcomes(attempt, keys) if ledger and attempt else {}
            texted = {key for key, known in known_statuses.items() if known.status != Status.NOT_SENT}
            new = [row for row in batch if isinstance(row, Recipient) and row.key not in texted]
            others, why = reading.other_keys(new)
            if ledger and attempt and others:
                taken = ledger.outcomes(attempt, list(set(others.values())))
                others = {number: key for number, key in others.items() if key in taken}
                known_statuses |= {
                    row.key: RecipientStatus(Status.INVALID, why, None) for row in new if row.row_number in others
                }
            for row in batch:
                found = _status_of(row, known_statuses, seen)
                counts[found.status] += 1
                sessions.update(dict.fromkeys(found.session_no.split(",") if found.session_no else ()))
                if found.status in (Status.INVALID, Status.REJECTED, Status.UNKNOWN) and len(failures) < MAX_FAILURES:
                    failures.append(_listed(row, found))
    reading.remarks.warn(last=True)
    reading.moment.warn(waiting=True)
    return Summary(
        campaign_id=config.campaign_id,
        counts=counts,
        accepted_now=0,
        requests=0,
        session_nos=list(sessions),
        failures=failures,
        results_table=str(ledger.results_name) if ledger else "",
        countries=dict(reading.remarks.countries),
    )


def refuse_too_many(maximum: int, rows_at_most: int | None, reading: TableReader) -> None:
    """Checks ``max_recipients`` before the first message.

    Where that needs the whole table to be read, the invalid rows are counted at once.

    :param rows_at_most: rows in the table, if its metadata has it.
    :raises ConfigurationError: the table holds more recipients.
    """
    if rows_at_most is not None and rows_at_most <= maximum:
        return
    found = InvalidRows()
    with _temporary_index() as seen:
        rows = _counted(_without_duplicates(reading.rows(WHOLE), seen), found)
        recipients = (row for batch in rows for row in batch if isinstance(row, Recipient))
        too_many = next(islice(recipients, maximum, None), None) is not None
    reading.invalid_rows_at_preflight = found
    if too_many:
        raise ConfigurationError(
            f"The table holds more than max_recipients={maximum:,} recipients; nothing was sent. Check that it is the "
            "right table, or raise max_recipients."
        )


def _counted(batches: Iterable[list[Recipient | BadRow]], found: InvalidRows) -> Iterator[list[Recipient | BadRow]]:
    for batch in batches:
        invalid = (row.reason for row in batch if isinstance(row, BadRow) and row.status == Status.INVALID)
        found.add(len(batch), Counter(invalid))
        yield batch


def _status_of(
    row: Recipient | BadRow, known_statuses: dict[bytes, RecipientStatus], seen: sqlite3.Connection
) -> RecipientStatus:
    known = known_statuses.get(row.key) if row.key is not None else None
    if isinstance(row, Recipient):
        return known or RecipientStatus(Status.NOT_SENT, None, None)
    if known and known.status != Status.NOT_SENT and not _is_duplicate(row) and _first_row(row, seen) == row.row_number:
        return known  # invalid now, but an earlier attempt sent to it, and no other row has the same recipient
    return RecipientStatus(row.status, row.reason, None)


def _listed(row: Recipient | BadRow, found: RecipientStatus) -> ListedFailure:
    return ListedFailure.masked(row.row_number, row.phone, row.user_id, found.status, found.reason or "")


def _is_duplicate(row: Recipient | BadRow) -> bool:
    return isinstance(row, BadRow) and row.status == Status.DUPLICATE


def _without_duplicates(
    batches: Iterable[list[Recipient | BadRow]], seen: sqlite3.Connection
) -> Iterator[list[Recipient | BadRow]]:
    """The same batches, with every further row of a recipient as a duplicate."""
    for batch in batches:
        yield [_unless_seen(row, seen) for row in batch]


def _unless_seen(row: Recipient | BadRow, seen: sqlite3.Connection) -> Recipient | BadRow:
    if isinstance(row, BadRow) or (first := _first_row(row, seen)) == row.row_number:
        return row
    return duplicate_of(row, first)


def _first_row(row: Recipient | BadRow, seen: sqlite3.Connection) -> int:
    """The first row of this row's recipient: this one, if there was none before."""
    seen.execute("INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING", (row.key, row.row_number))
    (first,) = seen.execute("SELECT row_number FROM seen WHERE key = ?", (row.key,)).fetchone()
    return int(first)


@contextmanager
def _temporary_index() -> Iterator[sqlite3.Connection]:
    with tempfile.TemporaryDirectory(prefix="uspeedo-") as folder:
        connection = sqlite3.connect(Path(folder) / "seen.db", isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("CREATE TABLE seen (key BLOB PRIMARY KEY, row_number INTEGER) WITHOUT ROWID")
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()
