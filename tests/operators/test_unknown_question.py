# SPDX-License-Identifier: Apache-2.0
"""What a person is asked about unknown outcomes, and what an answer means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin.reports import UnknownRequest
from airflow_provider_uspeedo.operators.unknown_question import (
    ALL_NOT_SENT,
    ALL_SENT,
    LEAVE_ALL,
    MAX_SINGLE,
    MAX_TEXT,
    UnknownQuestion,
    body,
    subject,
)

AT = datetime(2026, 11, 22, 9, 30, 5, tzinfo=UTC)


def request(number: int, recipients: int = 10, **about) -> UnknownRequest:
    given = {
        "id": f"{number:08x}{'ab' * 12}", "request_id": "", "session_no": None, "in_flight": False, "sent_at": AT,
        "recipients": recipients, "reason": "read timed out",
    }  # fmt: skip
    return UnknownRequest(**{**given, **about})


def question(number: int) -> UnknownQuestion:
    return UnknownQuestion.about([request(one, one + 1) for one in range(number)])


def ids(requests) -> list[int]:
    return [int(one.id[:8], 16) for one in requests]


@pytest.mark.parametrize("number", [1, 2, MAX_SINGLE, MAX_SINGLE + 1, 1000])
def test_requests_can_be_answered_singly_up_to_twenty(number: int) -> None:
    """One request needs no options of its own; many would be no choice."""
    asked = question(number)
    assert asked.options[:3] == [ALL_SENT, ALL_NOT_SENT, LEAVE_ALL]
    assert len(asked.options) == 3 + (2 * number if 2 <= number <= MAX_SINGLE else 0)
    assert asked.single == (len(asked.options) > 3)
    assert len(set(asked.options)) == len(asked.options)


@pytest.mark.parametrize("number", [1, 3, 30])
@pytest.mark.parametrize(("option", "field"), [(ALL_SENT, "sent"), (ALL_NOT_SENT, "not_sent"), (LEAVE_ALL, "left")])
def test_one_option_answers_for_all(number: int, option: str, field: str) -> None:
    """The two other outcomes are empty."""
    found = question(number).read([option])
    assert {name: len(getattr(found, name)) for name in ("sent", "not_sent", "left")} == {
        "sent": 0, "not_sent": 0, "left": 0, field: number,
    }  # fmt: skip


def test_requests_are_answered_one_by_one_and_the_others_are_left() -> None:
    """Each option names its request, and how many recipients it has."""
    asked = question(4)
    sent = next(one for one in asked.options if one.startswith("Sent: request 2, "))
    not_sent = next(one for one in asked.options if one.startswith("Not sent: request 4, "))
    assert sent == "Sent: request 2, 00000001 (2 recipients)"
    found = asked.read([not_sent, sent])
    assert (ids(found.sent), ids(found.not_sent), ids(found.left)) == ([1], [3], [0, 2])


def test_ids_that_begin_alike_are_shown_longer() -> None:
    """An option is about one request."""
    alike = [request(7, id="0123456789" + 22 * digit) for digit in "0af"]
    asked = UnknownQuestion.about(alike)
    assert len(set(asked.options)) == 9
    found = asked.read([one for one in asked.options if one.startswith("Sent: request 2, 0123456789a ")])
    assert [one.id for one in found.sent] == [alike[1].id]


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ([], "Nothing was chosen"),
        ([ALL_SENT, ALL_NOT_SENT], "contradicts itself"),
        ([ALL_SENT, LEAVE_ALL], "contradicts itself"),
        ([ALL_SENT, "Sent: request 1, 00000000 (1 recipient)"], "contradicts itself"),
        ([LEAVE_ALL, "Not sent: request 2, 00000001 (2 recipients)"], "contradicts itself"),
        (
            ["Sent: request 1, 00000000 (1 recipient)", "Not sent: request 1, 00000000 (1 recipient)"],
            "both sent and not sent",
        ),
        (["Sent: request 1, 00000000 (2 recipients)"], "were not shown"),
        (["Approve"], "were not shown"),
    ],
)
def test_an_answer_that_is_not_clear_is_refused(chosen: list[str], why: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ConfigurationError, match=why) as refused:
        question(2).read(chosen)
    assert "recorded" in str(refused.value)


def test_what_was_shown_survives_json() -> None:
    """Airflow keeps it while the task waits."""
    asked = question(5)
    assert UnknownQuestion.from_json(asked.to_json()) == asked


def test_the_body_says_which_requests_when_and_what_to_ask() -> None:
    """A table, in which texts from elsewhere can draw nothing and show no phone."""
    shown = [
        request(1, 1000, request_id="f0b1-uuid|x"),
        request(2, 1, session_no="EA_1", reason="HTTP 500: number (852) 5531-1111 | *bold*"),
        request(3, 2, in_flight=True, sent_at=None, reason=None),
    ]
    text = body("in*voices* 2026-11-22", shown, 1003)
    assert text.startswith(r"**1,003 recipients of campaign in\*voices\* 2026-11-22 may or may not")
    lines = [line for line in text.splitlines() if " | 0000" in line]
    assert lines[0] == (rf"| 1 | {shown[0].id} | 2026-11-22 09:30:05 | 1,000 | f0b1-uuid\|x | none | read timed out |")
    assert lines[1].endswith(r"| 1 | none | EA\_1 | HTTP 500: number \*\*\*\*1111 \| \*bold\* |")
    assert lines[2].endswith("| not known | 2 | none | none | in flight: no answer was recorded |")
    assert "RequestUuid" in text
    assert "gets it twice" in text
    assert "five minutes" in text
    assert "more of the campaign" not in text
    assert subject("due", UnknownQuestion.about(shown)) == "Were 1,003 recipients of campaign 'due' sent an SMS?"


@pytest.mark.parametrize("number", [1, 3, 100])
def test_the_question_can_be_read_back_from_its_body(number: int) -> None:
    """Airflow shows the first question of a task again after a retry: then that one is answered."""
    asked = [request(one, 1000 * one + 1, reason=f"| 1 | {'ab' * 16} | x | 9 |") for one in range(number)]
    assert UnknownQuestion.in_body(body("due", asked, 5)) == UnknownQuestion.about(asked)


@pytest.mark.parametrize("text", ["", "Approve?", f"{'ab' * 16} | 5"])
def test_another_body_has_no_request(text: str) -> None:
    assert UnknownQuestion.in_body(text).requests == ()


def test_what_is_unchanged_has_the_same_number() -> None:
    """A request that another person answered in part is another question."""
    first, now = question(3), UnknownQuestion.about([request(0, 1), request(1, 1), request(7)])
    assert ids(first.unchanged(now).requests) == [0]


def test_the_largest_body_fits_what_airflow_keeps() -> None:
    """64 KB on MySQL; every text from elsewhere is cut."""
    long = {"request_id": "_" * 500, "session_no": "*" * 5000, "reason": "|" * 5000}
    text = body("due", [request(one, 1000, **long) for one in range(100)], 100_001)
    assert len(text.encode()) < 65_535
    assert len(text) > MAX_TEXT * 2 * 3 * 100
    assert "1 recipient more of the campaign" in text
