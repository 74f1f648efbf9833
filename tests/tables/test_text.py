# SPDX-License-Identifier: Apache-2.0
"""What each Arrow type becomes."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables import Unreadable, open_table
from tests.tables.reading import read

MOMENT = dt.datetime(2026, 11, 22, 14, 30)  # noqa: DTZ001
WITH_FRACTION = MOMENT.replace(microsecond=500_000)
HONG_KONG = dt.timezone(dt.timedelta(hours=8))

CASES = {
    "string": (pa.array(["a", None, "", "é🙂"]), ["a", None, "", "é🙂"]),
    "large_string": (pa.array(["a", None], pa.large_string()), ["a", None]),
    "string_view": (
        pa.array(["a", None, "more than twelve bytes"], pa.string_view()),
        ["a", None, "more than twelve bytes"],
    ),
    "binary": (pa.array([b"a", None, b"\xc3\xa9"]), ["a", None, "é"]),
    "large_binary": (pa.array([b"a", None], pa.large_binary()), ["a", None]),
    "fixed_size_binary": (pa.array([b"ab", None], pa.binary(2)), ["ab", None]),
    "binary_view": (pa.array([b"a", None], pa.binary_view()), ["a", None]),
    "int8": (pa.array([-1, None], pa.int8()), ["-1", None]),
    "int64": (pa.array([85255311111, None, -(2**63)]), ["85255311111", None, "-9223372036854775808"]),
    "uint64": (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
    "double": (
        pa.array([85255311111.0, 42.0, 0.1, 1e-07, 1e22, 1e23, -0.0, 5e-324, -2.5, float("nan"), None]),
        [
            "85255311111",
            "42",
            "0.1",
            "0.0000001",
            "1" + "0" * 22,
            "1" + "0" * 23,
            "0",
            "0." + "0" * 323 + "5",
            "-2.5",
            None,
            None,
        ],
    ),
    "double, whole": (pa.array([85255311111.0, None, -3.0]), ["85255311111", None, "-3"]),
    "float": (pa.array([0.1, 16777216, 1e10, None], pa.float32()), ["0.1", "16777216", "10000000000", None]),
    "halffloat": (pa.array(np.array([0.1, 1000, np.nan], np.float16)), ["0.1", "1000", None]),
    "decimal128": (pa.array([Decimal("12.50"), Decimal(0), None], pa.decimal128(10, 2)), ["12.50", "0.00", None]),
    "decimal128, tiny": (pa.array([Decimal("0.0000001")], pa.decimal128(20, 10)), ["0.0000001000"]),
    "decimal128, negative scale": (pa.array([Decimal(1200)], pa.decimal128(5, -2)), ["1200"]),
    "decimal256": (pa.array([Decimal(85255311111)], pa.decimal256(50, 0)), ["85255311111"]),
    "bool": (pa.array([True, False, None]), ["true", "false", None]),
    "date32": (pa.array([MOMENT.date(), None]), ["2026-11-22", None]),
    "date64": (pa.array([MOMENT.date()], pa.date64()), ["2026-11-22"]),
    "time32[s]": (pa.array([dt.time(14, 30), None], pa.time32("s")), ["14:30:00", None]),
    "time32[ms]": (
        pa.array([dt.time(14, 30), dt.time(1, 2, 3, 4000)], pa.time32("ms")),
        ["14:30:00", "01:02:03.004000"],
    ),
    "time64[us]": (pa.array([dt.time(14, 30, 0, 5)], pa.time64("us")), ["14:30:00.000005"]),
    "time64[ns]": (pa.array([0, 1], pa.time64("ns")), ["00:00:00", "00:00:00.000000001"]),
    "dictionary": (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
    "dictionary, full": (
        pa.DictionaryArray.from_arrays(
            pa.array([127, None, 0], pa.int8()), [f"name {number}" for number in range(128)]
        ),
        ["name 127", None, "name 0"],
    ),
    "dictionary, unsigned": (
        pa.DictionaryArray.from_arrays(pa.array([1, None], pa.uint8()), ["a", None]),
        [None, None],
    ),
    "dictionary of nothing": (pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int32()), []), [None, None]),
    "dictionary of floats": (pa.array([85255311111.0, None]).dictionary_encode(), ["85255311111", None]),
    "dictionary, slice of a large one": (
        pa.array([f"name {number}" for number in range(50)]).dictionary_encode()[10:12],
        ["name 10", "name 11"],
    ),
    "run ends": (pc.run_end_encode(pa.array(["a", "a", None])), ["a", "a", None]),
    "null": (pa.nulls(2), [None, None]),
}


@pytest.mark.parametrize("name", CASES)
def test_every_type_becomes_the_text_a_person_expects(name):
    """Each Arrow type that a warehouse writes has one plain text, and a null is None."""
    array, expected = CASES[name]
    assert read(pa.table({"x": array})) == expected


@pytest.mark.parametrize("name", CASES)
def test_a_slice_of_a_column_is_read_as_the_whole_column_is(name):
    """Offsets inside an Arrow array do not shift what is read."""
    array, expected = CASES[name]
    assert read(pa.table({"x": array[1:]})) == expected[1:]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_whole_second_is_written_without_a_fraction_in_every_unit(unit):
    """A timestamp looks as Python's str() shows it, whatever unit it is stored in."""
    assert read(pa.table({"x": pa.array([MOMENT, None], pa.timestamp(unit))})) == ["2026-11-22 14:30:00", None]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_fraction_of_a_second_has_six_digits_as_in_python(unit):
    """Half a second is .500000 beside a whole second without a fraction."""
    times = pa.array([WITH_FRACTION, MOMENT], pa.timestamp(unit))
    assert read(pa.table({"x": times})) == ["2026-11-22 14:30:00.500000", "2026-11-22 14:30:00"]


