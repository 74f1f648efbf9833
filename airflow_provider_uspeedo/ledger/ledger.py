# SPDX-License-Identifier: Apache-2.0
"""The record of which recipients were sent to: one method for each transaction.

The database decides every race; nothing here trusts a clock or a lock.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.contact_rules import NO_RULES, Cap, ContactRules, Exclusion
from airflow_provider_uspeedo.core.keys import KeySpec
from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.slices import WHOLE, Slice
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.protocol.claims import Claims
from airflow_provider_uspeedo.ledger.protocol.contacts import ContactsUnrecorded, window
from airflow_provider_uspeedo.ledger.protocol.marking import Judge, Marks
from airflow_provider_uspeedo.ledger.protocol.portion import Portion
from airflow_provider_uspeedo.ledger.protocol.screening import ScreenedRows
from airflow_provider_uspeedo.ledger.protocol.transitions import Transitions
from airflow_provider_uspeedo.ledger.results import creation
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.results.rerun import Rerun
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.engine import TIMEOUT
from airflow_provider_uspeedo.ledger.store.records import (
    Answer,
    Attempt,
    CompleteReading,
    Request,
    fitting,
    in_ascii,
    new_id,
)

log = logging.getLogger(__name__)

SETTLE_TIMEOUT = 300.0
"""Seconds for which an answer is offered to a database that stays away, before it goes to the log."""

REQUESTS_AT_ONCE = 100
"""Requests looked up at once whose contacts are to be recorded."""


class Ledger(LedgerQueries):
    """One ledger: the tables of one database schema.

    :param engine: from :func:`.engine.open_engine`.
    :param results_table: the relation to SELECT from, ``name`` or ``schema.name``.
    :param timeout: seconds for which a transaction is repeated while the database fails in a passing way.
    :param settle_timeout: seconds for which an answer is offered to a database that fails, however it does.
    :param dialect: of the engine's kind; ``None``: with its own settings.
    :raises ConfigurationError: the name cannot be used.
    """

    def __init__(
        self,
        engine: Engine,
        results_table: str = "uspeedo_results",
        *,
        timeout: float = TIMEOUT,
        settle_timeout: float = SETTLE_TIMEOUT,
        dialect: DatabaseDialect | None = None,
    ) -> None:
        super().__init__(engine, results_table, timeout=timeout, dialect=dialect)
        self.settle_timeout = settle_timeout
        self._claims = Claims(self.tables, self.database.dialect)
        self._contacts = self._claims.contacts
        self._marks = Marks(self.tables, self.database.dialect, self._contacts)
        self._transitions = Transitions(self.tables)
        self._rerun = Rerun(self.tables, self.rows)

    # -- campaigns and attempts ---------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Creates what is missing; safe when several tasks do it at once.

        :raises LedgerError: the ledger is of another version, or may not be created here.
        """
        creation.prepare(self.database, self.tables, self.rows, self.results_name)

    def open_attempt(
        self,
        campaign_id: str,
        spec: KeySpec,
        *,
        part: str = "",
        slice_: Slice = WHOLE,
        name: str = "",
        rules: ContactRules = NO_RULES,
    ) -> Attempt:
        """Begins an attempt of a campaign; the number it gets is larger than that of every attempt before it.

        :param part: which table of the campaign it reads; a later attempt of the same part replaces its reading.
        :param slice_: which rows of that table; a later attempt replaces those of its own slice.
        :param name: for people: which task instance it was.
        :param rules: what it will claim and mark by. The first cap makes the ledger record which recipients a phone
            is, also of what was sent within its days.
        :raises ConfigurationError: the campaign's keys were made otherwise; it would text everyone again.
        :raises CampaignHalted: the campaign was pruned.
        """
        uuid = os.urandom(16)
        if rules.caps:
            days = max(cap.days for cap in rules.caps)
            self.database.write(lambda connection: self._contacts.ask_for(connection, days))
        attempt = self.database.write(
            lambda connection: self._campaigns.open(connection, campaign_id, spec, uuid, part, slice_, name)
        )
        if rules.caps:
            self.record_contacts(attempt.hasher(), rules.caps)
        return attempt

    def end_attempt(self, attempt: Attempt, *, complete: bool, fingerprint: bytes | None = None) -> None:
        """Notes that an attempt is over.

        :param complete: it recorded its whole table.
        :param fingerprint: 16 bytes that stand for all that it read, and for how.
        """
        self.database.write(lambda connection: self._campaigns.end(connection, attempt, complete, fingerprint))

    def complete_reading(self, attempt: Attempt) -> CompleteReading | None:
        """The earlier attempt of the same slice of the table whose rows are all current, if there is one."""
        return None if attempt.first else self.database.read(lambda c: self._rerun.find(c, attempt))

    def share_reading(self, attempt: Attempt, earlier: int) -> bool:
        """Makes the rows of an earlier attempt this one's; false if some are still to be sent, or they are superseded.

        :raises CampaignHalted: a person has stopped or pruned the campaign.
        """
        return self.database.write(lambda connection: self._rerun.share(connection, attempt, earlier))

    # -- claim, send, settle ------------------------------------------------------------------------------------

    def unavailable(self, attempt: Attempt, recipients: RecipientBatch) -> np.ndarray[Any, Any]:
        """For each recipient whether this attempt cannot have it now; it may be otherwise when it is claimed."""
        if not len(recipients):
            return np.zeros(0, bool)
        return self.database.read(
            lambda connection: self._claims.unavailable(connection, attempt, recipients), by_index=False
        )

    def exclusions(self, recipients: RecipientBatch, rules: ContactRules = NO_RULES) -> list[Exclusion]:
        """Which recipients the ledger's list and the caps forbid to send to now; it only looks."""
        if not len(recipients) or not self.exists():
            return []

        def work(connection: Connection) -> dict[int, str]:
            key = connection.execute(sa.select(self.tables.ledger.c.phone_key)).scalar()
            if key is None:  # nothing can be on the list
                return {}
            return self._claims.screening.forbidden(connection, PhoneHasher(bytes(key)), recipients, rules)

        reasons = self.database.read(work, by_index=False)
        numbers = numbers_of(recipients.column("row_number"))
        rows: dict[str, list[int]] = {}
        for place, reason in reasons.items():
            rows.setdefault(reason, []).append(int(numbers[place]))
        return [Exclusion(Status.SUPPRESSED, reason, found) for reason, found in sorted(rows.items())]

    def counts_all_texts(self, caps: Sequence[Cap]) -> bool:
        """False if texts were sent within these caps that are not recorded by phone yet: an attempt does that first."""
        if not caps or not self.exists():
            return True
        return not self.database.read(
            lambda c: self._contacts.unrecorded(c, window(caps, self._contacts.ledger_rules(c).now))
        )

    def claim(
        self,
        attempt: Attempt,
        portion: Portion,
        rules: ContactRules = NO_RULES,
        *,
        left_out: Counter[str] | None = None,
    ) -> list[Request]:
        """Claims recipients and records the rows that were read; returns what is ours to send.

        :param rules: those of the attempt.
        :param left_out: gets the reasons for which rows of the requests may not be texted now, and how many each.
        :raises CampaignHalted: a person has stopped or pruned the campaign.
        """
        excluded = ScreenedRows()
        requests, why = self.database.write(lambda c: self._claims.claim(c, attempt, portion, rules, excluded))
        if left_out is not None:
            left_out.update(why)
        return requests

    def renew(self, attempt: Attempt, old: Request, new_id: bytes) -> Request:
        """A new request for the recipients of one's own released one."""
        return self.database.write(lambda connection: self._claims.own_requests.renew(connection, attempt, old, new_id))

    def split(self, attempt: Attempt, request: Request, size: int, new_id: bytes) -> tuple[Request, Request]:
        """Cuts one's own claimed request: a new one with its first ``size`` recipients, and itself with the others.

        What is not ours any more is missing from them.

        :raises CampaignHalted: a person has stopped or pruned the campaign.
        """
        return self.database.write(lambda c: self._claims.own_requests.split(c, attempt, request, size, new_id))

    def mark_sending(
        self, attempt: Attempt, request: Request, rules: ContactRules = NO_RULES, judge: Judge | None = None
    ) -> Request:
        """The request with the recipients that may now be given to the socket, once; without any if nothing may.

        Those that a rule forbids to send to at this moment have left it: see its ``left_out``.

        :param rules: those of the attempt.
        :param judge: called in the transaction with the time of the database (UTC); it says who may not be sent to
            then, besides those that the ledger's list and caps exclude.
        :raises CampaignHalted: a person has stopped or pruned the campaign.
        """
        as_claimed = judge is None and not rules.caps
        if as_claimed and self.database.write(lambda c: self._marks.mark_as_claimed(c, attempt, request)):
            return request
        left_out_id = new_id()
        while True:
            try:
                return self.database.write(lambda c: self._marks.mark(c, attempt, request, rules, judge, left_out_id))
            except ContactsUnrecorded:
                self.record_contacts(attempt.hasher(), rules.caps)

    def record_contacts(self, hasher: PhoneHasher, caps: Sequence[Cap]) -> None:
        """Records which recipients a phone is, for all that was marked within these caps without that.

        Only what was claimed before the first cap of this ledger is; each request in a transaction of its own.
        """
        recorded = 0
        while ids := self.database.read(
            lambda c: self._contacts.unrecorded(c, window(caps, self._contacts.ledger_rules(c).now), REQUESTS_AT_ONCE)
        ):
            for one in ids:
                self.database.write(lambda c, one=one: self._contacts.record_request(c, hasher, one))  # type: ignore[misc]
            recorded += len(ids)
        if recorded:
            log.info("Recorded whom %s of this ledger texted, which a cap has to know.", counted(recorded, "request"))

    def settle(self, attempt: Attempt, request_id: bytes, answer: Answer) -> bool:
        """Records an answer; repeated for long after any failure of the database."""
        fitted = answer.fitting()
        return self._for_sure(
            lambda connection: self._transitions.settle(connection, attempt, request_id, fitted),
            lambda connection: self._transitions.settle(connection, attempt, request_id, fitted.in_ascii()),
        )

    def release(
        self, attempt: Attempt, request_id: bytes, *, ret_code: int | None, vendor_request_id: str, reason: str
    ) -> bool:
        """Records that a call surely reached no recipient."""
        cause = fitting(ret_code, vendor_request_id, reason)
        return self._for_sure(
            lambda c: self._transitions.release(c, attempt, request_id, **cause),
            lambda c: self._transitions.release(c, attempt, request_id, **in_ascii(cause)),
        )

    def mark_unknown(
        self, attempt: Attempt, request_id: bytes, *, ret_code: int | None, vendor_request_id: str, reason: str
    ) -> bool:
        """Records that a call may have arrived, without an answer that says so."""
        cause = fitting(ret_code, vendor_request_id, reason)
        return self._for_sure(
            lambda c: self._transitions.mark_unknown(c, attempt, request_id, **cause),
            lambda c: self._transitions.mark_unknown(c, attempt, request_id, **in_ascii(cause)),
        )

    def _for_sure(self, work: Callable[[Connection], bool], in_ascii: Callable[[Connection], bool]) -> bool:
        return self.database.write_for_sure(work, timeout=self.settle_timeout, in_ascii=in_ascii)
