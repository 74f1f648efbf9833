# SPDX-License-Identifier: Apache-2.0
"""The digest of a table: the same for the same cells, and for nothing else."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.tables import open_table
from airflow_provider_uspeedo.tables.digest import TableDigest

CELLS = st.one_of(st.none(), st.text(max_size=3))
ROWS = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5)


def digest_of(table: Any, batch_rows: int = 4) -> bytes | None:
    return open_table(table).digest(["a", "b"], batch_rows).digest()


def arrow(rows: list[tuple[Any, Any]], kind: pa.DataType | None = None) -> pa.Table:
    kind = kind or pa.string()
    return pa.table({"a": pa.array([a for a, _ in rows], kind), "b": pa.array([b for _, b in rows], kind)})


@settings(deadline=None)
@given(ROWS, ROWS)
def test_only_the_same_rows_have_the_same_digest(some: list[tuple[Any, Any]], others: list[tuple[Any, Any]]) -> None:
    """In every cell, in the same order: null is not empty, and nothing runs over into its neighbour."""
    assert (digest_of(arrow(some)) == digest_of(arrow(others))) == (some == others)
    frames = [pd.DataFrame(rows, columns=["a", "b"], dtype=object) for rows in (some, others)]
    assert (digest_of(frames[0]) == digest_of(frames[1])) == (some == others)


@settings(deadline=None)
@given(ROWS, ROWS)
def test_words_of_a_dictionary_count(some: list[tuple[Any, Any]], others: list[tuple[Any, Any]]) -> None:
    """Two tables with the same codes for other words are two tables."""
    kind = pa.dictionary(pa.int8(), pa.string())
    assert (digest_of(arrow(some, kind)) == digest_of(arrow(others, kind))) == (some == others)


@settings(deadline=None)
@given(ROWS)
def test_reading_gives_the_digest_of_what_is_read(rows: list[tuple[Any, Any]]) -> None:
    """Whoever reads the table as text gets, on the way, what reading it for the digest gives."""
    table, digest = open_table(arrow(rows)), TableDigest()
    for _ in table.batches(["a"], key_columns=["b"], batch_rows=2, digest=digest):
        pass
    assert digest.digest() == table.digest(["a", "b"], 2).digest()


def test_types_count() -> None:
    """The same digits as another type may become another text."""
    kinds = [pa.int64(), pa.int32(), pa.float64(), pa.string(), pa.large_string(), pa.decimal128(22, 2)]
    digests = {digest_of(pa.table({"a": pa.array([1, 2]).cast(kind), "b": ["x", "y"]})) for kind in kinds}
    assert len(digests) == len(kinds)


@pytest.mark.parametrize("cell", [1, 1.5, [1], {"x": 1}, b"x", True])
def test_python_objects_have_none(cell: object) -> None:
    """One does not know what two of them have in common."""
    assert digest_of(pd.DataFrame({"a": pd.Series([cell, "x"], dtype=object), "b": ["x", "y"]})) is None


def test_a_file_is_recognised_by_its_rows_and_not_by_its_name(tmp_path: Any) -> None:
    """The same rows written again elsewhere are the same table."""
    table = arrow([("1", "x"), ("2", None)])
    for name in ("one", "two"):
        pq.write_table(table, tmp_path / f"{name}.parquet")
    assert digest_of(tmp_path / "one.parquet") == digest_of(tmp_path / "two.parquet")
