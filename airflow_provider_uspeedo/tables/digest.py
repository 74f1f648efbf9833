# SPDX-License-Identifier: Apache-2.0
"""The digest of what is read of a table: equal only if every cell, its type and the order are the same.

A table that holds Python objects other than texts has no digest: equality of such objects is hard to decide.
"""

from __future__ import annotations

import io
from hashlib import blake2b

import pyarrow as pa

from airflow_provider_uspeedo.tables.source import RawBatch

DIGEST_BYTES = 16


class TableDigest:
    """Takes the raw batches of a table in reading order. The same table in other batches has another digest."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=DIGEST_BYTES, person=b"uspeedo.table.1")
        self._whole = True

    def add(self, raw: RawBatch) -> None:
        """Adds the next rows."""
        self._hash.update(f"{raw.length} {list(raw.columns)}".encode("utf-8", "surrogatepass"))
        arrays = {name: cells for name, cells in raw.columns.items() if not isinstance(cells, list)}
        if arrays:
            batch = pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))
            # A stream of its own for each batch: with its schema and dictionaries.
            with pa.PythonFile(_Hashing(self._hash), "w") as file, pa.ipc.new_stream(file, batch.schema) as stream:
                stream.write_batch(batch)
        for cells in raw.columns.values():
            if isinstance(cells, list):
                self._whole &= all(cell is None or type(cell) is str for cell in cells)
                self._hash.update(repr(cells).encode() if self._whole else b"")

    def digest(self) -> bytes | None:
        """16 bytes that stand for all rows so far; ``None`` if they have no digest."""
        return self._hash.digest() if self._whole else None


class _Hashing(io.RawIOBase):
    """A file that hashes what is written to it and keeps nothing else."""

    def __init__(self, into: blake2b) -> None:
        self._into = into

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        raw = memoryview(data)  # type: ignore[arg-type]
        self._into.update(raw)
        return raw.nbytes
