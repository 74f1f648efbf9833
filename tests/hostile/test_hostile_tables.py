# SPDX-License-Identifier: Apache-2.0
"""Tables nobody would write on purpose: every row is told once, or the table is refused; and no value is quoted."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.exceptions import PanicException

from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.table_reader import TableReader
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.errors import ConfigurationError, TableError
from airflow_provider_uspeedo.tables import open_table

CANARY = "c4nary"
"""Stands in most values that are wrong; no reason and no error may hold it."""
NAMES = [
    "phone", "name", "Phone", "phone ", "", " ", 'a"b', "x'); DROP TABLE people; --", "select", "\u202eenohp",
    "\N{PILE OF POO}", "a.b", "na\0me", "名前", "n" * 300, "0",
]  # fmt: skip
SENDABLE = re.compile(r"\(\d{1,3}\)\d{2,14}")

texts = st.sampled_from(
    [
        "+85255310001", "(852)5531 0002", "85255310003", "\u202a+85255310004\u202c", "0085255310006",
        "", " ", "\0",
        "".join(chr(0xFF10 + int(digit)) for digit in "85255310005"),
        "\u0665\u0665\u0663\u0661\u0660\u0660\u0660\u0661",
        CANARY, f"+852 5531 {CANARY}", f"{CANARY}\0", f"\N{FAMILY}\u200d{CANARY}", "\N{GRINNING FACE}",
        "\u202e\u202e", "8.5255e10", "-85255310001", "+852/55310001;1", CANARY * 40_000, "9" * 5_000, "NaN", "null",
        "=cmd|' /C calc'!A0",
        "'; DROP TABLE uspeedo_recipients; --",
    ]
)  # fmt: skip
numbers = st.sampled_from(
    [85255310001, 55310001, 0, -1, 2**53 + 1, 2**63 - 1, -(2**63), 852553100.0, 85255310001.0, 852553100011.5]
)
floats = st.sampled_from([85255310001.0, 55310001.0, float("nan"), float("inf"), -0.0, 1e300, 5e-324, 123456789012.0])
odd = st.just(5_000).map(lambda digits: 10**digits) | st.sampled_from(
    [
        None, True, 1.5, float("nan"), float("-inf"), Decimal("1E+9999"), Decimal("NaN"), b"\xff\xfe", 1j,
        b"+85255310001", {"phone": CANARY}, [CANARY], {CANARY}, (1, 2), object, "\ud83d" + CANARY,
        dt.date(2026, 11, 22), dt.timedelta(1), pd.NaT, pd.NA, np.datetime64("NaT"), np.float32(1.5),
        np.array([[CANARY]]), range(3),
        np.int64(85255310001), dt.datetime.max.replace(tzinfo=dt.UTC), "+85255310007",
    ]
)  # fmt: skip


def _column(draw: Callable[[Any], Any], rows: int) -> pa.ChunkedArray:
    """A column of some Arrow type, in chunks of which some are empty."""
    array = draw(st.sampled_from(MAKERS))(draw, rows)
    cuts = sorted(draw(st.lists(st.integers(0, rows), max_size=3)))
    edges = [0, *cuts, *cuts[:1], rows]
    chunks = [
        array.slice(start, max(0, end - start)) for start, end in zip(sorted(edges), sorted(edges)[1:], strict=False)
    ]
    return pa.chunked_array(chunks, array.type)


def _drawn(of: st.SearchStrategy[Any], arrow_type: pa.DataType | None = None) -> Callable[..., pa.Array]:
    def make(draw: Callable[[Any], Any], rows: int) -> pa.Array:
        return pa.array(draw(st.lists(st.none() | of, min_size=rows, max_size=rows)), arrow_type)

    return make


def _broken_text(draw: Callable[[Any], Any], rows: int) -> pa.Array:
    """A string column whose bytes are not UTF-8, as careless writers make them."""
    raw = pa.array(draw(st.lists(st.binary(max_size=8), min_size=rows, max_size=rows)), pa.binary())
    return pa.Array.from_buffers(pa.string(), rows, raw.buffers())


_moments = st.integers(-(2**63), 2**63 - 1)
_GOOD = st.integers(85251_000_000, 85251_000_009).map(str)
MAKERS = [
    *[_drawn(_GOOD | texts, pa.string())] * 3,
    *[_drawn(_GOOD, pa.string()), _drawn(_GOOD.map(int), pa.int64()), _drawn(_GOOD.map(float), pa.float64())] * 2,
    *[_drawn(texts, pa.string())] * 3,
    _drawn(texts, pa.large_string()),
    _drawn(texts.map(str.encode) | st.binary(max_size=12), pa.binary()),
    lambda draw, rows: _drawn(texts, pa.string())(draw, rows).dictionary_encode(),
    _broken_text,
    _drawn(numbers.map(int), pa.int64()),
    _drawn(st.integers(0, 2**64 - 1), pa.uint64()),
    _drawn(floats, pa.float64()),
    _drawn(floats.map(np.float32), pa.float32()),
    _drawn(st.decimals(-(10**20), 10**20, places=2, allow_nan=False), pa.decimal128(38, 2)),
    _drawn(_moments, pa.timestamp("s")),
    _drawn(_moments, pa.timestamp("ns", "Asia/Hong_Kong")),
    _drawn(_moments, pa.timestamp("us", "No/Such_Zone")),
    _drawn(_moments, pa.duration("s")),
    _drawn(st.integers(-(2**31), 2**31 - 1), pa.date32()),
    _drawn(st.integers(0, 86_399), pa.time32("s")),
    _drawn(st.booleans(), pa.bool_()),
    _drawn(st.lists(st.none() | texts, max_size=2), pa.list_(pa.string())),
    _drawn(st.lists(st.lists(texts, max_size=1), max_size=2), pa.list_(pa.list_(pa.string()))),
    _drawn(st.fixed_dictionaries({"phone": texts}), pa.struct([("phone", pa.string())])),
    lambda draw, rows: pa.nulls(rows),
]


@st.composite
def arrow_tables(draw: Callable[[Any], Any]) -> tuple[pa.Table, Columns]:
    rows = draw(st.sampled_from([0, 1, 2, 3, 7]))
    names = [*draw(st.sampled_from([["phone"]] * 9 + [[]])), *draw(st.lists(st.sampled_from(NAMES), max_size=3))]
    columns = [_column(draw, rows) for _ in names]
    return pa.Table.from_arrays(columns, names=names), wanted_of(draw, names)


@st.composite
def object_frames(draw: Callable[[Any], Any]) -> tuple[pd.DataFrame, Columns]:
    """Frames of pandas, of Python objects, with any names."""
    rows = draw(st.integers(0, 4))
    names = ["phone", *draw(st.lists(st.sampled_from([*NAMES, 0, None, ("a", 1), 1.5]), max_size=3))]
    cells = [draw(st.lists(odd | texts, min_size=rows, max_size=rows)) for _ in names]
    frame = pd.concat([pd.Series(column, dtype=object) for column in cells], axis=1) if cells else pd.DataFrame()
    if names:
        frame.columns = pd.Index(names, dtype=object)
    return frame, wanted_of(draw, [str(name) for name in names])


@st.composite
def lists_of_dicts(draw: Callable[[Any], Any]) -> tuple[list[dict[Any, Any]], Columns]:
    """Rows with keys that are no text, some of which lack keys that others have."""
    names = ["phone", *draw(st.lists(st.sampled_from([*NAMES, 0, None]), max_size=3))]
    row = st.fixed_dictionaries({}, optional=dict.fromkeys(names, odd | texts))
    return draw(st.lists(row, max_size=4)), wanted_of(draw, [str(name) for name in names])


def wanted_of(draw: Callable[[Any], Any], there: list[str]) -> Columns:
    """Columns in all roles: mostly such as are there."""
    some = st.sampled_from([*there, "phone"]) if draw(st.integers(0, 9)) else st.sampled_from(NAMES)
    maybe = st.none() | st.none() | some
    params = draw(st.just(()) | st.lists(some, max_size=2).map(tuple))
    return Columns(
        phone=draw(st.sampled_from([*there, *["phone"] * 9])),
        params=params,
        params_list=None if params else draw(maybe),
        user_id=draw(maybe),
        extend_code=draw(maybe),
        sender_id=draw(maybe),
        keys=draw(st.none() | st.lists(some, min_size=1, max_size=2).map(tuple)),
    )


def read_all(source: object, wanted: Columns, region: str | None = None) -> list[Recipient | BadRow]:
    """Every row as a campaign would claim and record it."""
    config = CampaignConfig("campaign", wanted, template_id="T", default_region=region, chunk_size=2)
    reading = TableReader(open_table(source), config)
    rows: list[Recipient | BadRow] = []
    for portion in reading.portions():
        rows += [one for request in portion.requests for one in request.recipients]
        rows += portion.bad_rows
        rows += portion.known
    return rows


def assert_told_once(source: object, rows_there: int, wanted: Columns, region: str | None) -> None:
    try:
        rows = read_all(source, wanted, region)
    except ConfigurationError as error:
        assert_names_the_column_alone(error)
        return
    assert sorted(row.row_number for row in rows) == list(range(1, rows_there + 1))
    for row in rows:
        assert_is_told_well(row)


def assert_names_the_column_alone(error: ConfigurationError) -> None:
    assert CANARY not in f"{error} {error!r}"
    if isinstance(error, TableError):
        assert repr(error.column) in str(error) or "stopped giving rows" in str(error)


def assert_is_told_well(row: Recipient | BadRow) -> None:
    """It can be sent, or says why not without its values; either can be stored."""
    f"{row.phone}{row.user_id}{row.template_id}{row.sender_id}".encode()
    assert row.key is None or len(row.key) == 16
    if isinstance(row, Recipient):
        assert SENDABLE.fullmatch(row.phone)
        "".join(row.params).encode()
        assert row.key
        return
    assert row.status in ("invalid", "duplicate")
    assert row.reason
    assert CANARY not in f"{row.reason} {row!r}"
    assert max(map(len, (row.phone, row.user_id, row.template_id, row.sender_id))) <= 64


REGIONS = st.sampled_from([None, "HK", "HK", "US"])


@given(arrow_tables(), REGIONS)
@settings(max_examples=120)
def test_every_row_of_an_arrow_table_is_reported_once_or_the_table_is_refused(case, region):
    """Any types, names, chunks; whatever column is asked for in whatever role."""
    table, wanted = case
    assert_told_once(table, table.num_rows, wanted, region)


@given(object_frames(), REGIONS)
@settings(max_examples=80)
def test_every_row_of_a_frame_of_objects_is_reported_once_or_the_frame_is_refused(case, region):
    """Python objects of any kind, half characters and numbers without end among them."""
    frame, wanted = case
    assert_told_once(frame, len(frame), wanted, region)


@given(lists_of_dicts(), REGIONS)
@settings(max_examples=80)
def test_every_row_of_a_list_of_dicts_is_reported_once_or_the_list_is_refused(case, region):
    """With keys that are no text, and rows that lack them."""
    rows, wanted = case
    assert_told_once(rows, len(rows), wanted, region)


@pytest.mark.slow
@given(arrow_tables(), REGIONS)
@settings(max_examples=4_000)
def test_every_row_of_many_arrow_tables_is_reported_once(case, region):
    """The same, longer, and by way of pandas and polars as well where these can hold the table."""
    table, wanted = case
    assert_told_once(table, table.num_rows, wanted, region)
    if len(set(table.column_names)) < len(table.column_names):
        return
    for convert in (table.to_pandas, lambda: pl.from_arrow(table)):
        try:
            frame = convert()
        except (pa.ArrowException, ValueError, LookupError, OverflowError, pl.exceptions.PolarsError, PanicException):
            continue
        assert_told_once(frame, len(frame), wanted, region)


SPELLINGS: list[Callable[[int], object]] = [
    lambda number: f"+852{number}",
    lambda number: f"(852){number}",
    lambda number: f"00852 {str(number)[:4]} {str(number)[4:]}",
    lambda number: f"{number}",
    lambda number: f"\u202d+852-{number}\u202c",
    lambda number: f"'+852 {number}",
    lambda number: f"tel:+852{number}",
    lambda number: "".join(chr(0xFF10 + int(digit)) for digit in f"852{number}"),
    lambda number: f"852{number}.0",
    lambda number: f"852{number}".encode(),
    lambda number: number,
    float,
    lambda number: np.float64(f"852{number}"),
    lambda number: Decimal(f"852{number}.00"),
    lambda number: np.uint64(f"852{number}"),
]


@given(st.integers(51_000_000, 69_999_999), st.lists(st.sampled_from(SPELLINGS), min_size=2, max_size=6))
@settings(max_examples=60)
def test_one_phone_in_any_spelling_and_type_is_one_recipient(number, spellings):
    """Somebody listed as text, as a float and as a decimal is texted once."""
    rows = [{"phone": spell(number)} for spell in spellings]
    told = read_all(rows, Columns("phone"), "HK")
    assert len({row.key for row in told}) == 1, [getattr(row, "reason", "") for row in told]
    assert sorted(row.row_number for row in told if isinstance(row, Recipient)) == [1]
    assert all(row.status == "duplicate" for row in told if isinstance(row, BadRow))


@given(st.integers(51_000_000, 69_999_999))
@settings(max_examples=20)
def test_one_phone_in_any_column_type_has_one_key(number):
    """A rerun whose table was written by another tool knows whom it texted."""
    whole = 85_200_000_000 + number
    arrays = [
        pa.array([whole]), pa.array([float(whole)]), pa.array([Decimal(whole)], pa.decimal128(20, 2)),
        pa.array([f"+{whole}"]).dictionary_encode(), pa.array([str(whole).encode()]),
        pa.array([str(whole)], pa.large_string()),
    ]  # fmt: skip
    keys = [read_all(pa.table({"phone": array}), Columns("phone"), "HK")[0].key for array in arrays]
    assert len(set(keys)) == 1
    assert len(keys[0]) == 16
