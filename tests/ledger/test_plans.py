# SPDX-License-Identifier: Apache-2.0
"""No statement on one campaign reads the recipients or source rows of all campaigns, however large the ledger is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules
from airflow_provider_uspeedo.ledger.admin.campaign_pages import CampaignPages
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.docs.pages import DOCS, code
from tests.ledger.acting import SPEC, Try, people
from tests.ledger.plans import CAMPAIGNS, complaints, planned, rows_read, whole_campaigns, write_history
from tests.ledger.servers import SERVERS, empty_database, plain_connection, select
from tests.ledger.verbs import VERBS, text_again, text_once

RECIPIENTS = {"sqlite": 1_000, "postgresql": 10_000, "mysql": 10_000}
"""Of each old campaign. SQLite plans without knowing how many there are."""
NAME = "invoices 2026-11-22"
"""The name in the documents' examples."""
HEADINGS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL and MariaDB"}
LARGE_TABLES = ("campaigns", "attempts", "requests", "recipients", "source_rows", "outcomes", "receipts", "contacts")


# Making one takes long: with --dist loadgroup each is made in one process.
@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("new", "analysed")]
)
def large(kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """The address of a ledger with a history, and one campaign of each shape that the package makes."""
    with empty_database(kind, tmp_path_factory.mktemp("large")) as url:
        ledger = Ledger(open_engine(url))
        ledger.prepare()
        run(url, lambda cursor: write_history(kind, cursor, RECIPIENTS[kind]))
        text_once(ledger, "once")
        text_once(ledger, NAME)
        text_again(ledger, NAME)
        ledger.close()
        if request.param == "analysed":
            word = "ANALYZE TABLE" if kind == "mysql" else "ANALYZE"
            for table in LARGE_TABLES:
                run(url, lambda cursor, table=table: cursor.execute(f"{word} uspeedo_{table}"))
        yield url


@pytest.fixture
def ledger(large: URL) -> Iterator[Ledger]:
    """That ledger, opened for one test."""
    opened = Ledger(open_engine(large))
    yield opened
    opened.close()


def run(url: URL, work: Callable[..., object]) -> None:
    connection = plain_connection(url)
    try:
        cursor = connection.cursor()
        work(cursor)
        connection.commit()
    finally:
        connection.close()


@pytest.mark.parametrize("campaign", ["once", NAME])
@pytest.mark.parametrize("verb", VERBS)
def test_what_the_package_asks_reads_only_its_campaign(kind: str, ledger: Ledger, verb: str, campaign: str) -> None:
    """Each statement that it runs finds recipients and source rows by an index."""
    ledger.open_attempt(campaign, SPEC)
    with planned(kind, ledger.database.engine) as plans:
        VERBS[verb](ledger, campaign)
    assert {statement: found for statement, found in plans.items() if found} == {}


READ_A_WHOLE_CAMPAIGN = {
    "tally and failures", "results", "unknown results", "show", "export", "prune",  # that is what they are for
    "page",  # counts in the background; the rows that it shows have a test of their own
    "late answers",  # the end of a notification counts its recipients
    "list of phones",  # each recipient may be meant
}  # fmt: skip


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("campaign", ["once", NAME])
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in READ_A_WHOLE_CAMPAIGN])
def test_what_is_about_some_recipients_does_not_read_all_of_the_campaign(
    kind: str, ledger: Ledger, verb: str, campaign: str
) -> None:
    """SQLite, which knows no sizes, begins a join with them if it is left to choose: a million, to find twenty."""
    with planned(kind, ledger.database.engine, whole_campaigns) as plans:
        VERBS[verb](ledger, campaign)
    assert {statement: found for statement, found in plans.items() if found} == {}


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_counts_a_campaign_reads_all_of_it(kind: str, ledger: Ledger) -> None:
    """So the test above would see it."""
    with planned(kind, ledger.database.engine, whole_campaigns) as plans:
        VERBS["show"](ledger, NAME)
    assert any(plans.values())


