# SPDX-License-Identifier: Apache-2.0
"""A ledger of an older version becomes one of this version: its results stay, and no recipient is texted twice."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from airflow_provider_uspeedo.errors import ConfigurationError, LedgerError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results import creation
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS
from airflow_provider_uspeedo.ledger.store.records import utc_now
from airflow_provider_uspeedo.ledger.store.version import Migration
from tests.ledger.acting import SPEC, OpenLedger, Try, invalid, key_of, people, person
from tests.ledger.killing import dies_at
from tests.ledger.processes import at_once
from tests.ledger.servers import plain_connection, select

HERE = Path(__file__).parent
VERSIONS = [1, 3]
only_1 = pytest.mark.parametrize("version", [1], indirect=True)
only_3 = pytest.mark.parametrize("version", [3], indirect=True)


@pytest.fixture(params=VERSIONS, ids=lambda version: f"version{version}")
def version(request: pytest.FixtureRequest) -> int:
    """The version that made the ledger."""
    return int(request.param)


@pytest.fixture
def old_url(empty_url: URL, kind: str, version: int) -> URL:
    """The address of a ledger as that version left it."""
    connection = plain_connection(empty_url)
    cursor = connection.cursor()
    if kind == "mysql":
        cursor.execute("SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')")
    old = HERE / f"version_{version}"
    rows = (old / "rows.sql").read_text()
    if kind == "postgresql":
        rows = re.sub(r"X'([0-9A-F]+)'", r"'\\x\1'", rows)
    tables = (old / f"{kind}.sql").read_text()
    for statement in re.sub("^--.*$", "", tables + rows, flags=re.MULTILINE).split(";\n"):
        if statement.strip():
            cursor.execute(statement)
    connection.commit()
    connection.close()
    return empty_url


def test_a_ledger_of_an_older_version_is_refused_with_the_command_to_type(
    open_ledger: OpenLedger, old_url: URL, version: int
) -> None:
    """Before anything is sent."""
    ledger = open_ledger(old_url)
    for way_in in (ledger.prepare, ledger.exists, lambda: ledger.peek("invoices", SPEC)):
        with pytest.raises(LedgerError, match=rf"has version {version}; this .* version 4.*airflow-uspeedo migrate"):
            way_in()


@only_1
def test_whom_version_1_texted_is_not_texted_again(open_ledger: OpenLedger, old_url: URL) -> None:
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


STEPS = {
    1: (
        "ADD COLUMN stopped_at", "ADD COLUMN pruned_counts", "ADD COLUMN slice_no", "ADD COLUMN slice_count",
        "ADD COLUMN fingerprint",
        "CREATE INDEX uspeedo_attempts_of_part", "DROP INDEX uspeedo_attempts", "DROP INDEX uspeedo_recipients",
        " VIEW ", "UPDATE uspeedo_ledger",
    ),
    3: (
        "CREATE TABLE uspeedo_source_rows", "INTO uspeedo_source_rows", "UPDATE uspeedo_attempts", " VIEW ",
        "DROP COLUMN reached", "DROP TABLE uspeedo_readings", "UPDATE uspeedo_ledger",
    ),
}  # fmt: skip


def migrate_it(keeper: LedgerAdmin) -> None:
    keeper.migrate()


@only_1
@pytest.mark.parametrize("step", STEPS[1])
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


def test_what_somebody_built_on_the_results_stays(open_ledger: OpenLedger, old_url: URL, kind: str) -> None:
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
    statements = [
        one for one in (HERE / "version_1" / f"{kind}.sql").read_text().split(";\n") if "TABLE uspeedo_campaigns" in one
    ]
    connection = plain_connection(empty_url)
    connection.cursor().execute(re.sub("^--.*$", "", statements[0], flags=re.MULTILINE))
    connection.commit()
    connection.close()
    ledger = open_ledger(empty_url)
    ledger.prepare()
    Try(ledger, "x").text(people("ab"))
    assert LedgerAdmin(ledger).stop("x", by="ann").changed


# -- what a ledger of an older version says ----------------------------------------------------------------------

TEXTED_OR_UNKNOWN = {
    "invoices": "abcdefi", "newsletters": "klm", "reminders": "nop", "notices": "qst", "alerts": "uv",
}  # fmt: skip
"""Of version 3, by campaign: recipients that were accepted, rejected or may have been."""
LEFT = {"invoices": "ghj", "newsletters": "", "reminders": "", "notices": "r", "alerts": "wx"}
"""The others."""


def results(url: URL) -> list[tuple[object, ...]]:
    """All rows of the results relation, with two differences between versions evened out.

    Older versions said "try" in a reason, and version 1 made an empty text of a missing key on SQLite.
    """
    columns = ", ".join(f"`{name}`" if url.get_backend_name() == "mysql" else f'"{name}"' for name in COLUMNS)
    rows = select(url, f"SELECT {columns} FROM uspeedo_results")
    old, new = "not read by the latest try", "not read by the latest attempt"
    key = COLUMNS.index("recipient_key")
    evened = (
        (*row[:key], row[key] or None, *(new if value == old else value for value in row[key + 1 :])) for row in rows
    )
    return sorted(evened, key=repr)


def test_the_results_of_every_campaign_stay(open_ledger: OpenLedger, old_url: URL) -> None:
    """Row by row, in the view and in what is counted of them."""
    before = results(old_url)
    ledger = open_ledger(old_url)
    LedgerAdmin(ledger).migrate()
    assert results(old_url) == before
    for campaign in {str(row[0]) for row in before}:
        counted = Counter(row[COLUMNS.index("status")] for row in before if row[0] == campaign and row[1] is not None)
        assert LedgerAdmin(ledger).show(campaign).counts == counted


@only_3
@pytest.mark.parametrize("campaign", TEXTED_OR_UNKNOWN)
def test_a_recipient_of_version_3_is_texted_once(open_ledger: OpenLedger, old_url: URL, campaign: str) -> None:
    """What was accepted, rejected or unknown is left alone; what was only claimed or re-opened is sent."""
    ledger = open_ledger(old_url)
    LedgerAdmin(ledger).migrate()
    rerun = Try(ledger, campaign)
    rerun.text([*people(TEXTED_OR_UNKNOWN[campaign] + LEFT[campaign]), person("new", 20), invalid(21)])
    rerun.vendor.assert_texted(*LEFT[campaign], "new")
    rerun.counts()


@only_3
@pytest.mark.parametrize("step", STEPS[3])
def test_migrating_version_3_goes_on_where_it_was_killed(open_ledger: OpenLedger, old_url: URL, step: str) -> None:
    """The results are those of before, and what is no longer needed is gone."""
    before = results(old_url)
    assert dies_at(step, migrate_it, old_url)
    again = open_ledger(old_url)
    assert LedgerAdmin(again).migrate() == Migration(3, 4)
    assert results(old_url) == before
    assert not has_readings(again)


def has_readings(ledger: Ledger) -> bool:
    def look(connection: Connection) -> bool:
        inspector = sa.inspect(connection)
        columns = {column["name"] for column in inspector.get_columns("uspeedo_attempts")}
        return "reached" in columns or inspector.has_table("uspeedo_readings")

    return ledger.database.read(look)


@only_3
def test_nothing_is_left_of_the_readings_of_version_3(open_ledger: OpenLedger, old_url: URL) -> None:
    """Neither their table nor how far an attempt had come in it."""
    ledger = open_ledger(old_url)
    LedgerAdmin(ledger).migrate()
    assert not has_readings(ledger)


@only_3
def test_a_running_attempt_of_version_3_settles_what_it_has_sent(open_ledger: OpenLedger, old_url: URL) -> None:
    """With the statements of that version, on the tables of this one."""
    ledger = open_ledger(old_url)
    LedgerAdmin(ledger).migrate()
    number, (request,) = running_attempt(ledger)
    settle = sa.text(
        "UPDATE uspeedo_requests SET state='settled', settled_at=:at, session_no='S1', ret_code=0, request_id='V1', "
        "reason=NULL WHERE id = :id AND attempt_no = :number AND state = 'sending'"
    )
    quoted = "`key`" if ledger.database.dialect.name in ("mysql", "mariadb") else "key"
    refuse = sa.text(
        f"INSERT INTO uspeedo_outcomes (request_id, {quoted}, status, reason) VALUES (:id, :key, 'rejected', 'no')"
    )

    def settle_it(connection: Connection) -> int:
        connection.execute(refuse, {"id": request, "key": key_of("v")})
        return connection.execute(settle, {"id": request, "number": number, "at": utc_now()}).rowcount

    assert ledger.database.write(settle_it) == 1
    rerun = Try(ledger, "alerts")
    rerun.text(people("uvwx"))
    rerun.vendor.assert_texted(*"wx")
    assert rerun.counts() == {"accepted": 3, "rejected": 1}


def running_attempt(ledger: Ledger) -> tuple[int, list[bytes]]:
    """Its number, and the requests that it has sent."""
    a, q, c = ledger.tables.attempts.c, ledger.tables.requests.c, ledger.tables.campaigns.c
    query = sa.select(a.attempt_no, q.id).where(
        c.name == "alerts", a.campaign_no == c.campaign_no, q.attempt_no == a.attempt_no, q.state == "sending"
    )
    rows = ledger.database.read(lambda connection: connection.execute(query).all())
    return rows[0][0], [bytes(row[1]) for row in rows]


def test_the_keys_of_version_1_are_the_keys_of_today() -> None:
    """Else everybody would be texted again, and the rows above would prove nothing."""
    assert f"X'{key_of('a').hex().upper()}'" in (HERE / "version_1" / "rows.sql").read_text()


def test_the_printed_ddl_names_its_version() -> None:
    """The script and the package agree."""
    assert "VALUES (4)" in creation.script("sqlite")
