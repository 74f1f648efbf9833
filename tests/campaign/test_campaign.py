# SPDX-License-Identifier: Apache-2.0
"""A table of people is texted once each, and every row says what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.errors import ConfigurationError, SourceNotFound, TableError
from tests.campaign.stage import Scene, make_order, people, phones

MIXED: list[tuple[str | None, str | None, str, str | None, str]] = [
    ("+85255000001", "Ann", "UTA_CODE", "Shop", "accepted"),
    ("00852 5500 0002", "Ben", "UTA_OTHER", None, "accepted"),
    ("(852)55000003", None, "UTA_CODE", "Shop", "invalid"),
    ("nobody", "Dee", "UTA_CODE", "Shop", "invalid"),
    ("+852-5500-0001", "Ann again", "UTA_OTHER", "", "duplicate"),
    ("+85255099991", "Eve", "UTA_CODE", "Shop", "rejected"),
    (None, "Fay", "UTA_CODE", "", "invalid"),
    ("+85255000008", "Gus", "", "", "invalid"),
    ("+85255000009", "Hal", "UTA_OTHER", "Shop", "accepted"),
    ("+85255000002", "Ben again", "UTA_CODE", "", "duplicate"),
    ("+85255000011", "Ida", "UTA_CODE", "A sender that is too long", "invalid"),
    ("+85255099992", "Jim", "UTA_CODE", "Shop", "rejected"),
    ("+85255000003", "Cem", "UTA_OTHER", "", "accepted"),
    ("+85255000014", "\0", "UTA_CODE", "", "invalid"),
    ("+85255000015", "", "UTA_CODE", "", "accepted"),
]
"""Phone, name, template, sender, and what must become of the row."""
COLUMNS = Columns("phone", ("name",), template_id="template", sender_id="sender")


def mixed() -> list[dict[str, Any]]:
    return [dict(zip(("phone", "name", "template", "sender"), row[:4], strict=True)) for row in MIXED]


@pytest.mark.parametrize(("batch_rows", "chunk_size"), [(1, 1), (1, 1000), (4, 2), (4, 1000), (20_000, 2)])
def test_every_row_of_a_mixed_table_ends_in_the_right_status(scene: Scene, batch_rows: int, chunk_size: int) -> None:
    """Invalid, duplicate, rejected and accepted rows in two templates and senders, however the table is cut."""
    scene.sizes["portion_rows"] = batch_rows
    scene.sizes["batch_rows"] = max(batch_rows // 2, 1)
    report = scene.run(mixed(), make_order(COLUMNS, chunk_size=chunk_size))
    assert scene.statuses() == [row[-1] for row in MIXED]
    assert report.summary["accepted"] == report.summary.accepted_now == 5
    scene.check(report, rows=len(MIXED))
    sent = {(entry.phone, tuple(entry.params), entry.template_id, entry.sender_id) for entry in scene.journal()}
    assert sent == {
        ("(852)55000001", ("Ann",), "UTA_CODE", "Shop"),
        ("(852)55000002", ("Ben",), "UTA_OTHER", ""),
        ("(852)55000009", ("Hal",), "UTA_OTHER", "Shop"),
        ("(852)55000003", ("Cem",), "UTA_OTHER", ""),
        ("(852)55000015", ("",), "UTA_CODE", ""),
    }


@pytest.mark.parametrize(("read_rows", "batch_rows"), [(3, 3), (2, 4), (1, 6), (3, 20)])
def test_a_duplicate_names_the_row_that_it_repeats(scene: Scene, read_rows: int, batch_rows: int) -> None:
    """In what is read or claimed at once and in what is later, before and after the first was sent."""
    scene.sizes["batch_rows"] = read_rows
    scene.sizes["portion_rows"] = batch_rows
    table = [*people(2), *people(1), *people(4, start=10), *people(1, start=1), *people(2, start=20)]
    scene.run(table)
    assert [(line.status, line.reason) for line in scene.lines() if line.status != "accepted"] == [
        ("duplicate", "same recipient as row 1"),
        ("duplicate", "same recipient as row 2"),
    ]


def test_a_rerun_sends_nothing_and_reports_the_same(scene: Scene) -> None:
    """A retry or a Clear of a finished task is for free."""
    first = scene.run(mixed(), make_order(COLUMNS))
    texted = scene.texted()
    again = scene.run(mixed(), make_order(COLUMNS))
    assert scene.texted() == texted
    assert (again.summary.requests, again.summary.accepted_now) == (0, 0)
    assert again.summary.counts == first.summary.counts
    assert again.summary.failures == first.summary.failures
    assert again.summary.session_nos == first.summary.session_nos


def test_a_table_that_has_grown_sends_only_to_the_new_people(scene: Scene) -> None:
    """Whoever was texted is left alone wherever the row stands now."""
    scene.run(people(5))
    grown = [*people(2, start=90), *people(5)[::-1], *people(3, start=5)]
    report = scene.run(grown)
    assert report.summary.accepted_now == 5
    assert report.summary["accepted"] == 10
    scene.check(report, rows=10)


def test_a_person_who_left_the_table_does_not_leave_the_results(scene: Scene) -> None:
    """What was texted is known for ever; the counts are of the table as it is now."""
    scene.run(people(5))
    report = scene.run(people(2))
    assert report.summary.rows == 2
    gone = [line for line in scene.lines() if line.row_number is None]
    assert sorted(line.phone for line in gone) == phones(people(3, start=2))
    assert {line.status for line in gone} == {"accepted"}


def test_another_campaign_texts_the_same_people_again(scene: Scene) -> None:
    """The name is the intention; names that differ in case or by a space are two."""
    for name in ("a", "A", "a ", "\u00e1"):
        scene.run(people(2), make_order(campaign_id=name))
    assert set(scene.texted().values()) == {4}


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_any_number_of_threads_text_everybody_once(scene: Scene, concurrency: int) -> None:
    """Requests in flight at once do not get into one another's way."""
    table = people(100)
    report = scene.run(table, make_order(concurrency=concurrency))
    assert report.summary.requests == 34
    assert sorted(scene.texted()) == phones(table)
    scene.check(report, rows=100)


