# SPDX-License-Identifier: Apache-2.0
"""The ledger's tables come into being once, whoever comes first, and by somebody else's hand if need be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from airflow_provider_uspeedo.errors import ConfigurationError, LedgerError
from airflow_provider_uspeedo.ledger.results import creation
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS
from airflow_provider_uspeedo.ledger.store.relation_name import RelationName
from tests.ledger.acting import SPEC, OpenLedger, Try, people, resolve
from tests.ledger.servers import SERVERS, plain_connection, run, select


def test_an_empty_database_has_no_ledger_until_it_is_prepared(open_ledger: OpenLedger, empty_url: URL) -> None:
    """Looking does not create; preparing does, and may be repeated."""
    ledger = open_ledger(empty_url)
    assert not ledger.exists()
    assert ledger.peek("x", SPEC) is None
    assert list(ledger.results("x")) == []
    for _ in range(2):
        ledger.prepare()
        assert ledger.exists()
    assert select(empty_url, "SELECT COUNT(*) FROM uspeedo_results") == [(0,)]


def test_what_was_created_in_part_is_completed(open_ledger: OpenLedger, empty_url: URL) -> None:
    """MySQL commits after every table, so whoever dies in between leaves some of them."""
    ledger = open_ledger(empty_url)
    tables = ledger.tables
    ledger.database.write(lambda c: tables.metadata.create_all(c, tables=[tables.ledger, tables.requests]))
    assert not ledger.exists()
    ledger.prepare()
    one = Try(ledger, "x")
    one.text(people("ab"))
    assert one.counts() == {"accepted": 2}


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_creating_goes_on_after_a_killed_connection(open_ledger: OpenLedger, empty_url: URL, kind: str) -> None:
    """The lock goes with the connection, and the whole is begun again."""
    ledger = open_ledger(empty_url)
    killed: list[int] = []

    def kill(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if "CREATE TABLE uspeedo_requests" in statement and not killed:
            driver = connection.connection.driver_connection
            killed.append(driver.info.backend_pid if kind == "postgresql" else driver.thread_id())
            run(kind, f"SELECT pg_terminate_backend({killed[0]})" if kind == "postgresql" else f"KILL {killed[0]}")

    sa.event.listen(ledger.database.engine, "before_cursor_execute", kill)
    ledger.prepare()
    assert killed
    assert ledger.exists()


def test_a_ledger_of_another_version_is_refused(open_ledger: OpenLedger, empty_url: URL) -> None:
    """By every way in, with both versions named."""
    ledger = open_ledger(empty_url)
    ledger.prepare()
    ledger.database.write(lambda c: c.execute(sa.update(ledger.tables.ledger).values(version=99)))
    for way_in in (ledger.prepare, ledger.exists, lambda: ledger.peek("x", SPEC), lambda: list(ledger.results("x"))):
        with pytest.raises(LedgerError, match=r"has version 99; this package works with version 4.*newer"):
            way_in()


def test_results_may_have_another_name(open_ledger: OpenLedger, empty_url: URL) -> None:
    """Also a second one later on, a reserved word, or one with capitals."""
    for name in ("uspeedo_results", "sms_2026", "Order", "select"):
        ledger = open_ledger(empty_url, name)
        ledger.prepare()
        ledger.prepare()
        quoted = f"`{name}`" if empty_url.get_backend_name() == "mysql" else f'"{name}"'
        assert select(empty_url, f"SELECT COUNT(*) FROM {quoted}") == [(0,)]


def test_a_table_in_the_way_is_not_touched(open_ledger: OpenLedger, empty_url: URL) -> None:
    """The message says what to do."""
    connection = plain_connection(empty_url)
    connection.cursor().execute("CREATE TABLE my_table (x INTEGER)")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError, match=r"my_table is a table already.*choose another results_table"):
        open_ledger(empty_url, "my_table").prepare()
    assert select(empty_url, "SELECT COUNT(*) FROM my_table") == [(0,)]


def test_a_view_of_something_else_in_the_way_is_named(open_ledger: OpenLedger, empty_url: URL) -> None:
    """Nothing would be found in it afterwards."""
    open_ledger(empty_url).prepare()
    connection = plain_connection(empty_url)
    connection.cursor().execute("CREATE VIEW my_view AS SELECT 1 AS x")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError, match=r"my_view is a view of something else already.*choose another results_table"):
        open_ledger(empty_url, "my_view").prepare()


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_a_ledger_may_live_in_a_schema_of_its_own(open_ledger: OpenLedger, empty_url: URL, kind: str) -> None:
    """``schema.name`` puts all of it there, and two schemas are two ledgers."""
    if kind == "postgresql":
        connection = plain_connection(empty_url)
        connection.cursor().execute("CREATE SCHEMA texts")
        connection.commit()
        connection.close()
        schema = "texts"
    else:
        schema = str(empty_url.database)
    ledger = open_ledger(empty_url, f"{schema}.results")
    ledger.prepare()
    one = Try(ledger, "x")
    one.text(people("ab"))
    assert one.counts() == {"accepted": 2}
    assert select(empty_url, f"SELECT COUNT(*) FROM {schema}.results") == [(2,)]
    if kind == "postgresql":
        assert not open_ledger(empty_url).exists()


BAD_NAMES = (
    "", ".", "a.b.c", "a.", ".b", "1a", "a-b", "a b", 'a"b', "a;b", "a`b", "ä", "a\n", "x" * 64, "uspeedo_requests",
    "USPEEDO_LEDGER", "s.uspeedo_campaigns",
)  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_no_plain_name_is_refused(name: str) -> None:
    """Before it reaches any SQL, with the name in the message."""
    with pytest.raises(ConfigurationError, match="results_table="):
        RelationName.parse(name)


@pytest.mark.parametrize("name", ["r", "_r", "R2", "s.r", "x" * 63])
def test_a_plain_name_is_kept_as_it_is(name: str) -> None:
    """With or without a schema."""
    assert str(RelationName.parse(name)) == name


def printed(kind: str) -> list[str]:
    """What the command prints, cut into statements as a person's SQL client would."""
    return [statement.strip() for statement in creation.script(kind).split(";\n") if statement.strip()]


