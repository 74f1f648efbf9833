# SPDX-License-Identifier: Apache-2.0
"""Unknown outcomes: how many there are, which of them a list of phones is about, and a person's decision on them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.keys import KeySpec
from airflow_provider_uspeedo.core.slices import WHOLE
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin.overview import Overviews, snapshots_of
from airflow_provider_uspeedo.ledger.admin.reports import UnknownCount
from airflow_provider_uspeedo.ledger.protocol.campaigns import DECISION, Campaigns
from airflow_provider_uspeedo.ledger.protocol.decision_names import MAX_NAMED, resolve_name, resolved_name
from airflow_provider_uspeedo.ledger.protocol.resolution import Decision, Resolution, unknown_recipients
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.store.lookups import held_by

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.admin.phone_list import MatchedPhones

MIN_DIGITS = 8
"""Digits of an id that may stand for it."""
_WHOLE, _BEGINNING = re.compile(r"[0-9a-f]{32}"), re.compile(rf"[0-9a-f]{{{MIN_DIGITS},32}}")


class UnknownOutcomes:
    """The unknown outcomes of a ledger's campaigns; a ``campaign`` is one as :meth:`.Campaigns.find` returns it."""

    def __init__(self, ledger: LedgerQueries) -> None:
        self._ledger = ledger
        self._database, self._snapshots = ledger.database, snapshots_of(ledger.database)
        self._overviews = Overviews(ledger.tables, ledger.rows)

    def count(self, campaign: Any, phones: Iterable[str] | None) -> UnknownCount:
        """How much is unknown, and how much of it a list of phones is about."""
        number = campaign.campaign_no
        if phones is None:
            return self._snapshots.read(lambda connection: self._overviews.unknown(connection, number))
        matched = self._match(campaign, phones)
        count = self._snapshots.read(lambda connection: self._overviews.unknown(connection, number, matched.sent))
        return replace(
            count,
            listed=matched.listed,
            matched=matched.matched,
            not_matched=matched.not_matched,
            ambiguous=matched.ambiguous,
            unreadable=matched.unreadable,
        )

    def count_request(self, campaign: Any, request_id: bytes) -> UnknownCount:
        """How much of one request is unknown."""
        number = campaign.campaign_no
        return self._snapshots.read(lambda connection: self._overviews.unknown(connection, number, request=request_id))

    def chosen(self, campaign: Any, phones: Iterable[str]) -> frozenset[bytes]:
        """The keys of the recipients that a list of phones shows as sent."""
        return self._match(campaign, phones).sent

    def decide(self, campaign_id: str, campaign: Any, decision: Decision) -> int:
        """Applies a decision in one transaction, as an attempt of its own; returns how many recipients it was about.

        :raises ConfigurationError: nothing was decided, for the reason in the message.
        :raises CampaignHalted: the campaign was pruned meanwhile.
        """
        campaigns, resolution = Campaigns(self._ledger.tables), Resolution(self._ledger.tables)
        spec, uuid, name = KeySpec.from_json(campaign.key_spec), os.urandom(16), resolve_name(decision.by)
        attempt = self._database.write(
            lambda connection: campaigns.open(connection, campaign_id, spec, uuid, DECISION, WHOLE, name)
        )
        made: dict[str, int] = {}

        def work(connection: Connection) -> int:
            # By a repetition after a lost acknowledgement it is decided: nothing is said of what came since.
            if (taken := campaigns.held_name(connection, attempt)) in made:
                return made[taken]
            decided = resolution.resolve(connection, attempt, decision)
            if decided.recipients:
                decided_name = resolved_name(decision.by, decided.as_sent, decided.recipients, decided.request_ids)
                made[decided_name] = decided.recipients
                campaigns.rename(connection, attempt, decided_name)
            return decided.recipients

        try:
            return self._database.write(work)
        finally:
            self._database.write(lambda connection: campaigns.end(connection, attempt, False, None))

    def _match(self, campaign: Any, phones: Iterable[str]) -> MatchedPhones:
        from airflow_provider_uspeedo.ledger.admin.phone_list import PhoneList  # heavy: every country's numbers

        if isinstance(phones, str):
            raise ConfigurationError("phones must be a list of texts, one for each phone, not one text.")
        spec = KeySpec.from_json(campaign.key_spec)
        listed = PhoneList(phones, spec.default_region, rules=spec.rules)
        rows = self._ledger.rows
        query = rows.outcomes(campaign.campaign_no).add_columns(rows.recipient.c.phone)
        with self._database.streaming() as connection:
            for row in connection.execute(query):
                listed.add_recipient(row.key, row.phone, row.status)
        return listed.matched()

    def request_id(self, campaign: Any, request: str) -> bytes:
        """The id of a request of this campaign.

        :raises ConfigurationError: the text is no id, or that request holds no recipient of this campaign.
        """
        tables = self._ledger.tables
        q, a, r = tables.requests.alias("q"), tables.attempts.alias("a"), tables.recipients.alias("r")
        text = request.strip().lower()
        if not _WHOLE.fullmatch(text):
            raise ConfigurationError(
                "request must be the id of a request, 32 hexadecimal digits, as the task's log gives it."
            )
        request_id = bytes.fromhex(text)
        here = (q.c.id == request_id, q.c.campaign_no == campaign.campaign_no)
        query = sa.select(r.c.key).select_from(held_by(q, a, r)).where(*here).limit(1)
        if not self._database.read(lambda connection: connection.execute(query).first()):
            raise ConfigurationError(
                f"Request {text} holds no recipient of this campaign. Its recipients may have been decided on already, "
                "or have another request by now."
            )
        return request_id

    def find_request(self, campaign: Any, campaign_id: str, beginning: str) -> str:
        """The whole id of the one request with unknown recipients that begins so.

        :raises ConfigurationError: there is none, there are several, or the text is no beginning of an id.
        """
        text = beginning.strip().lower()
        if _WHOLE.fullmatch(text):
            return text
        if not _BEGINNING.fullmatch(text):
            raise ConfigurationError(
                f"request must be the id of a request, or at least its first {MIN_DIGITS} hexadecimal digits."
            )
        each = unknown_recipients(self._ledger.tables, campaign.campaign_no).subquery().c
        query = sa.select(each.request_id).distinct()
        ids = self._database.read(lambda connection: connection.execute(query).scalars().all())
        found = sorted(one for one in (bytes(each).hex() for each in ids) if one.startswith(text))
        if not found:
            raise ConfigurationError(
                f"Campaign {campaign_id!r} has no request with unknown recipients whose id begins with {text}."
            )
        if len(found) > 1:
            listed = ", ".join(found[:MAX_NAMED]) + (" and others" if len(found) > MAX_NAMED else "")
            raise ConfigurationError(f"Several requests begin with {text}: {listed}. Give more digits.")
        return found[0]