@pytest.mark.parametrize(("chunk_size", "requests"), [(1, 7), (3, 3), (7, 1), (1000, 1)])
def test_a_request_carries_at_most_chunk_size_people(scene: Scene, chunk_size: int, requests: int) -> None:
    """Every request but the last is full."""
    report = scene.run(people(7), make_order(chunk_size=chunk_size))
    assert report.summary.requests == requests == len(report.summary.session_nos)


def test_sessions_are_reported_in_the_order_of_the_answers(scene: Scene) -> None:
    """Each once, although rows with several statuses share one."""
    report = scene.run(mixed(), make_order(COLUMNS))
    assert report.summary.session_nos == list(dict.fromkeys(entry.session_no for entry in scene.journal()))


def test_a_parquet_file_is_read_where_it_lies(scene: Scene) -> None:
    """Numbers become the text that a person expects."""
    file = scene.folder / "due.parquet"
    pq.write_table(pa.table({"phone": [85255000001, None], "amount": ["12.50", "1"], "unused": [[1], [2]]}), file)
    report = scene.run(str(file), make_order(Columns("phone", ("amount",)), default_region="HK"))
    assert scene.statuses() == ["accepted", "invalid"]
    assert [tuple(entry.params) for entry in scene.journal()] == [("12.50",)]
    assert report.summary.failures[0].reason == "phone (column 'phone') is empty (null or NaN)"


def test_lists_of_parameters_fill_each_rows_own_template(scene: Scene) -> None:
    """Templates with different numbers of variables share a table; a list that does not fit makes its row invalid."""
    file = scene.folder / "due.parquet"
    lists = [["Ann", "12.50"], ["4711"], [], ["x", None], ["one", "too", "many"], None]
    templates = ["UTA_REMINDER", "UTA_CODE", "UTA_PLAIN", "UTA_REMINDER", "UTA_REMINDER", "UTA_CODE"]
    table = pa.table({"phone": [row["phone"] for row in people(6)], "params": lists, "template": templates})
    pq.write_table(table, file)
    report = scene.run(file, make_order(Columns("phone", params_list="params", template_id="template")))
    assert scene.statuses() == ["accepted"] * 3 + ["invalid"] * 3
    assert [failure.reason for failure in report.summary.failures] == [
        "parameter {2} (column 'params') is empty (null or NaN)",
        "template UTA_REMINDER has 2 variables, the row has 3 parameters",
        "parameters (column 'params') is empty (null or NaN)",
    ]


def test_an_empty_table_is_no_failure(scene: Scene) -> None:
    """Zero rows, zero requests, and no cause."""
    file = scene.folder / "due.parquet"
    pq.write_table(pa.table({"phone": pa.array([], pa.string()), "name": pa.array([], pa.string())}), file)
    report = scene.run(file)
    assert (report.summary.rows, report.summary.requests, report.cause) == (0, 0, None)


@pytest.mark.parametrize(
    "columns",
    [
        Columns("tel", ("name",)),
        Columns("phone", ("nome",)),
        Columns("phone", params_list="params"),
        Columns("phone", ("name",), template_id="template"),
        Columns("phone", ("name",), sender_id="sender"),
        Columns("phone", ("name",), user_id="user"),
        Columns("phone", ("name",), extend_code="code"),
        Columns("phone", ("name",), keys=("id",)),
    ],
    ids=str,
)
def test_a_missing_column_is_reported_before_anything_is_written_or_sent(scene: Scene, columns: Columns) -> None:
    """Whatever it is for."""
    with pytest.raises(TableError) as raised:
        scene.run(people(3), make_order(columns))
    assert raised.value.column in {*columns.texts(), *columns.lists(), *(columns.keys or ())} - {"phone", "name"}
    assert not scene.file.exists()
    assert not scene.journal()


def test_a_phone_column_that_lost_its_digits_is_refused(scene: Scene) -> None:
    """A float32 keeps seven of them: whoever would be texted is somebody else."""
    table = pa.table({"phone": pa.array([85255000001.0], pa.float32()), "name": ["Ann"]})
    with pytest.raises(TableError, match="keeps 7 digits") as raised:
        scene.run(table)
    assert raised.value.column == "phone"


def test_a_table_that_is_not_there_yet_is_no_configuration_error(scene: Scene, tmp_path: Path) -> None:
    """A late partition may still appear, so a retry makes sense."""
    with pytest.raises(SourceNotFound) as raised:
        scene.run(str(tmp_path / "late.parquet"))
    assert not isinstance(raised.value, ConfigurationError)


def test_a_failure_is_matched_by_mark_even_if_the_vendor_rewrites_the_phone(scene: Scene) -> None:
    """The sandbox names this number by bare digits, and two people share a mark: the phone decides between them."""
    table = [
        {"phone": "+85255000001", "name": "A", "mark": "same"},
        {"phone": "+85255099997", "name": "B", "mark": "same"},
        {"phone": "+85255099991", "name": "C", "mark": "own"},
    ]
    report = scene.run(table, make_order(Columns("phone", ("name",), user_id="mark")))
    assert scene.statuses() == ["accepted", "rejected", "rejected"]
    assert [failure.user_id for failure in report.summary.failures] == ["same", "own"]
    assert [entry.user_id for entry in scene.journal()] == ["same"]
