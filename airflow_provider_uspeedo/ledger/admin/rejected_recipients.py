# SPDX-License-Identifier: Apache-2.0
"""Rejected recipients: how many there are, and a person's decision that a later attempt may send to them again.

The decision is made in portions, each in a transaction of its own: a million recipients need no long lock. One that was
interrupted has re-opened a part of them, as its name says; repeated, it goes on with the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.keys import KeySpec
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.slices import WHOLE
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin.overview import snapshots_of
from airflow_provider_uspeedo.ledger.admin.reports import RejectedCount
from airflow_provider_uspeedo.ledger.protocol.campaigns import DECISION, Campaigns
from airflow_provider_uspeedo.ledger.protocol.decision_names import reopen_name, reopened_name
from airflow_provider_uspeedo.ledger.protocol.reopening import FORGOTTEN, FREE, RECEIVED, Reopening
from airflow_provider_uspeedo.ledger.protocol.resolution import digest_of
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.store.records import Attempt, new_id, utc_now

CHANGED = "The campaign has changed meanwhile; look again."


class RejectedRecipients:
    """The rejected recipients of a ledger's campaigns; a ``campaign`` is one as :meth:`.Campaigns.find` returns it.

    :param recipients_at_once: of one transaction, or those of one request if they are more.
    :param requests_at_once: of one transaction.
    """

    def __init__(self, ledger: LedgerQueries, *, recipients_at_once: int = 20_000, requests_at_once: int = 500) -> None:
        self._database, self._snapshots = ledger.database, snapshots_of(ledger.database)
        self._t = ledger.tables
        self._campaigns = Campaigns(ledger.tables)
        self._reopening = Reopening(ledger.tables, ledger.database.dialect)
        self._recipients_at_once, self._requests_at_once = recipients_at_once, requests_at_once

    def count(self, campaign: Any) -> RejectedCount:
        """How many there are, at this moment."""
        return self._snapshots.read(partial(self._count, campaign_no=campaign.campaign_no))

    def _count(self, connection: Connection, campaign_no: int) -> RejectedCount:
        c = self._t.campaigns.c
        mark = connection.execute(sa.select(c.stopped_at, c.stopped_by).where(c.campaign_no == campaign_no)).one()
        found = self._reopening.requests(connection, campaign_no)
        return RejectedCount(
            recipients=sum(found[FREE].values()),
            requests=len(found[FREE]),
            received=sum(found[RECEIVED].values()),
            forgotten=sum(found[FORGOTTEN].values()),
            digest=digest_of(found[FREE]),
            stopped_at=mark.stopped_at and mark.stopped_at.replace(tzinfo=UTC),
            stopped_by=mark.stopped_by,
        )

    def reopen(
        self, campaign_id: str, campaign: Any, by: str, reason: str, expected: int | None, shown: str | None = None
    ) -> int:
        """Lets a later attempt send to them; returns how many they are.

        :raises ConfigurationError: they are not as many as was agreed, or become more; see the message.
        :raises CampaignHalted: the campaign was pruned meanwhile.
        """
        spec, uuid = KeySpec.from_json(campaign.key_spec), os.urandom(16)
        found = self._database.read(partial(self._reopening.requests, campaign_no=campaign.campaign_no))[FREE]
        number = sum(found.values())
        if expected is not None and expected != number:
            raise ConfigurationError(
                f"Nothing was re-opened: it would be {counted(number, 'recipient')} now, not {expected:,}. {CHANGED}"
            )
        if shown is not None and shown != digest_of(found):
            raise ConfigurationError(
                f"Nothing was re-opened: other requests hold rejected recipients now than those that were shown. "
                f"{CHANGED}"
            )
        if not found:
            return 0
        attempt = self._database.write(
            lambda c: self._campaigns.open(c, campaign_id, spec, uuid, DECISION, WHOLE, reopen_name(by))
        )
        why = f"re-opened by {by} at {utc_now():%Y-%m-%d %H:%M:%S} UTC after it was rejected: {reason}"
        recipients = requests = 0
        try:
            for ids in self._portions(found.items()):
                requests += len(ids)
                recipients = self._reopen(attempt, ids, why, partial(_name, by, reason, requests), recipients, expected)
        finally:
            self._database.write(lambda connection: self._campaigns.end(connection, attempt, False, None))
        return recipients

    def _reopen(
        self,
        attempt: Attempt,
        ids: list[bytes],
        why: str,
        name: Callable[[int], str],
        before: int,
        expected: int | None,
    ) -> int:
        """One portion, in one transaction; returns how many are re-opened by now.

        :param name: of the decision, once it is about so many recipients.
        :param before: how many were re-opened before.
        """
        free = new_id()
        made: dict[str, int] = {}

        def work(connection: Connection) -> int:
            self._reopening.hold(connection, attempt)
            # By a repetition after a lost acknowledgement it is done: what was rejected since is left alone.
            if (taken := self._campaigns.held_name(connection, attempt)) in made:
                return made[taken]
            moved = self._reopening.reopen(connection, attempt, ids, free, why)
            done = before + moved
            if expected is not None and done > expected:
                raise ConfigurationError(
                    f"Only {counted(before, 'recipient')} of {expected:,} were re-opened: more are rejected by now. "
                    f"{CHANGED}"
                )
            if moved:
                made[name(done)] = done
                self._campaigns.rename(connection, attempt, name(done))
            return done

        return self._database.write(work)

    def _portions(self, found: Iterable[tuple[bytes, int]]) -> Iterator[list[bytes]]:
        """Requests in their order, so many at once."""
        ids: list[bytes] = []
        recipients = 0
        for request_id, number in found:
            if ids and (recipients + number > self._recipients_at_once or len(ids) == self._requests_at_once):
                yield ids
                ids, recipients = [], 0
            ids.append(request_id)
            recipients += number
        if ids:
            yield ids


def _name(by: str, reason: str, requests: int, recipients: int) -> str:
    """Of the decision, with what is done so far."""
    return reopened_name(by, recipients, requests, reason)
