# SPDX-License-Identifier: Apache-2.0
"""The person in a storm: stops, resumes and re-opens the campaign, and says of unknown outcomes *sent* or *not sent*.

A careful person looks into the vendor's journal first, and leaves it to the ledger to refuse what may still arrive. A
person who lies says anything of anything, and takes it on themselves; the journal excuses what follows from that.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.errors import ConfigurationError, LedgerError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.protocol.resolution import unknown_recipients
from tests.chaos.storm.databases import Actor, StormDatabase, StormLedger
from tests.chaos.storm.journal import Journal, Whereabouts
from tests.chaos.storm.vendor import StormVendor

NAME = "the person"
Unknown = Mapping[str, Mapping[str, str]]
"""Request -> person -> phone."""


class StormPerson:
    """One person, at one campaign.

    :param lies: says untrue things, too.
    """

    def __init__(
        self, campaign: str, database: StormDatabase, vendor: StormVendor, journal: Journal, *, lies: bool
    ) -> None:
        self._campaign = campaign
        self._database = database
        self._vendor = vendor
        self._journal = journal
        self._lies = lies

    def act(self, chance: random.Random, over: threading.Event) -> None:
        """Does something now and then, above all while a request is held in its socket; resumes at the end."""
        statements = {chance.randrange(120): chance.choice(("closed", "deadlock")) for _ in range(2)}
        commits = {chance.randrange(25): chance.choice(("acknowledgement lost", "taken back")) for _ in range(2)}
        actions = (
            ["careful"] * 5 + ["stop", "resume", "reopen", "as sent", "as sent"] + ["lie"] * (4 if self._lies else 0)
        )
        self._vendor.attended = True
        with self._database.ledger(Actor(NAME, self._journal, statements, commits)) as ledger:
            while not over.is_set():
                held = self._vendor.is_held.wait(chance.choice((0.01, 0.03, 0.06)))
                self._vendor.is_held.clear()
                action = chance.choice(actions)
                if held and self._lies and chance.random() < 0.6:
                    action = "lie"
                try:
                    self._do(action, chance, ledger)
                except (ConfigurationError, LedgerError) as error:  # no campaign yet, or a database that is away
                    self._journal.note(f"gives up: {type(error).__name__}", NAME)
                if held:
                    self._vendor.looked.set()
        self._vendor.attended = False
        self._vendor.looked.set()

    def resume(self) -> None:
        with self._database.ledger(Actor(NAME, self._journal)) as ledger:
            LedgerAdmin(ledger).resume(self._campaign)

    def tell_the_truth(self) -> int:
        """Decides on everything that is unknown, by the vendor's journal; returns on how many requests."""
        with self._database.ledger(Actor(NAME, self._journal)) as ledger:
            unknown = self._unknown(ledger)
            for request, people in unknown.items():
                texted = {who: phone for who, phone in people.items() if who in self._journal.texts}
                if len(texted) == len(people):
                    self._say(ledger, request, people, as_sent=True, in_flight=False)
                    continue
                if texted:
                    decided = self._list_as_sent(ledger, request, texted)
                    shared = self._shared_phones(ledger)
                    alone = [who for who, phone in texted.items() if phone not in shared]
                    assert decided is None or len(alone) <= decided <= len(texted), "a listed phone was not found"
                    if decided != len(texted):
                        # Of two people with one phone a list does not say which. Rather called sent than sent to again.
                        self._say(ledger, request, people, as_sent=True, in_flight=False)
                        continue
                left = {who: phone for who, phone in people.items() if who not in texted}
                self._say(ledger, request, left, as_sent=False, in_flight=True)
            return len(unknown)

    # -- one action ---------------------------------------------------------------------------------------------

    def _do(self, action: str, chance: random.Random, ledger: StormLedger) -> None:
        admin = LedgerAdmin(ledger)
        if action == "stop":
            admin.stop(self._campaign, by="ann")
            self._journal.note("stops the campaign", NAME)
            return
        if action == "resume":
            admin.resume(self._campaign)
            self._journal.note("resumes the campaign", NAME)
            return
        if action == "reopen":
            with self._journal.reopening():
                admin.reopen_rejected(self._campaign, reason="a storm", by="ann")
            return
        unknown = self._unknown(ledger)
        if not unknown:
            return
        live = [one for one in unknown if self._journal.where(one) is Whereabouts.LIVE]
        request = chance.choice(sorted(live if live and chance.random() < 0.7 else unknown))
        people = unknown[request]
        accepted = self._journal.accepted_of(request) & people.keys()
        if action == "as sent" and accepted:
            if len(accepted) == len(people):
                self._say(ledger, request, people, as_sent=True, in_flight=False)
            else:
                self._list_as_sent(ledger, request, {who: people[who] for who in accepted})
        elif action == "careful" and not accepted:
            where = self._journal.where(request)
            if where is not Whereabouts.ON_THE_WIRE:  # the ledger cannot know that it is not lost
                self._say(ledger, request, people, as_sent=False, in_flight=where is Whereabouts.GONE)
        elif action == "lie":
            self._say(ledger, request, people, as_sent=chance.random() < 0.25, in_flight=True)

    def _say(
        self, ledger: StormLedger, request: str, people: Mapping[str, str], *, as_sent: bool, in_flight: bool
    ) -> None:
        with self._journal.deciding(request, people, as_sent=as_sent, in_flight=in_flight) as decision:
            try:
                decision.decided = LedgerAdmin(ledger).resolve(
                    self._campaign, as_sent=as_sent, by="ann", request=request, in_flight=in_flight
                )
            except ConfigurationError:
                decision.refused = True
            except LedgerError:
                """It may have been taken."""

    def _list_as_sent(self, ledger: StormLedger, request: str, people: Mapping[str, str]) -> int | None:
        """What the vendor's console exports; returns of how many recipients it is taken, if the ledger answers."""
        with self._journal.deciding(request, people, as_sent=True, in_flight=False) as decision:
            phones = ["+" + "".join(filter(str.isdigit, phone)) for phone in people.values()]
            try:
                decision.decided = LedgerAdmin(ledger).resolve(self._campaign, as_sent=True, by="ann", phones=phones)
            except LedgerError:
                """It may have been taken."""
        return decision.decided

    def _shared_phones(self, ledger: StormLedger) -> set[str]:
        """The phones that several recipients of the campaign have."""
        campaigns, r = ledger.tables.campaigns.c, ledger.tables.recipients.c
        query = (
            sa.select(r.phone)
            .where(
                r.campaign_no
                == sa.select(campaigns.campaign_no).where(campaigns.name == self._campaign).scalar_subquery()
            )
            .group_by(r.phone)
            .having(sa.func.count() > 1)
        )
        return set(ledger.database.read(lambda connection: connection.execute(query).scalars().all()))

    def _unknown(self, ledger: StormLedger) -> dict[str, dict[str, str]]:
        campaigns, r = ledger.tables.campaigns.c, ledger.tables.recipients.c

        def read(connection: Connection) -> dict[str, dict[str, str]]:
            number = connection.execute(
                sa.select(campaigns.campaign_no).where(campaigns.name == self._campaign)
            ).scalar()
            found: dict[str, dict[str, str]] = {}
            if number is not None:
                each = unknown_recipients(ledger.tables, number).subquery().c
                query = sa.select(each.request_id, r.user_id, r.phone).where(r.campaign_no == number, r.key == each.key)
                for request, who, phone in connection.execute(query):
                    found.setdefault(bytes(request).hex(), {})[who] = phone
            return found

        return ledger.database.read(read)
