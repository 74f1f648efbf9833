# SPDX-License-Identifier: Apache-2.0
"""The early look at phones, in the claim: recipients on the ledger's list, or over a cap, are not claimed at all.

It spares requests that their mark would empty. The mark decides: it looks again (see :mod:`.marking`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.contact_rules import ContactRules
from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.protocol.contacts import SUPPRESSED, Contacts, LedgerRules, left, places_of, window
from airflow_provider_uspeedo.ledger.protocol.moves import Moves
from airflow_provider_uspeedo.ledger.protocol.portion import Portion, phones_to_look_up
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.records import Attempt


@dataclass(slots=True)
class ScreenedRows:
    """What the first execution of a claim's transaction left out; its repetitions leave out the same.

    It may have been committed: its rows are recorded, and a phone that has left the list since would be recorded twice.

    :param rows: numbers of rows by reason; ``None``: there was no execution yet.
    """

    rows: dict[str, np.ndarray[Any, Any]] | None = None


class Screening:
    """Leaves rows out of a portion that the ledger's list or a cap forbids to text now."""

    def __init__(self, dialect: DatabaseDialect, contacts: Contacts, moves: Moves) -> None:
        self._dialect = dialect
        self._contacts = contacts
        self._moves = moves

    def screened(
        self,
        connection: Connection,
        attempt: Attempt,
        portion: Portion,
        rules: ContactRules,
        unavailable: Any,
        excluded: ScreenedRows,
    ) -> tuple[Portion, Counter[str], sa.Table | None]:
        """The portion with such rows as *suppressed*, how many there are for each reason, and its staged rows.

        It is staged to be looked at. If all of it stays, as nearly always, that is what the claim stages, too; else
        there is no table. What this attempt has claimed already, by a repetition, or cannot have, stays: whatever
        becomes of that recipient is the row's status.

        :param unavailable: the query that finds such recipients.
        :param excluded: one for all executions of the transaction.
        """
        why: Counter[str] = Counter()
        table: sa.Table | None = None
        if not portion.requests:
            return portion, why, table
        found = self._contacts.ledger_rules(connection)
        if found.has_list or rules.caps or found.records_contacts:
            portion = portion.hashed(attempt.hasher())
        seen = found.list_version
        if excluded.rows is not None:
            if found.has_list:
                seen = -1  # not looked at again: the marks do
        elif found.has_list or rules.caps:
            recipients = portion.recipients()
            table = self._moves.stage(connection, portion.staged(hashes=True))
            rows: dict[str, np.ndarray[Any, Any]] = {}
            if reasons := self._reasons(
                connection, recipients, rules, found, numbers_of(recipients.column("row_number"))
            ):
                self._dialect.drop_staged(connection, table)
                table = None
                places = np.array(sorted(reasons), np.int64)
                of_places = recipients.take(places)
                stay = self._moves.found(connection, attempt, of_places.column("key"), unavailable)
                if stay.any():
                    seen = -1  # they were not looked at: their marks do
                numbers = numbers_of(of_places.column("row_number"))
                which = np.array([reasons[place] for place in places.tolist()], object)
                rows = {one: numbers[(which == one) & ~stay] for one in sorted(set(reasons.values()))}
            excluded.rows = rows
        else:
            excluded.rows = {}
        for reason, row_numbers in excluded.rows.items():
            portion = portion.without(row_numbers, reason, Status.SUPPRESSED)
            why[reason] += len(row_numbers)
        recorded = found.records_contacts
        requests = [replace(request, list_version=seen, recorded=recorded) for request in portion.requests]
        return replace(portion, requests=requests), +why, table

    def forbidden(
        self, connection: Connection, hasher: PhoneHasher, recipients: RecipientBatch, rules: ContactRules
    ) -> dict[int, str]:
        """The places of recipients that may not be texted now, and why, without a claim."""
        found = self._contacts.ledger_rules(connection)
        if not (found.has_list or rules.caps):
            return {}
        recipients = recipients.hashed(hasher)
        table = self._moves.stage(connection, phones_to_look_up(recipients))
        reasons = self._reasons(connection, recipients, rules, found, np.arange(len(recipients)))
        self._dialect.drop_staged(connection, table)
        return reasons

    def _reasons(
        self,
        connection: Connection,
        recipients: RecipientBatch,
        rules: ContactRules,
        found: LedgerRules,
        row_numbers: np.ndarray[Any, Any],
    ) -> dict[int, str]:
        """The places of recipients that may not be texted, and why.

        :param recipients: those that are staged with the hashes of their phones.
        :param row_numbers: the ``row_no`` of each there.
        """
        reasons: dict[int, str] = {}
        if rules.caps:
            times = self._contacts.times_of_rows(connection, recipients, row_numbers, window(rules.caps, found.now))
            judged = {place: left(rules.caps, of_phone, found.now) for place, of_phone in times.items()}
            reasons = {place: reason for place, (free, reason) in judged.items() if not free}
        if found.has_list:
            suppressed = self._contacts.suppressed_rows(connection)
            reasons |= dict.fromkeys(places_of(suppressed, row_numbers), SUPPRESSED)
        return reasons
