# SPDX-License-Identifier: Apache-2.0
"""How an attempt ends follows from the counts, by fixed rules of fixed precedence, in words that say what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_uspeedo.core.exit_policy import (
    End,
    ExcludedByTime,
    ExitDecision,
    decide,
    describe,
    wait_for_retries,
)
from airflow_provider_uspeedo.core.summary import ListedFailure, Summary


def summary(requests: int = 2, accepted_now: int = 0, conn: str | None = None, **counts: int) -> Summary:
    listed = [
        ListedFailure.masked(3, "nobody", "", status, "phone (column 'tel'): has letters; write digits only")
        for status in ("rejected", "invalid")
        if counts.get(status)
    ]
    return Summary("due/2026", counts, accepted_now, requests, (), listed, conn, "uspeedo_results")


def end(found: Summary, **more: Any) -> tuple[End, str]:
    """The end, and the section of the runbook that the message names."""
    decision = decide(found, phone_column="tel", **more)
    return decision.end, decision.message.rpartition("airflow-uspeedo explain ")[2].rstrip("`.")


@pytest.mark.parametrize(
    "counts",
    [
        {"accepted": 5},
        {"accepted": 5, "rejected": 2, "invalid": 9, "duplicate": 3, "suppressed": 1},
        {"rejected": 5},
        {"rejected": 1, "invalid": 99},
        {},
    ],
    ids=str,
)
def test_rejected_and_invalid_rows_alone_are_a_success(counts: dict[str, int]) -> None:
    """So is an empty table: nothing is left that a retry or an operator could fix."""
    decision = decide(summary(**counts), phone_column="tel")
    assert decision == ExitDecision(End.SUCCESS, describe(summary(**counts)))


def test_a_table_of_which_every_row_is_invalid_fails_for_good() -> None:
    """No retry fixes a wrong phone column."""
    assert end(summary(invalid=5)) == (End.FAIL, "no-sendable-row")


@pytest.mark.parametrize(
    "counts", [{"suppressed": 5}, {"suppressed": 3, "duplicate": 1}, {"suppressed": 1, "invalid": 4}]
)
def test_a_table_of_which_all_recipients_are_suppressed_is_a_success_with_a_warning(counts: dict[str, int]) -> None:
    """The rules were kept, and perhaps somebody has to look at the list."""
    decision = decide(summary(**counts), phone_column="tel")
    assert decision.end is End.SUCCESS
    assert decision.warning
    assert decision.message.startswith("Every recipient is suppressed, so nothing was sent. Of ")
    assert decision.message.endswith("What to do: `airflow-uspeedo explain all-suppressed`.")


@pytest.mark.parametrize(
    "counts",
    [
        {"suppressed": 5, "accepted": 1},
        {"suppressed": 5, "rejected": 1},
        {"duplicate": 3},
        {"invalid": 5, "duplicate": 1},
    ],
    ids=str,
)
def test_suppressed_and_duplicate_rows_beside_others_are_a_plain_success(counts: dict[str, int]) -> None:
    decision = decide(summary(**counts), phone_column="tel")
    assert (decision.end, decision.warning) == (End.SUCCESS, False)


OPENING = datetime(2026, 11, 30, 1, tzinfo=UTC)
WAITING = ExcludedByTime(hours=2, next_opening=OPENING)


def test_what_only_waits_for_its_hours_goes_on_at_a_known_time() -> None:
    """Unknown outcomes do not keep it from that: they are left alone, and fail the task once nothing waits."""
    decision = decide(summary(accepted=5, unknown=1, not_sent=2), phone_column="tel", by_time=WAITING)
    assert (decision.end, decision.until) == (End.WAIT, OPENING)
    assert decision.message.startswith(
        "2 recipients wait for the hours of the policy; the next window opens at 2026-11-30 01:00 UTC. Of 8 rows: "
    )


def test_what_was_not_sent_for_another_reason_is_retried_at_once() -> None:
    """A later attempt can send it before the window opens."""
    assert end(summary(not_sent=3), by_time=WAITING) == (End.RETRY, "not-sent")
    assert end(summary(not_sent=2), by_time=ExcludedByTime(hours=2)) == (End.RETRY, "not-sent")
    assert end(summary(not_sent=2), by_time=WAITING, cause="No balance.") == (End.RETRY, "the-campaign-stopped")
    assert end(summary(not_sent=2), by_time=WAITING, stopped=True) == (End.RETRY, "stopped")


def test_what_is_too_late_fails_for_good_once_nothing_waits() -> None:
    """As long as some recipients wait for hours that come before the deadline, it goes on for them."""
    deadline = datetime(2026, 11, 22, 20, tzinfo=timezone(timedelta(hours=8)))
    late = ExcludedByTime(not_after=2, deadline=deadline)
    decision = decide(summary(accepted=1, unknown=1, not_sent=2), phone_column="tel", by_time=late)
    assert decision.end is End.FAIL
    assert decision.message.startswith(
        "2 recipients were not sent: the policy's not_after (2026-11-22 12:00 UTC) leaves no time. Of 4 rows: "
    )
    assert decision.message.endswith(
        "Others are unknown: they need a decision. What to do: `airflow-uspeedo explain not-after`."
    )
    both = ExcludedByTime(hours=1, not_after=2, next_opening=OPENING, deadline=deadline)
    assert decide(summary(not_sent=3), phone_column="tel", by_time=both).end is End.WAIT
    assert end(summary(not_sent=3), by_time=late) == (End.RETRY, "not-sent")


@pytest.mark.parametrize(
    ("before", "task", "says"),
    [
        (
            timedelta(hours=10, minutes=20),
            {"retries": 24, "used": 2, "retry_delay": timedelta(hours=1)},
            "That is in 10 h 20 min. The retries of this task reach it: 22 left, one every 1 h 0 min.",
        ),
        (
            timedelta(hours=10, minutes=20),
            {"retries": 2, "used": 1, "retry_delay": timedelta(minutes=5)},
            (
                "That is in 10 h 20 min. The retries of this task end before (1 left, one every 5 min): set "
                "deferrable=True, or retries=12 and retry_delay=timedelta(minutes=60)."
            ),
        ),
        (
            timedelta(minutes=25),
            {"retries": 0, "used": 0, "retry_delay": timedelta(minutes=5)},
            (
                "That is in 25 min. The retries of this task end before (0 left, one every 5 min): set "
                "deferrable=True, or retries=3 and retry_delay=timedelta(minutes=10)."
            ),
        ),
        (
            timedelta(seconds=-30),
            {"retries": 1, "used": 0, "retry_delay": timedelta(seconds=300)},
            "That is in 0 min. The retries of this task reach it: 1 left, one every 5 min.",
        ),
    ],
    ids=["reached", "not reached", "no retries", "open meanwhile"],
)
def test_a_task_that_cannot_sleep_says_which_retries_reach_the_next_window(
    before: timedelta, task: dict[str, Any], says: str
) -> None:
    decision = decide(summary(not_sent=2), phone_column="tel", by_time=WAITING)
    failed = wait_for_retries(decision, now=OPENING - before, **task)
    assert failed.end is End.RETRY
    assert f"{says} What to do: `airflow-uspeedo explain outside-hours`." in failed.message


def test_a_slice_of_which_nothing_can_be_sent_is_a_success() -> None:
    """It may be one bad row; it says nothing about the phone column."""
    assert end(summary(invalid=1), sliced=True)[0] is End.SUCCESS


def test_unknown_outcomes_alone_fail_for_good() -> None:
    """They are never sent again by themselves, so they need a decision."""
    assert end(summary(accepted=5, unknown=1, invalid=1)) == (End.FAIL, "unknown")


def test_a_request_of_another_attempt_is_looked_at_again() -> None:
    """It may be answered yet."""
    assert end(summary(accepted=5, unknown=1), elsewhere=True) == (End.RETRY, "in-flight")


def test_another_attempts_request_does_not_matter_once_it_is_answered() -> None:
    """Without an unknown row there is nothing to wait for."""
    assert end(summary(accepted=5), elsewhere=True)[0] is End.SUCCESS


def test_what_was_not_sent_is_attempted_again_even_beside_unknown_outcomes() -> None:
    """A retry sends the one and leaves the other alone."""
    assert end(summary(accepted=5, unknown=3, not_sent=1), elsewhere=True) == (End.RETRY, "not-sent")


def test_a_cause_comes_before_the_counts() -> None:
    """It explains them; also when no recipient is left."""
    found = summary(accepted=5, unknown=3, not_sent=1, invalid=1)
    assert end(found, cause="No balance.", elsewhere=True) == (End.RETRY, "the-campaign-stopped")
    assert end(summary(accepted=5), cause="No balance.") == (End.RETRY, "the-campaign-stopped")


def test_a_halted_campaign_is_not_retried() -> None:
    """A guard that a retry releases would guard nothing."""
    found = summary(accepted=5, not_sent=1)
    assert end(found, cause="No.", halted="too-many-failures", elsewhere=True) == (End.FAIL, "too-many-failures")
    for unknown, elsewhere, says in ((0, False, False), (3, False, True), (3, True, False)):
        found = summary(rejected=2, unknown=unknown)
        how = {"phone_column": "phone", "cause": "No.", "elsewhere": elsewhere}
        said = decide(found, halted="too-many-failures", **how).message
        assert ("Others are unknown: they need a decision." in said) == says


def test_a_stop_comes_before_everything() -> None:
    """It was asked for, and the counts describe only what was read by then."""
    found = summary(accepted=5, unknown=3, not_sent=1)
    assert end(found, stopped=True, cause="x", elsewhere=True) == (End.RETRY, "stopped")
    assert end(summary(), stopped=True) == (End.RETRY, "stopped")


PLACE = "Campaign 'due/2026', table uspeedo_results in the local SQLite ledger."


@pytest.mark.parametrize(
    ("found", "more", "message"),
    [
        (
            summary(accepted=4998, invalid=2, requests=5, accepted_now=4998, conn="lake_pg"),
            {},
            (
                "Of 5,000 rows: 4,998 accepted, 2 invalid; 4,998 accepted now, by 5 requests. Campaign 'due/2026', "
                "table uspeedo_results in connection 'lake_pg'."
            ),
        ),
        (summary(requests=0), {}, f"Of 0 rows: none; nothing was sent now. {PLACE}"),
        (
            summary(unknown=1, requests=1),
            {},
            (
                "1 recipient is unknown: the API's answer was lost, or does not say what became of them. Of 1 row: 1 "
                "unknown; 0 accepted "
                f"now, by 1 request. {PLACE} No attempt sends to them again by itself: check at USpeedo whether the "
                "messages were accepted, then run `airflow-uspeedo resolve`. What to do: "
                "`airflow-uspeedo explain unknown`."
            ),
        ),
        (
            summary(accepted=1, unknown=1000),
            {},
            (
                "1,000 recipients are unknown: the API's answer was lost, or does not say what became of them. Of "
                "1,001 rows: 1 accepted, "
                f"1,000 unknown; 0 accepted now, by 2 requests. {PLACE} No attempt sends to them again by itself: "
                "check at USpeedo whether the messages were accepted, then run `airflow-uspeedo resolve`. What to do: "
                "`airflow-uspeedo explain unknown`."
            ),
        ),
        (
            summary(not_sent=1),
            {},
            (
                f"1 recipient was not sent. Of 1 row: 1 not_sent; 0 accepted now, by 2 requests. {PLACE} A later "
                "attempt sends only these. What to do: `airflow-uspeedo explain not-sent`."
            ),
        ),
        (
            summary(invalid=1),
            {},
            (
                "The only row cannot be sent; is 'tel' the phone column? Row 3: phone (column 'tel'): has letters; "
                f"write digits only. Of 1 row: 1 invalid; 0 accepted now, by 2 requests. {PLACE} What to do: "
                "`airflow-uspeedo explain no-sendable-row`."
            ),
        ),
        (
            summary(not_sent=1000, requests=0),
            {"cause": "USpeedo refused the request; nobody was texted.", "complete": False},
            (
                "The campaign stopped: USpeedo refused the request; nobody was texted. Rows that were not read yet "
                f"are not counted. Of 1,000 rows: 1,000 not_sent; nothing was sent now. {PLACE} What to do: "
                "`airflow-uspeedo explain the-campaign-stopped`."
            ),
        ),
        (
            summary(not_sent=2),
            {"stopped": True, "complete": False},
            (
                "The task was stopped. Rows that were not read yet are not counted. Of 2 rows: 2 not_sent; 0 "
                f"accepted now, by 2 requests. {PLACE} The next attempt continues. What to do: "
                "`airflow-uspeedo explain stopped`."
            ),
        ),
        (
            summary(not_sent=2),
            {"cause": "Campaign 'due/2026' was stopped by Pat.", "halted": "campaign-stopped-by-a-person"},
            (
                "Campaign 'due/2026' was stopped by Pat. Of 2 rows: 2 not_sent; 0 accepted now, by 2 requests. "
                f"{PLACE} What to do: `airflow-uspeedo explain campaign-stopped-by-a-person`."
            ),
        ),
        (
            summary(unknown=2),
            {"elsewhere": True},
            (
                "Another attempt of this campaign has a request in flight, or ended with one. Of 2 rows: 2 unknown; 0 "
                f"accepted now, by 2 requests. {PLACE} Retry later. What to do: `airflow-uspeedo explain in-flight`."
            ),
        ),
    ],
)
def test_the_message_says_what_happened_to_how_many_and_what_to_do(
    found: Summary, more: dict[str, Any], message: str
) -> None:
    """Each message in full, in the singular where there is one."""
    assert decide(found, phone_column="tel", **more).message == message


def test_a_message_names_the_first_invalid_row_and_not_a_rejected_one() -> None:
    """Only an invalid row says what is wrong with the table."""
    found = Summary("c", {"invalid": 2}, 0, 0, (), [ListedFailure.masked(7, "x", "", "unknown", "lost")], None, "r")
    assert "Row 7" not in decide(found, phone_column="tel").message
