# SPDX-License-Identifier: Apache-2.0
"""Claims are made ahead: the transaction that marks a request *sending* looks at the hours and the deadline again.

The worker's clock is six hours behind in these tests, so that what was allowed when it was read is not allowed any more
when its turn comes, by the clock of the ledger's database.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from airflow_provider_uspeedo.campaign.moment_rules import MomentRules
from airflow_provider_uspeedo.core.contact_rules import ContactRules
from airflow_provider_uspeedo.core.exit_policy import End, ExcludedByTime, decide, utc_text
from tests.campaign.stage import Scene, make_order, people, phones
from tests.campaign.test_hours import EAST, HOUR, NOW, WEST, around, rows

LATE = NOW - 6 * HOUR
"""What the worker's clock shows."""


@pytest.fixture(autouse=True)
def worker_behind(scene: Scene) -> None:
    scene.sizes = {"clock": lambda: LATE}


def test_hours_that_close_after_the_claim_stop_the_request(scene: Scene) -> None:
    """Where the worker finds only UTC open, the database finds it closed, and the task waits for the next window."""
    table = rows(WEST, "UTC", WEST)
    report = scene.run(table, make_order(rules=around(8 * HOUR, -4 * HOUR)))
    scene.check(report, 3)
    assert scene.texted() == Counter()
    opens_again = utc_text(NOW + 16 * HOUR)
    assert scene.lines()[1].reason == f"hours: opens at {opens_again}"
    assert report.summary.requests == 0
    assert report.by_time.hours == 3
    decision = decide(report.summary, phone_column="phone", by_time=report.by_time)
    assert decision.end is End.WAIT


def test_those_of_a_request_whose_hours_are_still_open_are_sent(scene: Scene) -> None:
    """The body is written anew without the others, and they are sent by a later attempt, each once."""
    table = rows("UTC", "Etc/GMT+3", "UTC", "Etc/GMT+3")
    rules = around(10 * HOUR, -2 * HOUR)  # the worker finds both open; now only the west is
    report = scene.run(table, make_order(rules=rules, chunk_size=4))
    scene.check(report, 4)
    assert scene.statuses() == ["not_sent", "accepted", "not_sent", "accepted"]
    assert scene.texted() == Counter(phones([table[1], table[3]]))
    assert report.summary.requests == 1
    scene.sizes = {}
    report = scene.run(table, make_order())
    scene.check(report, 4)
    assert scene.texted() == Counter(phones(table))


def test_a_deadline_that_passes_after_the_claim_stops_all_that_is_left(scene: Scene) -> None:
    deadline = NOW - 3 * HOUR
    report = scene.run(people(7), make_order(rules=ContactRules(not_after=deadline)))
    scene.check(report, 7)
    assert scene.texted() == Counter()
    assert report.by_time == ExcludedByTime(not_after=7, deadline=deadline)
    assert {line.reason for line in scene.lines()} == {f"not after: {utc_text(deadline)} has passed"}
    assert decide(report.summary, phone_column="phone", by_time=report.by_time).end is End.FAIL


def judged_by_the_worker(original: Any) -> Any:
    """A planted mistake: the moment of the mark is not looked at."""

    def exclusions(self: MomentRules, recipients: Any, _moment: Any) -> Any:
        return original(self, recipients, self.now())

    return exclusions


def test_a_planted_mistake_about_the_clock_of_the_mark_is_caught(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MomentRules, "exclusions", judged_by_the_worker(MomentRules.exclusions))
    with pytest.raises(AssertionError):
        test_a_deadline_that_passes_after_the_claim_stops_all_that_is_left(scene)
    assert len(scene.texted()) == 7


def test_the_breaker_and_the_canary_go_on_without_those_who_are_left_out(scene: Scene) -> None:
    """A probe that loses its recipient is no request without an answer, and a canary passes with those that remain."""
    table = rows(*["UTC", EAST, "Etc/GMT+3"] * 6)
    order = make_order(rules=around(10 * HOUR, -2 * HOUR), max_unknown_requests=3, canary=3)
    report = scene.run(table, order)
    scene.check(report, 18)
    assert report.cause is None
    assert Counter(scene.statuses()) == {"accepted": 6, "not_sent": 12}


def test_those_who_were_left_out_and_still_wait_have_one_line_in_the_results(scene: Scene) -> None:
    """The attempt that claimed them is followed by one that does not even claim them, as retries at night do."""
    table = rows("UTC", "Etc/GMT+3", "UTC", "Etc/GMT+3")
    rules = around(10 * HOUR, -2 * HOUR)
    scene.run(table, make_order(rules=rules))
    scene.sizes = {}
    for _ in range(2):
        report = scene.run(table, make_order(rules=rules))
        scene.check(report, 4)
        assert scene.statuses() == ["not_sent", "accepted", "not_sent", "accepted"]
        assert report.by_time.hours == 2
