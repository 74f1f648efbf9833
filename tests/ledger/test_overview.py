# SPDX-License-Identifier: Apache-2.0
"""Overviews of campaigns are counted in one snapshot, and add up to what the results relation shows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import SPEC, OpenLedger, Try, duplicate, invalid, lines_of, people
from tests.ledger.faults import in_background


def a_try_with_everything(ledger: Ledger, campaign: str) -> Try:
    """Two accepted, one rejected, two unknown, one in flight, one claimed; a duplicate and an invalid row."""
    one = Try(ledger, campaign)
    first, lost, flying, _ = one.claim([*people("abc"), *people("de", 4)], size=3)[:2] + one.claim(
        [*people("fg", 6), duplicate(8, 1, "a"), invalid(9)], size=1
    )
    one.send(first, "c")
    one.mark(lost)
    one.mark_unknown(lost)
    one.mark(flying)
    return one


def test_everything_of_a_campaign_is_counted(ledger: Ledger, campaign: str) -> None:
    """Rows by status, requests by state, what is unknown, and its attempts."""
    one = a_try_with_everything(ledger, campaign)
    shown = LedgerAdmin(ledger).show(campaign)
    assert shown.counts == {
        "accepted": 2, "rejected": 1, "invalid": 1, "duplicate": 1, "unknown": 3, "not_sent": 1,
    }  # fmt: skip
    assert shown.gone == {}
    assert shown.requests == {"claimed": 1, "sending": 1, "settled": 1, "unknown": 1}
    assert (shown.unknown.recipients, shown.unknown.requests, shown.unknown.in_flight) == (3, 2, 1)
    assert [(r.recipients, r.in_flight, r.reason) for r in shown.unknown_requests] == [
        (2, False, "no answer"),
        (1, True, None),
    ]
    assert shown.unknown.newest_sent_at == shown.unknown_requests[-1].sent_at
    assert abs(datetime.now(UTC) - (shown.unknown.newest_sent_at or datetime.now(UTC))) < timedelta(minutes=1)
    (attempt,) = shown.attempts
    assert (attempt.number, attempt.name, attempt.rows_read) == (one.attempt.number, "a test", 9)
    assert (attempt.read_whole, attempt.ended_at, attempt.requests) == (False, None, shown.requests)
    assert (attempt.slice_no, attempt.slice_count) == (1, 1)
    assert (shown.keys, shown.stopped_at, shown.pruned_at) == ("the phone", None, None)


def test_rows_and_recipients_without_a_row_are_the_results(ledger: Ledger, campaign: str) -> None:
    """Recipients that left the source are counted apart; both together are the lines of the results relation."""
    a_try_with_everything(ledger, campaign).end()
    again = Try(ledger, campaign)
    again.text(people("bcd"))
    shown = LedgerAdmin(ledger).show(campaign)
    assert shown.counts == {"accepted": 1, "rejected": 1, "unknown": 1}
    assert shown.gone == {"accepted": 1, "unknown": 2, "not_sent": 1}
    results = Counter(status for (status,) in lines_of(ledger, campaign, "status"))
    assert Counter(shown.counts) + Counter(shown.gone) == results
    assert [line.read_whole for line in shown.attempts] == [True, True]
    assert shown.unknown.recipients == 3


def test_a_recipient_left_unknown_by_an_answer_is_no_request_in_flight(ledger: Ledger, campaign: str) -> None:
    """Its request is settled; only the recipient is not."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    one.mark(request)
    one.settle(request, "b", status="unknown")
    (line,) = (one for one in LedgerAdmin(ledger).list_campaigns(1000) if one.campaign_id == campaign)
    assert (line.partly_unknown, line.open_attempts) == (1, 1)
    Try(ledger, campaign).text(people("abc"))
    (line,) = (one for one in LedgerAdmin(ledger).list_campaigns(1000) if one.campaign_id == campaign)
    assert (line.partly_unknown, line.open_attempts) == (1, 0)
    unknown = LedgerAdmin(ledger).show(campaign).unknown
    assert (unknown.recipients, unknown.requests, unknown.in_flight) == (1, 1, 0)


