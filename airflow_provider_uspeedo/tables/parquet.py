# SPDX-License-Identifier: Apache-2.0
"""Reads a Parquet file: its footer, then the chosen columns, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_uspeedo.tables import table_logs
from airflow_provider_uspeedo.tables.error_mapping import is_damage, mapped_file_errors
from airflow_provider_uspeedo.tables.file_formats import HEAD_BYTES, refusal_of_format
from airflow_provider_uspeedo.tables.int96 import INT96_UNIT, int96_columns, with_true_times
from airflow_provider_uspeedo.tables.source import Part
from airflow_provider_uspeedo.tables.storage import Storage

READ_AHEAD = 1 << 20
"""Bytes read at a time from each column of a local file: keeps memory flat for row groups of any size."""


def part(storage: Storage, path: str) -> Part:
    """Read the footer.

    :raises SourceNotFound: the file has vanished, or its storage does not answer.
    :raises TableError: it is damaged, of another format, or was written for a table with a log of its own.
    """
    place = storage.shown(path)
    with mapped_file_errors(place), storage.open(path) as file:
        parquet = _parquet_or_refusal(file, place)
        logged = table_logs.table_of_footer(parquet.metadata.metadata)
        if logged is not None:
            raise table_logs.refusal(place, logged)
        return Part.from_schema(place, parquet.schema_arrow, parquet.metadata.num_rows)


def _parquet_or_refusal(file: Any, place: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except Exception as error:
        if not is_damage(error):
            raise
    file.seek(0)
    raise refusal_of_format(place, file.read(HEAD_BYTES))


def batches(storage: Storage, path: str, place: str, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Read these columns, in their order.

    :param rows: the maximum number of rows in one batch.
    :raises SourceNotFound: the file has vanished, or its storage does not answer.
    :raises TableError: it is damaged.
    """
    with mapped_file_errors(place), storage.open(path) as file:
        parquet = _opened(file, storage)
        old_times = int96_columns(parquet.schema, columns)
        if not old_times:
            yield from (_ordered(batch, columns) for batch in _batches(parquet, columns, rows))
            return
        with storage.open(path) as again:
            seconds = _batches(_opened(again, storage, coerce_int96_timestamp_unit=INT96_UNIT), old_times, rows)
            for batch in _batches(parquet, columns, rows):
                yield with_true_times(_ordered(batch, columns), _ordered(next(seconds), old_times), place)


def _ordered(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    if not columns:
        return batch
    arrays = [batch.column(batch.schema.get_field_index(name)) for name in columns]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _batches(file: pq.ParquetFile, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    for group in range(file.num_row_groups):  # one at a time, which bounds what is prefetched
        left = file.metadata.row_group(group).num_rows
        # In this thread: Arrow's own threads save little time and keep more memory.
        for batch in file.iter_batches(batch_size=rows, row_groups=[group], columns=list(columns), use_threads=False):
            left -= batch.num_rows
            yield batch
        if left:  # Arrow takes missing pages of a file that was truncated meanwhile for the end of the group
            raise pa.ArrowInvalid("a row group ended early")


def _opened(file: object, storage: Storage, **options: Any) -> pq.ParquetFile:
    if storage.is_remote:  # few large requests
        return pq.ParquetFile(file, pre_buffer=True, **options)
    # pre_buffer would undo buffer_size
    return pq.ParquetFile(file, buffer_size=READ_AHEAD, pre_buffer=False, **options)
