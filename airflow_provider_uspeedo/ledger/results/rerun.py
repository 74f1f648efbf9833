# SPDX-License-Identifier: Apache-2.0
"""An attempt that finds its table unchanged: the rows of an earlier one, which read it to the end, are its own, too."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.results.row_status import ResultRows
from airflow_provider_uspeedo.ledger.results.tally import tally_query
from airflow_provider_uspeedo.ledger.store.records import Attempt, CompleteReading
from airflow_provider_uspeedo.ledger.store.schema import READ_TO_THE_END, Tables
from airflow_provider_uspeedo.ledger.store.states import MAY_HAVE_ARRIVED

JUDGED_AGAIN = (Status.NOT_SENT, Status.SUPPRESSED)
"""Rows that a later attempt may send."""


class Rerun:
    """The statements that find such an earlier attempt, and note that its rows are shared."""

    def __init__(self, tables: Tables, rows: ResultRows) -> None:
        self._t = tables
        self._rows = rows
        self._campaigns = Campaigns(tables)

    def find(self, connection: Connection, attempt: Attempt) -> CompleteReading | None:
        """The earlier attempt of the same slice whose rows are all current; ``None`` if there is none.

        It has recorded its table to the end, and no later attempt of the part has recorded a row in place of its own.
        """
        e, later = self._t.attempts.alias("e"), self._t.attempts.alias("later")
        replaced = sa.exists(
            sa.select(later.c.attempt_no).where(
                later.c.campaign_no == e.c.campaign_no,
                later.c.part == e.c.part,
                later.c.attempt_no > e.c.attempt_no,
                later.c.read_to > 0,
                sa.or_(later.c.slice_count != e.c.slice_count, later.c.slice_no == e.c.slice_no),
            )
        )
        query = sa.select(e.c.attempt_no, e.c.fingerprint).where(
            e.c.campaign_no == attempt.campaign_no,
            e.c.part == attempt.part,
            e.c.slice_count == attempt.slice_.count,
            e.c.slice_no == attempt.slice_.number,
            e.c.attempt_no < attempt.number,
            e.c.read_to == READ_TO_THE_END,
            e.c.fingerprint.is_not(None),
            ~replaced,
        )
        found = connection.execute(query).first()
        return None if found is None else CompleteReading(found.attempt_no, found.fingerprint)

    def share(self, connection: Connection, attempt: Attempt, earlier: int) -> bool:
        """Makes the rows of ``earlier`` this attempt's; false if they are not current, or some are still to be sent.

        Marked first, then looked at, with the earlier attempt locked: another attempt that ends meanwhile either finds
        the mark and leaves the rows, or has deleted them, and then the earlier attempt is not found any more.

        :raises CampaignHalted: a person has stopped or pruned the campaign.
        """
        self._campaigns.refuse_halted(connection, attempt)
        attempts = self._t.attempts
        mine = attempts.c.attempt_no == attempt.number
        lock = sa.select(attempts.c.attempt_no).where(attempts.c.attempt_no == earlier).with_for_update()
        connection.execute(lock)
        connection.execute(sa.update(attempts).where(mine).values(same_as=earlier))
        found = self.find(connection, attempt)
        if found is None or found.attempt_no != earlier or self._leaves_recipients(connection, attempt, earlier):
            connection.execute(sa.update(attempts).where(mine).values(same_as=None))
            return False
        return True

    def _leaves_recipients(self, connection: Connection, attempt: Attempt, earlier: int) -> bool:
        """True if some row was not sent, or was excluded by a rule: rules are judged again by every attempt."""
        requests, rows = self._t.requests.c, self._t.source_rows.c
        open_ones = sa.exists(
            sa.select(requests.id).where(
                requests.campaign_no == attempt.campaign_no, requests.state.not_in(MAY_HAVE_ARRIVED)
            )
        )
        left_out = sa.exists(
            sa.select(rows.attempt_no).where(rows.attempt_no == earlier, rows.status.in_(JUDGED_AGAIN))
        )
        if not connection.execute(sa.select(sa.literal(1)).where(sa.or_(open_ones, left_out))).first():
            return False  # every recipient of this campaign was texted, or may have been: no row needs to be asked
        tally = tally_query(self._rows, attempt.campaign_no, earlier)
        return any(row.status in JUDGED_AGAIN for row in connection.execute(tally))
