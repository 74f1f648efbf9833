# SPDX-License-Identifier: Apache-2.0
"""What can be read only once is kept in a file that nobody else sees, and can then be read again."""

from __future__ import annotations

import datetime as dt
import os
import signal
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum, StrEnum
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from airflow_provider_uspeedo.errors import SourceUnavailable, TableError
from airflow_provider_uspeedo.tables import Unreadable, open_table
from airflow_provider_uspeedo.tables.digest import TableDigest
from airflow_provider_uspeedo.tables.driver_values import column_of
from airflow_provider_uspeedo.tables.row_list import RowList
from airflow_provider_uspeedo.tables.spool import SpooledTable
from airflow_provider_uspeedo.tables.table import Table
from airflow_provider_uspeedo.tables.values import key_texts_of, texts_of
from tests.tables.reading import read, read_keys, read_lists

PEOPLE = pa.table({"phone": ["85255311111", "85255312222", None], "amount": [Decimal("12.50"), None, Decimal("3.00")]})
HONG_KONG = dt.timezone(dt.timedelta(hours=8))
MOMENT = dt.datetime(2026, 11, 22, 14, 30)  # noqa: DTZ001


def spooled(*batches: dict[str, list[object]]) -> SpooledTable:
    """Batches of Python values, as a driver gives them."""
    types: dict[str, pa.DataType] = {}

    def arrays() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            made = {name: column_of(values, types.get(name)) for name, values in batch.items()}
            types.update({name: array.type for name, array in made.items()})
            yield pa.RecordBatch.from_arrays(list(made.values()), names=list(made))

    return SpooledTable("query of connection 'w'").write(arrays())


# -- what is read once -------------------------------------------------------------------------------------------------


class OneShot:
    """Anything that streams Arrow once, such as a result of a driver."""

    def __init__(self) -> None:
        self.reader = PEOPLE.to_reader()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.reader.__arrow_c_stream__(requested_schema)


ONE_SHOTS = {
    "reader": PEOPLE.to_reader,
    "stream": OneShot,
    "generator of batches": lambda: (batch for batch in PEOPLE.to_batches(max_chunksize=1)),
    "generator of tables": lambda: (PEOPLE.slice(first, 2) for first in (0, 2)),
    "generator of frames": lambda: (frame for frame in [pl.from_arrow(PEOPLE)]),
    "generator of pandas": lambda: (frame for frame in [PEOPLE.to_pandas(types_mapper=pd.ArrowDtype)]),
    "iterator": lambda: iter(PEOPLE.to_batches()),
}


@pytest.mark.parametrize("kind_of_source", ONE_SHOTS)
def test_what_can_be_read_once_can_be_read_again(kind_of_source: str) -> None:
    """A campaign reads its table twice, and finds the same rows."""
    table = open_table(ONE_SHOTS[kind_of_source]())
    assert table.rows_at_most() == 3
    for _ in range(2):
        found = [cell for batch in table.batches(["phone"]) for cell in batch.columns["phone"]]
        assert found == ["85255311111", "85255312222", None]
        assert next(cell for batch in table.batches(["amount"]) for cell in batch.columns["amount"]) == "12.50"


def test_an_empty_reader_has_its_columns() -> None:
    """Zero rows with a phone column are a table; without one, the column is missing."""
    table = open_table(PEOPLE.slice(0, 0).to_reader())
    assert (table.rows_at_most(), table.column_names) == (0, ("phone", "amount"))
    with pytest.raises(TableError, match="no column 'phones'; did you mean 'phone'"):
        table.batches(["phones"])
    assert open_table(iter(())).rows_at_most() == 0


def test_a_batch_of_something_else_is_named_by_its_number() -> None:
    """Rows one by one are no batches."""
    with pytest.raises(TableError, match="batch 2 of the generator is a dict") as caught:
        open_table(item for item in [PEOPLE, {"phone": "85255311111"}])
    assert "8525" not in str(caught.value)


def test_batches_may_change_their_schema_and_their_dictionaries() -> None:
    """Each stretch of rows has its own types; a column that some lack is missing there."""
    one = pa.record_batch({"x": pa.array(["a", "b", "a"]).dictionary_encode()})
    two = pa.record_batch({"x": pa.array(["c"]).dictionary_encode()})
    three = pa.record_batch({"x": pa.array([7], pa.int8())})
    assert read(iter([one, two, three])) == ["a", "b", "a", "c", "7"]
    with pytest.raises(TableError, match="has no column 'x'"):
        read(iter([one, pa.record_batch({"y": [1]})]))


