# SPDX-License-Identifier: Apache-2.0
"""Claiming recipients, before anything is sent: the transaction that decides which request may text a recipient.

There is one way for all rows of a portion. They are staged in a temporary table, and statements decide: a recipient
that is not in the ledger is inserted under the unique key (campaign, recipient key); rows that stand for a known
recipient, or for none, are recorded; what an older attempt claimed and never marked *sending* is taken over, **the
request first, its recipients second**. A recipient is ours when the ledger says so afterwards, never by a row count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.contact_rules import ContactRules
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.protocol.contacts import Contacts
from airflow_provider_uspeedo.ledger.protocol.moves import Moves, names_of
from airflow_provider_uspeedo.ledger.protocol.own_requests import OwnRequests
from airflow_provider_uspeedo.ledger.protocol.portion import Portion
from airflow_provider_uspeedo.ledger.protocol.screening import ScreenedRows, Screening
from airflow_provider_uspeedo.ledger.protocol.source_rows import ATTEMPT, CAMPAIGN, SourceRows
from airflow_provider_uspeedo.ledger.store.database_errors import TakenMeanwhile
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.lookups import looked_up
from airflow_provider_uspeedo.ledger.store.new_rows import NewRows
from airflow_provider_uspeedo.ledger.store.records import Attempt, Request
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.staged_rows import staged_table
from airflow_provider_uspeedo.ledger.store.states import MAY_BE_TAKEN, RequestState

_KEPT = ("phone", "user_id", "template_id", "sender_id")
"""What the ledger keeps of a recipient as its row has it."""


class Claims:
    """The statements of a claim, made once. One object serves all claims of a ledger."""

    def __init__(self, tables: Tables, dialect: DatabaseDialect) -> None:
        self._t = tables
        self._dialect = dialect
        self._campaigns = Campaigns(tables)
        self._staged = staged = staged_table(dialect.staged_schema(tables.metadata.schema)).alias("s")
        self._source_rows = SourceRows(tables, dialect, staged)
        self._moves = Moves(tables, dialect, staged)
        self.contacts = Contacts(tables, dialect, staged)
        self.screening = Screening(dialect, self.contacts, self._moves)
        self.own_requests = OwnRequests(tables, dialect, self._moves)
        r, q, s = tables.recipients.alias("r"), tables.requests.alias("q"), staged.c
        self._insert = self._insertion(staged)
        self._insert_contacts = self._insertion_of_contacts(staged)
        here = looked_up(staged, r, sa.and_(r.c.campaign_no == CAMPAIGN, r.c.key == s.hash))
        self._known = sa.select(s.row_no).select_from(here)
        to_send = s.request_id.is_not(None)
        held = tables.recipients.c
        self._held = (
            sa.select(held.request_id, sa.func.count())
            .where(held.first_attempt == ATTEMPT, held.request_id.in_(sa.bindparam("ids", expanding=True)))
            .group_by(held.request_id)
        )
        self._not_ours = (
            sa.select(s.row_no)
            .select_from(here)
            .where(
                to_send,
                # The recipient is another request's, or the row is not the one that stands for it.
                sa.or_(
                    r.c.request_id != s.request_id, sa.and_(r.c.first_attempt == ATTEMPT, r.c.first_row != s.row_no)
                ),
            )
        )
        self._holders = (
            sa.select(r.c.request_id)
            .distinct()
            .select_from(here)
            .where(to_send, r.c.request_id != s.request_id, r.c.proven_request_id.is_(None))
        )
        may_be_free = q.c.attempt_no < ATTEMPT, q.c.state.in_((*MAY_BE_TAKEN, RequestState.SUPERSEDED))
        free = sa.and_(r.c.proven_request_id.is_(None), *may_be_free)
        self._unavailable = sa.select(s.row_no).select_from(looked_up(here, q, q.c.id == r.c.request_id)).where(~free)
        self._any_free = sa.select(q.c.id).where(q.c.campaign_no == CAMPAIGN, *may_be_free).limit(1)

    def unavailable(self, connection: Connection, attempt: Attempt, recipients: RecipientBatch) -> np.ndarray[Any, Any]:
        """For each recipient whether this attempt cannot have it now: worth knowing before requests are cut."""
        any_free = connection.execute(self._any_free, names_of(attempt)).first()
        query = self._unavailable if any_free else self._known  # no request need be looked at then
        return self._moves.found(connection, attempt, recipients.column("key"), query)

    def claim(
        self, connection: Connection, attempt: Attempt, portion: Portion, rules: ContactRules, excluded: ScreenedRows
    ) -> tuple[list[Request], Counter[str]]:
        """Records a portion; returns the requests with what is really ours, without empty ones.

        :param excluded: one for all executions of the transaction.
        :returns: and why rows of its requests are left out: reasons, and how many rows each.
        """
        self._campaigns.refuse_halted(connection, attempt)
        self._campaigns.advance(connection, attempt, portion.read_to)
        portion = self._without_other_readings(connection, attempt, portion)
        portion, why, table = self.screening.screened(connection, attempt, portion, rules, self._unavailable, excluded)
        recorded = any(request.recorded for request in portion.requests)
        if table is None and _has_rows(portion):
            table = self._moves.stage(connection, portion.staged(hashes=recorded))
        requests: list[Request] = []
        if table is not None:
            ids = [request.id for request in portion.requests]
            self._moves.insert_requests(connection, attempt, ids, recorded=recorded)
            before: set[bytes] | None = None
            if self._dialect.locks_taken_keys and not self._campaigns.is_only(connection, attempt):
                before = self._holders_of_staged(connection, attempt)
            if portion.requests:
                self._insert.insert(connection, names_of(attempt))
            if recorded:  # also of those that are taken over
                self._insert_contacts.insert(connection, names_of(attempt))
            all_new = self._hold_all(connection, attempt, portion.requests)
            self._source_rows.record(connection, attempt, portion, only_others=all_new)
            requests = list(portion.requests)
            if not all_new:
                requests = self._owned(connection, attempt, requests, before)
            self._dialect.drop_staged(connection, table)
        return requests, why

    def _without_other_readings(self, connection: Connection, attempt: Attempt, portion: Portion) -> Portion:
        """The portion without new recipients whose digits, read otherwise, are a recipient of the campaign already.

        What the campaign knows by its own key, and may have texted or is about to, stays: whatever became of that
        recipient is the row's status.
        """
        if portion.other_keys is None or not portion.requests:
            return portion
        others = portion.other_keys(not self._campaigns.is_only(connection, attempt))
        if not len(others.row_numbers):
            return portion
        recipients = portion.recipients()
        here = pa.concat_arrays([recipients.column("key"), portion.known.column("key")])
        taken = self._moves.found(connection, attempt, others.keys, self._known)
        taken |= np.array(pc.is_in(others.keys, here).to_pylist(), bool)
        refused = others.row_numbers[taken]
        of_refused = recipients.only(np.isin(numbers_of(recipients.column("row_number")), refused))
        kept = self._moves.found(connection, attempt, of_refused.column("key"), self._unavailable)
        return portion.without(numbers_of(of_refused.column("row_number"))[~kept], others.reason)

    # -- what is ours -------------------------------------------------------------------------------------------

    def _hold_all(self, connection: Connection, attempt: Attempt, requests: Sequence[Request]) -> bool:
        """True if the ledger has every recipient of the requests as new to this attempt, and as theirs."""
        sizes = {request.id: len(request.recipients) for request in requests}
        if not sizes:
            return True
        if not self._dialect.counts_own_rows:
            return not len(self._moves.row_numbers(connection, self._not_ours, attempt))
        held = connection.execute(self._held, {"attempt": attempt.number, "ids": sorted(sizes)})
        return {bytes(request_id): count for request_id, count in held} == sizes

    def _owned(
        self, connection: Connection, attempt: Attempt, requests: Sequence[Request], before: set[bytes] | None
    ) -> list[Request]:
        """Takes over what may be taken, then asks the ledger whose the recipients are.

        :param before: the requests that held recipients before the others were inserted, if that insert locks those
            that it meets, and there may be something to take. If others hold some since, requests would be locked
            after recipients: then the transaction is repeated, and meets nobody.
        """
        not_ours = self._moves.row_numbers(connection, self._not_ours, attempt)
        if len(not_ours):
            holders = self._holders_of_staged(connection, attempt)
            takeable = self._moves.takeable(connection, attempt, holders)
            if takeable and before is not None and holders - before - {request.id for request in requests}:
                raise TakenMeanwhile
            if free := self._moves.take_requests(connection, attempt, holders, takeable):
                self._moves.move(
                    connection, attempt, free, ("request_id", *_KEPT), self._source_rows.stands(connection)
                )
                not_ours = self._moves.row_numbers(connection, self._not_ours, attempt)
        return self._moves.kept(connection, requests, not_ours)

    def _holders_of_staged(self, connection: Connection, attempt: Attempt) -> set[bytes]:
        """The other requests that hold recipients which are to be sent to."""
        return set(map(bytes, connection.execute(self._holders, names_of(attempt)).scalars()))

    # -- statements ---------------------------------------------------------------------------------------------

    def _insertion(self, staged: Any) -> NewRows:
        s, there = staged.c, self._t.recipients.alias("there")
        return NewRows(
            self._dialect,
            self._t.recipients,
            ("campaign_no", "key", "request_id", "first_attempt", "first_row", *_KEPT),
            (CAMPAIGN, s.hash, s.request_id, ATTEMPT, s.row_no, *(s[name] for name in _KEPT)),
            source=staged,
            where=s.request_id.is_not(None),
            order_by=(s.hash, s.row_no) if self._dialect.key_order else (),
            taken=(there, sa.and_(there.c.campaign_no == CAMPAIGN, there.c.key == s.hash)),
        )

    def _insertion_of_contacts(self, staged: Any) -> NewRows:
        s, there = staged.c, self._t.contacts.alias("there")
        found = (there.c.phone_hash == s.phone_hash, there.c.campaign_no == CAMPAIGN, there.c.key == s.hash)
        return NewRows(
            self._dialect,
            self._t.contacts,
            ("phone_hash", "campaign_no", "key"),
            (s.phone_hash, CAMPAIGN, s.hash),
            source=staged,
            where=s.request_id.is_not(None),
            order_by=(s.phone_hash, s.hash),
            taken=(there, sa.and_(*found)),
        )


def _has_rows(portion: Portion) -> bool:
    return bool(portion.requests or len(portion.known) or len(portion.bad_rows))
