# SPDX-License-Identifier: Apache-2.0
"""Arrow tables, and objects that stream Arrow batches (the PyCapsule interface: duckdb and many more), as sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa

from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables.error_mapping import mapped_row_errors
from airflow_provider_uspeedo.tables.source import Part, RawBatch


class ArrowTable:
    """A ``pyarrow.Table`` or ``pyarrow.RecordBatch``."""

    def __init__(self, table: pa.Table | pa.RecordBatch) -> None:
        self.description = f"<{table.num_rows:,} recipients (pyarrow {type(table).__name__})>"
        self._table = table if isinstance(table, pa.Table) else pa.Table.from_batches([table])
        self.parts = (Part.from_schema(self.description, self._table.schema, self._table.num_rows),)

    def raw_batches(self, columns: Sequence[str], rows: int) -> Iterator[RawBatch]:
        for batch in self._table.select(list(columns)).to_batches(max_chunksize=rows):
            yield RawBatch.from_batch(self.description, batch, columns)


class ArrowStream:
    """An object that gives a new Arrow stream on each request; its number of rows is not known beforehand."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._had_rows = False
        self.description = f"<recipients ({type(stream).__module__.partition('.')[0]} {type(stream).__name__})>"

    @cached_property
    def parts(self) -> Sequence[Part]:
        with mapped_row_errors(self.description):
            return (Part.from_schema(self.description, self._schema(), None),)

    def raw_batches(self, columns: Sequence[str], rows: int) -> Iterator[RawBatch]:
        """Read the stream anew.

        :raises TableError: also when it had rows in an earlier reading and has none now: it can be read only once.
        """
        empty = True
        with mapped_row_errors(self.description):
            for batch in self._open(columns, rows):
                for start in range(0, batch.num_rows, rows):
                    empty, self._had_rows = False, True
                    yield RawBatch.from_batch(self.description, batch.slice(start, rows), columns)
        if empty and self._had_rows:
            raise read_once(self.description)

    def _schema(self) -> pa.Schema:
        return pa.RecordBatchReader.from_stream(self._stream).schema

    def _open(self, columns: Sequence[str], rows: int) -> pa.RecordBatchReader:  # noqa: ARG002 - a stream gives all
        return pa.RecordBatchReader.from_stream(self._stream)


class DuckRelation(ArrowStream):
    """A relation of duckdb: its query runs again at each reading, for the chosen columns.

    Up to duckdb 1 its Arrow stream holds the whole result in memory; its reader does not.
    """

    def _schema(self) -> pa.Schema:
        return self._reader(self._stream.limit(0), 1).schema

    def _open(self, columns: Sequence[str], rows: int) -> pa.RecordBatchReader:
        quoted = ['"' + name.replace('"', '""') + '"' for name in columns]
        return self._reader(self._stream.project(", ".join(quoted)) if quoted else self._stream, rows)

    @staticmethod
    def _reader(relation: Any, rows: int) -> pa.RecordBatchReader:
        # Looked up in the class: on the relation itself an unknown name means one of its columns.
        read = getattr(type(relation), "to_arrow_reader", None) or type(relation).fetch_arrow_reader
        return read(relation, rows)


def read_once(what: str) -> TableError:
    """Return the error for rows that are gone once they have been read."""
    return TableError(
        f"{what} can be read only once, but may have to be read again. Pass a Table, such as .read_all() returns."
    )
