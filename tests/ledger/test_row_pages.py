# SPDX-License-Identifier: Apache-2.0
"""Pages of rows are the results relation, cut in pieces: every line once, whatever happened to the campaign."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_uspeedo.core.attempt_names import attempt_name
from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin import campaign_counts, row_pages
from airflow_provider_uspeedo.ledger.admin.campaign_list import TaskFilter
from airflow_provider_uspeedo.ledger.admin.campaign_pages import CampaignPages
from airflow_provider_uspeedo.ledger.admin.row_pages import RowPages
from airflow_provider_uspeedo.ledger.admin.row_records import RowFilter, RowPlace, ShownRow
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Answer
from tests.ledger.acting import SPEC, Try, duplicate, invalid, key_of, lines_of, people, person, resolve
from tests.ledger.test_overview import a_try_with_everything

LINE = ("row_number", "status", "reason", "phone", "user_id", "template_id", "session_no")
NAMES = [f"n{number}" for number in range(60)]


def once(ledger: Ledger, campaign: str) -> None:
    a_try_with_everything(ledger, campaign).end()


def in_small_requests(ledger: Ledger, campaign: str) -> None:
    one = Try(ledger, campaign)
    one.text([*people(NAMES), invalid(61), duplicate(62, 1, "n0"), invalid(63)], size=2)


def again_with_another_table(ledger: Ledger, campaign: str) -> None:
    a_try_with_everything(ledger, campaign).end()
    Try(ledger, campaign).text([*people([*NAMES[:20], "b", "d"]), invalid(23), duplicate(24, 1, "n0")], size=7)


def killed_half_way(ledger: Ledger, campaign: str) -> None:
    Try(ledger, campaign).text(people(NAMES), size=11)
    Try(ledger, campaign).claim(people([*NAMES[:30], "x", "y"]), size=5)


def decided(ledger: Ledger, campaign: str) -> None:
    """Some called not sent and texted again; one of them proven accepted after all; some called sent."""
    one = Try(ledger, campaign)
    lost, other = one.claim(people("abcdef"), size=3)
    for request in (lost, other):
        one.mark(request)
        one.mark_unknown(request)
    resolve(ledger, campaign, as_sent=False, by="ann", only=[key_of(name) for name in "abc"])
    resolve(ledger, campaign, as_sent=True, by="ann")
    two = Try(ledger, campaign)
    (again,) = two.claim(people("ab"), size=3)
    two.mark(again)
    two.mark_unknown(again)
    one.settle(lost, "b")


HISTORIES: dict[str, Callable[[Ledger, str], None]] = {
    "once": once,
    "small requests": in_small_requests,
    "another table": again_with_another_table,
    "killed": killed_half_way,
    "decided": decided,
}


def number_of(ledger: Ledger, campaign: str) -> int:
    found = CampaignPages(ledger).find(campaign_hash(campaign))
    assert found is not None
    return found.number


def all_pages(ledger: Ledger, campaign: str, size: int, which: RowFilter) -> list[ShownRow]:
    pages, number, place, found = CampaignPages(ledger), number_of(ledger, campaign), RowPlace(), []
    for turn in count():
        assert turn < 1_000
        page = pages.rows(number, place, size, which)
        found += page.rows
        if page.next_place is None:
            return found
        assert page.rows or page.is_cut, "a page without rows that leads to another one"
        assert len(page.rows) <= size
        place = RowPlace.of(str(page.next_place))
    raise AssertionError


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("size", [1, 3, 50])
def test_pages_are_the_results(ledger: Ledger, campaign: str, history: str, size: int) -> None:
    """All of them, and each line once."""
    HISTORIES[history](ledger, campaign)
    found = all_pages(ledger, campaign, size, RowFilter())
    assert Counter(tuple(getattr(row, name) for name in LINE) for row in found) == Counter(
        lines_of(ledger, campaign, *LINE)
    )


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("status", STATUSES)
def test_pages_of_a_status_are_the_results_with_it(ledger: Ledger, campaign: str, history: str, status: str) -> None:
    """No request that may hold such a recipient is passed over."""
    HISTORIES[history](ledger, campaign)
    found = all_pages(ledger, campaign, 4, RowFilter(status=status))
    lines = [line for line in lines_of(ledger, campaign, *LINE) if line[1] == status]
    assert Counter(tuple(getattr(row, name) for name in LINE) for row in found) == Counter(lines)


def test_a_request_shows_the_recipients_that_it_holds(ledger: Ledger, campaign: str) -> None:
    killed_half_way(ledger, campaign)
    number, pages = number_of(ledger, campaign), CampaignPages(ledger)
    shown = [
        (request.recipients, len(all_pages(ledger, campaign, 4, RowFilter(request_id=bytes.fromhex(request.id)))))
        for request in pages.requests(number, 50)
    ]
    assert sum(held for held, _ in shown) == 62
    # Recipients whose row a later attempt has read again are shown with that row.
    assert all(found <= held for held, found in shown)


def test_one_recipient_is_found_by_phone_or_user_id(ledger: Ledger, campaign: str) -> None:
    in_small_requests(ledger, campaign)
    wanted = person("n7", 8)
    for which in (RowFilter(phones=(wanted.phone,)), RowFilter(user_id=wanted.user_id)):
        (row,) = all_pages(ledger, campaign, 50, which)
        assert (row.row_number, row.phone, row.user_id) == (8, wanted.phone, wanted.user_id)
        assert wanted.phone not in repr(row) + repr(which)
    assert all_pages(ledger, campaign, 50, RowFilter(user_id="nobody")) == []


@pytest.mark.parametrize("history", HISTORIES)
def test_the_rows_of_a_key_are_the_results_that_stand_for_it(ledger: Ledger, campaign: str, history: str) -> None:
    """At once, wherever they are: at the first row, at a later one, or at none."""
    HISTORIES[history](ledger, campaign)
    number, pages = number_of(ledger, campaign), CampaignPages(ledger)
    lines = lines_of(ledger, campaign, "recipient_key", *LINE)
    for name in ("a", "b", "d", "n0", "n7", "x"):
        found = pages.rows_of_keys(number, [key_of(name)], 50)
        of_key = [
            line[1:] for line in lines if line[0] == key_of(name).hex() and line[2] not in ("duplicate", "invalid")
        ]
        assert Counter(tuple(getattr(row, name) for name in LINE) for row in found.rows) == Counter(of_key)
        assert (found.next_place, found.is_cut) == (RowPlace(), True)


def test_a_search_ends_in_time_and_goes_on_where_it_ended(ledger: Ledger, campaign: str) -> None:
    """However few rows are found: the page says that there is more to look at."""
    in_small_requests(ledger, campaign)
    number, ticks = number_of(ledger, campaign), count()
    pages = RowPages(ledger.rows, seconds=3, clock=lambda: float(next(ticks)))
    place, turns, found = RowPlace(), 0, []

    def read(at: RowPlace) -> Any:
        which = RowFilter(user_id="user n55")
        return ledger.database.read(lambda connection: pages.page(connection, number, at, 50, which))

    while place is not None:
        page = read(place)
        found += page.rows
        turns += 1
        assert page.is_cut == (page.next_place is not None)
        place = page.next_place
    assert turns > 3
    assert [row.row_number for row in found] == [56]


@pytest.mark.parametrize(
    "text", ["x", "rows.1", "rows.1.zz.0", "other.1..0", "rows.-1..0", "rows.1..-5", "rows.9999999999999999999..0"]
)
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="names no place"):
        RowPlace.of(text)


def test_requests_are_listed_page_by_page(ledger: Ledger, campaign: str) -> None:
    """Those of the newest attempt first, each once, with how many recipients each holds."""
    killed_half_way(ledger, campaign)
    pages, number = CampaignPages(ledger), number_of(ledger, campaign)
    everything = pages.requests(number, 100)
    found, before = [], None
    while some := pages.requests(number, 2, before=before):
        found += some
        before = (some[-1].attempt_no, bytes.fromhex(some[-1].id))
    assert found == everything
    assert [one.attempt_no for one in found] == sorted((one.attempt_no for one in found), reverse=True)
    assert {one.state for one in pages.requests(number, 100, state="claimed")} == {"claimed"}


def test_campaigns_of_a_task_are_found_by_their_attempts(ledger: Ledger, campaign: str) -> None:
    """By DAG, task and run; characters of LIKE are characters."""
    tasks = {
        "1": "shop/send/run_1 try 1 map -1",
        "2": "shop/send/run%1 try 2 map 3",
        "3": "shop/group.send/run_1 try 1 map -1",
        "4": "shopping/send/run_1 try 1 map -1",
    }
    for name, task in tasks.items():
        ledger.open_attempt(f"{campaign} {name}", SPEC, name=task.replace("shop", f"shop{campaign}", 1))
    dag = f"shop{campaign}"
    asked = {
        TaskFilter(dag): "321",
        TaskFilter(dag, "send"): "21",
        TaskFilter(dag, "group.send"): "3",
        TaskFilter(dag, run_id="run_1"): "31",
        TaskFilter(dag, "send", "run%1"): "2",
        TaskFilter(dag, "send", "run"): "",
        TaskFilter(f"{dag}ping"): "4",
    }
    pages = CampaignPages(ledger)
    for task, names in asked.items():
        found = pages.campaigns(50, task=task)
        assert [one.line.campaign_id.removeprefix(f"{campaign} ") for one in found] == list(names), task
    (first, *_) = pages.campaigns(1, task=TaskFilter(dag))
    older = pages.campaigns(50, before=first.number, task=TaskFilter(dag))
    assert [one.line.campaign_id[-1] for one in older] == ["2", "1"]
    assert len(pages.campaigns(50, word=f"{campaign} ".upper())) == 4
    assert pages.campaigns(50, word="100% of_nothing") == []


def test_reasons_that_differ_in_a_phone_are_all_counted(
    ledger: Ledger, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each text is another one; where not all were looked at, that is said."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abcde"))
    one.mark(request)
    said = tuple((key_of(name), "rejected", f"phone 8525531111{row} is bad") for row, name in enumerate("abcde"))
    ledger.settle(one.attempt, request.id, Answer("S1", 0, "V1", said))
    one.end()
    pages, number = CampaignPages(ledger), number_of(ledger, campaign)
    found = pages.count(number)
    assert [(line.reason, line.rows) for line in found.reasons or ()] == [("phone **** is bad", 5)]
    assert not found.reasons_are_cut
    monkeypatch.setattr(campaign_counts, "MAX_REASONS_READ", 3)
    assert pages.count(number).reasons_are_cut


def test_bad_rows_are_passed_over_in_a_search_for_recipients(ledger: Ledger, campaign: str) -> None:
    """However many there are: by one question to an index."""
    one = Try(ledger, campaign)
    (request,) = one.claim([*people("ab"), *(invalid(row) for row in (10, 10_000, 20_000, 30_000))])
    one.send(request, "a")
    one.end()
    number = number_of(ledger, campaign)
    with ledger.database.engine.connect() as connection:
        pages = RowPages(ledger.rows)
        steps = list(pages._steps(connection, number, RowPlace(), 50, RowFilter(status="rejected")))
        all_steps = list(pages._steps(connection, number, RowPlace(), 50, RowFilter(status="invalid")))
    assert [len(rows) for _, rows in steps] == [1]
    assert sum(len(rows) for _, rows in all_steps) == 4


def test_rows_far_behind_others_are_found_at_once(
    ledger: Ledger, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A status that few rows have, or none, does not cost a look at each of the others; none is passed over."""
    monkeypatch.setattr(row_pages, "SKIPPED", 1_000)
    one = Try(ledger, campaign)
    bad = [invalid(row) for row in range(3, 9_000, 50)]
    two, few = duplicate(2_500, 1, "a"), duplicate(9_500, 1, "a")
    one.text([*people("ab"), *bad, two, few])
    number, pages = number_of(ledger, campaign), RowPages(ledger.rows)
    with ledger.database.engine.connect() as connection:
        found = {
            status: list(pages._steps(connection, number, RowPlace(), 50, RowFilter(status=status)))
            for status in ("duplicate", "suppressed")
        }
    assert [row.row_number for _, rows in found["duplicate"] for row in rows] == [2_500, 9_500]
    assert [len(rows) for _, rows in found["suppressed"]] == [0] * 10
    assert [row.row_number for row in all_pages(ledger, campaign, 1, RowFilter(status="duplicate"))] == [2_500, 9_500]


