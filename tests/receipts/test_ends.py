# SPDX-License-Identifier: Apache-2.0
"""When a collection asks, what it counts, and how it ends: pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.exit_policy import End
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.results.receipt_queries import ReceiptReason, Standing
from airflow_provider_uspeedo.receipts.collection_config import CollectionConfig
from airflow_provider_uspeedo.receipts.conclusion import conclude, describe, describe_not_asked
from airflow_provider_uspeedo.receipts.schedule import MAX_WAIT, MIN_WAIT, Schedule
from airflow_provider_uspeedo.receipts.totals import MAX_REASONS, Totals, worst

SENT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
RESULTS = ("Success", "Fail", "SubmitFail", None)


def totals(success: int = 0, fail: int = 0, submit_fail: int = 0, pending: int = 0) -> Totals:
    counts = zip(RESULTS, (success, fail, submit_fail, pending), strict=True)
    return Totals.of(Standing(b"q", "852", result, number, number) for result, number in counts if number)


def config(**changes: object) -> CollectionConfig:
    return CollectionConfig(**{"campaign_id": "c", **changes})  # type: ignore[arg-type]


# -- when -------------------------------------------------------------------------------------------------------


def test_a_collection_asks_at_growing_intervals_until_the_deadline() -> None:
    """The minutes after the send at which it asks, if asking takes no time."""
    schedule = Schedule(SENT, timedelta(minutes=5), timedelta(hours=12))
    now = schedule.first(SENT)
    minutes = []
    while not schedule.is_over(now):
        minutes.append((now - SENT).total_seconds() / 60)
        now = schedule.following(now)
    assert [round(one, 1) for one in minutes[:6]] == [5.0, 7.5, 11.2, 16.9, 25.3, 38.0]
    assert now == schedule.end
    waits = [after - before for before, after in zip(minutes, [*minutes[1:], 720.0], strict=True)]
    assert waits[:-1] == sorted(waits[:-1])
    assert max(waits) <= 60
    assert len(minutes) < 25


@given(st.timedeltas(timedelta(hours=-5), timedelta(days=40)), st.timedeltas(timedelta(), timedelta(hours=12)))
def test_no_clock_makes_it_wait_longer_than_its_arguments_say(elapsed: timedelta, first_after: timedelta) -> None:
    """Also where the worker that sent has a clock that is ahead; and the next question is never in the past."""
    schedule = Schedule(SENT, first_after, timedelta(hours=12))
    now = SENT + elapsed
    assert schedule.first(now) - now <= first_after
    following = schedule.following(now)
    assert now <= following
    assert following - now <= MAX_WAIT
    if following < schedule.end:
        assert following - now >= MIN_WAIT


# -- what -------------------------------------------------------------------------------------------------------


def test_what_is_not_known_is_null() -> None:
    """Never 0, which would be a rate, a number of segments or a price."""
    found = totals(pending=3).to_xcom("c", ())
    assert (found["delivery_rate"], found["segments"], found["cost"]) == (None, None, None)
    assert (found["messages"], found["final"], found["pending"]) == (3, 0, 3)
    assert [country["segments"] for country in found["by_country"].values()] == [None]


def test_countries_are_named_by_their_code() -> None:
    """The largest first; of a code of no country the code itself, and *unknown* for what is no phone."""
    standings = [Standing(b"q", code, "Success", number, 0) for code, number in (("800", 1), ("1", 3), ("", 2))]
    assert list(Totals.of(standings).to_xcom("c", ())["by_country"]) == ["US", "unknown", "+800"]


def test_reasons_that_differ_in_a_phone_alone_are_one() -> None:
    """Its digits are hidden; the most frequent come first, and only so many."""
    quoting = [ReceiptReason("Fail", "E1", f"absent (852)5531111{n}", n + 1) for n in range(3)]
    others = [ReceiptReason("SubmitFail", f"C{n}", "refused", 1) for n in range(30)]
    found = worst([*others, *quoting])
    assert found[0] == {"result": "fail", "code": "E1", "reason": "absent ****", "messages": 6}
    assert len(found) == MAX_REASONS


# -- how --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "changes", "end", "warns", "said"),
    [
        ((3, 0, 0, 0), {}, End.SUCCESS, False, "Of 3 messages: 3 delivered."),
        ((3, 1, 1, 0), {}, End.SUCCESS, False, "3 delivered, 1 failed, 1 not submitted"),
        ((98, 0, 0, 2), {"until": 0.98}, End.SUCCESS, False, "2 not final"),
        ((97, 0, 0, 3), {"until": 0.98}, End.SUCCESS, True, "airflow-uspeedo explain receipts-missing"),
        ((0, 0, 0, 0), {"min_delivery_rate": 1}, End.SUCCESS, True, "no message"),
        ((9, 1, 0, 0), {"min_delivery_rate": 0.9}, End.SUCCESS, False, "9 delivered"),
        ((8, 1, 1, 0), {"min_delivery_rate": 0.9}, End.FAIL, False, "80.00%, less than min_delivery_rate=0.9"),
        ((9, 1, 0, 90), {"min_delivery_rate": 0.9}, End.SUCCESS, True, "90 messages of 100"),
        ((0, 0, 0, 5), {"min_delivery_rate": 0}, End.FAIL, False, "cannot be judged"),
    ],
)
def test_how_a_collection_ends(
    counts: tuple[int, int, int, int], changes: dict[str, float], end: End, warns: bool, said: str
) -> None:
    """And what it says."""
    found = conclude(totals(*counts), config(**changes), "Campaign 'c'.")
    assert (found.end, found.warns) == (end, warns)
    assert said in found.message


def test_what_cannot_be_asked_about_is_said() -> None:
    """Both kinds, each with what to do."""
    assert describe_not_asked({}) == ""
    said = describe_not_asked({"accepted": 1, "unknown": 2})
    assert "1 accepted message cannot be asked about" in said
    assert "2 recipients of requests without an answer: no SessionNo is known" in said
    assert describe(totals(pending=1)) == "Of 1 message: 1 not final."


@pytest.mark.parametrize(
    "wrong",
    [
        {"campaign_id": None}, {"campaign_id": "a\0b"}, {"until": 0}, {"until": 1.01}, {"min_delivery_rate": -0.1},
        {"min_delivery_rate": 1.1}, {"first_after": timedelta(-1)}, {"deadline": timedelta()},
        {"deadline": timedelta(days=31)}, {"first_after": timedelta(hours=13)},
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused(wrong: dict[str, object]) -> None:
    """By the name of the argument."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        config(**wrong)
