# SPDX-License-Identifier: Apache-2.0
"""Parquet files as a source: their footers are read first, then only the chosen columns, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_uspeedo.tables.error_mapping import mapped_file_errors
from airflow_provider_uspeedo.tables.source import Part, RawBatch
from airflow_provider_uspeedo.tables.storage import Found, Storage

MAX_CONCURRENT_FOOTERS = 8
"""A remote folder may have thousands of files; each footer is a round trip or two."""
READ_AHEAD = 1 << 20
"""Bytes read at a time from each column of a local file: keeps memory flat for row groups of any size."""


class ParquetFiles:
    """The files of one path, in order. All footers are read here, so a bad file is known before any row is used.

    :raises SourceNotFound: a file has vanished, or its storage does not answer.
    :raises TableError: a file is not Parquet.
    """

    def __init__(self, found: Found) -> None:
        self._storage = found.storage
        self._paths = found.paths
        self.description = found.description
        self.parts = _footers(found.storage, found.paths)

    def raw_batches(self, columns: Sequence[str], rows: int) -> Iterator[RawBatch]:
        for path, part in zip(self._paths, self.parts, strict=True):
            if part.rows == 0:  # it may have no columns
                continue
            with mapped_file_errors(part.place), self._storage.open(path) as file:
                for batch in _batches(_parquet(file, self._storage), columns, rows):
                    yield RawBatch.from_batch(part.place, batch, columns)


def _batches(file: pq.ParquetFile, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    for group in range(file.num_row_groups):  # one at a time, which bounds what is prefetched
        left = file.metadata.row_group(group).num_rows
        # In this thread: Arrow's own threads save little time and keep more memory.
        for batch in file.iter_batches(batch_size=rows, row_groups=[group], columns=list(columns), use_threads=False):
            left -= batch.num_rows
            yield batch
        if left:  # Arrow takes missing pages of a file that was truncated meanwhile for the end of the group
            raise pa.ArrowInvalid("a row group ended early")


def _parquet(file: object, storage: Storage) -> pq.ParquetFile:
    if storage.is_remote:  # few large requests
        return pq.ParquetFile(file, pre_buffer=True)
    return pq.ParquetFile(file, buffer_size=READ_AHEAD, pre_buffer=False)  # pre_buffer would undo buffer_size


def _footers(storage: Storage, paths: Sequence[str]) -> tuple[Part, ...]:
    with ThreadPoolExecutor(max_workers=min(MAX_CONCURRENT_FOOTERS, len(paths))) as pool:
        return tuple(pool.map(lambda path: _footer(storage, path), paths))


def _footer(storage: Storage, path: str) -> Part:
    place = storage.shown(path)
    with mapped_file_errors(place), storage.open(path) as file:
        parquet = pq.ParquetFile(file)
        return Part.from_schema(place, parquet.schema_arrow, parquet.metadata.num_rows)
