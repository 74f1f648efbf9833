# SPDX-License-Identifier: Apache-2.0
"""A storm under a contact policy: two campaigns text the same people at once, while people opt out.

One text to each person is allowed, by both campaigns together, and none by a request whose mark begins after its phone
is on the ledger's list. The journal alone says whether that is so.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules
from airflow_provider_uspeedo.errors import LedgerError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.protocol.contacts import Contacts
from tests.chaos.storm.attempts import Draws, Ended, draw, run_attempt
from tests.chaos.storm.databases import Actor, StormDatabase
from tests.chaos.storm.journal import Journal
from tests.chaos.storm.run import StormRun, blow, happened
from tests.chaos.storm.storm_mistakes import ALL, SERVERS
from tests.chaos.storm.tables import World, draw_world
from tests.chaos.storm.vendor import StormVendor
from tests.chaos.storm.verdict import Verdict

ONCE = ContactRules(caps=(Cap(1, 7),))
TEXTED = ("accepted", "unknown", "rejected")
OPTS_OUT = "is on the list"


def play_with_policy(seed: str, database: StormDatabase, campaign: str) -> StormRun:
    """Plays one run and judges it."""
    journal = Journal()
    with journal.clock.set_for_all():
        forget_everybody(database, journal)
        return _play(seed, database, campaign, journal)


def _play(seed: str, database: StormDatabase, campaign: str, journal: Journal) -> StormRun:
    chance = random.Random(f"{seed} policy")
    world = draw_world(chance)
    while world.by_who:
        world = draw_world(chance)
    run, vendor = StormRun(seed), StormVendor(journal)
    ended: list[Ended] = []

    def attempt(name: str, draws: Draws) -> Ended:
        threading.Event().wait(draws.delay)
        which = f"{campaign} {name.split()[1]}"
        done = run_attempt(name, replace(draws, rules=ONCE), world, which, database, vendor, journal)
        ended.append(done)
        return done

    tasks = [[draw(chance, world, 1) for _ in range(chance.choice((1, 2)))] for _ in range(2)]
    blow(tasks, attempt, lambda over: opt_out(random.Random(f"{seed} list"), over, world, database, journal), run)
    vendor.deliver_late_ones()
    last = [attempt(f"calm {number} try 1", Draws(0)) for number in (1, 2)]
    verdicts = [
        Verdict(journal, database.url, f"{campaign} {number}", world, ended, one) for number, one in enumerate(last, 1)
    ]
    run.complaints += [one.fault for one in ended if one.fault]
    run.complaints += [*too_many_texts(journal), *texts_to_listed_people(journal), *lost_people(verdicts, journal)]
    run.counts = happened(journal)
    return run


def forget_everybody(database: StormDatabase, journal: Journal) -> None:
    """Nobody was ever texted: the runs share a database, and their people have the same phones."""
    with database.ledger(Actor("the one before", journal)) as ledger:
        tables = ledger.tables

        def work(connection: Any) -> None:
            for table in (tables.contacts, tables.suppressed, tables.recipients, tables.requests):
                connection.execute(sa.delete(table))

        ledger.database.write(work)


def opt_out(
    chance: random.Random, over: threading.Event, world: World, database: StormDatabase, journal: Journal
) -> None:
    """One person after the other is put on the ledger's list until the tasks are over."""
    people = sorted({(row.who, str(row.phone)) for row in world.versions[0] if row.sendable})
    chance.shuffle(people)
    with database.ledger(Actor("the list", journal)) as ledger:
        for who, phone in people[: len(people) // 2]:
            if over.wait(chance.choice((0.0, 0.01, 0.03))):
                return
            try:
                LedgerAdmin(ledger).suppress_add([phone], reason="asked for it", by="Ann", default_region="HK")
            except LedgerError:  # it may be on the list
                continue
            journal.note(OPTS_OUT, "the list", people=[who])


# -- what must hold ----------------------------------------------------------------------------------------------------


def too_many_texts(journal: Journal) -> Iterator[str]:
    for person, texts in sorted(journal.texts.items()):
        if len(texts) > 1:
            history = "\n    ".join(journal.history(person))
            yield f"{person} got {len(texts)} texts, and one is allowed\n    {history}"


def texts_to_listed_people(journal: Journal) -> Iterator[str]:
    """By the order of the journal: on the list, then the mark of a request, then the request at the vendor."""
    listed: dict[str, int] = {}
    began: dict[str, int] = {}
    for event in journal.events:
        if event.what == OPTS_OUT:
            listed.update(dict.fromkeys(event.people, event.number))
        elif event.what == "begins to mark":
            began[event.request] = event.number
        elif event.what == "arrives at the vendor":
            for person in sorted(event.people):
                if listed.get(person, event.number) < began[event.request]:
                    history = "\n    ".join(journal.history(person))
                    yield f"{person} was texted by a request that began after the opt-out\n    {history}"


def lost_people(verdicts: list[Verdict], journal: Journal) -> Iterator[str]:
    """Rows that add up, and nobody who may be texted is left out by both campaigns."""
    for verdict in verdicts:
        report, rows = verdict.last.report, len(verdict.world.versions[0])
        numbers = sorted(line.row_number for line in verdict.lines if line.row_number is not None)
        if report is None or report.cause or report.summary.rows != rows or numbers != [*range(1, rows + 1)]:
            yield f"{verdict.last.name} is not through, or its rows do not add up: {verdict.last.how}"
    listed = {person for event in journal.events if event.what == OPTS_OUT for person in event.people}
    fates: dict[str, set[str]] = {}
    for verdict in verdicts:
        for line in verdict.lines:
            fates.setdefault(str(line.who), set()).add(line.status)
    for row in verdicts[0].world.versions[0]:
        if row.sendable and row.who not in listed and not fates.get(row.who, set()) & set(TEXTED):
            history = "\n    ".join(journal.history(row.who))
            yield f"{row.who} is {sorted(fates.get(row.who, set()))}, and nothing forbids a text\n    {history}"


# -- mistakes ----------------------------------------------------------------------------------------------------------


@contextmanager
def _counted_before_the_lock() -> Iterator[None]:
    lock, times = Contacts.lock, Contacts.times

    def count_then_lock(self: Contacts, connection: Any, phones: Any, *given: Any) -> Any:
        found = times(self, connection, phones, *given)
        lock(self, connection, list(phones))
        return found

    with ExitStack() as planted:
        planted.enter_context(patch.object(Contacts, "lock", lambda *_: None))
        planted.enter_context(patch.object(Contacts, "times", count_then_lock))
        yield


POLICY_MISTAKES: dict[str, tuple[Callable[[], AbstractContextManager[Any]], tuple[str, ...]]] = {
    "a cap is counted before the lock": (_counted_before_the_lock, SERVERS),
    "the list is read once, by the claim": (lambda: patch.object(Contacts, "suppressed", lambda *_: set()), ALL),
}
"""How each is planted, and on which kinds of database it does harm."""
