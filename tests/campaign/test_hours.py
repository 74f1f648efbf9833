# SPDX-License-Identifier: Apache-2.0
"""Who is outside the hours of a policy is not sent to, and waits; who can have none is suppressed, with the reason.

The windows are laid around the time at which a test begins, hours away from their edges, so that the worker's clock and
the database's clock agree on them.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_uspeedo.core.contact_rules import ContactRules, Window
from airflow_provider_uspeedo.core.exit_policy import End, ExcludedByTime, decide, utc_text
from airflow_provider_uspeedo.errors import ConfigurationError
from tests.campaign.stage import Scene, make_order, people, phones

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
HOUR = timedelta(hours=1)
EAST, WEST = "Etc/GMT-6", "Etc/GMT+6"
"""Six hours before and behind UTC."""


def around(before: timedelta, after: timedelta, **more: Any) -> ContactRules:
    """Rules with one window that, on a clock of UTC, opened and closes so long before and after now."""
    return ContactRules(
        windows=(Window((NOW - before).time(), (NOW + after).time()),), **{"time_zone_column": "zone", **more}
    )


def rows(*zones: str | None) -> list[dict[str, Any]]:
    """People with these zones."""
    return [{**person, "zone": zone} for person, zone in zip(people(len(zones)), zones, strict=True)]


def test_who_is_outside_the_hours_waits_for_the_next_window(scene: Scene) -> None:
    """East of UTC it is later in the day: there the window opens again tomorrow; in the west it opens in four hours."""
    table = rows("UTC", EAST, WEST, "UTC", WEST)
    report = scene.run(table, make_order(rules=around(2 * HOUR, 2 * HOUR)))
    scene.check(report, 5)
    assert scene.texted() == Counter(phones([table[0], table[3]]))
    tomorrow, soon = utc_text(NOW + 16 * HOUR), utc_text(NOW + 4 * HOUR)
    assert [(line.status, line.reason) for line in scene.lines()] == [
        ("accepted", None),
        ("not_sent", f"hours: opens at {tomorrow}"),
        ("not_sent", f"hours: opens at {soon}"),
        ("accepted", None),
        ("not_sent", f"hours: opens at {soon}"),
    ]
    assert report.by_time == ExcludedByTime(hours=3, next_opening=NOW + 4 * HOUR)
    decision = decide(report.summary, phone_column="phone", by_time=report.by_time)
    assert (decision.end, decision.until) == (End.WAIT, NOW + 4 * HOUR)


def test_a_later_attempt_sends_to_those_whose_window_has_opened(scene: Scene) -> None:
    """And to nobody who was sent to before, whether their window is still open or not."""
    table = rows("UTC", EAST, WEST, "UTC")
    scene.run(table, make_order(rules=around(2 * HOUR, 2 * HOUR)))
    report = scene.run(table, make_order(rules=around(8 * HOUR, -4 * HOUR)))
    scene.check(report, 4)
    assert (report.summary.counts["accepted"], report.summary.counts["not_sent"]) == (3, 1)
    assert [line.status for line in scene.lines()] == ["accepted", "not_sent", "accepted", "accepted"]
    report = scene.run(table, make_order())
    scene.check(report, 4)
    assert report.summary.counts["accepted"] == 4
    assert scene.texted() == Counter(phones(table))


def test_an_unchanged_table_is_judged_again(scene: Scene) -> None:
    """Where nobody could be sent to at first, the ledger has no request at all, and the fingerprint is the same."""
    table, closed = rows(WEST, WEST), around(2 * HOUR, 2 * HOUR)
    assert scene.run(table, make_order(rules=closed)).summary.counts["not_sent"] == 2
    report = scene.run(table, make_order(rules=closed))
    assert report.by_time == ExcludedByTime(hours=2, next_opening=NOW + 4 * HOUR)
    scene.check(report, 2)
    report = scene.run(table, make_order(rules=around(8 * HOUR, -4 * HOUR)))
    assert report.summary.counts["accepted"] == 2
    scene.check(report, 2)


def test_without_a_zone_of_its_own_a_row_has_those_of_its_country(scene: Scene) -> None:
    """All phones are from Hong Kong, eight hours before UTC."""
    table = rows("UTC", None, " ", " Etc/UTC ")
    report = scene.run(table, make_order(rules=around(2 * HOUR, 2 * HOUR)))
    scene.check(report, 4)
    waits = f"hours: opens at {utc_text(NOW + 14 * HOUR)}"
    assert [line.reason for line in scene.lines()] == [None, waits, waits, None]


def test_without_a_column_the_country_decides(scene: Scene) -> None:
    table = people(2)
    closed = around(2 * HOUR, 2 * HOUR, time_zone_column=None)
    assert scene.run(table, make_order(rules=closed)).summary.counts["not_sent"] == 2
    there = around(-6 * HOUR, 10 * HOUR, time_zone_column=None)
    report = scene.run(table, make_order(rules=there))
    assert report.summary.counts["accepted"] == 2
    scene.check(report, 2)


@pytest.mark.parametrize("zone", ["CET+1", "Hong Kong", "+08:00", "localtime", "../../etc/localtime", "nan"])
def test_what_names_no_zone_is_suppressed_and_names_the_column(scene: Scene, zone: str) -> None:
    """It is not guessed, and not the worker's own clock; the text itself is not shown."""
    report = scene.run(rows("UTC", zone), make_order(rules=around(2 * HOUR, 2 * HOUR)))
    scene.check(report, 2)
    assert [(line.status, line.reason) for line in scene.lines()] == [
        ("accepted", None),
        ("suppressed", "hours: no time zone (column 'zone')"),
    ]
    assert report.by_time == ExcludedByTime()


