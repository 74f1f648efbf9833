# SPDX-License-Identifier: Apache-2.0
"""Opens what a DAG author passes as ``recipients``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables.data_files import DataFiles
from airflow_provider_uspeedo.tables.find_files import find
from airflow_provider_uspeedo.tables.frames import PandasFrame, PolarsFrame
from airflow_provider_uspeedo.tables.row_list import RowList
from airflow_provider_uspeedo.tables.source import Source, is_a
from airflow_provider_uspeedo.tables.spool import SpooledTable
from airflow_provider_uspeedo.tables.storage import is_path
from airflow_provider_uspeedo.tables.streams import ArrowTable, DuckRelation, spooled
from airflow_provider_uspeedo.tables.table import Table

ACCEPTED = (
    "the path or URI of a Parquet or CSV file, folder or glob, a pandas or polars DataFrame, a pyarrow Table, "
    "a duckdb relation or anything else that streams Arrow, an iterator of Arrow batches, or a list of dicts"
)


def open_table(recipients: object) -> Table:
    """Return the table; its names, types and, where it is known, its number of rows have been read.

    :param recipients: a path as text or :class:`os.PathLike` (a Parquet or CSV file; a folder, read with all below it
        in the order of the paths, empty files and names that start with ``_`` or ``.`` left out; a glob), a URI or
        an ``ObjectStoragePath`` (opened by Airflow), a pandas or polars ``DataFrame``, a pyarrow ``Table`` or
        ``RecordBatch``, a list or tuple of dicts, a relation of duckdb, or any object with ``__arrow_c_stream__`` and
        any iterator of Arrow batches: these are read here, once, and kept in a temporary file.
    :raises SourceNotFound: there is no such file or folder, no file in it (yet), or it is still being written.
    :raises SourceUnavailable: there is no room on the disk for what can be read only once.
    :raises TableError: it is not one of these, of another format, or part of a table with a log of its own (Delta,
        Iceberg, Hudi, ...).
    """
    return Table(_source(recipients))


def _source(recipients: Any) -> Source:
    if isinstance(recipients, SpooledTable):
        return recipients
    if recipients is None:
        raise TableError(f"recipients is None: the task before returned no table. Pass {ACCEPTED}.")
    if is_path(recipients):
        return DataFiles(find(recipients))
    if isinstance(recipients, list | tuple):
        return RowList(recipients)
    frame = _frame(recipients)
    if frame is None and isinstance(recipients, Sequence) and not isinstance(recipients, bytes):
        return RowList(list(recipients))  # the lazy sequence that Airflow passes for mapped tasks
    return frame or _arrow(recipients)


def _frame(recipients: Any) -> Source | None:
    if is_a(recipients, "pandas", "DataFrame"):
        return PandasFrame(recipients)
    if is_a(recipients, "polars", "DataFrame"):
        return PolarsFrame(recipients)
    if is_a(recipients, "polars", "LazyFrame"):
        raise TableError("a polars LazyFrame has not been computed yet. Pass what its .collect() returns.")
    return None


def _arrow(recipients: Any) -> Source:
    if isinstance(recipients, pa.Table | pa.RecordBatch):
        return ArrowTable(recipients)
    if is_a(recipients, "duckdb", "DuckDBPyRelation"):
        return DuckRelation(recipients)
    if hasattr(recipients, "__arrow_c_stream__") or hasattr(recipients, "__next__"):
        return spooled(recipients)
    raise TableError(f"recipients cannot be a {type(recipients).__name__}. Pass {ACCEPTED}.")
