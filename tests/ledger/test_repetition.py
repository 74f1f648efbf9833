# SPDX-License-Identifier: Apache-2.0
"""Failures that pass by themselves repeat the whole transaction; the others are told at once, without any values."""

from __future__ import annotations

import sqlite3
import threading
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from airflow_provider_uspeedo.errors import LedgerError, LedgerUnavailable
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store import engine as engines
from airflow_provider_uspeedo.ledger.store.engine import Database, open_engine
from tests.ledger.acting import SPEC, OpenLedger, Try, people
from tests.ledger.faults import in_background, lost_acknowledgement
from tests.ledger.servers import SERVERS, plain_connection, run

SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
ON_SERVERS = pytest.mark.parametrize("kind", SERVERS, indirect=True)
POSTGRESQL = pytest.mark.parametrize("kind", SERVERS[:1], indirect=True)
MARIADB = pytest.mark.parametrize("kind", SERVERS[1:], indirect=True)


class Counters:
    """Rows that transactions count up: what is done twice, or half, shows."""

    def __init__(self, ledger: Ledger, campaign: str) -> None:
        self._ledger = ledger
        self._table = ledger.tables.attempts
        self.numbers = [ledger.open_attempt(campaign, SPEC).number for _ in range(2)]

    def up(self, connection: Connection, which: int) -> None:
        row = self._table.c.attempt_no == self.numbers[which]
        connection.execute(sa.update(self._table).where(row).values(read_to=self._table.c.read_to + 1))

    def values(self) -> list[int]:
        query = sa.select(self._table.c.read_to).where(self._table.c.attempt_no.in_(self.numbers))
        return self._ledger.database.read(lambda c: sorted(c.execute(query).scalars().all()))


def in_opposite_orders(database: Database, counters: Counters) -> int:
    """Two transactions that each hold what the other one wants; returns how often one was begun."""
    both_hold, begun = threading.Barrier(2), []

    def transaction(connection: Connection, first: int) -> None:
        begun.append(first)
        counters.up(connection, first)
        if len(begun) <= 2:
            both_hold.wait(10)
        counters.up(connection, 1 - first)

    with in_background(lambda: database.write(lambda c: transaction(c, 0))) as other:
        database.write(lambda c: transaction(c, 1))
        other.result(20)
    return len(begun)


@ON_SERVERS
def test_a_dead_lock_repeats_the_whole_transaction(ledger: Ledger, campaign: str) -> None:
    """The victim begins again from its first statement."""
    counters = Counters(ledger, campaign)
    assert in_opposite_orders(ledger.database, counters) == 3
    assert counters.values() == [2, 2]


@POSTGRESQL
def test_a_serialization_failure_repeats_the_whole_transaction(open_ledger: OpenLedger, campaign: str) -> None:
    """Should somebody have asked for a stricter isolation."""
    ledger = open_ledger(isolation_level="REPEATABLE READ")
    counters = Counters(ledger, campaign)
    begun: list[int] = []

    def transaction(connection: Connection) -> None:
        begun.append(1)
        connection.execute(sa.select(sa.func.count()).select_from(ledger.tables.attempts)).scalar()
        if len(begun) == 1:
            ledger.database.write(lambda c: counters.up(c, 0))
        counters.up(connection, 0)

    ledger.database.write(transaction)
    assert len(begun) == 2
    assert counters.values() == [0, 2]


@MARIADB
def test_a_lock_wait_time_out_repeats_the_whole_transaction(open_ledger: OpenLedger, campaign: str, url: URL) -> None:
    """MariaDB's 1205 rolls back one statement only: going on, or committing, would leave half a transaction."""
    ledger = open_ledger(connect_args={"init_command": "SET innodb_lock_wait_timeout=1"})
    counters = Counters(ledger, campaign)
    begun: list[int] = []

    def transaction(connection: Connection) -> None:
        begun.append(1)
        counters.up(connection, 0)
        if len(begun) == 2:
            holder.rollback()
        counters.up(connection, 1)

    with closing(plain_connection(url)) as holder:
        lock = "SELECT * FROM uspeedo_attempts WHERE attempt_no = %s FOR UPDATE"
        holder.cursor().execute(lock, (counters.numbers[1],))
        ledger.database.write(transaction)
    assert len(begun) == 2
    assert counters.values() == [1, 1]


