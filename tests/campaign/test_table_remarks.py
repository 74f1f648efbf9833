# SPDX-License-Identifier: Apache-2.0
"""What the log says of a table while it is read, before its messages are sent."""

from __future__ import annotations

import logging
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_uspeedo.core.exit_policy import describe
from airflow_provider_uspeedo.core.rows import Columns
from tests.campaign.stage import Scene, make_order, people


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Each in one line: they are cut where a screen ends."""
    return [" ".join(one.getMessage().split()) for one in caplog.records if one.levelno == logging.WARNING]


def with_names(*names: Any) -> list[dict[str, Any]]:
    return [{**row, "name": name} for row, name in zip(people(len(names)), names, strict=True)]


@pytest.mark.parametrize("text", ["nan", "None", "null", "NaT", "<NA>", "NULL", "NaN"])
def test_a_missing_value_that_was_made_text_is_reported_with_its_counts(
    scene: Scene, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """``astype(str)`` makes *Dear nan* of a missing name: sent, since the text is what the table holds, and said."""
    scene.run(with_names("Ann", text, text), make_order())
    (warning,) = warnings(caplog)
    assert "parameter {1} (column 'name'): 2 rows" in warning
    assert "+852" not in warning


@pytest.mark.parametrize("names", [("Nan", "Null", "Nancy", ""), ("Ann", "nano", "Nonesuch", "annul")])
def test_names_are_not_taken_for_missing_values(
    scene: Scene, caplog: pytest.LogCaptureFixture, names: tuple[str, ...]
) -> None:
    """Nan and Null are names."""
    scene.run(with_names(*names), make_order())
    assert not warnings(caplog)


def test_missing_values_are_counted_by_column(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Also in a list of parameters, of the sender and of the user's own mark."""
    table = [{**row, "values": ["nan" if n else "x"], "mark": "None", "from": "NaN"} for n, row in enumerate(people(3))]
    columns = Columns("phone", params_list="values", user_id="mark", sender_id="from")
    scene.dry_run(table, make_order(columns))
    (warning,) = warnings(caplog)
    assert "column 'mark': 3 rows" in warning
    assert "column 'from': 3 rows" in warning
    assert "parameter {1} (column 'values'): 2 rows" in warning


def test_two_columns_are_distinguished_in_batches_that_are_cut(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Counts are of rows, in every portion."""
    scene.sizes = {"portion_rows": 4, "batch_rows": 2}
    table = pa.table(
        {
            "phone": [row["phone"] for row in people(9)],
            "a": ["x", "nan"] * 4 + ["x"],
            "b": ["None"] + ["x"] * 8,
        }
    )
    order = make_order(Columns("phone", ("a", "b")), template_id="UTA_REMINDER")
    scene.run(table, order)
    assert "parameter {1} (column 'a'): 4 rows, parameter {2} (column 'b'): 1 row" in warnings(caplog)[-1]


def test_recipients_are_counted_by_country(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """In the summary's text and in the log, in a run and in a dry run; the XCom has no more keys than before."""
    caplog.set_level(logging.INFO)
    table = [*people(3), {"phone": "+8613800138000", "name": "B"}, {"phone": "none", "name": "C"}]
    dry = scene.dry_run(table)
    report = scene.run(table)
    for summary in (dry, report.summary):
        assert summary.countries == {"852": 3, "86": 1}
        assert "Recipients by country: HK (+852) 3, CN (+86) 1." in describe(summary)
        assert "countries" not in summary.to_xcom()
    assert "Recipients by country, so far: HK (+852) 3, CN (+86) 1." in caplog.text


@pytest.mark.parametrize(
    ("phones", "doubtful"),
    [
        ([85255311111, 85255322222, 13800138000], True),
        ([55311111, 55322222, 55333333], True),
        ([13800138000, 13800138001, 85255311111], False),
        (["+85255311111", "+85255322222", "+85255333333"], False),
    ],
)
def test_a_table_of_numbers_of_another_country_is_warned_of(
    scene: Scene, caplog: pytest.LogCaptureFixture, phones: list[Any], doubtful: bool
) -> None:
    """A warning when most numbers without a country code are not valid in the default region."""
    table = [{"phone": phone, "name": "N"} for phone in phones]
    scene.run(table, make_order(default_region="CN"))
    assert [("not valid in default_region='CN'" in warning) for warning in warnings(caplog)] == [True] * doubtful


@pytest.mark.parametrize("scale", [0, 3, 9])
def test_phones_in_decimals_of_any_scale_are_read(scene: Scene, scale: int) -> None:
    """BigQuery's NUMERIC has nine digits after the point."""
    table = pa.table({"phone": pa.array([85255311111]).cast(pa.decimal128(38, scale)), "name": ["N"]})
    scene.run(table, make_order(default_region="HK"))
    assert dict(scene.texted()) == {"(852)55311111": 1}


def test_two_spellings_of_a_brazilian_mobile_are_one_recipient(scene: Scene) -> None:
    """Every mobile number has had the ninth digit since 2016."""
    phones = ["+55 11 8765-4321", "+55 11 98765-4321", "5511987654321"]
    scene.run([{"phone": phone, "name": "N"} for phone in phones], make_order(default_region="BR"))
    assert dict(scene.texted()) == {"(55)11987654321": 1}
    assert scene.statuses() == ["accepted", "duplicate", "duplicate"]
