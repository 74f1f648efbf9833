# SPDX-License-Identifier: Apache-2.0
"""A person's decision on rejected recipients: a later attempt may send to them again.

As for unknown outcomes, the old request is locked and remembered, and the recipients move to a *released* request of
the decision: what shows later that the old request reached one of them still counts. Left as they are: recipients of
whom a receipt says that the carrier had their message, and those whose phone is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.protocol.campaigns import refuse_pruned
from airflow_provider_uspeedo.ledger.store.bulk import new_only
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.lookups import looked_up
from airflow_provider_uspeedo.ledger.store.records import Attempt, utc_now
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.states import RequestState

FREE, FORGOTTEN, RECEIVED = "free", "forgotten", "received"
"""What a rejected recipient is: to be re-opened, or left as it is."""
CARRIER_HAD_IT = ("Success", "Fail")
"""Results of receipts for a message that the carrier had, whatever the API answered."""


class Reopening:
    """The statements of ``reopen``."""

    def __init__(self, tables: Tables, dialect: DatabaseDialect) -> None:
        self._t = tables
        self._dialect = dialect
        self._x, self._r = tables.outcomes.alias("x"), tables.recipients.alias("r")
        self._rc, self._q = tables.receipts.alias("rc"), tables.requests.alias("q")

    # -- looking ------------------------------------------------------------------------------------------------

    def requests(self, connection: Connection, campaign_no: int) -> dict[str, dict[bytes, int]]:
        """The requests that hold rejected recipients, by id, and how many each; by what the recipients are."""
        x, kind = self._x.c, self._kind()
        each = sa.select(kind.label("kind"), x.request_id).select_from(self._of_campaign(campaign_no))
        rejected = each.where(self._q.c.campaign_no == campaign_no, *self._conditions(campaign_no)).subquery()
        grouped = (rejected.c.kind, rejected.c.request_id)
        query = sa.select(*grouped, sa.func.count()).group_by(*grouped).order_by(*grouped)
        found: dict[str, dict[bytes, int]] = {FREE: {}, FORGOTTEN: {}, RECEIVED: {}}
        for of_kind, request_id, number in connection.execute(query):
            found[of_kind][bytes(request_id)] = number
        return found

    # -- deciding -----------------------------------------------------------------------------------------------

    def reopen(self, connection: Connection, attempt: Attempt, ids: Sequence[bytes], free: bytes, reason: str) -> int:
        """Re-opens the recipients that some requests rejected; returns how many they are.

        :param ids: in their order, of a campaign that is held; see :meth:`hold`.
        :param free: the id of the released request that gets them.
        """
        q = self._t.requests.c
        # A collector that records a receipt for one of them waits for this, or is waited for.
        connection.execute(sa.select(q.id).where(q.id.in_(ids)).order_by(q.id).with_for_update()).all()
        self._dialect.read_by_index(connection)
        connection.execute(self._remembering(connection, attempt.campaign_no, ids))
        moving = sa.text(self._moving(connection)).bindparams(sa.bindparam("ids", expanding=True))
        given = {"campaign": attempt.campaign_no, "free": free, "ids": list(ids), "rejected": str(Status.REJECTED)}
        moved = connection.execute(moving, given).rowcount
        if moved:
            row = {
                "id": free, "campaign_no": attempt.campaign_no, "attempt_no": attempt.number,
                "state": RequestState.RELEASED, "claimed_at": utc_now(), "reason": reason,
            }  # fmt: skip
            connection.execute(new_only(connection.dialect.name, self._t.requests), [row])
        return moved

    def hold(self, connection: Connection, attempt: Attempt) -> None:
        """Keeps the campaign from being pruned until the transaction ends.

        :raises CampaignHalted: it is pruned.
        """
        campaigns = self._t.campaigns.c
        query = sa.select(campaigns.pruned_at).where(campaigns.campaign_no == attempt.campaign_no)
        found = connection.execute(query.with_for_update(read=True, key_share=True)).one()
        refuse_pruned(attempt.campaign_id, found.pruned_at)

    def _remembering(self, connection: Connection, campaign_no: int, ids: Sequence[bytes]) -> Any:
        """An INSERT of the recipients to be re-opened, with the request that they leave."""
        x, past = self._x.c, self._t.past_requests
        leaving = (
            sa.select(x.request_id, x.key)
            .select_from(self._followed(self._x, campaign_no))
            .where(x.request_id.in_(ids), *self._conditions(campaign_no), self._kind() == FREE)
            .order_by(x.request_id, x.key)
        )
        return new_only(connection.dialect.name, past).from_select(
            ("request_id", "key"), leaving, include_defaults=False
        )

    def _moving(self, connection: Connection) -> str:
        """An UPDATE of the recipients that were just remembered: they still point at the request that they leave."""
        quote = connection.dialect.identifier_preparer.quote
        recipients, outcomes, past = (
            self._dialect.quoted_table(connection, one)
            for one in (self._t.recipients, self._t.outcomes, self._t.past_requests)
        )
        key = quote("key")
        rejected = "x.request_id IN :ids AND x.status = :rejected"
        left = f"p.request_id = x.request_id AND p.{key} = x.{key}"
        here = f"r.campaign_no = :campaign AND r.{key} = x.{key}"
        only = "r.request_id = x.request_id AND r.proven_request_id IS NULL"
        if not self._dialect.updates_on_conflict:
            joined = f"{outcomes} AS x STRAIGHT_JOIN {past} AS p ON {left} STRAIGHT_JOIN {recipients} AS r ON {here}"
            return f"UPDATE {joined} SET r.request_id = :free WHERE {rejected} AND {only}"  # noqa: S608 - names of our own
        # SQLite would begin a join with all recipients of the campaign; so their keys are asked for by themselves.
        pairs = f"FROM {outcomes} AS x JOIN {past} AS p ON {left} WHERE {rejected}"
        these = (
            f"r.{key} IN (SELECT x.{key} {pairs}) AND (r.request_id, r.{key}) IN (SELECT x.request_id, x.{key} {pairs})"
        )
        where = f"r.campaign_no = :campaign AND {these} AND r.proven_request_id IS NULL"
        return f"UPDATE {recipients} AS r SET request_id = :free WHERE {where}"  # noqa: S608 - names of our own

    # -- rejected recipients ------------------------------------------------------------------------------------

    def _of_campaign(self, campaign_no: int) -> Any:
        """The outcomes of requests, which are to be those of this campaign, followed."""
        outcomes = looked_up(self._q, self._x, self._x.c.request_id == self._q.c.id)
        return self._followed(outcomes, campaign_no)

    def _followed(self, outcomes: Any, campaign_no: int) -> Any:
        """Each outcome with its recipient, and its receipt."""
        x, r, rc = self._x.c, self._r.c, self._rc.c
        held = looked_up(outcomes, self._r, sa.and_(r.campaign_no == campaign_no, r.key == x.key))
        receipt = sa.and_(rc.request_id == x.request_id, rc.key == x.key)
        return looked_up(held, self._rc, receipt, isouter=True)

    def _conditions(self, campaign_no: int) -> tuple[Any, ...]:
        """Rejected is what the request says that the recipient points at, if no other one is proven to have sent."""
        x, r = self._x.c, self._r.c
        return (
            r.campaign_no == campaign_no,
            x.status == Status.REJECTED,
            r.request_id == x.request_id,
            r.proven_request_id.is_(None),
        )

    def _kind(self) -> Any:
        had_it = self._rc.c.result.in_(CARRIER_HAD_IT)
        return sa.case((had_it, RECEIVED), (self._r.c.phone == "", FORGOTTEN), else_=FREE)
