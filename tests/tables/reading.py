# SPDX-License-Identifier: Apache-2.0
"""Short ways to read a whole table in a test, and the same rows as every kind of source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_uspeedo.tables import Text, TextList, open_table


def read(recipients: object, column: str = "x") -> list[Text]:
    return [cell for batch in open_table(recipients).batches([column]) for cell in batch.columns[column]]


def read_lists(recipients: object, column: str = "x") -> list[TextList]:
    return [cell for batch in open_table(recipients).batches([], list_columns=[column]) for cell in batch.lists[column]]


def read_keys(recipients: object, column: str = "x") -> list[Text]:
    return [cell for batch in open_table(recipients).batches([], key_columns=[column]) for cell in batch.keys[column]]


def as_parquet(table: pa.Table, folder: Path) -> object:
    path = folder / "people.parquet"
    pq.write_table(table, path)
    return path


def as_pandas(table: pa.Table, folder: Path) -> object:
    return table.to_pandas()


def as_pandas_with_arrow_types(table: pa.Table, folder: Path) -> object:
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def as_polars(table: pa.Table, folder: Path) -> object:
    return pl.from_arrow(table)


def as_arrow(table: pa.Table, folder: Path) -> object:
    return table


def as_record_batch(table: pa.Table, folder: Path) -> object:
    return table.combine_chunks().to_batches()[0]


def as_duckdb(table: pa.Table, folder: Path) -> object:
    return duckdb.from_arrow(table)


def as_rows(table: pa.Table, folder: Path) -> object:
    return table.to_pylist()


SOURCES: list[Callable[[pa.Table, Path], object]] = [
    as_parquet,
    as_pandas,
    as_pandas_with_arrow_types,
    as_polars,
    as_arrow,
    as_record_batch,
    as_duckdb,
    as_rows,
]