def test_a_mark_finds_the_contacts_of_its_phones_in_a_new_ledger(kind: str, tmp_path: Path) -> None:
    """Of a whole request, and while the server knows nothing of the table: it must not take the keys for all rows."""
    with empty_database(kind, tmp_path) as url, closing(Ledger(open_engine(url))) as ledger:
        ledger.prepare()
        uncapped = Try(ledger, "old")
        for request in uncapped.claim(people([f"old {number}" for number in range(5_000)])):
            uncapped.mark(request)
        attempt = Try(ledger, "new", rules=ContactRules(caps=(Cap(1, 7),)))
        requests = attempt.claim(people([f"new {number}" for number in range(5_000)]))
        attempt.mark(requests[0])  # which records the contacts of what was marked before
        with planned(kind, ledger.database.engine) as plans:
            assert len(attempt.marked(requests[-1]).recipients) == 1_000
    assert any("uspeedo_contacts" in statement for statement in plans)
    assert {statement: found for statement, found in plans.items() if found} == {}


NOT_OF_A_CAMPAIGN = {
    "absence", "close", "ddl", "grants",  # they read no row
    "prepare", "migrate",  # they make the tables
    "forget",  # looks for a phone wherever it may be
    "record_contacts",  # by other verbs
}  # fmt: skip
PUBLIC = (Ledger, LedgerAdmin, CampaignPages, ReceiptLedger)


def test_the_verbs_are_all_that_can_be_asked_of_a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new method is added to them. On a ledger of its own, which they leave as no other test expects it."""
    called: set[str] = set()
    there: set[str] = set()

    def noted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def note(*given: Any, **named: Any) -> Any:
            called.add(name)
            return method(*given, **named)

        return note

    for owner in PUBLIC:
        for name in {name for name in dir(owner) if not name.startswith("_") and callable(getattr(owner, name))}:
            there.add(name)
            if name not in NOT_OF_A_CAMPAIGN:
                monkeypatch.setattr(owner, name, noted(name, getattr(owner, name)))
    with empty_database("sqlite", tmp_path) as url, closing(Ledger(open_engine(url))) as ledger:
        ledger.prepare()
        text_once(ledger, NAME)
        text_again(ledger, NAME)
        for verb in VERBS.values():
            verb(ledger, NAME)
    assert there - called == NOT_OF_A_CAMPAIGN


def documented(kind: str) -> list[str]:
    """Every query that the documents show for this kind of database."""
    headings = {"On every database", HEADINGS[kind]}
    pieces = [piece for piece in code("sql", [DOCS / "results.md"]) if piece.heading in headings]
    pieces += code("sql", [DOCS.parent / "README.md", DOCS / "runbook.md"])
    return [query for piece in pieces for query in piece.text.split(";") if query.strip()]


def test_what_the_documents_ask_reads_only_the_campaigns_that_it_names(kind: str, large: URL) -> None:
    """Through the view, in a session of a person's own with no setting of the package."""
    found: dict[str, list[str]] = {}

    def explain_all(cursor: object) -> None:
        for query in documented(kind):
            found[query] = complaints(kind, cursor, query)

    run(large, explain_all)
    assert len(found) > 14
    assert {query: complaint for query, complaint in found.items() if complaint} == {}


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_what_the_documents_ask_costs_what_its_campaign_costs(kind: str, large: URL) -> None:
    """A plan may name an index and go through all campaigns by it: what counts is how many rows were read."""
    found: dict[str, int] = {}

    def run_all(cursor: object) -> None:
        for query in documented(kind):
            found[query] = rows_read(kind, cursor, query)

    run(large, run_all)
    history = CAMPAIGNS * RECIPIENTS[kind]
    # A half: MariaDB counts what it reads of its own temporary tables, too, and makes more of them at times.
    assert {query: rows for query, rows in found.items() if rows > history / 2} == {}


def test_the_query_for_what_waits_counts_what_the_results_call_unknown(kind: str, large: URL) -> None:
    """It reads the tables instead of the view, and says the same."""
    (query,) = (text for text in documented(kind) if "u.people" in text)
    of_view = (
        "SELECT campaign_id, count(DISTINCT recipient_key), min(claimed_at) FROM uspeedo_results "
        "WHERE status = 'unknown' GROUP BY campaign_id"
    )
    assert sorted(select(large, query)) == sorted(select(large, of_view))
