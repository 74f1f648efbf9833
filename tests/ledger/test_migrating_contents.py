# SPDX-License-Identifier: Apache-2.0
"""What a ledger of an older version says stays so when it is migrated, and no recipient is texted twice."""

from __future__ import annotations

from collections import Counter

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS
from airflow_provider_uspeedo.ledger.store.records import utc_now
from airflow_provider_uspeedo.ledger.store.version import Migration
from tests.ledger.acting import OpenLedger, Try, invalid, key_of, people, person
from tests.ledger.killing import dies_at
from tests.ledger.old_ledgers import only_3
from tests.ledger.servers import select

STEPS = (
    "CREATE TABLE uspeedo_source_rows", "INTO uspeedo_source_rows", "UPDATE uspeedo_attempts", " VIEW ",
    "DROP COLUMN reached", "DROP TABLE uspeedo_readings", "UPDATE uspeedo_ledger",
)  # fmt: skip
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


def migrate_it(keeper: LedgerAdmin) -> None:
    keeper.migrate()


@only_3
@pytest.mark.parametrize("step", STEPS)
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
