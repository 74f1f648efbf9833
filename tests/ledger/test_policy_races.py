# SPDX-License-Identifier: Apache-2.0
"""Two live campaigns with a cap of 1 and the same people: whatever the order of their statements, one text each."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.contacts import Contacts
from tests.ledger.acting import OpenLedger, Try, people
from tests.ledger.servers import SERVERS

ONCE = ContactRules(caps=(Cap(1, 7),))
NAMES = "abcdefgh"
BLOCKED = 0.05
"""Seconds after which an actor that has not come to its next statement is taken to wait for a lock."""


class Turns:
    """Lets one actor at a time run a statement; which one, a seed says.

    An actor that waits for another's lock inside the database is passed over until it comes back.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._waiting: set[str] = set()
        self._running: set[str] = set()
        self._turn = ""

    def wait(self, name: str) -> None:
        """Called by an actor before each of its statements."""
        with self._changed:
            self._waiting.add(name)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._turn == name)
            self._turn = ""
            self._waiting.discard(name)
            self._changed.notify_all()

    def run(self, actors: dict[str, Any]) -> None:
        """Runs the actors to their ends, and raises what one of them raised."""
        errors: list[BaseException] = []

        def act(name: str) -> None:
            try:
                actors[name]()
            except BaseException as error:  # noqa: BLE001 - raised below
                errors.append(error)
            finally:
                with self._changed:
                    self._running.discard(name)
                    self._changed.notify_all()

        self._running = set(actors)
        threads = [threading.Thread(target=act, args=(name,)) for name in sorted(actors)]
        for thread in threads:
            thread.start()
        with self._changed:
            while self._running:
                # All that are not blocked come to a statement, or end.
                self._changed.wait_for(lambda: self._waiting == self._running, BLOCKED)
                if self._waiting:
                    self._turn = self._random.choice(sorted(self._waiting))
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: not self._turn)
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]


def race(ledgers: list[Ledger], campaign: str, seed: int) -> Counter[str]:
    """Two campaigns text the same people at once; returns how many texts each person got."""
    turns, texted = Turns(seed), Counter[str]()
    listening = []

    def actor(name: str, ledger: Ledger, size: int) -> Any:
        one = Try(ledger, f"{campaign} {seed} {name}", rules=ONCE)
        rows = people(NAMES if name == "one" else NAMES[::-1])

        def gate(*_: Any) -> None:
            turns.wait(name)

        event.listen(ledger.database.engine, "before_cursor_execute", gate)
        listening.append((ledger, gate))

        def act() -> None:
            for request in one.claim(rows, size=size):
                marked = one.marked(request)
                texted.update(person.user_id for person in marked.recipients)
                if len(marked.recipients):
                    one.settle(marked)

        return act

    actors = {
        name: actor(name, ledger, size) for name, ledger, size in zip(("one", "two"), ledgers, (3, 4), strict=True)
    }
    try:
        turns.run(actors)
    finally:
        for ledger, gate in listening:
            event.remove(ledger.database.engine, "before_cursor_execute", gate)
    return texted


@pytest.fixture
def two(open_ledger: OpenLedger, empty_url: URL) -> list[Ledger]:
    """A ledger, opened by two processes."""
    first, second = open_ledger(empty_url), open_ledger(empty_url)
    first.prepare()
    return [first, second]


def once_each(ledgers: list[Ledger], campaign: str, seeds: range) -> None:
    """Fails if some seed texts somebody more or less than once. Each seed has people of its own."""
    for seed in seeds:
        texted = race(ledgers, campaign, seed)
        assert texted == Counter(f"user {name}" for name in NAMES), f"seed {seed}"
        forget(ledgers[0])


def forget(ledger: Ledger) -> None:
    """Nobody was ever texted: the next seed begins anew."""
    for table in (ledger.tables.contacts, ledger.tables.recipients):
        ledger.database.write(lambda connection, table=table: connection.execute(table.delete()))  # type: ignore[misc]


def test_two_campaigns_at_once_never_pass_a_cap(two: list[Ledger], campaign: str, kind: str) -> None:
    """Each person gets exactly one text, by random interleaving of all statements."""
    once_each(two, campaign, range(6 if kind == "sqlite" else 12))


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_a_mark_waits_for_those_of_its_own_phones_alone(two: list[Ledger], campaign: str) -> None:
    """Also where it has a thousand: a server that reads the whole table for them would lock all of it."""
    names = [f"p{number}" for number in range(1_500)]
    first, second, own = (Try(two[0], f"{campaign} {number}", rules=ONCE) for number in range(3))
    requests = {one: one.claim(people(some)) for one, some in ((first, names), (second, names[:10]), (own, names))}
    assert [len(each) for each in requests.values()] == [2, 1, 2]
    contacts = two[0]._contacts

    def locked(connection: Any, request: Any) -> None:
        two[0].database.dialect.read_by_index(connection)
        contacts.lock(connection, request.recipients.hashes())

    with two[0].database.engine.begin() as holds:
        locked(holds, requests[first][0])
        with two[1].database.engine.begin() as waits:
            limit = (
                "LOCAL lock_timeout = '1s'" if waits.dialect.name == "postgresql" else "innodb_lock_wait_timeout = 1"
            )
            waits.exec_driver_sql(f"SET {limit}")
            for others in requests[own][1:]:
                locked(waits, others)
            with pytest.raises(sa.exc.OperationalError):
                locked(waits, requests[second][0])


@contextmanager
def counted_before_the_lock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    lock, times = Contacts.lock, Contacts.times
    with monkeypatch.context() as patched:

        def count_then_lock(self: Contacts, connection: Any, phones: Any, *given: Any) -> Any:
            found = times(self, connection, phones, *given)
            lock(self, connection, list(phones))
            return found

        patched.setattr(Contacts, "lock", lambda *_: None)
        patched.setattr(Contacts, "times", count_then_lock)
        yield


@contextmanager
def counted_by_the_locking_statement(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = Contacts.__init__

    def init(self: Contacts, tables: Any, dialect: Any, staged: Any) -> None:
        made(self, tables, dialect, staged)
        self._times_of_hashes = self._times_of_hashes.with_for_update(of=tables.contacts.alias("c"))

    with monkeypatch.context() as patched:
        patched.setattr(Contacts, "__init__", init)
        patched.setattr(Contacts, "lock", lambda *_: None)
        yield


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_a_count_before_the_lock_is_caught(two: list[Ledger], campaign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another transaction did while this one waited is not in it."""
    with counted_before_the_lock(monkeypatch), pytest.raises(AssertionError, match="seed"):
        once_each(two, campaign, range(40))


@pytest.mark.parametrize("kind", SERVERS[:1], indirect=True)
def test_a_count_by_the_locking_statement_is_caught(
    open_ledger: OpenLedger, empty_url: URL, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees what was there when it began, which was before it waited."""
    with counted_by_the_locking_statement(monkeypatch):
        ledgers = [open_ledger(empty_url), open_ledger(empty_url)]
        ledgers[0].prepare()
        with pytest.raises(AssertionError, match="seed"):
            once_each(ledgers, campaign, range(40))