def execute(url: URL, statements: list[str]) -> None:
    connection = plain_connection(url)
    for statement in statements:
        connection.cursor().execute(statement)
    connection.commit()
    connection.close()


def test_the_printed_ddl_makes_a_whole_ledger(open_ledger: OpenLedger, empty_url: URL, kind: str) -> None:
    """Run by somebody else, through a plain connection: the worker finds everything there, and creates nothing."""
    execute(empty_url, printed(kind))
    ledger = open_ledger(empty_url)
    assert ledger.exists()
    created: list[str] = []
    sa.event.listen(
        ledger.database.engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_: created.append(statement) if statement.startswith("CREATE") else None,
    )
    ledger.prepare()
    assert created == []
    one = Try(ledger, "x")
    one.text(people("ab"))
    assert one.counts() == {"accepted": 2}
    assert len(select(empty_url, "SELECT * FROM uspeedo_results")[0]) == len(COLUMNS)


@pytest.fixture
def worker_url(empty_url: URL, kind: str) -> Iterator[URL]:
    """The address for a user who may read and write rows of this database, and create nothing."""
    name = f"worker_of_{empty_url.database}"[-60:]
    account = f"'{name}'@'%'" if kind == "mysql" else name
    run(kind, f"CREATE USER {account} {'IDENTIFIED BY' if kind == 'mysql' else 'PASSWORD'} 'w0rker'")
    try:
        yield empty_url.set(username=name, password="w0rker")
    finally:
        if kind == "postgresql":
            execute(empty_url, [f"DROP OWNED BY {account}"])
        run(kind, f"DROP USER {account}")


def grants(url: URL, worker: URL, kind: str) -> list[str]:
    if kind == "mysql":
        rights = "SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES"
        return [f"GRANT {rights} ON {url.database}.* TO '{worker.username}'@'%'"]
    return [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {worker.username}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {worker.username}",
    ]


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_the_right_to_create_tables_is_not_needed(
    open_ledger: OpenLedger, empty_url: URL, worker_url: URL, kind: str
) -> None:
    """The DDL is run by its owner; the worker may only read and write rows."""
    execute(empty_url, [*printed(kind), *grants(empty_url, worker_url, kind)])
    ledger = open_ledger(worker_url)
    ledger.prepare()
    one = Try(ledger, "x")
    (request,) = one.claim(people("abc"))
    assert one.mark(request)
    assert one.mark_unknown(request)
    assert resolve(ledger, "x", as_sent=False, by="ann") == 3
    rerun = Try(ledger, "x")
    rerun.text(people("abcd"))
    assert rerun.counts() == {"accepted": 4}
    assert sum(len(portion) for portion in ledger.results("x")) == 4


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_without_the_right_the_error_names_the_way_out(
    open_ledger: OpenLedger, empty_url: URL, worker_url: URL, kind: str
) -> None:
    """An empty database and no right to create: the command to run is in the message."""
    if kind == "mysql":
        execute(empty_url, grants(empty_url, worker_url, kind))
    else:
        execute(empty_url, ["REVOKE CREATE ON SCHEMA public FROM PUBLIC"])
    with pytest.raises(LedgerError, match=f"airflow-uspeedo --results-table uspeedo_results ddl --dialect {kind}"):
        open_ledger(worker_url).prepare()