def test_nanoseconds_are_shown_where_there_are_some():
    """Nine digits only where the last three are not zero."""
    assert read(pa.table({"x": pa.array([1], pa.timestamp("ns"))})) == ["1970-01-01 00:00:00.000000001"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Asia/Hong_Kong", "2026-11-22 14:30:00+08:00"),
        ("+08:00", "2026-11-22 14:30:00+08:00"),
        ("UTC", "2026-11-22 06:30:00+00:00"),
        ("Asia/Kolkata", "2026-11-22 12:00:00+05:30"),
        ("America/St_Johns", "2026-11-22 03:00:00-03:30"),
    ],
)
def test_a_timestamp_with_a_zone_is_the_wall_clock_there_with_its_offset(unit, zone, expected):
    """The time is shown as a person in the column's zone reads it."""
    when = MOMENT.replace(tzinfo=HONG_KONG)
    assert read(pa.table({"x": pa.array([when, None], pa.timestamp(unit, zone))})) == [expected, None]


def test_the_offset_follows_summer_time_row_by_row():
    """Two rows of one column may have different offsets."""
    winter, summer = (dt.datetime(2026, month, 1, 12, tzinfo=dt.UTC) for month in (1, 7))
    times = pa.array([winter, summer], pa.timestamp("us", "Europe/Berlin"))
    assert read(pa.table({"x": times})) == ["2026-01-01 13:00:00+01:00", "2026-07-01 14:00:00+02:00"]


@pytest.mark.parametrize("infinite", [float("inf"), float("-inf")])
@pytest.mark.parametrize("arrow_type", [pa.float64(), pa.float32()])
def test_an_infinite_number_is_unreadable(infinite, arrow_type):
    """Infinity is nobody's amount: the row is invalid, the table is not."""
    assert read(pa.table({"x": pa.array([1.5, infinite], arrow_type)})) == ["1.5", Unreadable("an infinite number")]


def test_bytes_that_are_not_utf8_are_unreadable_and_leave_the_other_rows_alone():
    """One broken cell makes one invalid row."""
    assert read(pa.table({"x": pa.array([b"a", b"\xff", None])})) == ["a", Unreadable("not UTF-8 text"), None]


@pytest.mark.parametrize("kind", ["string", "large_string"])
def test_a_string_column_with_broken_bytes_is_read_cell_by_cell(kind):
    """Some writers put bytes that are not UTF-8 into string columns."""
    source = pa.array([b"a", b"\xff", None], pa.large_binary() if kind == "large_string" else pa.binary())
    broken = pa.Array.from_buffers(getattr(pa, kind)(), 3, source.buffers())
    assert read(pa.table({"x": broken})) == ["a", Unreadable("not UTF-8 text"), None]


@pytest.mark.skipif(not hasattr(pa, "uuid"), reason="this pyarrow has no UUID type")
def test_a_uuid_is_shown_with_dashes():
    """Arrow's UUID type holds 16 bytes; people know the text."""
    one = uuid.UUID("0123ec8d-4c1f-4a6b-9d2e-7f00c0ffee00")
    storage = pa.array([one.bytes, None], pa.binary(16))
    assert read(pa.table({"x": pa.ExtensionArray.from_storage(pa.uuid(), storage)})) == [str(one), None]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([dt.timedelta(days=1)]),
        pa.array([{"a": 1}]),
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        pa.array([["a"]]),
        pa.array([[["a"]]]),
    ],
    ids=lambda array: str(array.type),
)
def test_a_type_without_text_is_refused_before_any_row_is_read(array, tmp_path):
    """Durations, structs, maps and lists are refused by name, at the call and not while reading."""
    pq.write_table(pa.table({"x": array}), tmp_path / "a.parquet")
    table = open_table(tmp_path / "a.parquet")
    with pytest.raises(TableError, match=r"'x'.* has no text") as caught:
        table.batches(["x"])
    assert caught.value.column == "x"
    assert str(array.type).partition("<")[0] in str(caught.value)


def test_all_these_types_come_back_from_a_parquet_file_alike(tmp_path):
    """What Parquet can store has the same text after a round trip."""
    stored = 0
    for name, (array, expected) in CASES.items():
        path = tmp_path / "one.parquet"
        try:
            pq.write_table(pa.table({"x": array}), path)
        except (pa.ArrowException, OSError):  # views, run ends and negative scales cannot be stored by every version
            continue
        assert read(path) == expected, name
        stored += 1
    assert stored > len(CASES) - 6
