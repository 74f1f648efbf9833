# SPDX-License-Identifier: Apache-2.0
"""Stopping a campaign and resuming it: a mark on the campaign that every process reads before it sends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError
from airflow_provider_uspeedo.ledger.admin.reports import Stopping
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.store.lookups import held_by
from airflow_provider_uspeedo.ledger.store.records import utc_now
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.states import RequestState

MAX_NAME = 200
"""Characters in the name of a person."""
NAMES_COMPARED = 2_000
"""The newest campaigns, whose names may be suggested for one that was not found."""
SUGGESTIONS = 3


class StopMarks:
    """Stops campaigns of one ledger, and resumes them."""

    def __init__(self, ledger: LedgerQueries) -> None:
        self._database, self._t = ledger.database, ledger.tables

    def stop(self, campaign_no: int, by: str) -> bool:
        """Marks the campaign as stopped; true if it was not."""
        at = utc_now()
        return self._database.write(lambda connection: self._mark(connection, campaign_no, by, at))

    def resume(self, campaign_no: int) -> bool:
        """Takes the mark away; true if there was one."""
        changed: list[bool] = []  # a repetition after a lost acknowledgement finds nothing to change
        self._database.write(lambda connection: changed.append(self._unmark(connection, campaign_no)))
        return any(changed)

    def report(self, connection: Connection, campaign_id: str, campaign_no: int, changed: bool) -> Stopping:
        """Whether the campaign is stopped now, and what is under way nevertheless."""
        c = self._t.campaigns.c
        mark = connection.execute(sa.select(c.stopped_at, c.stopped_by).where(c.campaign_no == campaign_no)).one()
        stopped_at = mark.stopped_at and mark.stopped_at.replace(tzinfo=UTC)
        requests, recipients = self._in_flight(connection, campaign_no)
        return Stopping(campaign_id, changed, stopped_at, mark.stopped_by, requests, recipients)

    def _mark(self, connection: Connection, campaign_no: int, by: str, at: datetime) -> bool:
        """True if it is this very mark that the campaign has; repeatable."""
        campaigns = self._t.campaigns.c
        here = (campaigns.campaign_no == campaign_no, campaigns.pruned_at.is_(None))
        connection.execute(
            sa.update(self._t.campaigns)
            .where(*here, campaigns.stopped_at.is_(None))
            .values(stopped_at=at, stopped_by=by)
        )
        mine = sa.select(campaigns.campaign_no).where(*here, campaigns.stopped_at == at, campaigns.stopped_by == by)
        return connection.execute(mine).first() is not None

    def _unmark(self, connection: Connection, campaign_no: int) -> bool:
        campaigns = self._t.campaigns
        stopped = (campaigns.c.campaign_no == campaign_no, campaigns.c.stopped_at.is_not(None))
        done = connection.execute(sa.update(campaigns).where(*stopped).values(stopped_at=None, stopped_by=None))
        return bool(done.rowcount)

    def _in_flight(self, connection: Connection, campaign_no: int) -> tuple[int, int]:
        """How many requests are under way, and how many recipients they hold."""
        request = self._t.requests.alias("q")
        q = request.c
        sending = (q.campaign_no == campaign_no, q.state == RequestState.SENDING)
        requests = sa.select(sa.func.count()).select_from(request).where(*sending)
        held = held_by(request, self._t.attempts.alias("a"), self._t.recipients.alias("r"))
        recipients = sa.select(sa.func.count()).select_from(held).where(*sending)
        return connection.execute(requests).scalar_one(), connection.execute(recipients).scalar_one()


def known(find: Callable[[Connection, str], Any], tables: Tables, connection: Connection, campaign_id: str) -> Any:
    """The campaign of that name.

    :raises ConfigurationError: there is none; the message suggests similar names.
    """
    if (found := find(connection, campaign_id)) is not None:
        return found
    campaigns = tables.campaigns.c
    newest = sa.select(campaigns.name).order_by(campaigns.campaign_no.desc()).limit(NAMES_COMPARED)
    near = get_close_matches(campaign_id, connection.execute(newest).scalars().all(), n=SUGGESTIONS, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise ConfigurationError(f"There is no campaign {campaign_id!r} in this ledger.{hint}")


def refuse_tombstone(campaign_id: str, pruned_at: datetime | None, what: str) -> None:
    """:raises CampaignHalted: the campaign is pruned, so there is nothing to ``what``."""
    if pruned_at is not None:
        raise CampaignHalted(
            f"Campaign {campaign_id!r} was pruned at {pruned_at:%Y-%m-%d %H:%M:%S} UTC: its recipients and outcomes "
            f"are deleted, it can never be run again, and there is nothing left to {what}.",
            section="campaign-pruned",
        )


def checked_name(by: str) -> str:
    """The name of a person, as it is kept.

    :raises ConfigurationError: the ledger could not keep it, or it could not be read.
    """
    name = by.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise ConfigurationError(f"by must be the name of a person, in one line of 1 to {MAX_NAME} characters.")
    return name
