# SPDX-License-Identifier: Apache-2.0
"""Reads the table without sending or writing, for a dry run.

The recipients seen so far are kept in a temporary SQLite file: memory stays flat, and the ledger is only read.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.make_plan import make_plan
from airflow_provider_uspeedo.campaign.plan_counts import PlanCounts
from airflow_provider_uspeedo.campaign.table_reader import TableReader
from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.contact_rules import ContactRules
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.statuses import STATUSES, Status
from airflow_provider_uspeedo.core.summary import MAX_FAILURES, ListedFailure, Summary
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Attempt, RecipientStatus

_JUDGED_AGAIN = (Status.NOT_SENT, Status.SUPPRESSED)
"""What the ledger may say of recipients who can still be sent to."""


def dry_run(config: CampaignConfig, reading: TableReader, ledger: Ledger | None) -> Summary:
    """Returns the summary of a run that sends nothing, with its plan.

    It has what is in the ledger, and *not_sent* for what it would send.

    :param ledger: ``None`` if none exists yet.
    """
    attempt = ledger.peek(config.campaign_id, reading.spec) if ledger else None
    reading.continue_campaign(attempt.spec if attempt else None)
    with _temporary_index() as seen:
        judge = _Judge(reading, seen, ledger, attempt, config.rules)
        for good, bad in reading.rows():
            judge.take(good, bad)
    remarks, survey = reading.remarks, reading.survey
    remarks.warn(last=True)
    reading.moment.warn(waiting=True)
    plan = make_plan(
        config,
        judge.plan,
        fit=remarks.region_fit(),
        missing=remarks.missing,
        waiting=judge.waiting,
        next_opening=reading.moment.next_opening,
        uncounted_texts=ledger is not None and not ledger.counts_all_texts(config.rules.caps),
        fingerprint=str(survey.fingerprint) if survey and survey.fingerprint else None,
    )
    return Summary(
        campaign_id=config.campaign_id,
        counts=judge.counts,
        accepted_now=0,
        requests=0,
        session_nos=list(judge.sessions),
        failures=judge.failures,
        results_table=str(ledger.results_name) if ledger else "",
        countries=dict(remarks.countries),
        plan=plan,
    )


class _Judge:
    """Decides what would become of the rows of a table, a batch at a time.

    :param seen: see :func:`_temporary_index`.
    :param attempt: what the ledger has of the campaign; ``None`` for nothing.
    """

    def __init__(
        self,
        reading: TableReader,
        seen: sqlite3.Connection,
        ledger: Ledger | None,
        attempt: Attempt | None,
        rules: ContactRules,
    ) -> None:
        self._reading = reading
        self._seen = seen
        self._ledger = ledger
        self._attempt = attempt
        self._rules = rules
        self.plan = PlanCounts(reading.template_texts)
        self.counts: Counter[str] = Counter()
        self.sessions: dict[str, None] = {}
        self.failures: list[ListedFailure] = []
        self.waiting = 0
        """Those who would be sent to, though not at this moment."""
        self._failed: list[ListedFailure] = []

    def take(self, recipients: RecipientBatch, bad: BadRows) -> None:
        """Judges some rows."""
        recipients, repeated = self._without_repeated(recipients)
        bad = BadRows.joined([bad, repeated])
        self._failed = []
        known = self._outcomes([*recipients.keys(), *_keys_of(bad)])
        sent = recipients.having([key for key, one in known.items() if one.status not in _JUDGED_AGAIN])
        new = recipients.only(~sent)
        new, ambiguous = self._without_ambiguous(new)
        new, excluded = self._without_excluded(new)
        self._note_known(recipients.only(sent), known)
        self._note_bad(BadRows.joined([bad, ambiguous, excluded]), known)
        self.failures += sorted(self._failed, key=lambda one: one.row_number)[: MAX_FAILURES - len(self.failures)]
        self.counts[Status.NOT_SENT] += len(new)
        self.plan.note(new)
        moment = self._reading.moment
        self.waiting += len(new) - int(moment.allowed(new, moment.now()).sum())

    def _without_repeated(self, recipients: RecipientBatch) -> tuple[RecipientBatch, BadRows]:
        """Those who are there for the first time, and the further rows of recipients as duplicates."""
        numbers = numbers_of(recipients.column("row_number"))
        first = _first_rows(recipients.keys(), numbers, self._seen)
        again = first != numbers
        return recipients.only(~again), BadRows.duplicates(recipients.only(again), first[again])

    def _outcomes(self, keys: list[bytes]) -> dict[bytes, RecipientStatus]:
        return self._ledger.outcomes(self._attempt, keys) if self._ledger and self._attempt else {}

    def _without_ambiguous(self, recipients: RecipientBatch) -> tuple[RecipientBatch, BadRows]:
        """The recipients, and as invalid those whose digits could mean another recipient of the campaign."""
        if not (self._ledger and self._attempt):
            return recipients, BadRows.of(())
        others, why = self._reading.other_keys(recipients)
        taken = self._outcomes(list(set(others.values())))
        numbers = [number for number, key in others.items() if key in taken]
        mask = np.isin(numbers_of(recipients.column("row_number")), numbers)
        return recipients.only(~mask), BadRows.invalid(recipients.only(mask), why)

    def _without_excluded(self, recipients: RecipientBatch) -> tuple[RecipientBatch, BadRows]:
        """The recipients, without those that the ledger's rules exclude now: these become rows that are not sent."""
        if self._ledger is None:
            return recipients, BadRows.of(())
        numbers = numbers_of(recipients.column("row_number"))
        left, found = np.ones(len(recipients), bool), []
        for one in self._ledger.exclusions(recipients, self._rules):
            mask = np.isin(numbers, one.row_numbers) & left
            found.append(BadRows.excluded(recipients.only(mask), Status(one.status), one.reason))
            left &= ~mask
        return recipients.only(left), BadRows.joined(found)

    def _note_known(self, recipients: RecipientBatch, known: Mapping[bytes, RecipientStatus]) -> None:
        for row in recipients:
            self._note(row, known[row.key])

    def _note_bad(self, bad: BadRows, known: Mapping[bytes, RecipientStatus]) -> None:
        """Bad rows, but as sent those that an earlier attempt has sent and that no other row stands for."""
        sent = [key for key, one in known.items() if one.status not in _JUDGED_AGAIN]
        stands = np.zeros(len(bad), bool)
        for place in np.flatnonzero(bad.having_keys(sent) & ~bad.having(Status.DUPLICATE)).tolist():
            row = bad[place]
            if row.key and _first_rows([row.key], np.array([row.row_number]), self._seen)[0] == row.row_number:
                stands[place] = True
                self._note(row, known[row.key])
        bad = bad.only(~stands)
        for status in STATUSES:
            self.counts[status] += int(bad.having(status).sum())
        self.plan.exclude_all(bad)
        invalid = bad.only(bad.having(Status.INVALID))
        for row in invalid[: MAX_FAILURES - len(self.failures)]:
            self._list(row, RecipientStatus(row.status, row.reason, None))

    def _note(self, row: Recipient | BadRow, found: RecipientStatus) -> None:
        """One row that an earlier attempt has sent."""
        self.counts[found.status] += 1
        self.sessions.update(dict.fromkeys(found.session_no.split(",") if found.session_no else ()))
        self.plan.exclude(found.status, found.reason or "")
        if found.status in (Status.REJECTED, Status.UNKNOWN):
            self._list(row, found)

    def _list(self, row: Recipient | BadRow, found: RecipientStatus) -> None:
        reason = found.reason or ""
        self._failed.append(ListedFailure.masked(row.row_number, row.phone, row.user_id, found.status, reason))