def test_a_number_of_no_country_has_no_time_zone(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Such as one of a satellite; the log has a warning, with the count and without the number."""
    table = [*people(1), {"phone": "+870773111632", "name": "Sea"}]
    rules = ContactRules(windows=around(12 * HOUR, 11 * HOUR).windows)
    report = scene.run(table, make_order(rules=rules))
    scene.check(report, 2)
    assert (scene.lines()[1].status, scene.lines()[1].reason) == ("suppressed", "hours: no time zone")
    assert "1 recipient suppressed: hours: no time zone." in caplog.text
    assert "773111632" not in caplog.text


def test_windows_that_have_no_moment_in_common_suppress(scene: Scene) -> None:
    first, second = around(2 * HOUR, 2 * HOUR), around(-3 * HOUR, 5 * HOUR)
    rules = ContactRules(windows=first.windows + second.windows, time_zone_column="zone")
    report = scene.run(rows("UTC", EAST), make_order(rules=rules))
    scene.check(report, 2)
    assert [(line.status, line.reason) for line in scene.lines()] == [("suppressed", "hours: never open")] * 2


def test_requests_are_full_with_those_who_may_be_sent_to(scene: Scene) -> None:
    """Also across portions, and the rows of a portion are recorded once."""
    table = rows(*(["UTC", WEST, WEST, "UTC", EAST] * 8))
    scene.sizes = {"portion_rows": 10, "batch_rows": 5}
    report = scene.run(table, make_order(rules=around(2 * HOUR, 2 * HOUR)))
    scene.check(report, 40)
    assert report.summary.requests == -(-16 // 3)
    assert report.by_time.hours == 24


def test_a_second_row_of_a_recipient_who_waits_is_a_duplicate(scene: Scene) -> None:
    """Its zone does not matter: the first row of a recipient stands for it."""
    table = rows(WEST, "UTC")
    table[1]["phone"] = table[0]["phone"]
    report = scene.run(table, make_order(rules=around(2 * HOUR, 2 * HOUR)))
    scene.check(report, 2)
    assert scene.statuses() == ["not_sent", "duplicate"]
    assert scene.texted() == Counter()


def test_those_who_wait_count_for_max_recipients(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """They are sent to in the end: a limit that looked at one window would allow it in each of them."""
    order = make_order(rules=around(2 * HOUR, 2 * HOUR), max_recipients=1)
    with pytest.raises(ConfigurationError, match="more than max_recipients=1"):
        scene.run(rows("UTC", WEST), order)
    scene.run(rows("UTC", "no zone"), order)  # suppressed, so no recipient
    assert caplog.text.count("1 recipient suppressed") == 1


def test_a_dry_run_counts_those_who_wait_as_ones_it_would_send_to(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says how many there are."""
    found = scene.dry_run(rows("UTC", WEST, "no zone"), make_order(rules=around(2 * HOUR, 2 * HOUR)))
    assert (found["not_sent"], found["suppressed"]) == (2, 1)
    opens = utc_text(NOW + 4 * HOUR)
    assert f"1 recipient: not_sent if sent now, hours: opens at {opens}." in caplog.text
    assert "1 recipient: suppressed if sent now, hours: no time zone (column 'zone')." in caplog.text


def test_after_the_deadline_every_row_is_recorded_and_none_is_sent(scene: Scene) -> None:
    deadline = NOW - HOUR
    report = scene.run(people(5), make_order(rules=ContactRules(not_after=deadline)))
    scene.check(report, 5)
    assert [(line.status, line.reason) for line in scene.lines()] == [
        ("not_sent", f"not after: {utc_text(deadline)} has passed")
    ] * 5
    assert scene.texted() == Counter()
    assert report.by_time == ExcludedByTime(not_after=5, deadline=deadline)
    decision = decide(report.summary, phone_column="phone", by_time=report.by_time)
    assert decision.end is End.FAIL
    assert f"not_after ({utc_text(deadline)}) leaves no time" in decision.message


def test_who_was_sent_to_before_the_deadline_stays_so(scene: Scene) -> None:
    """A later attempt tells the truth about them, and does not fail if nobody else is left."""
    table = people(4)
    scene.run(table[:2], make_order())
    report = scene.run(table, make_order(rules=ContactRules(not_after=NOW - HOUR)))
    scene.check(report, 4)
    assert scene.statuses() == ["accepted", "accepted", "not_sent", "not_sent"]
    report = scene.run(table[:2], make_order(rules=ContactRules(not_after=NOW - HOUR)))
    assert report.by_time == ExcludedByTime()
    assert decide(report.summary, phone_column="phone", by_time=report.by_time).end is End.SUCCESS


def test_a_window_that_opens_after_the_deadline_is_not_waited_for(scene: Scene) -> None:
    rules = around(2 * HOUR, 2 * HOUR, not_after=NOW + 3 * HOUR)
    report = scene.run(rows("UTC", WEST), make_order(rules=rules))
    scene.check(report, 2)
    assert scene.lines()[1].reason == f"not after: {utc_text(NOW + 3 * HOUR)} comes before the hours open"
    assert report.by_time == ExcludedByTime(not_after=1, deadline=NOW + 3 * HOUR)


def test_the_time_zone_column_must_be_there(scene: Scene) -> None:
    """The message names its field: the DAG's author may not know the policy of the connection."""
    with pytest.raises(ConfigurationError, match=r"policy: time_zone_column: .* has no column 'zone'"):
        scene.run(people(1), make_order(rules=around(2 * HOUR, 2 * HOUR)))