def test_no_page_goes_through_all_recipients_of_its_campaign(ledger: Ledger, campaign: str, kind: str) -> None:
    """SQLite takes what is nearest, if it is left to choose: the primary key's first column."""
    if kind != "sqlite":
        pytest.skip("SQLite says of each table by which columns it finds rows")
    decided(ledger, campaign)
    steps: list[str] = []

    def explain(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        if statement.startswith("SELECT"):
            cursor = connection.connection.cursor()
            steps.extend(row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    sa.event.listen(ledger.database.engine, "before_cursor_execute", explain)
    try:
        for status in ("", *STATUSES):
            all_pages(ledger, campaign, 4, RowFilter(status=status))
        all_pages(ledger, campaign, 4, RowFilter(user_id="user a"))
    finally:
        sa.event.remove(ledger.database.engine, "before_cursor_execute", explain)
    of_recipients = {step for step in steps if re.search(r"\b(uspeedo_recipients|person|r)\b", step)}
    assert of_recipients
    whole = re.compile(r"SCAN|\((campaign_no|first_attempt)=\?\)( LEFT-JOIN)?$")
    assert [step for step in of_recipients if whole.search(step)] == []


def test_notifications_are_found_by_what_they_are_about(ledger: Ledger, campaign: str) -> None:
    """By DAG, task and run; a DAG may be called as they are."""
    dag = f"shop{campaign}"
    named = {
        "1": f"notify/{dag}/send/run_1/-1/1/failed",
        "2": f"notify/{dag}/load/run_1/-1/2/retry",
        "3": f"notify-dag/{dag}/run_1/0/failed",
        "4": f"notify-deadline/{dag}/run_2/7",
        "5": f"notify-sla/{dag}/abc",
        "6": f"notify/{dag}ping/send/run_1/-1/1/failed",
        "7": f"notify/{dag}/run_1 try 1 map -1",  # a task of the DAG "notify"
    }
    for name, attempt in named.items():
        ledger.open_attempt(f"{campaign} {name}", SPEC, name=attempt)
    asked = {
        TaskFilter(dag): "54321",
        TaskFilter(dag, "send"): "1",
        TaskFilter(dag, run_id="run_1"): "321",
        TaskFilter(dag, "send", "run_1"): "1",
        TaskFilter(dag, "send", "run_2"): "",
        TaskFilter("notify", dag): "7",
        TaskFilter("notify", dag, "run_1"): "7",
    }
    for task, names in asked.items():
        found = CampaignPages(ledger).campaigns(50, task=task)
        assert [one.line.campaign_id.removeprefix(f"{campaign} ") for one in found] == list(names), task


def test_progress_says_what_is_done_and_what_is_to_decide(ledger: Ledger, campaign: str) -> None:
    """What a person has decided is done; what another request replaces is not counted."""
    pages, one = CampaignPages(ledger), Try(ledger, campaign)

    def progress() -> tuple[int, int, int, bool]:
        (found,) = (line for line in pages.campaigns(1000) if line.line.campaign_id == campaign)
        shown = found.progress
        return shown.done, shown.requests, shown.to_decide, shown.is_reading

    first, second, third, _ = one.claim(people("abcd"), size=1)
    one.send(first)
    one.mark(second)
    one.mark_unknown(second)
    one.mark(third)
    assert progress() == (1, 4, 1, True)
    one.settle(third, "c", status="unknown")
    assert progress() == (2, 4, 2, True)
    one.end()
    Try(ledger, campaign).text(people("abcd"))
    assert progress() == (3, 4, 2, False)
    resolve(ledger, campaign, as_sent=False, by="ann")
    assert progress() == (4, 6, 0, False)
    Try(ledger, campaign).text(people("abcd"))
    assert progress() == (5, 5, 0, False)


def test_a_campaign_is_of_every_dag_that_had_a_part_in_it(ledger: Ledger, campaign: str) -> None:
    """A decision is of none, nor is what no task began."""
    for dag in ("b", "a.x", "c", "b"):
        ledger.open_attempt(campaign, SPEC, name=attempt_name(dag, "send", "r/1", 1, -1))
    ledger.open_attempt(campaign, SPEC, name="no task")
    resolve(ledger, campaign, as_sent=True, by="d/ann")
    found = CampaignPages(ledger).find(campaign_hash(campaign))
    assert found is not None
    assert found.dag_ids == {"a.x", "b", "c"}


def test_counts_add_up_to_the_results(ledger: Ledger, campaign: str) -> None:
    """By status, by country, by moment; reasons that differ in a phone are one."""
    again_with_another_table(ledger, campaign)
    parts: list[Any] = []
    counts = CampaignPages(ledger).count(number_of(ledger, campaign), parts.append)
    assert parts[0].statuses == counts.statuses
    assert parts[0].moments is parts[0].reasons is None
    assert counts.moments is not None
    assert counts.reasons is not None
    assert counts.unknown is not None
    results = Counter(status for (status,) in lines_of(ledger, campaign, "status"))
    assert Counter(counts.statuses) + Counter(counts.gone) == results
    by_country: Counter[str] = Counter()
    for country in counts.countries:
        by_country.update(country.statuses)
    assert by_country == results
    assert {country.country_code for country in counts.countries} == {"852", ""}
    sent = sum((Counter(moment.statuses) for moment in counts.moments), Counter())
    assert sent["accepted"] == results["accepted"]
    assert counts.unknown.recipients == results["unknown"] == sum(one.recipients for one in counts.unknown_requests)
    assert ("rejected", "phone in the black list", 1) in [(one.status, one.reason, one.rows) for one in counts.reasons]
    assert (counts.receipts, counts.delivery_rate, counts.segments) == ({}, None, 0)
