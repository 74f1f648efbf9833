# SPDX-License-Identifier: Apache-2.0
"""Ledgers whose databases misbehave: connections closed by the server, statements cancelled, acknowledgements lost.

What goes wrong is drawn for the n-th statement, or commit, of one attempt. On the servers the error is the server's
own: it ends the session, or raises the code. A process that has died gets nothing more out of its database.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Engine

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.store.records import Answer, Attempt, Request
from tests.chaos.storm.clock import FROZEN
from tests.chaos.storm.journal import Journal
from tests.ledger.faults import disconnected
from tests.ledger.servers import administrator

STATEMENT_FAULTS = ("closed", "cancelled", "deadlock", "lock timeout", "read-only", "away", "dies", "waits")
COMMIT_FAULTS = ("acknowledgement lost", "taken back")
CODES = {
    "sqlite": {"cancelled": 9, "deadlock": 6, "lock timeout": 5, "read-only": 10, "closed": 10},
    "postgresql": {"cancelled": "57014", "deadlock": "40P01", "lock timeout": "55P03", "read-only": "25006"},
    "mysql": {"cancelled": 1969, "deadlock": 1213, "lock timeout": 1205, "read-only": 1290},
}
DEADLOCKS = ("40P01", 1213)
NEW_CAMPAIGN = "INSERT INTO uspeedo_campaigns"
"""Two attempts that wait for a third one to begin their campaign deadlock in InnoDB if that one is rolled back: both
get the gap that it leaves, and each waits for the other to insert there. It is one key, so no order of locks helps."""
WAITS_FOR = 0.02
"""Seconds for which a transaction stands still in front of a statement."""
AWAY_STATEMENTS = 8
"""So many statements and connections fail while the database is *away*."""


class Died(BaseException):
    """The process that runs here was killed: nothing that it does afterwards has any effect."""


class Actor:
    """One attempt, or the person, at its database.

    :param statements: number of a statement of it -> what goes wrong there.
    :param commits: the same for its commits.
    :param pauses: number of a mark -> seconds for which its process stands still after it; below 0: it dies there; from
        :data:`.clock.FROZEN` on these seconds are skipped for all.
    :param meets: called before it claims, shares the rows of another attempt, or ends, with that word.
    """

    def __init__(
        self,
        name: str,
        journal: Journal,
        statements: dict[int, str] | None = None,
        commits: dict[int, str] | None = None,
        pauses: dict[int, float] | None = None,
        stand_still: Callable[[float], None] = time.sleep,
        meets: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self.journal = journal
        self.statements = statements or {}
        self.commits = commits or {}
        self.pauses = pauses or {}
        self.stand_still = stand_still
        self.meets = meets or (lambda _what: None)
        self.dead = False
        self._away = 0
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def next(self, what: str) -> int:
        """Counts something, from 0."""
        with self._lock:
            self._counts[what] += 1
            return self._counts[what] - 1

    def alive(self) -> None:
        """:raises Died: it is not."""
        if self.dead:
            raise Died(self.name)

    def die(self) -> None:
        """:raises Died: from now on always."""
        if not self.dead:
            self.dead = True
            self.journal.note("dies", self.name)
        raise Died(self.name)

    def statement_fault(self) -> str:
        """What goes wrong at the statement that comes now, or ``""``."""
        self.alive()
        fault = self.statements.pop(self.next("statement"), "")
        with self._lock:
            if fault == "away":
                self._away = AWAY_STATEMENTS
            if self._away:
                self._away -= 1
                fault = "closed"
        if fault:
            self.journal.note(f"at its database: {fault}", self.name)
        return fault

    def commit_fault(self) -> str:
        self.alive()
        fault = self.commits.pop(self.next("commit"), "")
        if fault:
            self.journal.note(f"its commit fails: {fault}", self.name)
        return fault


class StormLedger(Ledger):
    """A ledger that notes what it is asked to do, and what it says. One actor at a time, which may have threads."""

    def __init__(self, engine: Engine, storm: StormDatabase) -> None:
        super().__init__(engine, timeout=20.0, settle_timeout=20.0)
        self.actor: Actor | None = None
        self._storm = storm
        self._marked = threading.local()
        self._listen(engine)

    @property
    def now(self) -> Actor:
        assert self.actor is not None, "no actor uses this ledger now"
        return self.actor

    @property
    def request_of_thread(self) -> str:
        """The request that this thread has marked last, as hexadecimal digits."""
        return str(self._marked.request)

    # -- what it is asked to do ---------------------------------------------------------------------------------

    def share_reading(self, attempt: Attempt, *given: Any, **named: Any) -> bool:
        self.now.meets("share")
        return super().share_reading(attempt, *given, **named)

    def end_attempt(self, attempt: Attempt, *given: Any, **named: Any) -> None:
        self.now.meets("end")
        super().end_attempt(attempt, *given, **named)

    def claim(self, attempt: Attempt, *given: Any, **named: Any) -> list[Request]:
        self.now.meets("claim")
        began = self.now.journal.claim_begins(self.now.name)
        requests = super().claim(attempt, *given, **named)
        for request in requests:
            self._note_claim(request, began)
        return requests

    def renew(self, attempt: Attempt, old: Request, *given: Any, **named: Any) -> Request:
        began = self.now.journal.claim_begins(self.now.name)
        request = super().renew(attempt, old, *given, **named)
        if len(request.recipients):
            self._note_claim(request, began, old.id.hex())
        return request

    def split(self, attempt: Attempt, request: Request, *given: Any, **named: Any) -> tuple[Request, Request]:
        began = self.now.journal.claim_begins(self.now.name)
        first, rest = super().split(attempt, request, *given, **named)
        if len(first.recipients):
            self._note_claim(first, began, request.id.hex())
        return first, rest

    def _note_claim(self, request: Request, began: int, old: str = "") -> None:
        keys, names = (request.recipients.column(name).to_pylist() for name in ("key", "user_id"))
        self._storm.people[request.id] = people = dict(zip(keys, names, strict=True))
        self.now.journal.claimed_(self.now.name, request.id.hex(), people.values(), began, old)

    def mark_sending(self, attempt: Attempt, one: Request, *given: Any, **named: Any) -> Request:
        actor, request = self.now, one.id.hex()
        self._marked.request = request
        actor.journal.begins_to_mark(actor.name, request)
        marked = super().mark_sending(attempt, one, *given, **named)
        if not marked.recipients:
            actor.journal.cannot_arrive(actor.name, request, "may not send")
            return marked
        actor.journal.note("has marked", actor.name, request)
        pause = actor.pauses.get(actor.next("mark"), 0.0)
        if pause < 0:
            actor.die()
        if pause >= FROZEN:
            with actor.journal.lock:
                actor.journal.clock.skip(pause)
                actor.journal.note("is frozen for minutes before the socket", actor.name, request)
            actor.stand_still(1.0)
        elif pause:
            actor.journal.note("stands still before the socket", actor.name, request)
            actor.stand_still(pause)
        return marked

    def settle(self, attempt: Attempt, request_id: bytes, answer: Answer, *given: Any, **named: Any) -> bool:
        settled = super().settle(attempt, request_id, answer, *given, **named)
        if settled:
            unsaid = {key for key, status, _ in answer.outcomes if status == Status.UNKNOWN}
            people = self._storm.people.get(request_id, {})
            self.now.journal.settled_(self.now.name, request_id.hex(), {people[key] for key in unsaid & people.keys()})
        else:
            self.now.journal.note("may not settle", self.now.name, request_id.hex())
        return settled

    def release(self, attempt: Attempt, request_id: bytes, *given: Any, **named: Any) -> bool:
        released = super().release(attempt, request_id, *given, **named)
        self.now.journal.note("has released" if released else "may not release", self.now.name, request_id.hex())
        return released

    def mark_unknown(self, attempt: Attempt, request_id: bytes, *given: Any, **named: Any) -> bool:
        unknown = super().mark_unknown(attempt, request_id, *given, **named)
        self.now.journal.note("calls unknown" if unknown else "may not call unknown", self.now.name, request_id.hex())
        return unknown

    # -- what goes wrong ----------------------------------------------------------------------------------------

    def _listen(self, engine: Engine) -> None:
        dialect = engine.dialect
        real_commit = dialect.do_commit
        event.listen(engine, "do_execute", self._on_statement, insert=True)
        event.listen(engine, "do_executemany", self._on_statement, insert=True)
        event.listen(engine, "handle_error", self._on_error)

        def do_commit(connection: Any) -> None:
            fault = self.actor.commit_fault() if self.actor else ""
            if fault == "taken back":
                dialect.do_rollback(connection)
            else:
                real_commit(connection)
            if fault:
                raise disconnected(dialect)

        dialect.do_commit = do_commit  # type: ignore[method-assign]

    def _on_statement(self, cursor: Any, statement: str, *_rest: Any) -> None:
        if self.actor is None:
            return
        self._storm.notes(cursor, statement)
        fault = self.actor.statement_fault()
        if fault == "dies":
            self.actor.die()
        if fault == "waits":
            time.sleep(WAITS_FOR)
            return
        if fault == "closed" and self._storm.kind != "sqlite":
            self._storm.close_session(cursor)
        elif fault:
            self._storm.fail(cursor, fault)

    def _on_error(self, context: Any) -> None:
        self._storm.sees(context.original_exception, context.statement)


class StormDatabase:
    """One database, the ledgers that are open on it, and the deadlocks that it detected by itself."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.kind = url.get_backend_name()
        self.deadlocks: Counter[str] = Counter()
        self._administrator = None if self.kind == "sqlite" else administrator(self.kind)
        self._free: list[StormLedger] = []
        self._all: list[StormLedger] = []
        self._lock = threading.Lock()
        self._injecting = threading.local()
        self._running: dict[int, str] = {}
        self.people: dict[bytes, dict[bytes, str]] = {}
        """Of each request: key -> person."""

    @contextmanager
    def ledger(self, actor: Actor, *, timeout: float = 20.0) -> Iterator[StormLedger]:
        """A ledger with connections of its own, for one actor.

        :param timeout: seconds for which it repeats what its database fails at.
        """
        with self._lock:
            ledger = self._free.pop() if self._free else None
        if ledger is None:
            ledger = StormLedger(open_engine(self.url), self)
            with self._lock:
                self._all.append(ledger)
        ledger.database.timeout = ledger.settle_timeout = timeout
        ledger.actor = actor
        try:
            yield ledger
        finally:
            ledger.actor = None
            with self._lock:
                self._free.append(ledger)

    def close(self) -> None:
        for ledger in self._all:
            ledger.close()

    # -- faults -------------------------------------------------------------------------------------------------

    def close_session(self, cursor: Any) -> None:
        """Ends the session of a connection, as an administrator does: its next statement finds out."""
        number = session_number(cursor)
        assert self._administrator is not None
        with self._administrator.connect() as connection:
            if self.kind == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_terminate_backend({number}, 2000)")
            else:
                connection.exec_driver_sql(f"KILL CONNECTION {number}")

    def fail(self, cursor: Any, fault: str) -> None:
        """Has the server raise the code of a failure."""
        code = CODES[self.kind][fault]
        if self.kind == "sqlite":
            error = sqlite3.OperationalError(f"{fault}, by the storm")
            error.sqlite_errorcode = int(code)
            raise error
        self._injecting.now = True
        if self.kind == "postgresql":
            cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'by the storm' USING ERRCODE = '{code}'; END $$")
        else:
            cursor.execute(f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'by the storm'")

    # -- deadlocks ----------------------------------------------------------------------------------------------

    def notes(self, cursor: Any, statement: str) -> None:
        """Remembers what a session runs: a server tells of the sessions in a deadlock, not always what they ran."""
        if self.kind != "sqlite":
            self._running[session_number(cursor)] = in_short(statement)

    def sees(self, error: Any, statement: str | None) -> None:
        """Counts a deadlock that the server found, by the statements that met."""
        injected, self._injecting.now = getattr(self._injecting, "now", False), False
        if injected or not self._is_deadlock(error):
            return
        mine, other = in_short(statement or ""), "?"
        if self.kind == "postgresql":
            numbers = [int(text) for text in re.findall(r"Process (\d+) waits", error.diag.message_detail or "")]
            met = {self._running.get(number, "?") for number in numbers}
            other = " | ".join(sorted(met - {mine})) or mine
        else:
            met = set(self._met_in_innodb())
            if all(one.startswith(NEW_CAMPAIGN) for one in (mine, *met)):
                return
            other = " | ".join(sorted(met))
        self.deadlocks[f"{mine} <-> {other}"] += 1

    def _is_deadlock(self, error: Any) -> bool:
        if self.kind == "postgresql":
            return getattr(error, "pgcode", None) in DEADLOCKS
        return self.kind == "mysql" and bool(error.args) and error.args[0] in DEADLOCKS

    def _met_in_innodb(self) -> list[str]:
        assert self._administrator is not None
        with self._administrator.connect() as connection:
            (_, _, text) = connection.exec_driver_sql("SHOW ENGINE INNODB STATUS").one()
        latest = text.partition("LATEST DETECTED DEADLOCK")[2].partition("\nTRANSACTIONS\n")[0]
        statements = re.findall(r"MariaDB thread id .*\n(.*(?:\n(?!\*\*\*|RECORD|TABLE).*)*)", latest)
        return sorted({in_short(one) for one in statements})


def session_number(cursor: Any) -> int:
    """The server's number of a cursor's session; works with psycopg2, psycopg 3, PyMySQL and mysqlclient."""
    connection = cursor.connection
    if hasattr(connection, "get_backend_pid"):
        return int(connection.get_backend_pid())
    if hasattr(connection, "info") and hasattr(connection.info, "backend_pid"):
        return int(connection.info.backend_pid)
    return int(connection.thread_id())


def in_short(statement: str) -> str:
    """A statement without its values, short enough for a report."""
    text = re.sub(
        r"0x[0-9a-f]+|_binary ?'[^']*'|[xX]?'[^']*'|%s|\b\d+\b", "?", " ".join(statement.replace("`", "").split())
    )
    text = re.sub(r"\(\?(, \?)+\)", "(?)", text)
    text = re.sub(r"^SET LOCAL.*?; (?=SELECT|INSERT|UPDATE|DELETE)", "", text)
    return text[:150]
