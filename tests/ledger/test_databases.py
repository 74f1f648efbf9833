# SPDX-License-Identifier: Apache-2.0
"""What the ledger asks of its database, and what it takes from others: isolation, durability, nothing swallowed."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection

from airflow_provider_uspeedo.errors import LedgerError
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.bulk import insert_new, new_only
from airflow_provider_uspeedo.ledger.store.dialects import sqlite as sqlite_dialect
from airflow_provider_uspeedo.ledger.store.engine import Database, open_engine
from tests.ledger.acting import SPEC, OpenLedger, Try, people
from tests.ledger.faults import in_background
from tests.ledger.servers import SERVERS, server_url

SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
ON_SERVERS = pytest.mark.parametrize("kind", SERVERS, indirect=True)
ASK_ISOLATION = {"postgresql": "SHOW transaction_isolation", "mysql": "SELECT @@tx_isolation"}


@ON_SERVERS
def test_transactions_read_what_is_committed(ledger: Ledger, kind: str) -> None:
    """READ COMMITTED is set explicitly, whatever the server's default is."""
    found = ledger.database.write(lambda c: c.exec_driver_sql(ASK_ISOLATION[kind]).scalar_one())
    assert found.upper().replace("-", " ") == "READ COMMITTED"


@pytest.mark.parametrize("kind", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(("told", "kept"), [("off", "on"), ("remote_apply", "remote_apply")])
def test_a_commit_survives_a_crash_of_the_server(open_ledger: OpenLedger, told: str, kept: str) -> None:
    """A *sending* that the server forgets would be sent again: what a user was told to be content with is made sure."""
    ledger = open_ledger(connect_args={"options": f"-c synchronous_commit={told}"})
    assert ledger.database.write(lambda c: c.exec_driver_sql("SHOW synchronous_commit").scalar_one()) == kept


@ON_SERVERS
def test_autocommit_is_refused(kind: str) -> None:
    """Its transactions would not hold; the first one says so."""
    database = Database(open_engine(server_url(kind), isolation_level="AUTOCOMMIT"))
    with pytest.raises(LedgerError, match="AUTOCOMMIT"):
        database.write(lambda _: None)
    with pytest.raises(LedgerError, match="AUTOCOMMIT"):
        database.read(lambda _: None)
    database.engine.dispose()


@ON_SERVERS
def test_autocommit_that_the_driver_was_set_to_is_refused(kind: str) -> None:
    """An event of other code may switch it on unnoticed."""
    database = Database(open_engine(server_url(kind)))

    def switch_on(connection: object, *_: object) -> None:
        if kind == "postgresql":
            connection.autocommit = True  # type: ignore[attr-defined]
        else:
            connection.autocommit(True)  # type: ignore[attr-defined]

    event.listen(database.engine, "checkout", switch_on)
    with pytest.raises(LedgerError, match="AUTOCOMMIT"):
        database.write(lambda _: None)
    database.engine.dispose()


def test_other_databases_are_refused() -> None:
    """By name, before anything is opened."""
    with pytest.raises(LedgerError, match="cannot live in 'oracle'"):
        open_engine("oracle://somewhere")


@SQLITE
def test_a_sqlite_file_keeps_what_was_committed_when_the_power_fails(ledger: Ledger) -> None:
    """A *sending* that power loss takes back would be sent again: WAL, and every commit reaches the disk."""

    def pragmas(connection: Connection) -> list[object]:
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]

    assert ledger.database.write(pragmas) == ["wal", 2]


