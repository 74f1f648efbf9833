# SPDX-License-Identifier: Apache-2.0
"""No statement on one campaign reads the recipients or source rows of all campaigns, however large the ledger is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules
from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.ledger.admin.campaign_pages import CampaignPages
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.admin.row_records import RowFilter, RowPlace
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.store.records import new_id
from airflow_provider_uspeedo.ledger.store.staged_receipts import MessageReceipt
from tests.docs.pages import DOCS, code
from tests.ledger.acting import SPEC, Try, duplicate, invalid, people, receipts_of
from tests.ledger.plans import CAMPAIGNS, complaints, planned, rows_read, write_history
from tests.ledger.servers import SERVERS, empty_database, plain_connection, select
from tests.ledger.test_policy import suppress

RECIPIENTS = {"sqlite": 1_000, "postgresql": 10_000, "mysql": 10_000}
"""Of each old campaign. SQLite plans without knowing how many there are."""
NAME = "invoices 2026-11-22"
"""The name in the documents' examples."""
PEOPLE = [f"p{number}" for number in range(1_000)]
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


def text_once(ledger: Ledger, campaign: str) -> None:
    """One attempt that read its table to the end: accepted, rejected, unknown, invalid and duplicate rows."""
    attempt = Try(ledger, campaign)
    bad = [invalid(5_000), invalid(5_001), duplicate(5_002, 1, PEOPLE[0])]
    requests = attempt.claim([*people(PEOPLE), *bad], size=100)
    attempt.send(requests[0], PEOPLE[3], PEOPLE[4])
    attempt.mark(requests[1])
    attempt.mark_unknown(requests[1])
    for one in requests[2:]:
        attempt.send(one)
    attempt.end()


def text_again(ledger: Ledger, campaign: str) -> None:
    """A second attempt that died half-way, with new recipients that it had only claimed."""
    attempt = Try(ledger, campaign)
    attempt.claim(people([*PEOPLE[:300], *(f"new {number}" for number in range(100))]), size=50)


def attempt_at(ledger: Ledger, campaign: str, number: int = 0) -> Try:
    """A new attempt at a campaign, or one that is there."""
    attempt = Try(ledger, campaign)
    if number:
        attempt.attempt = type(attempt.attempt)(attempt.attempt.campaign_no, campaign, number=number, first=False)
    return attempt


def attempts_of(url: URL, campaign: str) -> list[int]:
    query = (
        "SELECT a.attempt_no FROM uspeedo_attempts a JOIN uspeedo_campaigns c ON c.campaign_no = a.campaign_no "
        f"WHERE c.name = '{campaign}' ORDER BY a.attempt_no"
    )
    return [number for (number,) in select(url, query)]


def claims_more(ledger: Ledger, campaign: str) -> None:
    attempt = Try(ledger, campaign)
    names = [*PEOPLE[:500], *(f"new {number}" for number in range(200))]
    rows = people(names)
    ledger.unavailable(attempt.attempt, RecipientBatch.of(rows))
    requests = attempt.claim([*rows, invalid(6_000, PEOPLE[7]), duplicate(6_001, 1, PEOPLE[0])], size=50)
    attempt.mark(requests[0])
    attempt.release(requests[0])
    ledger.renew(attempt.attempt, requests[0], new_id())
    attempt.end()


def counts_each_attempt(ledger: Ledger, campaign: str) -> None:
    for number in attempts_of(ledger.database.engine.url, campaign):
        attempt = attempt_at(ledger, campaign, number).attempt
        ledger.tally(attempt)
        ledger.failures(attempt, 20)
        ledger.not_sent_by_rule(attempt, ("hours", "not after"))
        ledger.requests_sent(attempt)


def judges_by_a_policy(ledger: Ledger, campaign: str) -> None:
    """Claims and marks under a cap and a list; people of the history, whose contacts must be recorded, among them."""
    suppress(ledger, "new 3")
    uncapped = Try(ledger, campaign)
    (old,) = uncapped.claim(people([f"uncapped {number}" for number in range(50)]), size=50)
    uncapped.mark(old)
    attempt = Try(ledger, campaign, rules=ContactRules(caps=(Cap(1, 7), Cap(3, 30))))
    requests = attempt.claim(people([f"new {number}" for number in range(300)]), size=100)
    suppress(ledger, "new 5")
    for request in requests:
        attempt.mark(request)
    suppress(ledger, "new 3", "new 5", listed=False)
    forget_caps(ledger)


def forget_caps(ledger: Ledger) -> None:
    """As if no cap had ever been asked for."""
    q = ledger.tables.requests
    ledger.database.write(lambda connection: connection.execute(ledger.tables.ledger.update().values(cap_days=None)))
    ledger.database.write(lambda c: c.execute(q.update().where(q.c.contacts == 1).values(contacts=None)))


def shares_rows(ledger: Ledger, campaign: str) -> None:
    attempt = Try(ledger, campaign)
    found = ledger.complete_reading(attempt.attempt)
    number = found.attempt_no if found else attempts_of(ledger.database.engine.url, campaign)[0]
    ledger.share_reading(attempt.attempt, number)


def collects_receipts(ledger: Ledger, campaign: str) -> None:
    receipts = ReceiptLedger(ledger)
    requests = receipts.sent_requests(campaign, None)
    receipts.standings(requests)
    receipts.reopened(requests)
    members = receipts.members(requests)
    assert members
    number = requests[0].campaign_no
    for result in ("Unknow", "Success"):
        given = [MessageReceipt(one.request_id, one.key, result, "", "", None, 1, "accepted") for one in members]
        receipts.record(number, receipts_of(given))
    list(receipts.reasons(requests))
    receipts.contradicted(requests)
    receipts.not_to_be_asked(number)