@MARIADB
def test_a_dead_lock_while_claiming_repeats_the_whole_claim(
    ledger: Ledger, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has taken the transaction back: the claim begins again, with a temporary table of its own."""
    one = Try(ledger, campaign)
    dialect, insert = type(ledger.database.dialect), type(ledger.database.dialect).insert_staged
    deadlocks = ["ROLLBACK", "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213"]

    def once_otherwise(self: Any, connection: Connection, *staged: Any) -> None:
        while deadlocks:
            connection.exec_driver_sql(deadlocks.pop(0))
        insert(self, connection, *staged)

    monkeypatch.setattr(dialect, "insert_staged", once_otherwise)
    (request,) = one.claim(people("abc"))
    assert len(request.recipients) == 3
    assert not deadlocks
    assert one.counts() == {"not_sent": 3}


@SQLITE
def test_a_busy_file_repeats_the_whole_transaction(open_ledger: OpenLedger, campaign: str, url: URL) -> None:
    """Even after SQLite's own patience has run out."""
    ledger = open_ledger(connect_args={"timeout": 0.01})
    counters = Counters(ledger, campaign)
    holder = sqlite3.connect(str(url.database), isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, lambda: holder.execute("ROLLBACK"))
    release.start()
    ledger.database.write(lambda c: counters.up(c, 0))
    release.join()
    holder.close()
    assert counters.values() == [0, 1]


@SQLITE
def test_a_file_that_stays_busy_is_reported_as_such(open_ledger: OpenLedger, campaign: str, url: URL) -> None:
    """After the given patience, as something that may pass."""
    ledger = open_ledger(connect_args={"timeout": 0})
    ledger.database.timeout = 0.1
    holder = sqlite3.connect(str(url.database), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable, match="OperationalError"):
        ledger.open_attempt(campaign, SPEC)
    holder.close()


ASK_ID = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
KILL = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL CONNECTION {}"}


@ON_SERVERS
@pytest.mark.parametrize("when", ["before a statement", "before the commit"])
def test_a_killed_connection_repeats_the_whole_transaction(ledger: Ledger, campaign: str, kind: str, when: str) -> None:
    """What it had written is gone with it, and is written again through another connection."""
    counters = Counters(ledger, campaign)
    begun: list[int] = []

    def transaction(connection: Connection) -> None:
        begun.append(connection.exec_driver_sql(ASK_ID[kind]).scalar_one())
        counters.up(connection, 0)
        if len(begun) == 1:
            run(kind, KILL[kind].format(begun[0]))
        if when == "before a statement":
            counters.up(connection, 1)

    ledger.database.write(transaction)
    assert len(set(begun)) == 2
    assert counters.values() == ([1, 1] if when == "before a statement" else [0, 1])


@ON_SERVERS
def test_connections_that_died_while_idle_are_not_noticed(open_ledger: OpenLedger, campaign: str, kind: str) -> None:
    """A restarted server or a firewall costs nothing but a new connection."""
    ledger = open_ledger(connections=1)
    one = Try(ledger, campaign)
    number = ledger.database.read(lambda c: c.exec_driver_sql(ASK_ID[kind]).scalar_one())
    run(kind, KILL[kind].format(number))
    (request,) = one.claim(people("ab"))
    assert one.send(request)


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "rolled back"])
def test_a_whole_try_survives_lost_acknowledgements_anywhere(ledger: Ledger, campaign: str, committed: bool) -> None:
    """Whichever commit of a try it is, the try goes on, texts everybody once and counts everybody."""
    for after in range(9):
        name = f"{campaign} {after}"
        Try(ledger, name).claim(people("ab"))
        with lost_acknowledgement(ledger.database.engine, committed=committed, after=after) as happened:
            one = Try(ledger, name)
            first, second = one.claim(people("abc"), size=2)
            assert one.send(first)
            assert one.mark(second)
            assert one.release(second)
            assert one.send(ledger.renew(one.attempt, second, bytes([after, committed]) * 8))
            one.end()
            assert one.counts() == {"accepted": 3}
        assert happened
        one.vendor.assert_texted(*"abc")


