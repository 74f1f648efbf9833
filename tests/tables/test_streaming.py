# SPDX-License-Identifier: Apache-2.0
"""Batches: their rows, their order, their size, and the memory they take."""

from __future__ import annotations

import itertools
from random import Random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables import open_table
from tests.tables.reading import SOURCES


@pytest.mark.parametrize("source", SOURCES)
def test_batches_are_consecutive_and_no_larger_than_asked(source, tmp_path):
    """Row numbers count from 1 without a gap, whatever the source cuts into."""
    recipients = source(pa.table({"x": list(range(1, 1001))}), tmp_path)
    batches = list(open_table(recipients).batches(["x"], batch_rows=300))
    assert all(batch.length == len(batch.columns["x"]) <= 300 for batch in batches)
    assert [int(cell) for batch in batches for cell in batch.columns["x"]] == list(range(1, 1001))
    assert [int(batch.columns["x"][0]) for batch in batches] == [batch.first_row for batch in batches]


@given(st.lists(st.integers(0, 7), min_size=1), st.integers(1, 10))
def test_many_small_pieces_are_joined_and_none_is_lost(sizes, most):
    """A folder of crumbs is read in batches that could not be joined further."""
    numbers = iter(range(1, sum(sizes) + 1))
    chunks = [pa.array([next(numbers) for _ in range(size)], pa.int64()) for size in sizes]
    table = open_table(pa.table({"x": pa.chunked_array(chunks)}))
    batches = list(table.batches(["x"], key_columns=["x"], batch_rows=most))
    assert [int(cell) for batch in batches for cell in batch.columns["x"]] == list(range(1, sum(sizes) + 1))
    assert all(batch.columns["x"] == batch.keys["x"] for batch in batches)
    assert all(batch.length <= most for batch in batches)
    assert all(one.length + two.length > most for one, two in itertools.pairwise(batches))


def test_a_large_row_group_is_not_held_in_memory(tmp_path):
    """What Arrow holds while reading is a small part of the file, though the file is one row group."""
    path = tmp_path / "large.parquet"
    dice = Random(1)
    rows = pa.array([dice.randbytes(150).hex() for _ in range(100_000)])
    pq.write_table(pa.table({"x": rows}), path, row_group_size=len(rows), use_dictionary=False, compression="none")
    size = rows.nbytes
    del rows
    before = pa.total_allocated_bytes()
    most = 0
    for batch in open_table(path).batches(["x"], batch_rows=2000):
        assert batch.length <= 2000
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < size / 4


def test_columns_that_are_not_asked_for_leave_the_number_of_rows():
    """A message without parameters to the rows themselves."""
    (batch,) = open_table(pa.table({"x": ["a", "b"]})).batches([])
    assert (batch.length, dict(batch.columns)) == (2, {})


def test_neither_a_batch_nor_an_unreadable_cell_shows_a_value():
    """What ends in a log by accident has no person in it."""
    table = open_table([{"phone": "85255311111", "name": "Ann"}])
    (batch,) = table.batches(["phone", "name"], key_columns=["phone"])
    assert repr(batch) == "<rows 1 to 1>"
    assert repr(table) == "<1 recipients (list of dicts)>"


def test_an_error_of_arrow_is_passed_on_without_the_value_it_quotes():
    """Arrow's message would show the cell; ours shows column, type and rows, and no cause."""
    far = pa.array([85255311111], pa.timestamp("s", "Nowhere/Atall"))
    with pytest.raises(TableError, match=r"column 'x' \(timestamp.* cannot be made text in rows 1 to 1") as caught:
        list(open_table(pa.table({"x": far})).batches(["x"]))
    assert caught.value.__suppress_context__
    assert caught.value.row_number == 1
    assert str(2**62) not in str(caught.value)


def test_a_stream_that_breaks_off_is_an_error_without_its_message():
    """A query that fails in the middle quotes the value that it failed on."""

    def batches():
        yield pa.record_batch({"x": ["1"]})
        raise ValueError("cannot convert 85255311111")

    class Query:
        def __arrow_c_stream__(self, requested_schema=None):
            schema = pa.schema({"x": pa.string()})
            return pa.RecordBatchReader.from_batches(schema, batches()).__arrow_c_stream__(requested_schema)

    with pytest.raises(TableError, match="stopped giving rows") as caught:
        list(open_table(Query()).batches(["x"]))
    assert "8525" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_pandas_is_converted_a_slice_at_a_time():
    """The first batch of a frame costs the memory of one slice, not of the column."""
    frame = pd.DataFrame({"x": range(200_000)})
    before = pa.total_allocated_bytes()
    batches = open_table(frame).batches(["x"], batch_rows=1000)
    first = next(batches)
    assert first.length == 1000
    assert pa.total_allocated_bytes() - before < 200_000
