# SPDX-License-Identifier: Apache-2.0
"""What a policy allows at one moment, for the recipients of one request: the judge of the mark *sending*."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, timezone

import pytest

from airflow_provider_uspeedo.campaign.moment_rules import MomentRules
from airflow_provider_uspeedo.core.contact_rules import NO_RULES, ContactRules, Window
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import Recipient

DAYTIME = (Window(time(9), time(20)),)
OPEN_IN_HONG_KONG = datetime(2026, 11, 30, 2, tzinfo=UTC)
DEADLINE = datetime(2026, 11, 30, 12, tzinfo=UTC)


def request(*zones: str) -> RecipientBatch:
    """Recipients with these zone keys, in rows 1, 2, ..."""
    return RecipientBatch.of(
        [
            Recipient(row, row.to_bytes(16, "big"), f"(852)5531{row:04}", (), "", "", "T", "", zone)
            for row, zone in enumerate(zones, 1)
        ]
    )


def excluded(rules: MomentRules, recipients: RecipientBatch, moment: datetime) -> dict[str, tuple[str, list[int]]]:
    """Status and rows by reason."""
    found = rules.exclusions(recipients, moment)
    return {one.reason: (one.status, list(one.row_numbers)) for one in found}


REQUEST = request("country HK", "Europe/London", "unreadable", "country HK", "country 001", "Asia/Tokyo")


def test_a_request_loses_those_who_are_outside_the_hours_at_that_moment() -> None:
    """The same reasons as those of rows that are never claimed."""
    rules = MomentRules(ContactRules(windows=DAYTIME, time_zone_column="tz"))
    assert excluded(rules, REQUEST, OPEN_IN_HONG_KONG) == {
        "hours: opens at 2026-11-30 09:00 UTC": ("not_sent", [2]),
        "hours: no time zone (column 'tz')": ("suppressed", [3]),
        "hours: no time zone": ("suppressed", [5]),
    }
    assert rules.next_opening == datetime(2026, 11, 30, 9, tzinfo=UTC)


def test_hours_close_in_the_middle_of_a_campaign() -> None:
    """What was open when it was claimed is closed when its turn comes; the earliest opening of all is kept."""
    rules = MomentRules(ContactRules(windows=DAYTIME))
    hong_kong = request("country HK", "Asia/Tokyo")
    assert excluded(rules, hong_kong, OPEN_IN_HONG_KONG) == {}
    assert excluded(rules, hong_kong, OPEN_IN_HONG_KONG + timedelta(hours=10)) == {
        "hours: opens at 2026-12-01 01:00 UTC": ("not_sent", [1]),
        "hours: opens at 2026-12-01 00:00 UTC": ("not_sent", [2]),
    }
    assert rules.next_opening == datetime(2026, 12, 1, tzinfo=UTC)
    assert excluded(rules, hong_kong, OPEN_IN_HONG_KONG) == {}  # a database whose clock is behind the worker's


@pytest.mark.parametrize(
    ("moment", "found"),
    [
        (DEADLINE - timedelta(microseconds=1), {}),
        (DEADLINE, {}),
        (
            DEADLINE + timedelta(microseconds=1),
            {"not after: 2026-11-30 12:00 UTC has passed": ("not_sent", [1, 2])},
        ),
    ],
)
def test_no_request_begins_after_the_deadline(moment: datetime, found: dict[str, tuple[str, list[int]]]) -> None:
    """In whatever zone it is written."""
    for zone in (UTC, timezone(timedelta(hours=8))):
        rules = MomentRules(ContactRules(not_after=DEADLINE.astimezone(zone)))
        assert excluded(rules, request("", ""), moment) == found
        assert rules.next_opening is None


def test_a_window_beyond_the_deadline_is_too_late() -> None:
    rules = MomentRules(ContactRules(windows=DAYTIME, not_after=DEADLINE))
    moment = OPEN_IN_HONG_KONG - timedelta(hours=2)
    assert excluded(rules, request("country HK", "America/St_Johns", "America/Sao_Paulo"), moment) == {
        "hours: opens at 2026-11-30 01:00 UTC": ("not_sent", [1]),
        "not after: 2026-11-30 12:00 UTC comes before the hours open": ("not_sent", [2, 3]),
    }
    assert rules.next_opening == datetime(2026, 11, 30, 1, tzinfo=UTC)


def test_without_rules_of_the_moment_nothing_is_looked_at() -> None:
    rules = MomentRules(NO_RULES)
    assert (rules.decides, rules.needs_zones) == (False, False)
    assert excluded(rules, REQUEST, OPEN_IN_HONG_KONG) == {}


def test_who_only_waits_can_be_left_in() -> None:
    """As in a dry run; what is remarkable about them is counted all the same, until the table is read again."""
    rules = MomentRules(ContactRules(windows=DAYTIME))
    allowed, others = rules.split(REQUEST, OPEN_IN_HONG_KONG, waiting=False)
    assert [one.row_number for one in allowed] == [1, 2, 4, 6]
    assert {row.row_number: row.status for row in others} == {3: "suppressed", 5: "suppressed"}
    assert len(rules.remarks()) == 2
    waits = "1 recipient: not_sent if sent now, hours: opens at 2026-11-30 09:00 UTC."
    assert waits in rules.remarks(waiting=True)
    rules.begin()
    assert rules.remarks(waiting=True) == []


def by_the_workers_clock(_key: str) -> tuple[str, ...]:
    """A planted mistake."""
    return ("Asia/Hong_Kong",)


def test_a_planted_mistake_about_whose_clock_counts_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    check: Callable[[], None] = test_a_request_loses_those_who_are_outside_the_hours_at_that_moment
    check()
    monkeypatch.setattr("airflow_provider_uspeedo.campaign.moment_rules.zones_of", by_the_workers_clock)
    with pytest.raises(AssertionError):
        check()
