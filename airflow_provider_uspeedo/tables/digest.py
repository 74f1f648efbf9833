# SPDX-License-Identifier: Apache-2.0
"""The digest of what is read of a table: equal only if every cell, its type and the order are the same.

A table that holds Python objects other than texts has none: whether two of them would be read alike is hard to tell.
"""

from __future__ import annotations

import io
from hashlib import blake2b

import pyarrow as pa

from airflow_provider_uspeedo.tables.source import Slice

DIGEST_BYTES = 16


class TableDigest:
    """Takes slices as they are read, in order. The same table cut in another way has another digest."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=DIGEST_BYTES, person=b"uspeedo.table.1")
        self._whole = True

    def add(self, piece: Slice) -> None:
        """Takes the next rows in."""
        self._hash.update(f"{piece.length} {list(piece.columns)}".encode("utf-8", "surrogatepass"))
        arrays = {name: cells for name, cells in piece.columns.items() if not isinstance(cells, list)}
        if arrays:
            batch = pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))
            # A stream of its own for each slice: schema, dictionaries and all.
            with pa.PythonFile(_Hashing(self._hash), "w") as file, pa.ipc.new_stream(file, batch.schema) as stream:
                stream.write_batch(batch)
        for cells in piece.columns.values():
            if isinstance(cells, list):
                self._whole &= all(cell is None or type(cell) is str for cell in cells)
                self._hash.update(repr(cells).encode() if self._whole else b"")

    def digest(self) -> bytes | None:
        """16 bytes that stand for all rows so far; ``None`` if they have no digest."""
        return self._hash.digest() if self._whole else None


class _Hashing(io.RawIOBase):
    """A file that keeps nothing of what is written but its digest."""

    def __init__(self, into: blake2b) -> None:
        self._into = into

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = memoryview(data)  # type: ignore[arg-type]
        self._into.update(piece)
        return piece.nbytes