def test_a_column_that_occurs_twice_is_refused_only_where_it_is_needed() -> None:
    """As in every other table."""
    batch = pa.RecordBatch.from_arrays([pa.array(["a"]), pa.array(["b"]), pa.array(["c"])], names=["x", "x", "y"])
    assert read(iter([batch]), "y") == ["c"]
    with pytest.raises(TableError, match="more than one column 'x'"):
        read(iter([batch]))


def test_two_readings_at_once_do_not_disturb_each_other() -> None:
    """They share a file, not a position in it."""
    table = Table(spooled(*({"x": list(range(first, first + 4000))} for first in range(0, 12_000, 4000))))
    one, two = table.batches(["x"], batch_rows=1000), table.batches(["x"], batch_rows=1000)
    pairs = [(a.first_row, b.first_row, a.columns["x"] == b.columns["x"]) for a, b in zip(one, two, strict=True)]
    assert pairs == [(first, first, True) for first in range(1, 12_001, 1000)]


def test_the_same_rows_have_the_same_digest() -> None:
    """By which a later attempt sees that a query gave what it gave before."""
    rows = {"x": ["a", "b"], "y": [Decimal("1.50"), None]}
    one, same, other = (Table(spooled(batch)) for batch in (rows, rows, {**rows, "x": ["a", "c"]}))
    assert digest(one) == digest(same) != digest(other)
    assert digest(one) is not None


def digest(table: Table) -> bytes | None:
    found: TableDigest = table.digest(["x", "y"])
    return found.digest()


# -- the file ----------------------------------------------------------------------------------------------------------


def test_the_file_belongs_to_the_owner_and_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends the process, nothing is left of it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    table = open_table(PEOPLE.to_reader())
    about = os.fstat(table._source._file.fileno())
    assert (stat.S_IMODE(about.st_mode) & 0o077, about.st_nlink, about.st_size > 0) == (0, 0, True)
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys, tempfile
import pyarrow as pa
from airflow_provider_uspeedo.tables import open_table

tempfile.tempdir = sys.argv[1]
def rows():
    for _ in range(50):
        yield pa.record_batch({"phone": ["+85255311111"] * 1000})
    os.kill(os.getpid(), signal.SIGKILL)
open_table(rows())
"""


def test_nothing_is_left_by_a_process_that_is_killed_while_it_writes(tmp_path: Path) -> None:
    """A killed task has no time to tidy up."""
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


FULL = """
import resource, signal, sys
import pyarrow as pa
from airflow_provider_uspeedo.errors import SourceUnavailable
from airflow_provider_uspeedo.tables import open_table

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
try:
    open_table(pa.record_batch({"phone": [f"+8525531{n:04}{m:03}" for n in range(5000)]}) for m in range(1000))
except SourceUnavailable as error:
    print(error)
"""


def test_a_full_disk_is_an_error_that_says_so() -> None:
    """With the folder's cure, and how far it got; it is worth a retry on another worker."""
    done = subprocess.run([sys.executable, "-c", FULL], check=True, capture_output=True, text=True)
    assert "The rows of the generator do not fit into a temporary file in " in done.stdout
    assert "the disk was full after" in done.stdout
    assert "let TMPDIR name a folder on a larger disk." in done.stdout
    assert ("8525" in done.stdout, done.stderr) == (False, "")


def test_no_folder_for_temporary_files_is_such_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """TMPDIR may name a folder that is gone."""
    monkeypatch.setattr("tempfile.tempdir", "/no/such/folder")
    with pytest.raises(SourceUnavailable, match="temporary file in /no/such/folder: No such file or directory"):
        open_table(PEOPLE.to_reader())


# -- values of drivers -------------------------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"
    BLUE = 7


class Word(StrEnum):
    YES = "yes"


