# SPDX-License-Identifier: Apache-2.0
"""A ledger of an older version becomes one of this version, by one command that may be killed and repeated."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from airflow_provider_uspeedo.errors import ConfigurationError, LedgerError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results import creation
from airflow_provider_uspeedo.ledger.store.version import Migration
from tests.ledger.acting import SPEC, OpenLedger, Try, invalid, key_of, people
from tests.ledger.killing import dies_at
from tests.ledger.old_ledgers import only_1, rows_of, tables_of
from tests.ledger.processes import at_once
from tests.ledger.servers import plain_connection, select


def test_a_ledger_of_an_older_version_is_refused_with_the_command_to_type(
    open_ledger: OpenLedger, old_url: URL, version: int
) -> None:
    """Before anything is sent."""
    ledger = open_ledger(old_url)
    for way_in in (ledger.prepare, ledger.exists, lambda: ledger.peek("invoices", SPEC)):
        with pytest.raises(LedgerError, match=rf"has version {version}; this .* version 4.*airflow-uspeedo migrate"):
            way_in()


@only_1
def test_recipients_that_version_1_texted_are_not_texted_again(open_ledger: OpenLedger, old_url: URL) -> None:
    """What it had only claimed is sent, what it had left unknown stays so, and new people are texted."""
    ledger = open_ledger(old_url)
    assert LedgerAdmin(ledger).migrate() == Migration(1, 4)
    ledger.prepare()
    shown = LedgerAdmin(ledger).show("invoices")
    assert shown.counts == {"accepted": 1, "rejected": 1, "invalid": 1, "unknown": 2, "not_sent": 2}
    assert [(line.slice_no, line.slice_count) for line in shown.attempts] == [(1, 1)]
    rerun = Try(ledger, "invoices")
    rerun.text([*people("abcdef"), invalid(7), *people("g", 8)])
    rerun.vendor.assert_texted(*"efg")
    assert rerun.counts() == {"accepted": 4, "rejected": 1, "unknown": 2, "invalid": 1}
    assert len(select(old_url, "SELECT * FROM uspeedo_results WHERE campaign_id = 'invoices'")) == 8
    keeper = LedgerAdmin(ledger)
    assert keeper.stop("newsletters", by="ann").changed
    assert [line.campaign_id for line in keeper.list_campaigns(9)] == ["newsletters", "invoices"]


def test_a_migrated_ledger_is_like_a_new_one(open_ledger: OpenLedger, old_url: URL) -> None:
    """Every column is there, of the same type, and every index, as if it had been created by this version."""
    ledger = open_ledger(old_url)
    LedgerAdmin(ledger).migrate()

    def pieces(connection: Connection) -> list[tuple[object, ...]]:
        inspector = sa.inspect(connection)
        names = [table.name for table in ledger.tables.metadata.sorted_tables]
        return [
            (
                name,
                sorted((one["name"], str(one["type"]), one["nullable"]) for one in inspector.get_columns(name)),
                sorted((one["name"], one["column_names"]) for one in inspector.get_indexes(name)),
            )
            for name in names
        ]

    migrated = ledger.database.read(pieces)
    ledger.database.write(lambda c: c.exec_driver_sql("DROP VIEW uspeedo_results"))
    ledger.database.write(ledger.tables.metadata.drop_all)
    ledger.prepare()
    assert migrated == ledger.database.read(pieces)


def test_migrating_again_changes_nothing(open_ledger: OpenLedger, old_url: URL, version: int) -> None:
    """It says that the version was the newest already."""
    keeper = LedgerAdmin(open_ledger(old_url))
    assert [keeper.migrate() for _ in range(2)] == [Migration(version, 4), Migration(4, 4)]


def test_the_results_relation_is_created_where_there_is_none(open_ledger: OpenLedger, old_url: URL) -> None:
    """It is said, once: whoever mistyped its name should hear of it."""
    LedgerAdmin(open_ledger(old_url)).migrate()
    other = open_ledger(old_url, "other_results")
    assert [LedgerAdmin(other).migrate().created_results for _ in range(2)] == [True, False]
    assert len(select(old_url, "SELECT * FROM other_results")) == len(select(old_url, "SELECT * FROM uspeedo_results"))


STEPS = (
    "ADD COLUMN stopped_at", "ADD COLUMN pruned_counts", "ADD COLUMN slice_no", "ADD COLUMN slice_count",
    "ADD COLUMN fingerprint",
    "CREATE INDEX uspeedo_attempts_of_part", "DROP INDEX uspeedo_attempts", "DROP INDEX uspeedo_recipients",
    " VIEW ", "UPDATE uspeedo_ledger",
)  # fmt: skip


def migrate_it(keeper: LedgerAdmin) -> None:
    keeper.migrate()


@only_1
@pytest.mark.parametrize("step", STEPS)
def test_migrating_goes_on_where_it_was_killed(open_ledger: OpenLedger, old_url: URL, step: str) -> None:
    """MySQL commits at every step: what is there already is not added again."""
    assert dies_at(step, migrate_it, old_url)
    again = open_ledger(old_url)
    with pytest.raises(LedgerError, match="version 1"):
        again.prepare()
    assert LedgerAdmin(again).migrate() == Migration(1, 4)
    rerun = Try(again, "invoices")
    rerun.text(people("abcdef"))
    rerun.vendor.assert_texted(*"ef")


@only_1
def test_a_try_of_version_1_goes_on_while_the_ledger_is_migrated(open_ledger: OpenLedger, old_url: URL) -> None:
    """It writes the columns that it knows, and the database fills the others."""
    ledger = open_ledger(old_url)
    LedgerAdmin(ledger).migrate()
    old = "INSERT INTO uspeedo_attempts (uuid, campaign_no, part, name, read_to, started_at) VALUES ({})"
    uuid = "'\\x{}'" if old_url.get_backend_name() == "postgresql" else "X'{}'"
    values = f"{uuid.format('01' * 16)}, 1, {uuid.format('02' * 16)}, 'old', 0, '2026-11-22 12:00:00'"
    ledger.database.write(lambda c: c.exec_driver_sql(old.format(values)))
    assert LedgerAdmin(ledger).show("invoices").attempts[-1].slice_count == 1


def migrate(_number: int, url: str, barrier: object) -> Migration:
    from airflow_provider_uspeedo.ledger.store.engine import open_engine

    ledger = Ledger(open_engine(url))
    barrier.wait(30)  # type: ignore[attr-defined]
    return LedgerAdmin(ledger).migrate()


def test_several_may_migrate_at_once(open_ledger: OpenLedger, old_url: URL) -> None:
    """One does it, the others wait and find it done."""
    assert {done.now for done in at_once(4, migrate, old_url)} == {4}
    assert open_ledger(old_url).exists()


def test_what_others_built_on_the_results_stays(open_ledger: OpenLedger, old_url: URL, kind: str) -> None:
    """A view on the results relation is no reason not to migrate, and is there afterwards."""
    connection = plain_connection(old_url)
    connection.cursor().execute("CREATE VIEW mine AS SELECT phone FROM uspeedo_results WHERE status = 'accepted'")
    connection.commit()
    connection.close()
    before = len(select(old_url, "SELECT * FROM mine"))
    LedgerAdmin(open_ledger(old_url)).migrate()
    assert len(select(old_url, "SELECT * FROM mine")) == before > 0


def test_there_must_be_a_ledger_to_migrate(open_ledger: OpenLedger, empty_url: URL) -> None:
    """Nothing is created, not even an empty file."""
    ledger = open_ledger(empty_url)
    with pytest.raises(ConfigurationError, match="There is no ledger"):
        LedgerAdmin(ledger).migrate()
    assert ledger.database.file is None or not ledger.database.file.exists()


def test_a_ledger_of_a_newer_package_is_not_migrated(open_ledger: OpenLedger, empty_url: URL) -> None:
    """Never backwards."""
    ledger = open_ledger(empty_url)
    ledger.prepare()
    ledger.database.write(lambda c: c.execute(sa.update(ledger.tables.ledger).values(version=5)))
    with pytest.raises(LedgerError, match=r"version 5; this package works with version 4.*newer"):
        LedgerAdmin(ledger).migrate()


def test_tables_that_version_1_left_half_made_are_completed(open_ledger: OpenLedger, empty_url: URL, kind: str) -> None:
    """It died on MySQL before it had noted its version: what it had made lacks what came later."""
    statements = [one for one in tables_of(1, kind).split(";\n") if "TABLE uspeedo_campaigns" in one]
    connection = plain_connection(empty_url)
    connection.cursor().execute(re.sub("^--.*$", "", statements[0], flags=re.MULTILINE))
    connection.commit()
    connection.close()
    ledger = open_ledger(empty_url)
    ledger.prepare()
    Try(ledger, "x").text(people("ab"))
    assert LedgerAdmin(ledger).stop("x", by="ann").changed


def test_the_keys_of_older_versions_are_the_keys_of_today(version: int) -> None:
    """Else everybody would be texted again, and the rows above would prove nothing."""
    assert f"X'{key_of('a').hex().upper()}'" in rows_of(version)


def test_the_printed_ddl_names_its_version() -> None:
    """The script and the package agree."""
    assert "VALUES (4, x'" in creation.script("sqlite")


def test_each_printed_ddl_makes_a_key_of_its_own() -> None:
    """A key that everybody could read in the documents would be none."""
    assert creation.script("sqlite") != creation.script("sqlite")


def made_before_there_was_a_policy(url: URL) -> None:
    """What version 4 was before its release."""
    connection = plain_connection(url)
    cursor = connection.cursor()
    on = " ON uspeedo_requests" if url.get_backend_name() == "mysql" else ""
    for statement in (
        "DROP TABLE uspeedo_suppressed",
        "DROP TABLE uspeedo_contacts",
        f"DROP INDEX uspeedo_requests_unrecorded{on}",
        "ALTER TABLE uspeedo_requests DROP COLUMN contacts",
        *(f"ALTER TABLE uspeedo_ledger DROP COLUMN {name}" for name in ("phone_key", "suppressions", "cap_days")),
    ):
        cursor.execute(statement)
    connection.commit()
    connection.close()


def test_a_ledger_without_tables_for_a_policy_is_refused_until_it_is_migrated(
    open_ledger: OpenLedger, empty_url: URL
) -> None:
    """Its key is random, and a second migration leaves it."""
    prepared = open_ledger(empty_url)
    prepared.prepare()
    Try(prepared, "invoices").text(people("ab"))
    prepared.close()
    made_before_there_was_a_policy(empty_url)
    ledger = open_ledger(empty_url)
    for way_in in (ledger.prepare, ledger.exists, lambda: ledger.peek("invoices", SPEC)):
        with pytest.raises(LedgerError, match=r"before there was a contact policy.*airflow-uspeedo migrate"):
            way_in()
    assert LedgerAdmin(ledger).migrate() == Migration(4, 4)
    keys = select(empty_url, "SELECT phone_key, suppressions, cap_days FROM uspeedo_ledger")
    assert [(len(key), *rest) for key, *rest in keys] == [(32, 0, None)]
    LedgerAdmin(ledger).migrate()
    assert select(empty_url, "SELECT phone_key, suppressions, cap_days FROM uspeedo_ledger") == keys
    ledger.prepare()
    rerun = Try(ledger, "invoices")
    rerun.text(people("abc"))
    rerun.vendor.assert_texted("c")
