# SPDX-License-Identifier: Apache-2.0
"""Parquet files as a source: their footers are read first, then only the chosen columns, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_uspeedo.tables.errors import reading_file
from airflow_provider_uspeedo.tables.source import Part, Slice
from airflow_provider_uspeedo.tables.storage import Found, Storage

FOOTERS_AT_ONCE = 8
"""A remote folder may have thousands of files; each footer is a round trip or two."""
READ_AHEAD = 1 << 20
"""Bytes read at a time from each column of a local file: keeps memory flat however large a row group is."""


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

    def slices(self, columns: Sequence[str], rows: int) -> Iterator[Slice]:
        for path, part in zip(self._paths, self.parts, strict=True):
            if part.rows == 0:  # it may even have no columns
                continue
            with reading_file(part.place), self._storage.open(path) as file:
                for batch in _batches(_parquet(file, self._storage), columns, rows):
                    yield Slice.from_batch(part.place, batch, columns)


def _batches(file: pq.ParquetFile, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    for group in range(file.num_row_groups):  # one at a time: what is fetched ahead is never more than that
        left = file.metadata.row_group(group).num_rows
        # In this thread: what Arrow's own threads keep of the memory they had is more than they save in time.
        for batch in file.iter_batches(batch_size=rows, row_groups=[group], columns=list(columns), use_threads=False):
            left -= batch.num_rows
            yield batch
        if left:  # Arrow takes pages that are gone, because the file was cut off meanwhile, for the end of the group
            raise pa.ArrowInvalid("a row group ended early")


def _parquet(file: object, storage: Storage) -> pq.ParquetFile:
    if storage.is_remote:  # few large requests
        return pq.ParquetFile(file, pre_buffer=True)
    return pq.ParquetFile(file, buffer_size=READ_AHEAD, pre_buffer=False)  # pre_buffer would undo buffer_size


def _footers(storage: Storage, paths: Sequence[str]) -> tuple[Part, ...]:
    with ThreadPoolExecutor(max_workers=min(FOOTERS_AT_ONCE, len(paths))) as pool:
        return tuple(pool.map(lambda path: _footer(storage, path), paths))


def _footer(storage: Storage, path: str) -> Part:
    place = storage.shown(path)
    with reading_file(place), storage.open(path) as file:
        parquet = pq.ParquetFile(file)
        return Part.from_schema(place, parquet.schema_arrow, parquet.metadata.num_rows)
