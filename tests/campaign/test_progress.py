# SPDX-License-Identifier: Apache-2.0
"""How far an attempt is, told by the clock; and why rows were not sent, told at its end."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest

from airflow_provider_uspeedo.campaign import progress
from airflow_provider_uspeedo.campaign.guards import Guards
from airflow_provider_uspeedo.campaign.progress import Progress
from airflow_provider_uspeedo.core.contact_rules import ContactRules
from airflow_provider_uspeedo.core.suppress_sources import sources_of
from airflow_provider_uspeedo.errors import Refused
from tests.campaign.stage import Scene, make_order, people


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_line_says_what_is_done_and_left_and_how_fast() -> None:
    """Rows without a message are done once they are read; the pace is that since the line before."""
    guards, clock = Guards(None), Clock()
    told = Progress(100_000, guards, clock)
    told.claimed(10_000, 9_000)
    assert (
        told.line()
        == "1,000 of 100,000 rows done, 99,000 left: about 0 s. Sent so far: no answer yet; 0 recipients a second."
    )
    guards.report(["accepted"] * 8_000 + ["rejected"] * 200 + ["unknown"] * 300)
    clock.now += 10
    assert told.line() == (
        "9,500 of 100,000 rows done, 90,500 left: about 95 s. Sent so far: 8,000 accepted, 200 rejected, 300 unknown; "
        "850 recipients a second."
    )
    told.claimed(100_000, 90_000)
    guards.report(["accepted"] * 90_500)
    clock.now += 90
    assert told.line().startswith("100,000 of 100,000 rows done, 0 left. Sent so far: 98,500 accepted")


def test_a_table_whose_size_is_not_known_has_no_end() -> None:
    """Nor is one made up."""
    told = Progress(None, Guards(None), Clock())
    told.claimed(500, 500)
    assert told.line() == "0 rows done. Sent so far: no answer yet; 0 recipients a second."


@pytest.mark.parametrize(("seconds", "said"), [(119, "119 s"), (3600, "60 min"), (9000, "2.5 h")])
def test_what_is_left_is_said_in_the_unit_one_would_use(seconds: float, said: str) -> None:
    """From the pace of the whole attempt."""
    guards, clock = Guards(None), Clock()
    told = Progress(2000, guards, clock)
    told.claimed(1000, 0)
    clock.now += seconds
    assert f"1,000 left: about {said}." in told.line()


def test_lines_come_by_the_clock_and_not_by_the_request(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while a request is not answered; nothing is told once the attempt is over, and no phone ever."""
    monkeypatch.setattr(progress, "FIRST_AFTER", 0.2)
    table, calls = people(60), []

    def slow(content: Any) -> Any:
        calls.append(content)
        if len(calls) == 10:
            time.sleep(1.0)
        return send(content)

    with scene.client() as client, caplog.at_level("INFO"):
        send = client.send_written
        report = scene.run_with(slow, table, make_order())
    lines = [one.getMessage() for one in caplog.records if one.name == progress.__name__]
    assert report.summary["accepted"] == 60
    assert len(calls) == 20
    assert 3 <= len(lines) <= 12
    assert all(re.match(r"\d+ of 60 rows done, \d+ left", line) for line in lines)
    assert all(len(line) <= 120 for line in lines)
    assert any(" 0 recipients a second" in line for line in lines)
    assert not any(row["phone"][4:] in caplog.text for row in table)
    assert not [one for one in threading.enumerate() if one.name == "uspeedo-progress"]


def test_a_short_campaign_logs_no_progress(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Its end says all."""
    with caplog.at_level("INFO"):
        scene.run(people(9), make_order())
    assert not [one for one in caplog.records if one.name == progress.__name__]


def test_a_campaign_that_fails_ends_its_progress_thread(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds no process up."""
    monkeypatch.setattr(progress, "FIRST_AFTER", 60.0)

    def refuse(_content: Any) -> Any:
        raise Refused("no balance", ret_code=18013)

    assert scene.run_with(refuse, people(9), make_order()).cause is not None
    assert not [one for one in threading.enumerate() if one.name == "uspeedo-progress"]


# -- why rows were not sent -----------------------------------------------------------------------------------------


def test_the_most_frequent_reasons_are_reported_with_their_status(scene: Scene) -> None:
    """Of rejected, invalid and suppressed rows; of a later attempt as well, which rejects nobody itself."""
    table = [
        *people(4),
        *({"phone": f"+85250{n}99991", "name": "x"} for n in range(3)),
        *({"phone": "", "name": "x"} for _ in range(2)),
        {"phone": "+8613800000001", "name": "x"},
    ]
    order = make_order(rules=ContactRules(countries=frozenset({"HK"})), max_failure_ratio=None)
    first = scene.run(table, order)
    assert first.summary.counts["accepted"] == 4
    told = [(one.rows, one.status, one.text) for one in first.reasons]
    assert told[0] == (3, "rejected", "phone in the black list")
    assert (told[1][0], told[1][1]) == (2, "invalid")
    assert (told[2][0], told[2][1]) == (1, "suppressed")
    assert "countr" in told[2][2]
    again = [(one.rows, one.status) for one in scene.run(table, order).reasons]
    assert again == [(3, "rejected"), (2, "invalid"), (1, "suppressed")]


def test_recipients_that_the_ledger_excludes_are_reported(scene: Scene) -> None:
    """A list of people who may not be texted, of a file."""
    table = people(5)
    listed = [{"phone": row["phone"]} for row in table[:2]]
    order = make_order(rules=ContactRules(suppress=sources_of(listed, "policy: suppress")))
    report = scene.run(table, order)
    assert report.summary["suppressed"] == 2
    assert [(one.rows, one.status) for one in report.reasons] == [(2, "suppressed")]


def test_more_failures_than_are_listed_are_counted_all_the_same(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what this attempt has met."""
    monkeypatch.setattr("airflow_provider_uspeedo.campaign.report.MAX_FAILURES", 2)
    table = [*people(2), *({"phone": "", "name": "x"} for _ in range(7))]
    report = scene.run(table, make_order(max_invalid_ratio=None))
    assert len(report.summary.failures) == 2
    assert [(one.rows, one.status) for one in report.reasons] == [(7, "invalid")]
