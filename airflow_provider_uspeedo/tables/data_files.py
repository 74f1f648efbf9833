# SPDX-License-Identifier: Apache-2.0
"""Files as a source: what is at the head or foot of each is read first, then only the chosen columns, file by file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa

from airflow_provider_uspeedo.tables import csv_files, parquet
from airflow_provider_uspeedo.tables.file_formats import CSV
from airflow_provider_uspeedo.tables.find_files import Found
from airflow_provider_uspeedo.tables.partitions import partition_values
from airflow_provider_uspeedo.tables.source import Part, RawBatch

MAX_CONCURRENT_FILES = 8
"""A remote folder may have thousands of files; each footer is a round trip or two."""


class DataFiles:
    """The files of one path, in order. All are looked at here, so a bad file is known before any row is used.

    A column that only the names of folders have is a column of text.

    :raises SourceNotFound: a file has vanished, or its storage does not answer.
    :raises TableError: a file is damaged, or of another format.
    """

    def __init__(self, found: Found) -> None:
        self._storage = found.storage
        self._paths = found.paths
        self._format = csv_files if found.format == CSV else parquet
        self.description = found.description
        with ThreadPoolExecutor(max_workers=min(MAX_CONCURRENT_FILES, len(found.paths))) as pool:
            self._own = tuple(pool.map(lambda path: self._format.part(found.storage, path), found.paths))
        self.parts = tuple(map(_with_partitions, self._own, found.paths))

    def raw_batches(self, columns: Sequence[str], rows: int) -> Iterator[RawBatch]:
        for path, part in zip(self._paths, self._own, strict=True):
            if part.rows == 0:  # it may have no columns
                continue
            own = [name for name in columns if name in part.types]
            others = dict(partition_values(path))
            for batch in self._format.batches(self._storage, path, part.place, own, rows):
                cells = {name: batch.column(place) for place, name in enumerate(own)}
                yield RawBatch(part.place, batch.num_rows, _all(columns, cells, others, batch.num_rows))


def _with_partitions(part: Part, path: str) -> Part:
    others = [name for name, _ in partition_values(path) if name not in part.types]
    if part.is_nothing or not others:
        return part
    return replace(part, names=(*part.names, *others), types={**part.types, **dict.fromkeys(others, pa.string())})


def _all(
    columns: Sequence[str], own: Mapping[str, pa.Array], others: Mapping[str, str | None], rows: int
) -> dict[str, pa.Array]:
    return {
        name: own[name] if name in own else pa.repeat(pa.scalar(others[name], pa.string()), rows) for name in columns
    }
