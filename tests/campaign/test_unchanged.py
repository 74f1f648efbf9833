# SPDX-License-Identifier: Apache-2.0
"""A table that an attempt has read to its end is recognised by the next one, which then records no line of it again."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_uspeedo.api.response.send_answer import SendAnswer
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.core.keys import KeySpec
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.core.slices import Slice
from airflow_provider_uspeedo.errors import CampaignHalted, OutcomeUnknown
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from tests.campaign.stage import CAMPAIGN, Scene, make_order, people, phones
from tests.ledger.acting import resolve

PEOPLE = [*people(8), {"phone": "nobody", "name": "N"}, people(1)[0]]
"""Eight people, one row that cannot be sent, one that comes twice."""
COUNTS = {"accepted": 8, "invalid": 1, "duplicate": 1}
TABLE = pa.Table.from_pylist(PEOPLE)


def recorded(scene: Scene) -> list[bool]:
    """Of each attempt, whether it recorded its table; the others share the lines of an earlier one."""
    query = (
        "SELECT read_to > 0, same_as FROM uspeedo_attempts WHERE name NOT LIKE 'resolve by ann%' ORDER BY attempt_no"
    )
    with contextlib.closing(sqlite3.connect(scene.file)) as ledger:
        attempts = ledger.execute(query).fetchall()
    assert all((same_as is None) == reached for reached, same_as in attempts)
    return [bool(reached) for reached, _ in attempts]


def test_an_unchanged_table_is_not_recorded_again(scene: Scene) -> None:
    """Its rows are counted from what the earlier attempt recorded, each with what has become of it."""
    scene.check(scene.run(TABLE), 10)
    lines = scene.lines()
    for _ in range(2):
        report = scene.run(TABLE)
        scene.check(report, 10)
        assert {name: count for name, count in report.summary.counts.items() if count} == COUNTS
        assert (report.complete, report.summary.accepted_now, report.summary.requests) == (True, 0, 0)
        assert [failure.row_number for failure in report.summary.failures] == [9]
    assert recorded(scene) == [True, False, False]
    assert scene.lines() == lines
    with scene.ledger() as ledger:
        assert [line.read_whole for line in LedgerAdmin(ledger).show(CAMPAIGN).attempts] == [True, True, True]


CHANGES: dict[str, tuple[Callable[[], Any], CampaignConfig]] = {
    "a parameter": (lambda: pa.Table.from_pylist([{**PEOPLE[0], "name": "Anna"}, *PEOPLE[1:]]), make_order()),
    "a row more": (lambda: pa.Table.from_pylist([*PEOPLE, *people(1, 20)]), make_order()),
    "a row less": (lambda: TABLE.slice(1), make_order()),
    "another order": (lambda: TABLE.take([1, 0, *range(2, 10)]), make_order()),
    "another type": (
        lambda: TABLE.cast(pa.schema([("phone", pa.large_string()), ("name", pa.string())])),
        make_order(),
    ),
    "another sender": (lambda: TABLE, make_order(sender_id="Shop")),
    "other columns": (lambda: TABLE, make_order(Columns("phone", ("phone",)))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_is_different_is_read(scene: Scene, change: tuple[Callable[[], Any], CampaignConfig]) -> None:
    """Nobody is texted twice for that, and the rows add up as they are now."""
    table, config = change
    scene.run(TABLE)
    scene.check(scene.run(table(), config), table().num_rows)
    assert recorded(scene) == [True, True]


def test_a_table_of_other_python_objects_is_read_each_time(scene: Scene) -> None:
    """Of texts one knows that they are the same; of other objects one does not."""
    mixed = pd.DataFrame({"phone": [85250000000, "+85250000001"], "name": ["A", "B"]})
    texts = pd.DataFrame(people(2), dtype=object)
    for table in (mixed, mixed):
        scene.check(scene.run(table), 2)
    assert recorded(scene) == [True, True]
    config = make_order(campaign_id="other")
    for table in (texts, texts):
        assert scene.run(table, config).summary.rows == 2
    assert recorded(scene) == [True, True, True, False]


def lost(_content: Any) -> SendAnswer:
    raise OutcomeUnknown("no answer")


def test_what_is_unknown_stays_so_until_a_person_decides(scene: Scene) -> None:
    """The unchanged table is counted as before; once people may be texted again, it is read and they are."""
    scene.run_with(lost, TABLE)
    assert scene.run(TABLE, ask=False).summary["unknown"] == 8
    with scene.ledger() as ledger:
        assert resolve(ledger, CAMPAIGN, as_sent=False, by="ann") == 8
    scene.check(scene.run(TABLE, ask=False), 10)
    assert set(scene.texted()) == set(phones(people(8)))
    assert recorded(scene) == [True, False, True]


def test_a_table_with_people_left_is_read(scene: Scene) -> None:
    """Those whose request surely reached nobody are texted by the next attempt."""
    scene.run(TABLE, base_url="http://127.0.0.1:9", ask=False)
    scene.check(scene.run(TABLE), 10)
    assert set(scene.texted()) == set(phones(people(8)))


def test_a_stopped_campaign_says_so(scene: Scene) -> None:
    """Also where there would be nothing to do."""
    scene.run(TABLE)
    with scene.ledger() as ledger:
        LedgerAdmin(ledger).stop(CAMPAIGN, by="ann")
    with pytest.raises(CampaignHalted, match="stopped by ann"):
        scene.run(TABLE)


def test_lines_that_a_later_attempt_has_replaced_are_not_shared(scene: Scene) -> None:
    """A changed table came in between, and its attempt ended early: some of its lines are current."""
    scene.run(TABLE)
    stop_signal = StopSignal()

    def send_and_stop(_content: Any) -> SendAnswer:
        stop_signal.stop()
        raise OutcomeUnknown("no answer")

    report = scene.run_with(send_and_stop, pa.Table.from_pylist([*people(3, 20), *PEOPLE]), stop_signal=stop_signal)
    assert report.stopped
    scene.run(TABLE)
    assert recorded(scene) == [True, True, True]
    assert [line.row_number for line in scene.lines()][-10:] == list(range(1, 11))


def test_lines_that_are_shared_stay_until_they_are_counted(scene: Scene) -> None:
    """A changed table is read to its end meanwhile: what it replaces is deleted, but for what is in use."""
    scene.run(TABLE)
    with scene.ledger() as ledger:
        attempt = ledger.open_attempt(CAMPAIGN, KeySpec(None, (), None))
        whole = ledger.complete_reading(attempt)
        assert whole is not None
        assert ledger.share_reading(attempt, whole.attempt_no)
        scene.run(TABLE.slice(1))
        tallies = ledger.tally(replace(attempt, number=whole.attempt_no))
        assert sum(tally.rows for tally in tallies) == 10
        ledger.end_attempt(attempt, complete=False)
    scene.check(scene.run(TABLE), 10)


def test_slices_are_recognised_each_by_itself(scene: Scene) -> None:
    """And another number of slices is another reading."""

    def run(count: int) -> None:
        for number in range(1, count + 1):
            scene.run(TABLE, make_order(slice_=Slice.parse(f"{number}/{count}")))

    run(2)
    run(2)
    assert recorded(scene) == [True, True, False, False]
    run(3)
    assert recorded(scene)[4:] == [True, True, True]
    assert sorted(line.row_number for line in scene.lines()) == list(range(1, 11))
