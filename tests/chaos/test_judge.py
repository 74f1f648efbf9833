# SPDX-License-Identifier: Apache-2.0
"""The judge can fail: it is given one true story, and then the same with one lie in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from tests.chaos.judge import complaints
from tests.crash.truth import Arrival

A, B, C, D = (f"(852)5550000{number}" for number in range(1, 5))
ROWS = {1: A, 2: "+852 5550 0002", 3: None, 4: "0085255500001".removeprefix("00"), 5: C, 6: D}
"""Ann, Ben, nobody, Ann again, Cem, Dee."""
JOURNAL = [
    Arrival(1, None, [A, B], [A], [B], told=True, session="S1"),
    Arrival(2, "accept and drop", [C], [C], [], told=False, session="S2"),
    Arrival(3, None, [D], [D], [], told=True, session="S3"),
]
LINES: list[tuple[int | None, str, str, str | None]] = [
    (1, A, "accepted", "S1"),
    (2, B, "rejected", "S1"),
    (3, "nobody", "invalid", None),
    (4, A, "duplicate", None),
    (5, C, "unknown", None),
    (6, D, "accepted", "S3"),
]
SUMMARY = {"rows": 6, "accepted": 2, "rejected": 1, "invalid": 1, "duplicate": 1, "suppressed": 0, "unknown": 1}


@pytest.fixture
def judged(tmp_path: Path) -> Callable[..., list[str]]:
    """What the judge says of a ledger with these lines."""

    def judge(lines: Any = LINES, journal: Any = JOURNAL, rows: Any = ROWS, **how: Any) -> list[str]:
        file = tmp_path / "ledger.db"
        with closing(sqlite3.connect(file)) as ledger, ledger:
            ledger.execute(
                "CREATE TABLE uspeedo_results (row_number, recipient_key, phone, status, session_no, campaign_id)"
            )
            ledger.executemany("INSERT INTO uspeedo_results VALUES (?, 'key', ?, ?, ?, 'it''s mine')", lines)
            ledger.execute("INSERT INTO uspeedo_results VALUES (1, 'key', '(852)1', 'accepted', 'S9', 'another')")
        said = complaints(journal, URL.create("sqlite", database=str(file)), "it's mine", rows, **how)
        file.unlink()
        return said

    return judge


def changed(number: int, **what: Any) -> list[tuple[Any, ...]]:
    """The true lines with one of them changed."""
    names = ("row_number", "phone", "status", "session_no")
    line = dict(zip(names, LINES[number - 1], strict=True)) | what
    return [tuple(line.values()) if n == number else true for n, true in enumerate(LINES, 1)]


def test_the_truth_is_believed(judged: Callable[..., list[str]]) -> None:
    """A ledger that agrees with the journal earns no complaint, in mid-campaign or at its end."""
    assert judged() == []
    assert judged(finished=True, summary={**SUMMARY, "not_sent": 0}) == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(changed(1, status="not_sent"), "the vendor accepted it", id="texted, and not sent"),
        pytest.param(changed(1, status="rejected"), "the vendor never said so", id="texted, and rejected"),
        pytest.param(changed(2, status="accepted"), "the vendor says None", id="not texted, and accepted"),
        pytest.param(changed(6, session_no="S1"), "the vendor says {'S3'}", id="in another session"),
        pytest.param(changed(6, session_no=None), "the vendor says {'S3'}", id="accepted in no session"),
        pytest.param(changed(6, status="sent"), "which is none", id="a status of its own"),
        pytest.param(changed(6, status="suppressed"), "nobody asked for that", id="suppressed"),
        pytest.param(changed(6, row_number=5), "rows [5] have more than one line", id="two lines for one row"),
        pytest.param(changed(4, status="unknown"), "has 2 fates", id="two fates for one person"),
        pytest.param(changed(1, status="duplicate"), "has 0 fates", id="no fate for one person"),
        pytest.param(LINES[:-1], "has 0 fates", id="a person who was texted is missing"),
    ],
)
def test_a_lie_is_seen_at_any_time(judged: Callable[..., list[str]], lines: Any, said: str) -> None:
    """Also while a campaign is under way."""
    assert any(said in complaint for complaint in judged(lines))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(changed(5, status="not_sent"), "rows [5] are not sent", id="not sent"),
        pytest.param(changed(6, status="unknown"), "1 people are unknown without need", id="answered, and unknown"),
        pytest.param(changed(4, status="accepted", session_no="S1"), "has 2 fates", id="twice the same fate"),
        pytest.param(changed(1, row_number=7), "rows [7] have a line, and the table has no such rows", id="a new row"),
        pytest.param(changed(3, row_number=None), "rows [3] have no line", id="an invalid row is missing"),
        pytest.param(changed(4, row_number=None), "rows [4] have no line", id="a duplicate is missing"),
        pytest.param(changed(1, row_number=None), "no row tells the fate of 85255500001", id="a fate beside the rows"),
        pytest.param(changed(4, status="invalid"), "there is nothing wrong with it", id="invalid without reason"),
        pytest.param(changed(3, status="duplicate"), "the row cannot be sent", id="sendable without reason"),
        pytest.param(changed(3, phone="(852)9", status="not_sent"), "the row cannot be sent", id="to be sent"),
        pytest.param(changed(4, phone=B), "about somebody else", id="somebody else's row"),
    ],
)
def test_a_lie_is_seen_in_the_end(judged: Callable[..., list[str]], lines: Any, said: str) -> None:
    """A finished campaign has a line for every row, and none of them is open."""
    assert any(said in complaint for complaint in judged(lines, finished=True))


def test_a_recipient_texted_twice_is_seen(judged: Callable[..., list[str]]) -> None:
    """However the vendor writes the number the second time."""
    again = Arrival(4, None, ["85255500001"], ["85255500001"], [], told=True, session="S1")
    assert judged(journal=[*JOURNAL, again]) == ["85255500001 was texted 2 times"]


def test_leeway_is_for_so_many_people_and_no_more(judged: Callable[..., list[str]]) -> None:
    """A crash in mid-request leaves a chunk unknown, and not more."""
    lines = changed(6, status="unknown", session_no=None)
    assert judged(lines, finished=True, leeway=1) == []
    assert judged(lines, finished=True, leeway=0) != []


def test_an_answer_that_came_is_not_lost(judged: Callable[..., list[str]]) -> None:
    """Unknown is right only if the journal shows that the vendor's answer did not say."""
    told = [replace(arrival, told=True) for arrival in JOURNAL]
    assert judged(journal=told, finished=True) == ["1 people are unknown without need, and 0 may be"]


@pytest.mark.parametrize("status", ["accepted", "unknown", "invalid"])
def test_a_summary_that_says_otherwise_is_seen(judged: Callable[..., list[str]], status: str) -> None:
    """The summary is not compared with itself alone."""
    wrong = {**SUMMARY, "not_sent": 0, status: SUMMARY[status] + 1}
    assert any(f"{SUMMARY[status] + 1} {status}" in complaint for complaint in judged(summary=wrong))
    assert any("does not add up" in complaint for complaint in judged(summary=wrong))
