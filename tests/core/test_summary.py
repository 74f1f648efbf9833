# SPDX-License-Identifier: Apache-2.0
"""The summary is plain JSON with fixed keys, cut at a stated size, and shows nobody's phone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_uspeedo.core.summary import MAX_FAILURES, MAX_SESSIONS, ListedFailure, Summary

KEYS = [
    "campaign_id", "rows", "accepted", "rejected", "invalid", "duplicate", "suppressed", "unknown", "not_sent",
    "accepted_now", "requests", "session_nos", "failures", "truncated", "results_conn_id", "results_table",
]  # fmt: skip


def summary(**changes: Any) -> Summary:
    return Summary(**{"campaign_id": "c", "counts": {}, "accepted_now": 0, "requests": 0, **changes})


def failures(number: int, status: str = "rejected") -> list[ListedFailure]:
    return [ListedFailure.masked(row, "(852)55311111", "", status, "why") for row in range(1, number + 1)]


def test_its_keys_are_the_public_ones_and_always_all_there() -> None:
    """Whoever reads the XCom finds every key, in this order, also when nothing happened."""
    assert list(summary().to_xcom()) == KEYS


def test_it_is_plain_json() -> None:
    """An XCom that cannot be serialised would fail the task after everybody was texted."""
    told = summary(
        counts={"accepted": 2, "rejected": 1}, session_nos=("a", "b"), failures=tuple(failures(1)), results_table="r"
    ).to_xcom()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["failures"] == [
        {"row_number": 1, "phone": "(852)****1111", "user_id": "", "status": "rejected", "reason": "why"}
    ]


def test_the_rows_are_the_sum_of_the_statuses() -> None:
    """A status that is not counted is zero, and nothing is got by subtraction."""
    told = summary(counts={"accepted": 5, "invalid": 2, "unknown": 1}).to_xcom()
    assert told["rows"] == 8
    assert [told[status] for status in KEYS[2:9]] == [5, 0, 2, 0, 0, 1, 0]


@pytest.mark.parametrize("number", [MAX_FAILURES, MAX_FAILURES + 1])
@pytest.mark.parametrize("status", ["rejected", "invalid", "unknown"])
def test_failures_are_cut_at_a_stated_size_and_it_says_so(number: int, status: str) -> None:
    """The list holds the first ones; ``truncated`` is true only if there are more than it holds."""
    told = summary(counts={status: number}, failures=failures(number, status)).to_xcom()
    assert [failure["row_number"] for failure in told["failures"]] == list(range(1, MAX_FAILURES + 1))
    assert told["truncated"] is (number > MAX_FAILURES)


def test_failures_that_were_never_listed_are_not_passed_over_in_silence() -> None:
    """The ledger hands out the first thousand: if it counted more, the list is cut."""
    assert summary(counts={"rejected": 5000}, failures=failures(MAX_FAILURES)).truncated


@pytest.mark.parametrize("number", [MAX_SESSIONS, MAX_SESSIONS + 1])
def test_sessions_are_cut_at_a_stated_size_and_it_says_so(number: int) -> None:
    """A campaign of a million has a thousand sessions; larger ones read the results table."""
    told = summary(session_nos=[f"s{n}" for n in range(number)]).to_xcom()
    assert len(told["session_nos"]) == MAX_SESSIONS
    assert told["truncated"] is (number > MAX_SESSIONS)


def test_rows_that_did_not_fail_do_not_make_it_truncated() -> None:
    """Accepted, duplicate and waiting rows are not listed, so their number says nothing about the lists."""
    assert not summary(counts={"accepted": 9000, "duplicate": 9000, "not_sent": 9000}).truncated


def test_the_vendors_words_lose_their_digits() -> None:
    """A reason may quote the phone however the vendor writes it."""
    failure = ListedFailure.masked(1, "(852)55311111", "", "rejected", "852-5531 1111 is in the black list, code 4021")
    assert failure.reason == "****1111 is in the black list, code 4021"


@pytest.mark.parametrize("phone", ["", "nobody", "55311111", "8525531111185255311111", "\uff15\uff15311111"])
def test_a_phone_that_was_never_normalised_is_masked_too(phone: str) -> None:
    """An invalid row shows the end of what stands there at most."""
    shown = ListedFailure.masked(1, phone, "", "invalid", "why").phone
    assert sum(character.isdecimal() for character in shown) <= 4


@pytest.mark.parametrize(
    ("user_id", "phone"),
    [
        ("85255311111", "(852)55311111"),
        ("+852 5531 1111", "(852)55311111"),
        ("cust-55311111", "(852)55311111"),
        ("0085255311111", "(852)55311111"),
        ("8a5b2c5d5e3f1g1h1i1j1k", "(852)55311111"),
        ("55311111", "5531 1111"),
        ("\uff15\uff1531\uff1111\uff11\uff11", "(852)55311111"),
        ("85255311111", "\uff15\uff15\uff1311111"),
        ("+85255399999", "(852)55311111"),
        ("(852)55399999", ""),
        ("85255399999", ""),
        ("85255399999", "nobody"),
    ],
)
def test_a_mark_that_is_a_phone_is_masked_as_one(user_id: str, phone: str) -> None:
    """People use the phone as their own id; it is the same phone however it is written."""
    shown = ListedFailure.masked(1, phone, user_id, "rejected", "why").user_id
    assert sum(character.isdecimal() for character in shown) <= 4


@pytest.mark.parametrize("user_id", ["", "4711", "customer-0000123456", "9007199254740993", "a1b2c3d4-e5f6", "1111"])
def test_any_other_mark_is_shown_as_it_is(user_id: str) -> None:
    """It is what finds the person in the caller's own tables."""
    assert ListedFailure.masked(1, "(852)55311111", user_id, "rejected", "why").user_id == user_id
