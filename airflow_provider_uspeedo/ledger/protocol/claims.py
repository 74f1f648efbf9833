# SPDX-License-Identifier: Apache-2.0
"""Claiming recipients, before anything is sent: the transaction that decides whose they are.

A recipient is ours when the ledger says so after the claim: the unique key (campaign, recipient key) decides, never a
row count. What an older try claimed and never marked *sending* may be taken over: **the request first, its recipients
second**. A request that its owner marks *sending* at the same moment is not touched, and its recipients stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.protocol.new_recipients import Newcomers, claimed
from airflow_provider_uspeedo.ledger.protocol.source_rows import SourceRows, is_free
from airflow_provider_uspeedo.ledger.store.bulk import new_only, portions
from airflow_provider_uspeedo.ledger.store.records import Attempt, Request
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.states import MAY_BE_TAKEN, RequestState


@dataclass(frozen=True, slots=True)
class Portion:
    """What one claim records: some requests to be sent, and the other rows that were read on the way.

    :param seen: rows whose recipients were not to be had when they were looked up.
    :param read_to: every row up to this number is recorded, now or before.
    """

    requests: Sequence[Request]
    seen: Sequence[Recipient] = field(repr=False)
    bad_rows: Sequence[BadRow]
    read_to: int


class Claims:
    """The statements of one claim. One object serves all claims of a ledger."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables
        self._readings = SourceRows(tables)
        self._campaigns = Campaigns(tables)
        self._newcomers = Newcomers(tables)

    def held(self, connection: Connection, attempt: Attempt, keys: Sequence[bytes]) -> set[bytes]:
        """Those of ``keys`` that this attempt cannot have: worth knowing before requests are cut."""
        found = self._recipients(connection, attempt, keys)
        return {key for key, row in found.items() if not is_free(row, attempt)}

    def claim(self, connection: Connection, attempt: Attempt, portion: Portion) -> list[Request]:
        """Records a portion; returns the requests with what is really ours, without empty ones."""
        self._campaigns.refuse_halted(connection, attempt)
        met = self._newcomers.claim(connection, attempt, portion.requests)
        left = self._claim_known(connection, attempt, portion, met)
        self._campaigns.advance(connection, attempt, portion.read_to, _last_row(portion))
        return [request for request in (left.get(r.id, r) for r in portion.requests) if request.recipients]

    def _claim_known(
        self, connection: Connection, attempt: Attempt, portion: Portion, met: set[bytes]
    ) -> dict[bytes, Request]:
        """Claims one by one those who were in the ledger before; returns what is left of their requests."""
        requests = [r for r in portion.requests if RecipientBatch.of(r.recipients).having(met).any()] if met else []
        wanted = [one for request in requests for one in request.recipients if one.key in met]
        rows = [*wanted, *portion.seen]
        if not rows and not portion.bad_rows:
            return {}
        bad_keys = [row.key for row in portion.bad_rows if row.key is not None]
        found = self._recipients(connection, attempt, [*(one.key for one in rows), *bad_keys])
        duplicates = self._readings.record(connection, attempt, rows, portion.bad_rows, found)
        mine = {
            one.key: request.id
            for request in requests
            for one in request.recipients
            if one.key in met and one.row_number not in duplicates
        }
        moving = [one for one in wanted if one.key in mine and is_free(found[one.key], attempt)]
        if moving:
            self._take_over(connection, attempt, moving, found, mine)
            found |= self._recipients(connection, attempt, (recipient.key for recipient in moving))
        owned = {key for key, request_id in mine.items() if found[key].request_id == request_id}

        def is_ours(one: Recipient) -> bool:
            return one.key not in met or (one.key in owned and one.row_number not in duplicates)

        return self._kept(connection, requests, is_ours)

    def renew(self, connection: Connection, attempt: Attempt, old: Request, new_id: bytes) -> Request:
        """A new request for what one's own ``released`` one held, to be sent after a back-off."""
        requests, recipients = self._t.requests, self._t.recipients
        self._campaigns.refuse_halted(connection, attempt)
        connection.execute(new_only(connection.dialect.name, requests), [claimed(attempt, new_id)])
        connection.execute(
            sa.update(requests)
            .where(
                requests.c.id == old.id,
                requests.c.state == RequestState.RELEASED,
                requests.c.attempt_no == attempt.number,
            )
            .values(state=RequestState.SUPERSEDED)
        )
        connection.execute(
            sa.update(recipients)
            .where(
                recipients.c.campaign_no == attempt.campaign_no,
                recipients.c.key == sa.bindparam("of"),
                recipients.c.request_id == old.id,
                recipients.c.proven_request_id.is_(None),
                sa.exists(
                    sa.select(sa.literal_column("1"))
                    .select_from(requests)
                    .where(requests.c.id == old.id, requests.c.state == RequestState.SUPERSEDED)
                ),
            )
            .values(request_id=new_id),
            [{"of": key} for key in sorted(recipient.key for recipient in old.recipients)],
        )
        found = self._recipients(connection, attempt, [recipient.key for recipient in old.recipients])
        mine = tuple(r for r in old.recipients if found[r.key].request_id == new_id)
        return Request(new_id, mine, old.canary)

    # -- the statements -----------------------------------------------------------------------------------------

    def _recipients(self, connection: Connection, attempt: Attempt, keys: Iterable[bytes]) -> dict[bytes, Row]:  # type: ignore[type-arg]
        recipients, requests = self._t.recipients.c, self._t.requests.c
        query = (
            sa.select(
                recipients.key,
                recipients.request_id,
                recipients.proven_request_id,
                recipients.first_attempt,
                recipients.first_row,
                requests.state,
                requests.attempt_no,
            )
            .select_from(self._t.recipients.join(self._t.requests, requests.id == recipients.request_id))
            .where(recipients.campaign_no == attempt.campaign_no)
        )
        return {
            row.key: row
            for portion in portions(sorted(set(keys)))
            for row in connection.execute(query.where(recipients.key.in_(portion)))
        }

    def _take_over(
        self,
        connection: Connection,
        attempt: Attempt,
        moving: Sequence[Recipient],
        found: dict[bytes, Row],  # type: ignore[type-arg]
        mine: dict[bytes, bytes],
    ) -> None:
        requests, recipients = self._t.requests, self._t.recipients
        old = sorted({found[recipient.key].request_id for recipient in moving})
        for portion in portions(old):
            connection.execute(
                sa.update(requests)
                .where(
                    requests.c.id.in_(portion),
                    requests.c.state.in_(MAY_BE_TAKEN),
                    requests.c.attempt_no < attempt.number,
                )
                .values(state=RequestState.SUPERSEDED)
            )
        free = self._superseded(connection, attempt, old)
        rows = [
            {
                "of": r.key, "old": found[r.key].request_id, "new": mine[r.key], "to_phone": r.phone,
                "to_user": r.user_id,
                "to_template": r.template_id, "to_sender": r.sender_id,
            }
            for r in sorted(moving, key=_key)
            if found[r.key].request_id in free
        ]  # fmt: skip
        if rows:
            connection.execute(
                sa.update(recipients)
                .where(
                    recipients.c.campaign_no == attempt.campaign_no,
                    recipients.c.key == sa.bindparam("of"),
                    recipients.c.request_id == sa.bindparam("old"),
                    recipients.c.proven_request_id.is_(None),
                )
                .values(
                    request_id=sa.bindparam("new"),
                    phone=sa.bindparam("to_phone"),
                    user_id=sa.bindparam("to_user"),
                    template_id=sa.bindparam("to_template"),
                    sender_id=sa.bindparam("to_sender"),
                ),
                rows,
            )

    def _superseded(self, connection: Connection, attempt: Attempt, ids: Sequence[bytes]) -> set[bytes]:
        """Those requests whose recipients are free: *superseded* is a last state, so reading it is enough."""
        requests = self._t.requests.c
        query = sa.select(requests.id).where(
            requests.state == RequestState.SUPERSEDED, requests.attempt_no < attempt.number
        )
        return {
            row.id for portion in portions(ids) for row in connection.execute(query.where(requests.id.in_(portion)))
        }

    def _kept(
        self, connection: Connection, requests: Sequence[Request], is_ours: Callable[[Recipient], bool]
    ) -> dict[bytes, Request]:
        kept = {r.id: r.of(filter(is_ours, r.recipients)) for r in requests}
        if empty := sorted(request.id for request in kept.values() if not request.recipients):
            table = self._t.requests
            connection.execute(sa.delete(table).where(table.c.id.in_(empty), table.c.state == RequestState.CLAIMED))
        return kept


def _last_row(portion: Portion) -> int:
    others: Iterable[Recipient | BadRow] = chain(portion.seen, portion.bad_rows)
    requested = (RecipientBatch.of(request.recipients).last_row() for request in portion.requests)
    return max((portion.read_to, *requested, *(row.row_number for row in others)))


def _key(recipient: Recipient) -> bytes:
    return recipient.key