one = uuid.UUID("0123ec8d-4c1f-4a6b-9d2e-7f00c0ffee00")
END_OF_TIME = dt.datetime.max  # noqa: DTZ901 - as some warehouses write "for ever"
VALUES: dict[object, str] = {
    1: "1", 2**70: str(2**70), 1.5: "1.5", 42.0: "42", "Ann": "Ann", b"Ann": "Ann",
    Decimal("12.50"): "12.50", Decimal("1E+3"): "1000", Decimal("-0.00"): "0.00", Decimal("1E-30"): f"0.{'0' * 29}1",
    Decimal("1" * 70 + ".25"): "1" * 70 + ".25", MOMENT.date(): "2026-11-22", MOMENT: "2026-11-22 14:30:00",
    MOMENT.replace(tzinfo=HONG_KONG): "2026-11-22 14:30:00+08:00", MOMENT.time(): "14:30:00",
    dt.time(14, 30, tzinfo=HONG_KONG): "14:30:00+08:00", END_OF_TIME: "9999-12-31 23:59:59.999999",
    one: str(one), ip_address("10.0.0.1"): "10.0.0.1", Colour.RED: "red", Colour.BLUE: "BLUE", Word.YES: "yes",
    frozenset({"b", "a"}): "a,b", dt.timedelta(hours=14, minutes=30): "14:30:00",
    dt.timedelta(days=1, seconds=9000): "1 day 02:30:00", dt.timedelta(days=-2): "-2 days",
    dt.timedelta(hours=-1, microseconds=-5): "-01:00:00.000005", pa.MonthDayNano([2, 0, 0]): "2 months",
    ("Ann", Decimal("12.50"), None): '["Ann", "12.50", null]', np.int64(5): "5", np.str_("a"): "a",
}  # fmt: skip
UNHASHABLE = [
    (bytearray(b"Ann"), "Ann"), (memoryview(b"Ann"), "Ann"), (["Ann", 1, True, [1.5]], '["Ann", 1, true, ["1.5"]]'),
    (False, "false"), (True, "true"),
    ({"name": "Änne", "due": MOMENT.date()}, '{"name": "Änne", "due": "2026-11-22"}'), (set(), ""),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), [*VALUES.items(), *UNHASHABLE], ids=lambda it: type(it).__name__)
def test_every_value_of_a_driver_is_the_text_that_people_expect(value: object, text: str) -> None:
    """Alone in its column, with nulls, and among others in it."""
    assert read(spooled({"x": [value, None]})) == [text, None]
    assert read(spooled({"x": ["other", value]})) == ["other", text]
    assert read(spooled({"x": [None]}, {"x": [value]}, {"x": ["other"]}, {"x": [value]})) == [None, text, "other", text]


COLUMNS = {
    "decimals of one scale": [Decimal("12.50"), Decimal("3.00")],
    "decimals of several": [Decimal("12.50"), Decimal("3.0"), Decimal(7)],
    "decimals and text": [Decimal("12.50"), "12.50"],
    "decimals and none": [Decimal("NaN"), Decimal("1.0")],
    "zones": [MOMENT.replace(tzinfo=HONG_KONG), MOMENT.replace(tzinfo=dt.UTC)],
    "with and without zone": [MOMENT.replace(tzinfo=HONG_KONG), MOMENT],
    "seconds of a zone": [MOMENT.replace(tzinfo=dt.timezone(dt.timedelta(hours=5, seconds=7)))],
    "date and text": [MOMENT.date(), "later"],
    "date and timestamp": [MOMENT.date(), MOMENT],
    "infinite": [float("inf"), 1.5, float("nan")],
    "not UTF-8": [b"\xff", b"a"],
    "surrogate": ["\ud800", "a"],
    "something else": [object(), "a", [object()]],
    "large": [2**63, 1],
    "bool and int": [True, 2],
}


@pytest.mark.parametrize("case", COLUMNS)
def test_a_column_keeps_text_key_and_kind_of_each_value(case: str) -> None:
    """As a list of dicts with the same values has them, also if they come in several batches."""
    values = COLUMNS[case]
    for table in (spooled({"x": values}), spooled(*({"x": [value]} for value in values))):
        assert list(map(shown, read(table))) == list(map(shown, texts_of(values)))
        assert list(map(shown, read_keys(table))) == list(map(shown, key_texts_of(values)))
        alone = kinds_of(Table(RowList([{"x": value} for value in values])))
        # Values of several types in one batch are kept as texts, so that they may be a key.
        assert kinds_of(Table(table)) in {alone, "text" if alone.startswith(" of different types") else alone}


def kinds_of(table: Table) -> str:
    """The kind of the key column ``x``, or why it cannot be one."""
    try:
        return str(table.kinds(["x"])["x"])
    except TableError as error:
        return str(error).partition(" has values")[2]


def shown(cell: object) -> object:
    return cell.reason if isinstance(cell, Unreadable) else cell


def test_an_array_of_a_database_can_hold_the_parameters() -> None:
    """In params_column, with every digit."""
    lists = [["Ann", Decimal("12.50"), 3, True, None], [], None]
    assert read_lists(spooled({"x": lists})) == [["Ann", "12.50", "3", "true", None], [], None]


def test_a_column_whose_values_alternate_stays_in_few_parts() -> None:
    """A type that changes with every batch would make a part of each."""
    batches = [{"x": [number]} if number % 2 else {"x": ["a", 1.5]} for number in range(40)]
    assert len(spooled(*batches).parts) <= 3
    decimals = [{"x": [Decimal("1.5"), Decimal("1.50")]}, *({"x": [Decimal("2.5")]} for _ in range(20))]
    assert len(spooled(*decimals).parts) == 1
