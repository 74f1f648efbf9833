# SPDX-License-Identifier: Apache-2.0
"""A ledger as a person keeps it: looking, deciding, stopping, migrating, deleting. Nothing here sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.keys import KeySpec, campaign_hash
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin.forget import Forgetting, Phone, Place
from airflow_provider_uspeedo.ledger.admin.overview import Overviews
from airflow_provider_uspeedo.ledger.admin.phone_list import Matched, PhoneList
from airflow_provider_uspeedo.ledger.admin.prune import Candidate, Prunes, pruned_before, too_young
from airflow_provider_uspeedo.ledger.admin.reports import (
    CampaignLine,
    CampaignOverview,
    Forgotten,
    Pruning,
    Stopping,
    UnknownCount,
)
from airflow_provider_uspeedo.ledger.admin.stop import Stops, checked_name, known, refuse_tombstone
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results import creation
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.store.bulk import portions
from airflow_provider_uspeedo.ledger.store.engine import Database
from airflow_provider_uspeedo.ledger.store.records import utc_now
from airflow_provider_uspeedo.ledger.store.version import Migration


class LedgerAdmin(LedgerQueries):
    """What a person does with a ledger.

    :param ledger: an open one; whoever opened it closes it.
    """

    def __init__(self, ledger: Ledger) -> None:
        database = ledger.database
        super().__init__(database.engine, str(ledger.results_name), timeout=database.timeout, dialect=database.dialect)
        self._ledger = ledger
        self._moment = database
        if database.dialect.name != "sqlite":  # there, whatever only reads sees one moment anyway
            engine = database.engine.execution_options(isolation_level="REPEATABLE READ")
            self._moment = Database(engine, timeout=database.timeout, dialect=database.dialect)
        self._overviews = Overviews(self.tables, self.rows)
        self._stops = Stops(self.tables)
        self._prunes = Prunes(self.tables, self._overviews)
        self._forgetting = Forgetting(self.tables)

    def must_exist(self) -> None:
        """:raises ConfigurationError: there is no ledger; :raises LedgerError: it is of another version."""
        if not self.exists():
            raise ConfigurationError(
                "There is no ledger here yet: no campaign has run with this results_conn_id and results_table."
            )

    # -- looking ------------------------------------------------------------------------------------------------

    def campaigns(self, limit: int) -> list[CampaignLine]:
        """The newest campaigns, the newest first."""
        if limit < 1:
            raise ConfigurationError("limit must be at least 1.")
        return self._moment.read(lambda connection: self._overviews.campaigns(connection, limit))

    def show(self, campaign_id: str) -> CampaignOverview:
        """All that the ledger counts of one campaign, in one snapshot."""
        return self._moment.read(
            lambda connection: self._overviews.show(connection, self._known(connection, campaign_id).campaign_no)
        )

    def _known(self, connection: Connection, campaign_id: str) -> Any:
        return known(self._campaigns.find, self.tables, connection, campaign_id)

    def _found(self, campaign_id: str, what: str) -> Any:
        found = self.database.read(lambda connection: self._known(connection, campaign_id))
        refuse_tombstone(campaign_id, found.pruned_at, what)
        return found

    # -- deciding -----------------------------------------------------------------------------------------------

    def count_unknown(self, campaign_id: str, phones: Iterable[str] | None) -> UnknownCount:
        """What :meth:`resolve` would decide, and what a list of phones leaves open."""
        found = self._found(campaign_id, "resolve")
        number = found.campaign_no
        if phones is None:
            return self._moment.read(lambda connection: self._overviews.unknown(connection, number))
        matched = self._match(found, phones)
        count = self._moment.read(lambda connection: self._overviews.unknown(connection, number, matched.sent))
        return replace(
            count,
            listed=matched.listed,
            matched=matched.matched,
            not_matched=matched.not_matched,
            ambiguous=matched.ambiguous,
            unreadable=matched.unreadable,
        )

    def resolve(
        self,
        campaign_id: str,
        *,
        as_sent: bool,
        by: str,
        phones: Iterable[str] | None,
        in_flight: bool,
        expected: int | None,
    ) -> int:
        """A person's word on unknown outcomes; see :meth:`.Ledger.resolve`."""
        if phones is not None and not as_sent:
            raise ConfigurationError(
                "A list of phones shows who was sent, and nothing of anybody else: with phones, as_sent must be True."
            )
        found, name = self._found(campaign_id, "resolve"), checked_name(by)
        only = None if phones is None else self._match(found, phones).sent
        return self._ledger.resolve(
            campaign_id, as_sent=as_sent, by=name, only=only, in_flight=in_flight, expected=expected
        )

    def _match(self, campaign: Any, phones: Iterable[str]) -> Matched:
        if isinstance(phones, str):
            raise ConfigurationError("phones must be a list of texts, one for each phone, not one text.")
        listed = PhoneList(phones, KeySpec.from_json(campaign.key_spec).default_region)
        query = self.rows.outcomes(campaign.campaign_no).add_columns(self.rows.recipient.c.phone)
        with self.database.streaming() as connection:
            for row in connection.execute(query):
                listed.meet(row.key, row.phone, row.status)
        return listed.matched()

    # -- stopping -----------------------------------------------------------------------------------------------

    def stop(self, campaign_id: str, *, by: str) -> Stopping:
        """Marks a campaign as stopped."""
        found, name, at = self._found(campaign_id, "stop"), checked_name(by), utc_now()
        changed = self.database.write(lambda connection: self._stops.stop(connection, found.campaign_no, name, at))
        return self._stopping(campaign_id, changed)

    def resume(self, campaign_id: str) -> Stopping:
        """Takes the mark away."""
        found = self._found(campaign_id, "resume")
        changed: list[bool] = []  # a repetition after a lost acknowledgement finds nothing to change
        self.database.write(lambda connection: changed.append(self._stops.resume(connection, found.campaign_no)))
        return self._stopping(campaign_id, any(changed))

    def _stopping(self, campaign_id: str, changed: bool) -> Stopping:
        def look(connection: Connection) -> Stopping:
            number = self._known(connection, campaign_id).campaign_no
            at, by = self._stops.mark(connection, number)
            requests, recipients = self._stops.in_flight(connection, number)
            return Stopping(campaign_id, changed, at and at.replace(tzinfo=UTC), by, requests, recipients)

        return self._moment.read(look)

    # -- migrating ----------------------------------------------------------------------------------------------

    def migrate(self) -> Migration:
        """Brings the ledger to this package's version."""
        file = self.database.file
        if file is not None and not file.exists():
            raise ConfigurationError("There is no ledger here yet: the first campaign creates one.")
        return creation.migrate(self.database, self.tables, self.rows, self.results_name)

    # -- deleting -----------------------------------------------------------------------------------------------

    def prune(
        self, older_than: timedelta, campaign_ids: Sequence[str] | None, *, with_unknown: bool, dry_run: bool
    ) -> list[Pruning]:
        """Makes old campaigns tombstones, and deletes what hangs on them."""
        if older_than < timedelta(0):
            raise ConfigurationError("older_than must not be negative.")
        before = utc_now() - older_than
        told = []
        for one in self._candidates(campaign_ids, before):
            if isinstance(one, Pruning):
                told.append(one)
            elif dry_run:
                told.append(self._moment.read(partial(self._prunes.judge, one=one, with_unknown=with_unknown)))
            else:
                told += self._mark(one, before, with_unknown=with_unknown)
        if not dry_run:
            for number in self.database.read(self._prunes.unfinished):
                self._prunes.delete(self.database.write, number)
        return told

    def _candidates(self, names: Sequence[str] | None, before: datetime) -> Iterator[Candidate | Pruning]:
        if names is None:
            yield from self.database.read(lambda connection: self._prunes.candidates(connection, None, before))
            return
        for name in dict.fromkeys(names):
            found = self.database.read(partial(self._known, campaign_id=name))
            if found.pruned_at is not None:
                yield pruned_before(name, found.pruned_at)
                continue
            of_that_name = partial(self._prunes.candidates, named={campaign_hash(name)}, before=None)
            for one in self.database.read(of_that_name):
                young = one.last_active_at >= before
                yield too_young(one, {}) if young else one

    def _mark(self, one: Candidate, before: datetime, *, with_unknown: bool) -> list[Pruning]:
        told: list[Pruning] = []  # a repetition after a lost acknowledgement finds the mark set

        def work(connection: Connection) -> None:
            verdict = self._prunes.mark(connection, one, before, with_unknown=with_unknown)
            if verdict is not None:
                told.append(verdict)

        self.database.write(work)
        return told[-1:]

    def forget(self, text: str, default_region: str | None) -> Forgotten:
        """Blanks one phone wherever the ledger holds it."""
        phone, places = Phone(text, default_region), self._forgetting
        recipients = self._blank(places.recipients, phone)
        rows = self._blank(places.rows, phone)
        campaigns = {number for number, _ in recipients}
        attempts = [number for number, _ in rows]
        requests: list[bytes] = []
        texts = 0
        for place in places.texts:
            changed = self._blank(place, phone)
            texts += len(changed)
            of = attempts if place.key[0] == "attempt_no" else requests
            of += [row[0] for row in changed]
        campaigns |= self.database.read(lambda connection: places.campaigns_of_rows(connection, attempts))
        campaigns |= self.database.read(lambda connection: places.campaigns_of_requests(connection, requests))
        return Forgotten(len(campaigns), len(recipients), len(rows), texts)

    def _blank(self, place: Place, phone: Phone) -> list[tuple[Any, ...]]:
        with self.database.streaming() as connection:
            rows = sorted(self._forgetting.find(connection, place, phone))
        for portion in portions(rows):
            self.database.write(partial(self._forgetting.blank, place=place, rows=portion))
        return rows
