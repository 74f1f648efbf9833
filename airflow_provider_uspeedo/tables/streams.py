# SPDX-License-Identifier: Apache-2.0
"""Arrow tables, and whatever streams Arrow batches (the PyCapsule interface: duckdb and many more), as sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa

from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables.errors import reading_rows
from airflow_provider_uspeedo.tables.source import Part, Slice


class ArrowTable:
    """A ``pyarrow.Table`` or ``pyarrow.RecordBatch``."""

    def __init__(self, table: pa.Table | pa.RecordBatch) -> None:
        self.description = f"<{table.num_rows:,} recipients (pyarrow {type(table).__name__})>"
        self._table = table if isinstance(table, pa.Table) else pa.Table.from_batches([table])
        self.parts = (Part.from_schema(self.description, self._table.schema, self._table.num_rows),)

    def slices(self, columns: Sequence[str], rows: int) -> Iterator[Slice]:
        for batch in self._table.select(list(columns)).to_batches(max_chunksize=rows):
            yield Slice.from_batch(self.description, batch, columns)


class ArrowStream:
    """Anything that gives a new Arrow stream each time it is asked; its rows are not counted beforehand."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._had_rows = False
        self.description = f"<recipients ({type(stream).__module__.partition('.')[0]} {type(stream).__name__})>"

    @cached_property
    def parts(self) -> Sequence[Part]:
        with reading_rows(self.description):
            return (Part.from_schema(self.description, self._schema(), None),)

    def slices(self, columns: Sequence[str], rows: int) -> Iterator[Slice]:
        """Read the stream anew.

        :raises TableError: also when it had rows before and has none now: it can be read only once.
        """
        empty = True
        with reading_rows(self.description):
            for batch in self._open(columns, rows):
                for start in range(0, batch.num_rows, rows):
                    empty, self._had_rows = False, True
                    yield Slice.from_batch(self.description, batch.slice(start, rows), columns)
        if empty and self._had_rows:
            raise read_once(self.description)

    def _schema(self) -> pa.Schema:
        return pa.RecordBatchReader.from_stream(self._stream).schema

    def _open(self, columns: Sequence[str], rows: int) -> pa.RecordBatchReader:  # noqa: ARG002 - a stream gives all
        return pa.RecordBatchReader.from_stream(self._stream)


class DuckRelation(ArrowStream):
    """A relation of duckdb: its query runs again at each reading, for the chosen columns.

    Its Arrow stream would hold the whole result in memory (up to duckdb 1), its reader does not.
    """

    def _schema(self) -> pa.Schema:
        return self._reader(self._stream.limit(0), 1).schema

    def _open(self, columns: Sequence[str], rows: int) -> pa.RecordBatchReader:
        quoted = ['"' + name.replace('"', '""') + '"' for name in columns]
        return self._reader(self._stream.project(", ".join(quoted)) if quoted else self._stream, rows)

    @staticmethod
    def _reader(relation: Any, rows: int) -> pa.RecordBatchReader:
        # Looked up in the class: the relation itself takes an unknown name for one of its columns.
        read = getattr(type(relation), "to_arrow_reader", None) or type(relation).fetch_arrow_reader
        return read(relation, rows)


def read_once(what: str) -> TableError:
    """Return the error for rows that are gone once they have been read."""
    return TableError(
        f"{what} can be read only once, and may have to be read again. Hand over a Table, as .read_all()."
    )
