# SPDX-License-Identifier: Apache-2.0
"""Claiming recipients, before anything is sent: the transaction that decides whose they are.

A recipient is ours when the ledger says so after the claim: the unique key (campaign, recipient key) decides, never a
row count. What an older try claimed and never marked *sending* may be taken over: **the request first, its recipients
second**. A request that its owner marks *sending* at the same moment is not touched, and its recipients stay.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.ledger import tables as states
from airflow_provider_uspeedo.ledger.bulk import insert_new, new_only, portions
from airflow_provider_uspeedo.ledger.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.readings import MAY_BE_TAKEN, Readings, is_free
from airflow_provider_uspeedo.ledger.records import Attempt, Request, utc_now
from airflow_provider_uspeedo.ledger.tables import Tables


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
        self._readings = Readings(tables)
        self._campaigns = Campaigns(tables)

    def held(self, connection: Connection, attempt: Attempt, keys: Sequence[bytes]) -> set[bytes]:
        """Those of ``keys`` that this attempt cannot have: worth knowing before requests are cut."""
        found = self._recipients(connection, attempt, keys)
        return {key for key, row in found.items() if not is_free(row, attempt)}

    def claim(self, connection: Connection, attempt: Attempt, portion: Portion) -> list[Request]:
        """Records ``portion`` and returns the requests with what is really ours; empty ones are left out."""
        self._campaigns.refuse_halted(connection, attempt)
        self._insert(connection, attempt, portion.requests)
        new, mixed = self._new_and_mixed(connection, attempt, portion.requests)
        self._readings.record_new(connection, attempt, new)
        left = self._claim_known(connection, attempt, mixed, portion.seen, portion.bad_rows)
        self._campaigns.advance(connection, attempt, portion.read_to, _last_row(portion))
        return [request for request in (left.get(r.id, r) for r in portion.requests) if request.recipients]

    def _new_and_mixed(
        self, connection: Connection, attempt: Attempt, requests: Sequence[Request]
    ) -> tuple[list[Request], list[Request]]:
        """Parts the requests whose recipients all came with them from those that met recipients of other requests."""
        recipients = self._t.recipients.c
        query = (
            sa.select(recipients.request_id, sa.func.count().label("ours"))
            .where(
                recipients.request_id.in_([request.id for request in requests]),
                recipients.first_attempt == attempt.number,
            )
            .group_by(recipients.request_id)
        )
        ours = {row.request_id: row.ours for row in connection.execute(query)} if requests else {}
        new = [request for request in requests if ours.get(request.id) == len(request.recipients)]
        return new, [request for request in requests if ours.get(request.id) != len(request.recipients)]

    def _claim_known(
        self,
        connection: Connection,
        attempt: Attempt,
        requests: Sequence[Request],
        seen: Sequence[Recipient],
        bad_rows: Sequence[BadRow],
    ) -> dict[bytes, Request]:
        """Claims one by one where some recipients were in the ledger before; returns what is left of each request."""
        wanted = [recipient for request in requests for recipient in request.recipients]
        bad_keys = [row.key for row in bad_rows if row.key is not None]
        found = self._recipients(connection, attempt, [*(one.key for one in (*wanted, *seen)), *bad_keys])
        duplicates = self._readings.record(connection, attempt, [*wanted, *seen], bad_rows, found)
        requests = [_without(request, duplicates) for request in requests]
        mine = {recipient.key: request.id for request in requests for recipient in request.recipients}
        moving = [
            one
            for request in requests
            for one in request.recipients
            if found[one.key].request_id != request.id and is_free(found[one.key], attempt)
        ]
        if moving:
            self._take_over(connection, attempt, moving, found, mine)
            found |= self._recipients(connection, attempt, (recipient.key for recipient in moving))
        owned = {key for key, request_id in mine.items() if found[key].request_id == request_id}
        return self._kept(connection, requests, owned)

    def renew(self, connection: Connection, attempt: Attempt, old: Request, new_id: bytes) -> Request:
        """A new request for what one's own ``released`` one held, to be sent after a back-off."""
        requests, recipients = self._t.requests, self._t.recipients
        self._campaigns.refuse_halted(connection, attempt)
        connection.execute(new_only(connection.dialect.name, requests), [self._row(attempt, new_id)])
        connection.execute(
            sa.update(requests)
            .where(
                requests.c.id == old.id, requests.c.state == states.RELEASED, requests.c.attempt_no == attempt.number
            )
            .values(state=states.SUPERSEDED)
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
                    .where(requests.c.id == old.id, requests.c.state == states.SUPERSEDED)
                ),
            )
            .values(request_id=new_id),
            [{"of": key} for key in sorted(recipient.key for recipient in old.recipients)],
        )
        found = self._recipients(connection, attempt, [recipient.key for recipient in old.recipients])
        mine = tuple(r for r in old.recipients if found[r.key].request_id == new_id)
        return Request(new_id, mine, old.canary)

    # -- the statements -----------------------------------------------------------------------------------------

    def _row(self, attempt: Attempt, request_id: bytes) -> dict[str, object]:
        return {
            "id": request_id,
            "campaign_no": attempt.campaign_no,
            "attempt_no": attempt.number,
            "state": states.CLAIMED,
            "claimed_at": utc_now(),
        }

    def _insert(self, connection: Connection, attempt: Attempt, requests: Sequence[Request]) -> None:
        if not requests:
            return
        rows = [self._row(attempt, request.id) for request in sorted(requests, key=lambda r: r.id)]
        connection.execute(new_only(connection.dialect.name, self._t.requests), rows)
        columns = (
            "campaign_no", "key", "request_id", "first_attempt", "first_row", "phone", "user_id", "template_id",
            "sender_id",
        )  # fmt: skip
        campaign_no, number = attempt.campaign_no, attempt.number
        recipients = [
            (campaign_no, r.key, request.id, number, r.row_number, r.phone, r.user_id, r.template_id, r.sender_id)
            for request in requests
            for r in request.recipients
        ]
        recipients.sort(key=itemgetter(1))
        insert_new(connection, self._t.recipients, columns, recipients)

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
                .values(state=states.SUPERSEDED)
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
        query = sa.select(requests.id).where(requests.state == states.SUPERSEDED, requests.attempt_no < attempt.number)
        return {
            row.id for portion in portions(ids) for row in connection.execute(query.where(requests.id.in_(portion)))
        }

    def _kept(self, connection: Connection, requests: Sequence[Request], owned: set[bytes]) -> dict[bytes, Request]:
        kept = {r.id: r.of(one for one in r.recipients if one.key in owned) for r in requests}
        if empty := sorted(request.id for request in kept.values() if not request.recipients):
            table = self._t.requests
            connection.execute(sa.delete(table).where(table.c.id.in_(empty), table.c.state == states.CLAIMED))
        return kept


def _last_row(portion: Portion) -> int:
    requested = chain.from_iterable(request.recipients for request in portion.requests)
    rows: Iterable[Recipient | BadRow] = chain(requested, portion.seen, portion.bad_rows)
    return max(portion.read_to, max((row.row_number for row in rows), default=0))


def _key(recipient: Recipient) -> bytes:
    return recipient.key


def _without(request: Request, rows: Container[int]) -> Request:
    return request.of(one for one in request.recipients if one.row_number not in rows)
