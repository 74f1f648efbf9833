# SPDX-License-Identifier: Apache-2.0
"""Rows that can be read only once, kept in a temporary Arrow file on the worker so that they can be read again.

The file has no name in the file system (or loses it as soon as it is open) and belongs to the owner alone, so nothing
is left of it when the process ends, however it ends. It holds one Arrow stream for each stretch of rows of one schema.
"""

from __future__ import annotations

import errno
import io
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, cast

import pyarrow as pa

from airflow_provider_uspeedo.errors import SourceUnavailable, TableError
from airflow_provider_uspeedo.tables.error_mapping import mapped_row_errors
from airflow_provider_uspeedo.tables.exact_values import EXACT, objects_of
from airflow_provider_uspeedo.tables.source import Cells, Part, RawBatch

SPOOL_ROWS = 5_000
"""Rows written at a time: as many as a campaign reads at a time."""
BUFFER_BYTES = 1 << 20
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class _Segment:
    """A stretch of rows with one schema, at ``start`` in the file."""

    schema: pa.Schema
    start: int
    rows: int


class SpooledTable:
    """Rows in a temporary file; readable any number of times, also by several threads at once.

    :param what: what the rows are from, such as ``query of connection 'warehouse'``; never a value.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        with _mapped_file_errors(what, 0):
            file = tempfile.TemporaryFile("w+b", BUFFER_BYTES, prefix="uspeedo-")  # noqa: SIM115 - open as long as this
        self._file = cast("BinaryIO", file)
        self._sink = pa.PythonFile(self._file, "w")
        self.close = weakref.finalize(self, _close, self._file)
        """Frees the space on the disk; also when the table is no longer used."""
        self._segments: list[_Segment] = []
        self.rows = 0

    @property
    def description(self) -> str:
        return f"<{self.rows:,} recipients ({self.what})>"

    @property
    def parts(self) -> Sequence[Part]:
        return [self._part(segment) for segment in self._segments]

    def _part(self, segment: _Segment) -> Part:
        types = [None if arrow_type == EXACT else arrow_type for arrow_type in segment.schema.types]
        names = tuple(segment.schema.names)
        return Part(self.description, names, dict(zip(names, types, strict=True)), segment.rows)

    def raw_batches(self, columns: Sequence[str], rows: int) -> Iterator[RawBatch]:
        for segment in self._segments:
            places = [segment.schema.get_field_index(name) for name in columns]
            for batch in self._read(segment, places):
                for start in range(0, batch.num_rows, rows):
                    part = batch.slice(start, rows)
                    cells = {name: _cells(part.column(part.schema.get_field_index(name))) for name in columns}
                    yield RawBatch(self.description, part.num_rows, cells)

    def _read(self, segment: _Segment, places: Sequence[int]) -> Iterator[pa.RecordBatch]:
        # Without any column its batches would lose their number of rows.
        fields = list(places) or [0][: len(segment.schema)]
        options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
        with mapped_row_errors(self.description), pa.PythonFile(_At(self._file.fileno(), segment.start), "r") as file:
            yield from pa.ipc.open_stream(file, options=options)

    # -- writing -------------------------------------------------------------------------------------------------------

    def write(self, batches: Iterable[pa.RecordBatch]) -> SpooledTable:
        """Adds rows. A batch with another schema than the one before begins a new part.

        :returns: itself.
        :raises SourceUnavailable: there is no room on the disk.
        :raises TableError: a type of Arrow that cannot be written.
        """
        stream: pa.RecordBatchStreamWriter | None = None
        schema: pa.Schema | None = None
        start = rows = 0
        for batch in batches:
            with _mapped_file_errors(self.what, self.rows):
                if stream is None or not batch.schema.equals(schema):
                    self._end(stream, schema, start, rows)
                    schema, start, rows = batch.schema, self._file.tell(), 0
                    stream = pa.ipc.new_stream(self._sink, schema, options=_options())
                for first in range(0, batch.num_rows, SPOOL_ROWS):
                    stream.write_batch(batch.slice(first, SPOOL_ROWS))
                rows += batch.num_rows
                self.rows += batch.num_rows
        with _mapped_file_errors(self.what, self.rows):
            self._end(stream, schema, start, rows)
            self._file.flush()
        return self

    def _end(self, stream: pa.RecordBatchStreamWriter | None, schema: pa.Schema | None, start: int, rows: int) -> None:
        if stream is not None:
            stream.close()
            self._segments.append(_Segment(cast("pa.Schema", schema), start, rows))


def empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    """A batch without rows, which makes the columns of a table known that has none."""
    # Some versions of Arrow make an empty dictionary of another index type, unless it is made as here.
    return pa.RecordBatch.from_arrays([column.chunk(0) for column in schema.empty_table().columns], schema=schema)


def _close(file: BinaryIO) -> None:
    with suppress(OSError):  # a full disk, once more
        file.close()


def _cells(array: pa.Array) -> Cells:
    return objects_of(array) if array.type == EXACT else array


def _options() -> pa.ipc.IpcWriteOptions:
    return pa.ipc.IpcWriteOptions(compression="lz4" if pa.Codec.is_available("lz4") else None, use_threads=False)


class _At(io.RawIOBase):
    """The file from a position on. It moves no position that others share."""

    def __init__(self, descriptor: int, start: int) -> None:
        self._descriptor = descriptor
        self._next = start

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        found = bytearray()
        while len(found) < size and (more := os.pread(self._descriptor, size - len(found), self._next)):
            found += more
            self._next += len(more)
        return bytes(found)


@contextmanager
def _mapped_file_errors(what: str, rows: int) -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        raise TableError(
            f"The rows of the {what} cannot be kept in a temporary file ({type(error).__name__}): a column is of a "
            f"type that has no text. Write it as text."
        ) from None
    except OSError as error:
        where = f"a temporary file in {tempfile.tempdir or 'the folder for temporary files'}"
        if error.errno in FULL:
            cause = f"do not fit into {where}: the disk was full after {rows:,} rows"
        else:
            cause = f"cannot be kept in {where}: {os.strerror(error.errno or errno.EIO)}, after {rows:,} rows"
        raise SourceUnavailable(
            f"The rows of the {what} {cause}. Free space there, or let TMPDIR name a folder on a larger disk."
        ) from None
