# SPDX-License-Identifier: Apache-2.0
"""A person stops a campaign, or lets it go on: a mark on the campaign that every process looks at before it sends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.states import RequestState

LONGEST_NAME = 200
NAMES_LOOKED_AT = 2_000
SUGGESTED = 3


class Stops:
    """The statements of ``stop`` and ``resume``."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables

    def stop(self, connection: Connection, campaign_no: int, by: str, at: datetime) -> bool:
        """True if the campaign is stopped by this very word; repeatable."""
        campaigns = self._t.campaigns.c
        here = (campaigns.campaign_no == campaign_no, campaigns.pruned_at.is_(None))
        connection.execute(
            sa.update(self._t.campaigns)
            .where(*here, campaigns.stopped_at.is_(None))
            .values(stopped_at=at, stopped_by=by)
        )
        mine = sa.select(campaigns.campaign_no).where(*here, campaigns.stopped_at == at, campaigns.stopped_by == by)
        return connection.execute(mine).first() is not None

    def resume(self, connection: Connection, campaign_no: int) -> bool:
        """True if the campaign was stopped."""
        campaigns = self._t.campaigns
        stopped = (campaigns.c.campaign_no == campaign_no, campaigns.c.stopped_at.is_not(None))
        done = connection.execute(sa.update(campaigns).where(*stopped).values(stopped_at=None, stopped_by=None))
        return bool(done.rowcount)

    def mark(self, connection: Connection, campaign_no: int) -> tuple[datetime | None, str | None]:
        """When the campaign was stopped, and by whom."""
        c = self._t.campaigns.c
        query = sa.select(c.stopped_at, c.stopped_by).where(c.campaign_no == campaign_no)
        row = connection.execute(query).one()
        return row.stopped_at, row.stopped_by

    def in_flight(self, connection: Connection, campaign_no: int) -> tuple[int, int]:
        """How many requests are on their way, and how many recipients they hold."""
        q, r = self._t.requests.c, self._t.recipients.c
        sending = (q.campaign_no == campaign_no, q.state == RequestState.SENDING)
        requests = sa.select(sa.func.count()).select_from(self._t.requests).where(*sending)
        recipients = (
            sa.select(sa.func.count())
            .select_from(self._t.requests.join(self._t.recipients, r.request_id == q.id))
            .where(*sending, r.campaign_no == campaign_no)
        )
        return connection.execute(requests).scalar_one(), connection.execute(recipients).scalar_one()


def known(find: Callable[[Connection, str], Any], tables: Tables, connection: Connection, campaign_id: str) -> Any:
    """The campaign of that name.

    :raises ConfigurationError: there is none; with the names that are like it.
    """
    if (found := find(connection, campaign_id)) is not None:
        return found
    campaigns = tables.campaigns.c
    newest = sa.select(campaigns.name).order_by(campaigns.campaign_no.desc()).limit(NAMES_LOOKED_AT)
    near = get_close_matches(campaign_id, connection.execute(newest).scalars().all(), n=SUGGESTED, cutoff=0.5)
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
    """Who says so, as it is kept.

    :raises ConfigurationError: it is no name that could be kept and read.
    """
    name = by.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ConfigurationError(f"by must name who says so, in one line of 1 to {LONGEST_NAME} characters.")
    return name