def _read_then_write(ledger: Ledger, campaign: str) -> list[str]:
    """Two transactions that read first and write later, at once; returns the errors."""
    attempts = [ledger.open_attempt(campaign, SPEC) for _ in range(2)]
    both_read, errors = threading.Barrier(2), []
    table = ledger.tables.attempts

    def transaction(number: int) -> None:
        with ledger.database.engine.begin() as connection:
            connection.execute(sa.select(table.c.name)).all()
            with suppress(threading.BrokenBarrierError):  # the other one waits until we are done: that is the point
                both_read.wait(0.3)
            mine = sa.update(table).where(table.c.attempt_no == number)
            connection.execute(mine.values(name="written"))

    def run(number: int) -> None:
        try:
            transaction(number)
        except sa.exc.OperationalError as error:
            errors.append(str(error.orig))

    threads = [threading.Thread(target=run, args=(attempt.number,)) for attempt in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@SQLITE
def test_sqlite_writers_wait_for_one_another(open_ledger: OpenLedger, campaign: str) -> None:
    """A writing transaction takes the lock before it reads, so nobody writes between its reading and its writing."""
    assert _read_then_write(open_ledger(), campaign) == []


@SQLITE
def test_sqlite_writers_must_take_the_lock_first(
    open_ledger: OpenLedger, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise one of two fails at once, whatever the time-out is."""
    monkeypatch.setattr(sqlite_dialect, "_on_begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    assert _read_then_write(open_ledger(), campaign) == ["database is locked"]


def test_inserting_what_is_there_swallows_no_other_error(ledger: Ledger, campaign: str) -> None:
    """``INSERT IGNORE`` would turn a missing value into an empty one."""
    one = Try(ledger, campaign)
    columns = [column.name for column in ledger.tables.recipients.c if column.name != "proven_request_id"]
    row = (one.attempt.campaign_no, b"k" * 16, b"r" * 16, 1, 1, None, "", "", "")
    with pytest.raises(LedgerError, match=r"IntegrityError|NotNullViolation"):
        ledger.database.write(lambda c: insert_new(c, ledger.tables.recipients, columns, [row]))
    wrong = {"id": b"r" * 16, "campaign_no": 1, "attempt_no": 1, "state": None, "claimed_at": None}
    with pytest.raises(LedgerError, match=r"IntegrityError|NotNullViolation"):
        ledger.database.write(
            lambda c: c.execute(new_only(ledger.database.dialect.name, ledger.tables.requests), [wrong])
        )


@ON_SERVERS
def test_text_that_is_too_long_is_an_error_and_not_cut(open_ledger: OpenLedger, campaign: str, kind: str) -> None:
    """On a MySQL server that is not strict by itself, the ledger is."""
    lax = {"connect_args": {"init_command": "SET sql_mode=''"}} if kind == "mysql" else {}
    ledger = open_ledger(**lax)
    one = Try(ledger, campaign)
    columns = [column.name for column in ledger.tables.recipients.c if column.name != "proven_request_id"]
    row = (one.attempt.campaign_no, b"k" * 16, b"r" * 16, 1, 1, "5" * 33, "", "", "")
    with pytest.raises(LedgerError, match=r"DataError|StringDataRightTruncation"):
        ledger.database.write(lambda c: insert_new(c, ledger.tables.recipients, columns, [row]))


def test_any_number_of_rows_is_inserted(ledger: Ledger, campaign: str) -> None:
    """Rows go in blocks of several sizes; none is left out, whatever the number."""
    one = Try(ledger, campaign)
    sizes = [1, 7, 8, 65, 512, 1097]
    for number, size in enumerate(sizes):
        rows = people([f"{number}/{n}" for n in range(size)], first_row=1 + sum(sizes[:number]))
        (*_, last) = requests = one.claim(rows)
        assert sum(len(request.recipients) for request in requests) == size
        assert last.recipients[-1] == rows[-1]
    assert one.counts() == {"not_sent": sum(sizes)}


def test_readers_see_one_moment(open_ledger: OpenLedger, campaign: str) -> None:
    """While portions of ten rows are claimed, whoever counts or lists sees whole portions only."""
    writing, reading = Try(open_ledger(), campaign), open_ledger()
    stop = threading.Event()

    def write() -> int:
        for portion in range(200):
            if stop.is_set():
                return portion
            writing.claim(people([f"{portion}/{n}" for n in range(10)], first_row=1 + 10 * portion))
        return 200

    with in_background(write) as written:
        seen = []
        for _ in range(15):
            seen.append(sum(tally.rows for tally in reading.tally(writing.attempt)))
            seen.append(sum(len(portion) for portion in reading.results(campaign)))
        stop.set()
        assert written.result() > 0
    assert [number % 10 for number in seen] == [0] * 30
    assert seen == sorted(seen)


def test_a_long_select_is_not_disturbed(ledger: Ledger, campaign: str, url: URL) -> None:
    """The lines of one campaign come in portions from one snapshot, and a reader that stops early frees its place."""
    Try(ledger, campaign).text(people([str(n) for n in range(3)]))
    lines = ledger.results(campaign)
    assert len(next(lines)) == 3
    lines.close()  # type: ignore[attr-defined]
    Try(ledger, campaign).text(people("abc"))
    assert sum(len(portion) for portion in ledger.results(campaign)) == 6