def _told(broken: Callable[[], Any]) -> str:
    """Everything that anybody can see of the error."""
    with pytest.raises(LedgerError) as caught:
        broken()
    error = caught.value
    assert error.__cause__ is None
    assert error.__suppress_context__
    return "".join(traceback.format_exception(error)) + str(error) + repr(error)


def test_no_error_quotes_what_was_written(ledger: Ledger, campaign: str) -> None:
    """Neither the phone nor anything else of a row, whatever the driver likes to tell."""
    one = Try(ledger, campaign)
    table = ledger.tables.recipients
    someone = people("a")[0]
    row: dict[str, Any] = {column.name: 7 for column in table.c} | {"key": someone.key, "request_id": someone.key}
    row["campaign_no"] = -one.attempt.campaign_no
    row |= {"phone": someone.phone, "user_id": "Ann's secret", "template_id": "T", "sender_id": "S"}
    row.pop("proven_request_id")
    ledger.database.write(lambda c: c.execute(sa.insert(table), [row]))
    wrong_sql = "SELECT '" + row["phone"] + "', " + row["user_id"]
    for broken in (
        lambda c: c.execute(sa.insert(table), [row]),  # there is one already
        lambda c: c.execute(sa.insert(table), [row | {"first_row": None}]),
        lambda c: c.exec_driver_sql(wrong_sql),
    ):
        told = _told(lambda broken=broken: ledger.database.write(broken))
        assert "The ledger's database failed: " in told
        assert row["phone"] not in told
        assert row["user_id"] not in told
    assert one.counts() == {}


def test_no_record_shows_a_phone(ledger: Ledger, campaign: str) -> None:
    """What the ledger hands out may be logged by anybody."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    one.send(request, "a")
    shown = repr([request, request.recipients, ledger.failures(one.attempt, 9), one.attempt])
    for recipient in request.recipients:
        assert recipient.phone not in shown
        assert recipient.params[0] not in shown


@ON_SERVERS
def test_a_server_that_is_not_there_is_reported_as_such(url: URL) -> None:
    """After the given patience, as something that may pass; the password is not told."""
    engine = open_engine(url.set(port=1, password="hunter2"))
    with pytest.raises(LedgerUnavailable) as caught:
        Database(engine, timeout=0.2).read(lambda _: None)
    assert "hunter2" not in repr(caught.value) + repr(engine)


@ON_SERVERS
@pytest.mark.parametrize(
    ("wrong", "meaning"),
    [
        ({"database": "nowhere"}, "there is no such database"),
        ({"username": "nobody", "password": "hunter2"}, "it does not let this user in"),
        ({"port": 1}, "it refuses connections at that host and port"),
        ({"host": "no-such-host.invalid"}, "its host name cannot be resolved"),
    ],
    ids=["database", "user", "port", "host"],
)
def test_a_failure_says_what_it_means_and_where_it_was(url: URL, wrong: dict[str, Any], meaning: str) -> None:
    """In words, as far as it can be told; without the user or the password."""
    address = url.set(**wrong)
    with pytest.raises(LedgerError) as caught:
        Database(open_engine(address), timeout=0.0).read(lambda _: None)
    told = str(caught.value)
    assert meaning in told
    assert f"{address.get_backend_name()} at {address.host}" in told
    assert f"database {address.database!r}" in told
    assert "hunter2" not in told


def test_a_file_that_is_no_database_is_reported_as_such(tmp_path: Path) -> None:
    """With its path: somebody must look at it."""
    file = tmp_path / "ledger.db"
    file.write_text("not a database " * 100)
    with pytest.raises(LedgerError, match="damaged, or no SQLite database") as caught:
        Database(open_engine(f"sqlite:///{file}")).read(lambda _: None)
    assert str(file) in str(caught.value)


def test_the_log_says_once_that_the_ledger_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Minutes of silence would look like a task that hangs."""
    monkeypatch.setattr(engines, "SILENCE", 0.0)
    database = Database(open_engine(f"sqlite:///{tmp_path}/no folder/ledger.db"), timeout=0.3)
    with pytest.raises(LedgerUnavailable):
        database.write(lambda _: None)
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("Waiting up to 0 s for the ledger's database: OperationalError 14 (the file cannot be read")