def test_the_list_has_the_newest_campaigns_first(open_ledger: OpenLedger, empty_url: URL) -> None:
    """With the newest attempt of each, and its requests by state."""
    ledger = open_ledger(empty_url)
    ledger.prepare()
    admin = LedgerAdmin(ledger)
    assert admin.list_campaigns(50) == []
    for name in ("first", "second", "third"):
        Try(ledger, name).text(people("ab"), size=1)
    Try(ledger, "second")
    ledger.open_attempt("first", SPEC, name="again")
    found = admin.list_campaigns(2)
    assert [line.campaign_id for line in found] == ["third", "second"]
    assert found[0].requests == {"settled": 2}
    assert (found[0].attempts, found[1].attempts) == (1, 2)
    assert found[0].last_ended_at is not None
    (_, _, oldest) = admin.list_campaigns(3)
    assert (oldest.last_attempt, oldest.last_ended_at, oldest.attempts) == ("again", None, 2)
    with pytest.raises(ConfigurationError, match="limit"):
        admin.list_campaigns(0)


def test_a_decision_is_no_attempt_and_a_later_attempt_hides_no_open_one(ledger: Ledger, campaign: str) -> None:
    """A campaign that is still sending must not be shown as ended after a decision on it."""
    running = a_try_with_everything(ledger, campaign)
    admin = LedgerAdmin(ledger)

    def listed() -> tuple[int, int, str | None]:
        (line,) = [one for one in admin.list_campaigns(50) if one.campaign_id == campaign]
        return line.attempts, line.open_attempts, line.last_attempt

    assert listed() == (1, 1, "a test")
    with pytest.raises(ConfigurationError, match="Nothing was decided"):
        admin.resolve(campaign, as_sent=False, by="ann")
    admin.resolve(campaign, as_sent=True, by="ann")
    assert listed() == (1, 1, "a test")
    other = ledger.open_attempt(campaign, SPEC, part="another", name="ended")
    ledger.end_attempt(other, complete=True)
    assert listed() == (2, 1, "ended")
    running.end()
    assert listed() == (2, 0, "ended")


def test_the_list_never_reads_recipients(open_ledger: OpenLedger, empty_url: URL) -> None:
    """Fifty campaigns of a hundred thousand recipients are listed as fast as fifty of one."""
    ledger = open_ledger(empty_url)
    ledger.prepare()
    Try(ledger, "x").text(people("ab"))
    asked: list[str] = []
    sa.event.listen(ledger.database.engine, "before_cursor_execute", lambda _c, _cursor, text, *_: asked.append(text))
    assert len(LedgerAdmin(ledger).list_campaigns(50)) == 1
    statements = " ".join(asked)
    assert "uspeedo_requests" in statements
    assert not any(name in statements for name in ("uspeedo_recipients", "uspeedo_source_rows"))


def test_an_overview_is_of_one_moment(open_ledger: OpenLedger, campaign: str) -> None:
    """While another process claims ten rows at a time, its parts never disagree."""
    writing, reading = Try(open_ledger(), campaign), LedgerAdmin(open_ledger())

    def write() -> None:
        for portion in range(60):
            (request,) = writing.claim(people([f"{portion}/{n}" for n in range(10)], first_row=1 + 10 * portion))
            writing.mark(request)

    with in_background(write) as written:
        while not written.done():
            shown = reading.show(campaign)
            assert sum(shown.counts.values()) == 10 * sum(shown.requests.values())
            assert shown.unknown.requests == shown.requests.get("sending", 0)
            assert shown.attempts[0].rows_read == sum(shown.counts.values())
        written.result()


def test_a_name_that_is_not_found_brings_similar_ones(ledger: Ledger, campaign: str) -> None:
    """It was probably mistyped."""
    Try(ledger, campaign)
    with pytest.raises(ConfigurationError, match="There is no campaign") as error:
        LedgerAdmin(ledger).show(campaign.replace("test", "tset"))
    assert f"Did you mean {campaign!r}" in str(error.value)
    with pytest.raises(ConfigurationError, match=r"'§§§§' in this ledger\.$"):
        LedgerAdmin(ledger).show("§§§§")