def shows_pages(ledger: Ledger, campaign: str) -> None:
    """What the web page asks: a list, one campaign, its requests, its rows by each status and by request."""
    pages = CampaignPages(ledger)
    pages.campaigns(25)
    found = pages.find(campaign_hash(campaign))
    assert found is not None
    number = found.number
    pages.facts(number)
    requests = pages.requests(number, 20)
    pages.requests(number, 20, before=(requests[-1].attempt_no, bytes.fromhex(requests[-1].id)), state="settled")
    which = [RowFilter(status=status) for status in ("", *STATUSES)]
    which += [RowFilter(request_id=bytes.fromhex(requests[0].id)), RowFilter(phones=("(852)55311111",), user_id="u")]
    for one in which:
        place: RowPlace | None = RowPlace()
        for _ in range(3):
            place = pages.rows(number, place, 50, one).next_place if place else None
    pages.count(number)


def decides_on_one_request(ledger: Ledger, campaign: str) -> None:
    """The oldest one of an attempt of its own."""
    attempt, admin = Try(ledger, campaign), LedgerAdmin(ledger)
    for request in attempt.claim(people([f"lost {new_id().hex()} {number}" for number in range(20)]), size=10):
        attempt.mark(request)
        attempt.mark_unknown(request)
    first = admin.unknown_requests(campaign)[0].id
    assert admin.find_request(campaign, first[:31]) == first
    assert admin.resolve(
        campaign,
        as_sent=True,
        by="ann",
        request=first,
        expected=admin.count_unknown(campaign, request=first).recipients,
        in_flight=True,
    )


def reopens(ledger: Ledger, campaign: str) -> None:
    """Some of an attempt of its own among them; then again, with the receipts of what it has left."""
    attempt, admin = Try(ledger, campaign), LedgerAdmin(ledger)
    names = [f"rejected {new_id().hex()} {number}" for number in range(20)]
    requests = attempt.claim(people(names), size=10)
    for request in requests:
        attempt.send(request, *names)
    number = admin.count_rejected(campaign).recipients
    assert admin.reopen_rejected(campaign, reason="fixed", by="ann", expected=number) == number >= len(names)
    given = [MessageReceipt(requests[0].id, requests[0].recipients[0].key, "Success", "", "", None, 1, "accepted")]
    assert ReceiptLedger(ledger).record(attempt.attempt.campaign_no, receipts_of(given)) == 1


VERBS: dict[str, Callable[[Ledger, str], object]] = {
    "tally and failures": counts_each_attempt,
    "results": lambda ledger, campaign: list(ledger.results(campaign)),
    "unknown results": lambda ledger, campaign: list(ledger.results(campaign, ["unknown"])),
    "outcomes": lambda ledger, campaign: attempt_at(ledger, campaign).status(*PEOPLE),
    "list": lambda ledger, _: LedgerAdmin(ledger).list_campaigns(50),
    "show": lambda ledger, campaign: LedgerAdmin(ledger).show(campaign),
    "count unknown": lambda ledger, campaign: LedgerAdmin(ledger).count_unknown(campaign),
    "unchanged table": shares_rows,
    "claim": claims_more,
    "policy": judges_by_a_policy,
    "resolve": lambda ledger, campaign: LedgerAdmin(ledger).resolve(
        campaign, as_sent=False, by="ann", in_flight=True
    ),
    "one unknown request": decides_on_one_request,
    "reopen": reopens,
    "collect receipts": collects_receipts,
    "page": shows_pages,
}  # fmt: skip


@pytest.mark.parametrize("campaign", ["once", NAME])
@pytest.mark.parametrize("verb", VERBS)
def test_what_the_package_asks_reads_only_its_campaign(kind: str, ledger: Ledger, verb: str, campaign: str) -> None:
    """Each statement that it runs finds recipients and source rows by an index."""
    ledger.open_attempt(campaign, SPEC)
    with planned(kind, ledger.database.engine) as plans:
        VERBS[verb](ledger, campaign)
    assert {statement: found for statement, found in plans.items() if found} == {}


def documented(kind: str) -> list[str]:
    headings = {"On every database", HEADINGS[kind]}
    return [piece.text for piece in code("sql", [DOCS / "results.md"]) if piece.heading in headings]


def test_what_the_documents_ask_reads_only_the_campaigns_that_it_names(kind: str, large: URL) -> None:
    """Through the view, in a session of a person's own with no setting of the package."""
    found: dict[str, list[str]] = {}

    def explain_all(cursor: object) -> None:
        for query in documented(kind):
            found[query] = complaints(kind, cursor, query.rstrip().rstrip(";"))

    run(large, explain_all)
    assert len(found) > 5
    assert {query: complaint for query, complaint in found.items() if complaint} == {}


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_what_the_documents_ask_costs_what_its_campaign_costs(kind: str, large: URL) -> None:
    """A plan may name an index and go through all campaigns by it: what counts is how many rows were read."""
    found: dict[str, int] = {}

    def run_all(cursor: object) -> None:
        for query in documented(kind):
            found[query] = rows_read(kind, cursor, query.rstrip().rstrip(";"))

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
    assert sorted(select(large, query.rstrip().rstrip(";"))) == sorted(select(large, of_view))
