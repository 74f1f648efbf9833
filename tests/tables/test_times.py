# SPDX-License-Identifier: Apache-2.0
"""Dates and times at the ends of what types hold: right, or refused; never another date."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables import Unreadable, open_table
from tests.tables.reading import read, read_keys, read_lists

LAST = dt.datetime(9999, 12, 31)  # noqa: DTZ001
ODD_YEAR = Unreadable("a date outside the years 1 to 9999")


def old(path: Path, *columns: tuple[str, pa.Array], **how: object) -> Path:
    pq.write_table(pa.table(dict(columns)), path, use_deprecated_int96_timestamps=True, **how)
    return path


@pytest.mark.parametrize("rows", [1, 70_000])
def test_int96_of_any_year_is_right(tmp_path, rows):
    """What Hive and older Sparks write for *never* was read as 1816."""
    times = [LAST, dt.datetime(1, 1, 1), None, dt.datetime(2026, 11, 22, 14, 30, 0, 123456)] * rows  # noqa: DTZ001
    column, names = pa.array(times, pa.timestamp("us")), pa.array([str(number) for number in range(4 * rows)])
    path = old(tmp_path / "a.parquet", ("n", names), ("x", column), ("y", column), row_group_size=50_000)
    expected = ["9999-12-31 00:00:00", "0001-01-01 00:00:00", None, "2026-11-22 14:30:00.123456"] * rows
    (first, *_) = batches = list(open_table(path).batches(["x", "n"], key_columns=["y"]))
    assert [cell for batch in batches for cell in batch.columns["x"]] == expected
    assert [cell for batch in batches for cell in batch.keys["y"]] == expected
    assert [cell for batch in batches for cell in batch.columns["n"]] == names.to_pylist()
    assert first.first_row == 1
    assert open_table(path).kinds(["x"]) == {"x": "timestamp"}


def test_int96_keeps_its_nanoseconds(tmp_path):
    """And what cannot be kept is refused, naming the column."""
    fine = pa.array([1_795_357_800_123_456_789, None], pa.timestamp("ns"))
    assert read(old(tmp_path / "a.parquet", ("x", fine))) == ["2026-11-22 14:30:00.123456789", None]
    lists = pa.array([[LAST]], pa.list_(pa.timestamp("us")))
    with pytest.raises(TableError, match=r"column 'x' .*INT96") as caught:
        read_lists(old(tmp_path / "b.parquet", ("x", lists)))
    assert caught.value.column == "x"


def test_a_name_with_a_dot_is_not_taken_for_a_field(tmp_path):
    """Beside an INT96 column whose name begins alike."""
    path = old(tmp_path / "a.parquet", ("a", pa.array(["b"])), ("a.b", pa.array([LAST], pa.timestamp("us"))))
    assert (read(path, "a"), read(path, "a.b")) == (["b"], ["9999-12-31 00:00:00"])


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Hong_Kong"])
def test_years_outside_the_calendar_are_unreadable(unit, zone):
    """Arrow writes ``<value out of range: ...>``, or a year that no reader knows."""
    scale = {"s": 1, "ms": 10**3, "us": 10**6}[unit]
    seconds = [-62_135_596_801 - 86_400, 253_402_300_800, 10**12, -(10**12), 0, None]
    column = pa.array([None if second is None else second * scale for second in seconds], pa.timestamp(unit, zone))
    for found in (read(pa.table({"x": column})), read_keys(pa.table({"x": column}))):
        assert found[:4] == [ODD_YEAR] * 4
        assert found[4].startswith("1970-01-01 0")
        assert found[5] is None
    largest = pa.array([2**63 - 1, -(2**63)], pa.timestamp(unit, zone))
    assert read(pa.table({"x": largest})) == [ODD_YEAR] * 2


def test_a_wall_clock_beyond_the_last_year_is_unreadable():
    """It is still the last year in UTC."""
    column = pa.array([253_402_300_799], pa.timestamp("s", "Asia/Hong_Kong"))
    assert read(pa.table({"x": column})) == [ODD_YEAR]
    assert read_keys(pa.table({"x": column})) == ["9999-12-31 23:59:59+00:00"]


def test_dates_outside_the_calendar_are_unreadable():
    """Of both widths; an hour in a date64 is no other day."""
    days = [-719_163, -719_162, 2_932_896, 2_932_897, 2**31 - 1, -(2**31), None]
    expected = [ODD_YEAR, "0001-01-01", "9999-12-31", ODD_YEAR, ODD_YEAR, ODD_YEAR, None]
    assert read(pa.table({"x": pa.array(days, pa.date32())})) == expected
    millis = pa.array([None if day is None else day * 86_400_000 for day in days], pa.int64())
    assert read(pa.table({"x": millis.view(pa.date64())})) == expected
    assert read(pa.table({"x": pa.array([-1, 1, 86_399_999], pa.int64()).view(pa.date64())})) == [
        "1969-12-31", "1970-01-01", "1970-01-01",
    ]  # fmt: skip


def test_times_outside_the_day_are_unreadable():
    """A damaged file may hold them."""
    column = pa.array([86_400, 86_399, -1], pa.int32()).view(pa.time32("s"))
    odd = Unreadable("a time outside the day")
    assert read(pa.table({"x": column})) == [odd, "23:59:59", odd]


def test_python_values_outside_the_calendar_are_unreadable():
    """Numpy gives a number for them, and pandas a year of five digits."""
    values = [np.datetime64("10000-01-01"), np.datetime64("0000-12-31")]
    values += [np.datetime64(2**62, "Y"), np.datetime64(2**60, "s")]
    assert read([{"x": value} for value in values]) == [ODD_YEAR] * 4
    right = [np.datetime64("9999-12-31"), np.datetime64("2026-11-22T14:30:00.000000001"), np.datetime64("2026-11", "M")]
    right += [np.datetime64("2026-11-22T14:30:00.5"), np.datetime64("1969-12-31T23:59:59.25")]
    assert read([{"x": value} for value in right]) == [
        "9999-12-31 00:00:00", "2026-11-22 14:30:00.000000001", "2026-11-01 00:00:00",
        "2026-11-22 14:30:00.500000", "1969-12-31 23:59:59.250000",
    ]  # fmt: skip


def test_frames_at_the_ends_of_their_types():
    """Units of seconds in pandas, microseconds in polars."""
    seconds = pd.DataFrame({"x": pd.Series(np.array(["9999-12-31", "12000-01-01"], "datetime64[s]"))})
    assert read(seconds) == ["9999-12-31 00:00:00", ODD_YEAR]
    objects = pd.DataFrame({"x": pd.Series([LAST, pd.Timestamp(np.datetime64("12000-01-01", "s"))], dtype=object)})
    assert read(objects) == ["9999-12-31 00:00:00", ODD_YEAR]
    assert read(pl.DataFrame({"x": [LAST]})) == ["9999-12-31 00:00:00"]
