# SPDX-License-Identifier: Apache-2.0
"""Opens what a DAG author passes as ``recipients``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables.frames import PandasFrame, PolarsFrame
from airflow_provider_uspeedo.tables.parquet import ParquetFiles
from airflow_provider_uspeedo.tables.row_list import RowList
from airflow_provider_uspeedo.tables.source import Source
from airflow_provider_uspeedo.tables.spool import SpooledTable
from airflow_provider_uspeedo.tables.storage import find, is_path
from airflow_provider_uspeedo.tables.streams import ArrowTable, DuckRelation, spooled
from airflow_provider_uspeedo.tables.table import Table

ACCEPTED = (
    "the path or URI of a Parquet file, folder or glob, a pandas or polars DataFrame, a pyarrow Table, "
    "a duckdb relation or anything else that streams Arrow, an iterator of Arrow batches, or a list of dicts"
)


def open_table(recipients: object) -> Table:
    """Return the table; its names, types and, where it is known, its number of rows have been read.

    :param recipients: a path as text or :class:`os.PathLike` (a Parquet file; a folder, read with all below it in the
        order of the paths, names that start with ``_`` or ``.`` left out; a glob), a URI with a scheme or an
        ``ObjectStoragePath`` (opened by Airflow), a pandas or polars ``DataFrame``, a pyarrow ``Table`` or
        ``RecordBatch``, a list or tuple of dicts, a relation of duckdb, or any object with ``__arrow_c_stream__`` and
        any iterator of Arrow batches: these are read here, once, and kept in a temporary file.
    :raises SourceNotFound: there is no such file or folder, or no Parquet file in it (yet).
    :raises SourceUnavailable: there is no room on the disk for what can be read only once.
    :raises TableError: it is not one of these, or not Parquet.
    """
    return Table(_source(recipients))


def _source(recipients: Any) -> Source:
    if isinstance(recipients, SpooledTable):
        return recipients
    if recipients is None:
        raise TableError(f"recipients is None: the task before returned no table. Pass {ACCEPTED}.")
    if is_path(recipients):
        return ParquetFiles(find(recipients))
    if isinstance(recipients, list | tuple):
        return RowList(recipients)
    frame = _frame(recipients)
    if frame is None and isinstance(recipients, Sequence) and not isinstance(recipients, bytes):
        return RowList(list(recipients))  # the lazy sequence that Airflow passes for mapped tasks
    return frame or _arrow(recipients)


def _frame(recipients: Any) -> Source | None:
    if _is_a(recipients, "pandas", "DataFrame"):
        return PandasFrame(recipients)
    if _is_a(recipients, "polars", "DataFrame"):
        return PolarsFrame(recipients)
    if _is_a(recipients, "polars", "LazyFrame"):
        raise TableError("a polars LazyFrame has not been computed yet. Pass what its .collect() returns.")
    return None


def _is_a(recipients: object, module: str, name: str) -> bool:
    """Return whether it is one, without importing the library: an object of it exists only after its import."""
    return module in sys.modules and isinstance(recipients, getattr(sys.modules[module], name, ()))


def _arrow(recipients: Any) -> Source:
    if isinstance(recipients, pa.Table | pa.RecordBatch):
        return ArrowTable(recipients)
    if _is_a(recipients, "duckdb", "DuckDBPyRelation"):
        return DuckRelation(recipients)
    if hasattr(recipients, "__arrow_c_stream__") or hasattr(recipients, "__next__"):
        return spooled(recipients)
    raise TableError(f"recipients cannot be a {type(recipients).__name__}. Pass {ACCEPTED}.")
