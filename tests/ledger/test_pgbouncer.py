# SPDX-License-Identifier: Apache-2.0
"""A ledger behind a real PgBouncer in transaction pooling: each transaction may run in another session.

So every setting belongs to a transaction, and none of ours is left in a session that others use next.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.bulk import new_only
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.ledger.acting import Try, people
from tests.ledger.servers import SERVERS, run

pytestmark = pytest.mark.parametrize("kind", SERVERS[:1], indirect=True)
SETTINGS = ("synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout", "jit", "enable_seqscan")
PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def pooled(empty_url: URL, tmp_path: Path) -> Iterator[URL]:
    """The address of an empty database through a PgBouncer with two sessions, which commit without waiting."""
    if PROGRAM is None:
        if os.environ.get("USPEEDO_CI") == "true":
            pytest.fail("PgBouncer is not installed: bash .ci/databases installs it")
        pytest.skip("PgBouncer is not installed (Debian's package pgbouncer)")
    run("postgresql", f"ALTER DATABASE {empty_url.database} SET synchronous_commit = 'off'")
    port, folder = free_port(), tmp_path / "pool"
    folder.mkdir()
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={empty_url.host} port={empty_url.port or 5432} user={empty_url.username}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 2\nserver_reset_query =\n"
    )
    options: dict[str, Any] = {}
    if getpass.getuser() == "root":  # which it refuses to be
        nobody = pwd.getpwnam("nobody")
        options = {"user": nobody.pw_uid, "group": nobody.pw_gid}
        for one in (folder, *folder.iterdir()):
            os.chown(one, nobody.pw_uid, nobody.pw_gid)
        for parent in folder.parents:
            if parent.stat().st_uid == os.getuid() and str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o011)
    with subprocess.Popen([PROGRAM, str(folder / "pgbouncer.ini")], **options, stderr=subprocess.PIPE) as process:
        try:
            for _ in range(200):
                with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 1)):
                    break
                time.sleep(0.05)
            yield empty_url.set(host="127.0.0.1", port=port)
        finally:
            process.terminate()


def settings_left(url: URL) -> list[tuple[Any, ...]]:
    """What the sessions of the pool have set, as the next application finds them."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    query = "SELECT pg_backend_pid(), " + ", ".join(f"current_setting('{name}')" for name in SETTINGS)
    query += ", (SELECT count(*) FROM pg_class WHERE relname = 'uspeedo_staged')"
    query += ", (SELECT count(*) FROM pg_prepared_statements)"
    first, second = engine.connect(), engine.connect()  # both sessions at once
    try:
        return [tuple(one.exec_driver_sql(query).one()) for one in (first, second)]
    finally:
        first.close()
        second.close()
        engine.dispose()


def test_a_campaign_runs_and_nothing_of_it_stays_in_the_pool(pooled: URL, campaign: str) -> None:
    """Four threads share two sessions; every commit waits for the disk, though the database's own do not."""
    before = settings_left(pooled)
    commits: list[str] = []
    with closing(Ledger(open_engine(pooled, connections=4), timeout=20, settle_timeout=20)) as ledger:
        ledger.prepare()
        dialect = ledger.database.engine.dialect
        real = dialect.do_commit

        def do_commit(connection: Any) -> None:
            cursor = connection.cursor()
            cursor.execute("SELECT current_setting('synchronous_commit') || pg_current_xact_id_if_assigned()::text")
            ((found,),) = cursor.fetchall()
            if found:  # else it has written nothing
                commits.append(found.rstrip("0123456789"))
            real(connection)

        dialect.do_commit = do_commit  # type: ignore[method-assign]
        one = Try(ledger, campaign)
        requests = one.claim(people([str(n) for n in range(120)]), size=5)
        threads = [
            threading.Thread(target=lambda mine: [one.send(request) for request in mine], args=(requests[n::4],))
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one.counts() == {"accepted": 120}
        one.vendor.assert_nobody_texted_twice()
        other = Try(ledger, campaign)
        other.claim(people([str(n) for n in range(130)]), size=5)
        assert sum(len(portion) for portion in ledger.results(campaign)) == 130
    assert len(commits) > 2 * len(requests)
    assert set(commits) == {"on"}
    left = settings_left(pooled)
    assert {row[1:] for row in left} == {row[1:] for row in before} == {("off", *before[0][2:])}


@pytest.mark.parametrize("first", ["one statement", "many rows at once", "a savepoint", "a COPY"])
def test_settings_come_with_the_first_statement_whatever_it_is(pooled: URL, campaign: str, first: str) -> None:
    """A driver runs many rows, or a COPY, by another call than one statement."""
    with closing(Ledger(open_engine(pooled), timeout=5)) as ledger:
        ledger.prepare()
        table = ledger.tables.past_requests
        rows = [{"request_id": bytes([n]) * 16, "key": bytes(16)} for n in range(3)]

        def work(connection: Any) -> list[str]:
            if first == "one statement":
                connection.execute(new_only("postgresql", table), rows[:1])
            elif first == "many rows at once":
                connection.execute(
                    sa.update(table).where(table.c.key == sa.bindparam("k")),
                    [{"k": bytes(16), "key": bytes(16)}, {"k": bytes([1]) * 16, "key": bytes(16)}],
                )
            elif first == "a savepoint":
                connection.begin_nested().commit()
            else:
                connection.exec_driver_sql(
                    "COPY uspeedo_ledger (version) FROM STDIN (FORMAT binary)",
                    (b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff",),
                )
            query = "SELECT current_setting('synchronous_commit'), current_setting('lock_timeout')"
            return list(connection.exec_driver_sql(query).one())

        assert ledger.database.write(work) == ["on", "20s"]


def test_a_session_that_ends_in_the_pool_costs_a_repetition(pooled: URL, campaign: str) -> None:
    """PgBouncer's own errors are those of a lost connection."""
    with closing(Ledger(open_engine(pooled), timeout=20)) as ledger:
        ledger.prepare()
        one = Try(ledger, campaign)
        ended: list[int] = []

        def end_it(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if "INSERT INTO uspeedo_recipients" in statement and not ended:
                ended.append(1)
                sessions = f"pg_stat_activity WHERE datname = '{pooled.database}' AND pid <> pg_backend_pid()"
                run("postgresql", f"SELECT pg_terminate_backend(pid) FROM {sessions}")

        event.listen(ledger.database.engine, "before_cursor_execute", end_it)
        one.claim(people("abc"))
        assert ended
        assert one.counts() == {"not_sent": 3}
