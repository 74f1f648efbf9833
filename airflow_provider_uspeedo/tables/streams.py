# SPDX-License-Identifier: Apache-2.0
"""Arrow tables, relations of duckdb, and objects that stream Arrow batches once, as sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa

from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables.error_mapping import mapped_row_errors
from airflow_provider_uspeedo.tables.source import Part, RawBatch, is_a
from airflow_provider_uspeedo.tables.spool import SpooledTable, empty_batch


class ArrowTable:
    """A ``pyarrow.Table`` or ``pyarrow.RecordBatch``."""

    def __init__(self, table: pa.Table | pa.RecordBatch) -> None:
        self.description = f"<{table.num_rows:,} recipients (pyarrow {type(table).__name__})>"
        self._table = table if isinstance(table, pa.Table) else pa.Table.from_batches([table])
        self.parts = (Part.from_schema(self.description, self._table.schema, self._table.num_rows),)

    def raw_batches(self, columns: Sequence[str], rows: int) -> Iterator[RawBatch]:
        for batch in self._table.select(list(columns)).to_batches(max_chunksize=rows):
            yield RawBatch.from_batch(self.description, batch, columns)


class DuckRelation:
    """A relation of duckdb: its query runs again at each reading, for the chosen columns.

    Up to duckdb 1 its Arrow stream holds the whole result in memory; its reader does not.
    """

    def __init__(self, relation: Any) -> None:
        self._relation = relation
        self.description = f"<recipients (duckdb {type(relation).__name__})>"

    @cached_property
    def parts(self) -> Sequence[Part]:
        """One; its number of rows is not known beforehand."""
        with mapped_row_errors(self.description):
            return (Part.from_schema(self.description, self._reader(self._relation.limit(0), 1).schema, None),)

    def raw_batches(self, columns: Sequence[str], rows: int) -> Iterator[RawBatch]:
        with mapped_row_errors(self.description):
            for batch in self._open(columns, rows):
                for start in range(0, batch.num_rows, rows):
                    yield RawBatch.from_batch(self.description, batch.slice(start, rows), columns)

    def _open(self, columns: Sequence[str], rows: int) -> pa.RecordBatchReader:
        quoted = ['"' + name.replace('"', '""') + '"' for name in columns]
        return self._reader(self._relation.project(", ".join(quoted)) if quoted else self._relation, rows)

    @staticmethod
    def _reader(relation: Any, rows: int) -> pa.RecordBatchReader:
        # Looked up in the class: on the relation itself an unknown name means one of its columns.
        read = getattr(type(relation), "to_arrow_reader", None) or type(relation).fetch_arrow_reader
        return read(relation, rows)


def spooled(stream: Any) -> SpooledTable:
    """Reads what may be readable only once, and keeps it.

    :param stream: gives Arrow batches: a reader, anything with ``__arrow_c_stream__``, or an iterator of batches,
        tables or frames.
    :raises TableError: it gives something else.
    :raises SourceUnavailable: there is no room for it on the disk.
    """
    name = f"{type(stream).__module__.partition('.')[0]} {type(stream).__name__}"
    table = SpooledTable(name.removeprefix("builtins "))
    return table.write(_batches(stream, table.what))


def _batches(stream: Any, what: str) -> Iterator[pa.RecordBatch]:
    with mapped_row_errors(f"<recipients ({what})>"):
        if hasattr(stream, "__arrow_c_stream__"):
            reader = pa.RecordBatchReader.from_stream(stream)
            yield empty_batch(reader.schema)
            yield from reader
            return
        for number, item in enumerate(stream, start=1):
            if isinstance(item, pa.RecordBatch):
                yield item
            elif hasattr(item, "__arrow_c_stream__"):
                yield from _batches(item, what)
            elif is_a(item, "pandas", "DataFrame"):  # of pandas before 2.2, which has no such method
                yield from pa.Table.from_pandas(item, preserve_index=False).to_batches()
            else:
                raise TableError(
                    f"batch {number} of the {what} is a {type(item).__name__}: it must be an Arrow batch, a table or a "
                    f"frame."
                )
