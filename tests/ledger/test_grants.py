# SPDX-License-Identifier: Apache-2.0
"""The printed grants are enough for what each part does, and not one of them could be left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules
from airflow_provider_uspeedo.errors import ConfigurationError, LedgerError, LedgerRightMissing
from airflow_provider_uspeedo.ledger.admin import grants
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results import creation
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.ledger.store.staged_receipts import MessageReceipt
from airflow_provider_uspeedo.tables.whole_file import open_whole_file
from tests.ledger.acting import OpenLedger, Try, invalid, people, portion_of, receipts_of, request_of, resolve
from tests.ledger.servers import SERVERS, plain_connection, run, select

ON_SERVERS = pytest.mark.parametrize("kind", SERVERS, indirect=True)
As = Callable[[str], URL]


def execute(url: URL, *statements: str) -> None:
    connection = plain_connection(url)
    for statement in statements:
        connection.cursor().execute(statement)
    connection.commit()
    connection.close()


def cut(script: str) -> list[str]:
    return [one.strip() for one in script.split(";\n") if one.strip()]


@contextmanager
def new_user(url: URL, kind: str, name: str) -> Iterator[URL]:
    account = f"'{name}'@'%'" if kind == "mysql" else f'"{name}"'
    run(kind, f"CREATE USER {account} {'IDENTIFIED BY' if kind == 'mysql' else 'PASSWORD'} 'pass word'")
    try:
        yield url.set(username=name, password="pass word")
    finally:
        if kind == "postgresql":
            execute(url, f"DROP OWNED BY {account}")
        run(kind, f"DROP USER {account}")


@pytest.fixture
def user(empty_url: URL, kind: str) -> Iterator[URL]:
    """The address for a user without any right on the ledger that is there."""
    execute(empty_url, *cut(creation.script(kind)))
    with new_user(empty_url, kind, f"Some.One-{empty_url.database}"[-60:]) as address:
        yield address


def granted(user: URL, kind: str, role: str) -> list[str]:
    return cut(grants.script(kind, role, str(user.username)))


def run_a_campaign(ledger: Ledger, name: str = "x") -> None:
    """All that a worker does: two attempts, one take-over, one released, one unknown, one resolved, an export."""
    ledger.prepare()
    one = Try(ledger, name)
    first, second, third, _ = one.claim([*people("abcdefgh"), invalid(9)], size=2)
    one.send(first, "b")
    one.mark(second)
    one.mark_unknown(second)
    one.mark(third)
    one.release(third)
    one.send(ledger.renew(one.attempt, third, b"n" * 16))
    one.end()
    assert resolve(ledger, name, as_sent=False, by="ann", only=[second.recipients[0].key]) == 1
    key = first.recipients[0].key
    for result in ("Unknow", "Success"):
        receipt = MessageReceipt(first.id, key, result, "", "", None, None, "")
        ReceiptLedger(ledger).record(one.attempt.campaign_no, receipts_of([receipt]))
    assert resolve(ledger, name, as_sent=True, by="ann") == 1
    assert one.settle(second)  # its answer comes at last
    rerun = Try(ledger, name, vendor=one.vendor)
    late = request_of(people("a"))  # of a claim that found everybody taken
    assert ledger.claim(rerun.attempt, portion_of([late], read_to=1)) == []
    rerun.text([*people("abcdefgh"), invalid(9)])
    assert rerun.counts() == {"accepted": 7, "rejected": 1, "invalid": 1}
    assert ledger.failures(rerun.attempt, 10)
    assert sum(len(portion) for portion in ledger.results(name)) == 9
    with TemporaryDirectory() as folder:
        done = LedgerAdmin(ledger, open_whole_file).export(name, f"{folder}/results.parquet", phones="hashed")
    assert done.rows == 9
    capped = Try(ledger, f"{name}, capped", rules=ContactRules(caps=(Cap(texts=10_000, days=1),)))
    capped.text(people("ab"))
    assert capped.counts() == {"accepted": 2}


def administer(ledger: Ledger) -> None:
    """All that a person does but create and migrate."""
    admin = LedgerAdmin(ledger)
    assert {one.campaign_id for one in admin.list_campaigns(9)} == {"x", "x, capped"}
    assert admin.stop("x", by="ann").changed
    assert admin.resume("x").changed
    assert admin.show("x").counts
    admin.resolve("x", as_sent=True, by="ann")
    assert admin.count_rejected("x").recipients == 1
    assert admin.reopen_rejected("x", reason="fixed", by="ann") == 1
    assert [line.outcome for line in admin.decisions("x")] == ["not sent", "sent", "reopened"]
    assert admin.unknown_requests("x") == ()
    assert admin.suppress_add(["+85255311111"], reason="asked", by="ann").changed == 1
    assert admin.suppress_check("+85255311111") == list(admin.suppress_list().newest)
    assert admin.suppress_remove(["+85255311111"]).changed == 1
    assert admin.forget(people("a")[0].phone).recipients == 2
    assert [one.pruned for one in admin.prune(older_than=timedelta(0), with_unknown=True)] == [True, True]


@ON_SERVERS
def test_a_worker_runs_campaigns_with_its_grants(open_ledger: OpenLedger, user: URL, empty_url: URL, kind: str) -> None:
    """From an empty ledger to the end, and what a person has stopped it cannot let go on."""
    execute(empty_url, *granted(user, kind, "worker"))
    ledger = open_ledger(user)
    run_a_campaign(ledger)
    assert LedgerAdmin(ledger).reopen_rejected("x", reason="fixed", by="a DAG") == 1
    LedgerAdmin(open_ledger(empty_url)).suppress_add(["+85255311112"], reason="asked", by="ann")
    for verb in (
        lambda: LedgerAdmin(ledger).resume("x"),
        lambda: LedgerAdmin(ledger).prune(older_than=timedelta(0), with_unknown=True),
        lambda: LedgerAdmin(ledger).suppress_add(["+85255311111"], reason="asked", by="ann"),
        lambda: LedgerAdmin(ledger).suppress_remove(["+85255311112"]),
        lambda: LedgerAdmin(ledger).migrate(),
    ):
        with pytest.raises(LedgerError, match=r"InsufficientPrivilege|1142|1143|1044|1370"):
            verb()
    assert LedgerAdmin(ledger).list_campaigns(2)[1].pruned_at is None


@ON_SERVERS
def test_a_reader_sees_the_results_and_nothing_behind_them(
    open_ledger: OpenLedger, user: URL, empty_url: URL, kind: str
) -> None:
    """One SELECT is all it has."""
    run_a_campaign(open_ledger(empty_url))
    execute(empty_url, *granted(user, kind, "reader"))
    assert select(user, "SELECT COUNT(*) FROM uspeedo_results") == [(11,)]
    for statement in (
        "SELECT * FROM uspeedo_recipients", "SELECT * FROM uspeedo_campaigns", "DELETE FROM uspeedo_source_rows",
        "UPDATE uspeedo_ledger SET version = 1",
    ):  # fmt: skip
        with pytest.raises(Exception, match=r"denied"):
            select(user, statement)


@ON_SERVERS
def test_an_administrator_does_all_but_create_and_migrate(
    open_ledger: OpenLedger, user: URL, empty_url: URL, kind: str
) -> None:
    """Deleting, too."""
    run_a_campaign(open_ledger(empty_url))
    execute(empty_url, *granted(user, kind, "administrator"))
    ledger = open_ledger(user)
    administer(ledger)
    with pytest.raises(LedgerError, match=r"InsufficientPrivilege|1143"):  # a key that is changed matches no phone
        ledger.database.write(lambda connection: connection.execute(sa.update(ledger.tables.ledger).values(version=9)))
    with pytest.raises(LedgerError, match="needs the rights of the tables' owner"):
        LedgerAdmin(ledger).migrate()


def single_rights(statements: list[str]) -> Iterator[tuple[str, str]]:
    """Each right of these grants alone, and what it is a right on."""
    for statement in statements:
        found = re.fullmatch(r"GRANT (.*?) ON (.*) TO .*", statement)
        assert found
        for right in re.split(r", (?![^(]*\))", found[1]):
            yield right, found[2]


NEEDLESS = ("DELETE", "uspeedo_receipts")
"""What no worker does: a search that does not find it finds nothing."""


@ON_SERVERS
def test_none_of_a_workers_grants_could_be_left_out(
    open_ledger: OpenLedger, user: URL, empty_url: URL, kind: str
) -> None:
    """Each is taken away and given back, and without it something that a worker does fails."""
    # Every user may look into public and make temporary tables.
    enough = [one for one in granted(user, kind, "worker") if one.startswith("GRANT") and "SCHEMA" not in one]
    name = enough[0].rpartition(" TO ")[2]
    rights = [*single_rights(enough), NEEDLESS]
    execute(empty_url, *(f"GRANT {right} ON {what} TO {name}" for right, what in rights))
    # A right that is missing when an answer is recorded is waited for: that would take as long for each of them.
    ledger = open_ledger(user, settle_timeout=0.1)
    needless = []
    for number, (right, what) in enumerate(rights):
        execute(empty_url, f"REVOKE {right} ON {what} FROM {name}")
        ledger.database.engine.dispose()  # MySQL: a session keeps its rights on the whole database
        try:
            run_a_campaign(ledger, f"without {number}")
        except LedgerError as error:
            assert isinstance(error, LedgerRightMissing) or "may not create temporary tables" in str(error)  # noqa: PT017
        else:
            needless.append((right, what.replace("`", "")))
        execute(empty_url, f"GRANT {right} ON {what} TO {name}")
    assert needless == [NEEDLESS]
    run_a_campaign(ledger, "with all of them")


@ON_SERVERS
def test_grants_of_a_ledger_in_a_schema_name_it(empty_url: URL, open_ledger: OpenLedger, kind: str) -> None:
    """``schema.name`` is where the tables are, too; a database is a schema of MySQL."""
    schema = "Texts" if kind == "postgresql" else str(empty_url.database)
    if kind == "postgresql":
        execute(empty_url, 'CREATE SCHEMA "Texts"')
    table = f"{schema}.results"
    execute(empty_url, *cut(creation.script(kind, table)))
    with new_user(empty_url, kind, f"w_{empty_url.database}"[-60:]) as user:
        execute(empty_url, *cut(grants.script(kind, "worker", str(user.username), table)))
        run_a_campaign(open_ledger(user, table))


@pytest.mark.parametrize(
    ("user", "quoted"), [("ann", "'ann'@'%'"), ("ann@10.0.0.%", "'ann'@'10.0.0.%'"), ("o'hara", "'o''hara'@'%'")]
)
def test_accounts_of_mysql_are_quoted(user: str, quoted: str) -> None:
    """With any host, unless one is named."""
    assert grants.script("mysql", "reader", user).replace("`", "") == f"GRANT SELECT ON uspeedo_results TO {quoted};\n"


def test_roles_of_postgresql_are_quoted() -> None:
    """Whatever they are called."""
    assert grants.script("postgresql", "reader", 'a"b').endswith('TO "a""b";\n')


@pytest.mark.parametrize("user", ["", "a\nb", "a\\b", "ann@x'y", "ann@"])
def test_what_is_no_user_is_refused(user: str) -> None:
    """It does not reach any SQL."""
    with pytest.raises(ConfigurationError, match="user must be"):
        grants.script("mysql", "reader", user)


def test_there_are_three_roles_and_two_kinds_of_servers() -> None:
    """SQLite has no users: the file's rights decide."""
    with pytest.raises(ConfigurationError, match="worker, reader, administrator"):
        grants.script("mysql", "owner", "ann")
    with pytest.raises(ConfigurationError, match="owner and mode"):
        grants.script("sqlite", "worker", "ann")
