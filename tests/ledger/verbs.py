# SPDX-License-Identifier: Apache-2.0
"""Everything that the package does with a campaign of a ledger, so that tests can look at all of its statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules
from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.ledger.admin.campaign_list import TaskFilter
from airflow_provider_uspeedo.ledger.admin.campaign_pages import CampaignPages
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.admin.row_records import RowFilter, RowPlace
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.ledger.store.records import new_id
from airflow_provider_uspeedo.ledger.store.staged_receipts import MessageReceipt
from tests.ledger.acting import SPEC, Try, duplicate, invalid, key_of, people, person, receipts_of
from tests.ledger.servers import plain_connection, select
from tests.ledger.test_policy import suppress

PEOPLE = [f"p{number}" for number in range(1_000)]
PAST = timedelta(0)


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
    strangers = [f"uncapped {uncapped.attempt.number} {number}" for number in range(50)]
    (old,) = uncapped.claim(people(strangers), size=50)
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
    connection = plain_connection(ledger.database.engine.url)
    cursor = connection.cursor()
    cursor.execute("UPDATE uspeedo_ledger SET cap_days = NULL")
    cursor.execute("UPDATE uspeedo_requests SET contacts = NULL WHERE contacts = 1")
    connection.commit()
    connection.close()


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


def fails_and_goes_on(ledger: Ledger, campaign: str) -> None:
    """A request in two parts, one that was released, answers that come late, after a person's decision, and the end."""
    names = [f"late {new_id().hex()} {number}" for number in range(20)]
    attempt, admin = Try(ledger, campaign), LedgerAdmin(ledger)
    first, second = attempt.claim(people(names), size=10)
    part, rest = attempt.split(first, 3)
    attempt.send(part, names[0])
    attempt.mark(rest)
    attempt.mark_unknown(rest)
    attempt.mark(second)
    ledger.has_unknown_request(attempt.attempt)
    ledger.still_sending([second.id])
    admin.resolve(campaign, as_sent=False, by="ann", in_flight=True, request=rest.id.hex())
    attempt.settle(rest)
    attempt.settle(second, names[-1])
    attempt.end()
    ledger.recipients_by_status(attempt.attempt)


def looks_first(ledger: Ledger, campaign: str) -> None:
    """What a dry run asks."""
    rules = ContactRules(caps=(Cap(1, 7),))
    assert ledger.has_campaign(campaign)
    assert ledger.peek(campaign, SPEC)
    ledger.counts_all_texts(rules.caps)
    ledger.exclusions(RecipientBatch.of(people(PEOPLE[:300])), rules)


def decides_by_a_list(ledger: Ledger, campaign: str) -> None:
    """A list of phones that were sent to, among them one whose outcome is unknown."""
    attempt, admin, name = Try(ledger, campaign), LedgerAdmin(ledger), f"listed {new_id().hex()}"
    (request,) = attempt.claim(people([name]))
    attempt.mark(request)
    attempt.mark_unknown(request)
    phones = [person(name, 1).phone, person(PEOPLE[0], 1).phone]
    assert admin.count_unknown(campaign, phones=phones).matched
    assert admin.resolve(campaign, as_sent=True, by="ann", phones=phones)
    assert admin.decisions(campaign)


def suppresses(ledger: Ledger, _campaign: str) -> None:
    """The list of phones that may not be sent to."""
    admin, phones = LedgerAdmin(ledger), [person(name, 1).phone for name in PEOPLE[:50]]
    admin.suppress_add(phones[:2], reason="asked for it", by="ann")
    admin.suppress_import(phones, reason="asked for it", by="ann")
    admin.suppress_check(phones[0])
    admin.suppress_list()
    admin.suppress_remove(phones)


def stops_and_resumes(ledger: Ledger, campaign: str) -> None:
    admin = LedgerAdmin(ledger)
    admin.stop(campaign, by="ann")
    admin.resume(campaign)


@contextmanager
def _in_memory(path: Any) -> Iterator[Any]:
    yield SimpleNamespace(file=BytesIO(), path=str(path))


def prunes(ledger: Ledger, _campaign: str) -> None:
    """A campaign of its own; and looks at all others."""
    name, admin = f"old {new_id().hex()}", LedgerAdmin(ledger)
    text_once(ledger, name)
    admin.prune(older_than=timedelta(days=10_000), dry_run=True)
    (report,) = admin.prune(older_than=PAST, campaign_ids=[name], with_unknown=True)
    assert report.pruned


def lists_pages(ledger: Ledger, campaign: str) -> None:
    """Campaigns of one task, and those with a word in their names."""
    pages = CampaignPages(ledger)
    assert pages.exists()
    pages.campaigns(25, before=10)
    pages.campaigns(25, task=TaskFilter("a dag", "a task", "a run"))
    pages.campaigns(25, word=campaign)
    found = pages.find(campaign_hash(campaign))
    assert found is not None
    pages.rows_of_keys(found.number, [key_of(PEOPLE[0]), key_of(PEOPLE[1])], 10)


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
    "pages of the list": lists_pages,
    "late answers": fails_and_goes_on,
    "dry run": looks_first,
    "list of phones": decides_by_a_list,
    "suppress": suppresses,
    "stop": stops_and_resumes,
    "export": lambda ledger, campaign: LedgerAdmin(ledger, _in_memory).export(campaign, "results.parquet"),
    "prune": prunes,
}  # fmt: skip