def _keys_of(bad: BadRows) -> list[bytes]:
    """Of those that are no duplicates and have one."""
    keys: list[bytes | None] = bad.only(~bad.having(Status.DUPLICATE)).column("key").to_pylist()
    return [key for key in keys if key is not None]


def _first_rows(keys: Sequence[bytes], numbers: np.ndarray[Any, Any], seen: sqlite3.Connection) -> np.ndarray[Any, Any]:
    """For each row the first row with the same key: this one, if there was none before.

    :param keys: all different.
    """
    before = seen.total_changes
    seen.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", zip(keys, numbers.tolist(), strict=True))
    if seen.total_changes - before == len(keys):
        return numbers
    found = (seen.execute("SELECT row_number FROM seen WHERE key = ?", (key,)).fetchone()[0] for key in keys)
    return np.fromiter(found, np.int64, len(keys))


@contextmanager
def _temporary_index() -> Iterator[sqlite3.Connection]:
    with tempfile.TemporaryDirectory(prefix="uspeedo-") as folder:
        connection = sqlite3.connect(Path(folder) / "seen.db", isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA cache_size=-32768")  # KiB: keys come in no order
            connection.execute("CREATE TABLE seen (key BLOB PRIMARY KEY, row_number INTEGER) WITHOUT ROWID")
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()
