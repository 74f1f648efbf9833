# SPDX-License-Identifier: Apache-2.0
"""A table of recipients: its description, its columns, and its rows as batches of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import pyarrow as pa

from airflow_provider_uspeedo.core.keys import FRACTIONS, TEXTS, WHOLE_NUMBERS
from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables.arrow_types import NULL, TEXT, form_of, is_short_float, kind_of
from airflow_provider_uspeedo.tables.batch import ArrowTexts, Text, TextBatch, TextList, join
from airflow_provider_uspeedo.tables.column_presence import check_columns, check_lists, check_texts
from airflow_provider_uspeedo.tables.digest import TableDigest
from airflow_provider_uspeedo.tables.error_mapping import mapped_conversion_errors
from airflow_provider_uspeedo.tables.lists import lists, lists_of
from airflow_provider_uspeedo.tables.source import Cells, Part, RawBatch, Source
from airflow_provider_uspeedo.tables.text import differs_as_key, key_texts, texts
from airflow_provider_uspeedo.tables.values import form, is_short_float_value, key_texts_of, kind, texts_of

BATCH_ROWS = 20_000
OBJECTS = "object"
"""Named instead of an Arrow type where a column holds Python objects of any type."""


class Table:
    """Rows that can be read any number of times. Nothing is kept of them between readings."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __repr__(self) -> str:
        return self.description

    @property
    def description(self) -> str:
        """Such as ``<Parquet file /lake/due.parquet>``; holds no value and no credentials."""
        return self._source.description

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The columns that every file of it has, in the order of the first."""
        names = dict.fromkeys(self._parts[0].names) if self._parts else {}
        return tuple(name for name in names if all(name in part.types for part in self._parts))

    def rows_at_most(self) -> int | None:
        """Return the number of rows, from metadata alone; ``None`` if it is not known without reading."""
        counts = [part.rows for part in self._source.parts]
        return None if None in counts else sum(count for count in counts if count is not None)

    def arrow_type_name(self, column: str) -> str:
        """Return the column's Arrow type, such as ``int64``, or ``object``; all of them if its files differ.

        :raises TableError: there is no such column.
        """
        self._check([column])
        return " | ".join(dict.fromkeys(_type_name(part.types[column]) for part in self._parts)) or NULL

    def loses_digits(self, column: str) -> bool:
        """Return whether some of the column is float32 or float16: these hold 7 or 3 digits, fewer than a phone has.

        :raises TableError: there is no such column.
        """
        self._check([column])
        types = [part.types[column] for part in self._parts]
        if any(is_short_float(found) for found in types if found is not None):
            return True
        return any(is_short_float_value(value) for value in self._objects(column))

    def kinds(self, columns: Sequence[str]) -> dict[str, str]:
        """Return the kind of each column, on which recipient keys depend.

        :returns: ``text`` (strings, numbers, nothing but nulls), ``date``, ``timestamp``, ``timestamp with zone``,
            ``time``, ``boolean``, ...; see :mod:`.arrow_types`. A column of Python objects is read for it.
        :raises TableError: a column is missing, cannot be text, or is of several kinds.
        """
        self._check(columns, texts=columns)
        return {column: self._kind(column) for column in columns}

    def forms(self, columns: Sequence[str]) -> dict[str, str]:
        """Return what each column holds: texts, whole numbers, or numbers with a fraction; ``""``: nothing but nulls.

        :raises TableError: a column is missing, or holds texts and such numbers: what they spell is one value, and
            would be two keys.
        """
        self._check(columns, texts=columns)
        return {column: self._form(column) for column in columns}

    def batches(
        self,
        columns: Sequence[str],
        *,
        list_columns: Sequence[str] = (),
        key_columns: Sequence[str] = (),
        batch_rows: int = BATCH_ROWS,
        digest: TableDigest | None = None,
    ) -> Iterator[TextBatch]:
        """Check the columns at once, then read these columns alone, batch by batch.

        :param columns: read as text, into :attr:`.TextBatch.columns`.
        :param list_columns: read as lists of text, into :attr:`.TextBatch.lists`.
        :param key_columns: read as text that is the same for 1, 1.0 and "1", into :attr:`.TextBatch.keys`.
        :param batch_rows: the maximum number of rows in a batch. No batch is empty.
        :param digest: is updated with what is read.
        :raises TableError: at once, if a column is missing, exists twice, or is of a type that cannot be text; while
            reading, if a file is damaged.
        :raises SourceNotFound: while reading, if a file no longer exists.
        """
        self._check((*columns, *list_columns, *key_columns), texts=(*columns, *key_columns), lists=list_columns)
        return join(self._read(columns, list_columns, key_columns, batch_rows, digest), batch_rows)

    def digest(self, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> TableDigest:
        """Read these columns without converting them to text.

        :returns: the digest that :meth:`batches` computes when it reads the same columns, in the same order.
        """
        digest = TableDigest()
        for raw in self._raw_batches(columns, batch_rows):
            digest.add(raw)
        return digest

    def distinct(self, column: str, limit: int = 1000) -> set[str]:
        """Return the distinct texts of a column, without nulls and unreadable cells.

        :raises TableError: there are more than ``limit``, or the column cannot be read.
        """
        found: set[str] = set()
        for batch in self.batches([column]):
            cells = batch.columns[column]
            different = cells.different() if isinstance(cells, ArrowTexts) else cells
            found.update(cell for cell in different if isinstance(cell, str))
            if len(found) > limit:
                raise TableError(
                    f"column {column!r} of {self.description} has more than {limit:,} distinct values. "
                    f"Name another column.",
                    column=column,
                )
        return found

    @cached_property
    def _parts(self) -> tuple[Part, ...]:
        return tuple(part for part in self._source.parts if not part.is_nothing)

    def _check(self, needed: Sequence[str], *, texts: Sequence[str] = (), lists: Sequence[str] = ()) -> None:
        for part in self._parts:
            check_columns(part, needed)
            check_texts(part, texts)
            check_lists(part, lists)

    def _kind(self, column: str) -> str:
        types = [part.types[column] for part in self._parts]
        found = {kind_of(arrow_type) for arrow_type in types if arrow_type is not None}
        found.update(kind(value) for value in self._objects(column))
        kinds = sorted(str(kind) for kind in found - {NULL, None})
        if len(kinds) > 1:
            raise self._of_different_types(column, kinds)
        return kinds[0] if kinds else TEXT

    def _form(self, column: str) -> str:
        types = [part.types[column] for part in self._parts]
        found = {form_of(arrow_type) for arrow_type in types if arrow_type is not None}
        found.update(form(value) for value in self._objects(column))
        if found >= {TEXTS, FRACTIONS}:
            raise self._of_different_types(column, [TEXTS, FRACTIONS])
        return next((one for one in (TEXTS, FRACTIONS, WHOLE_NUMBERS) if one in found), "")

    def _of_different_types(self, column: str, names: Sequence[str]) -> TableError:
        return TableError(
            f"key column {column!r} of {self.description} has values of different types ({', '.join(names)}): the "
            f"same value as another of them would be another recipient. Give the column one type.",
            column=column,
        )

    def _objects(self, column: str) -> Iterator[object]:
        if all(part.types[column] is not None for part in self._parts):
            return
        for raw in self._source.raw_batches([column], BATCH_ROWS):
            cells = raw.columns[column]
            yield from cells if isinstance(cells, list) else ()

    def _read(
        self,
        columns: Sequence[str],
        list_columns: Sequence[str],
        key_columns: Sequence[str],
        rows: int,
        digest: TableDigest | None,
    ) -> Iterator[TextBatch]:
        first_row = 1
        for raw in self._raw_batches((*columns, *list_columns, *key_columns), rows):
            if digest:
                digest.add(raw)
            yield _batch(raw, first_row, columns, list_columns, key_columns)
            first_row += raw.length

    def _raw_batches(self, columns: Sequence[str], rows: int) -> Iterator[RawBatch]:
        """The batches of these columns that have rows."""
        batches = self._source.raw_batches(list(dict.fromkeys(columns)), rows) if self._parts else ()
        return (raw for raw in batches if raw.length)


def _batch(
    raw: RawBatch, first_row: int, columns: Sequence[str], list_columns: Sequence[str], key_columns: Sequence[str]
) -> TextBatch:
    found = {name: _texts(raw, name, first_row) for name in columns}
    found_lists = {name: _lists(raw, name, first_row) for name in list_columns}
    keys = {
        name: found[name] if name in found and not _differs(raw.columns[name]) else _keys(raw, name, first_row)
        for name in key_columns
    }
    return TextBatch(first_row, raw.length, found, found_lists, keys)


def _texts(raw: RawBatch, name: str, first_row: int) -> Sequence[Text]:
    cells = raw.columns[name]
    with mapped_conversion_errors(name, _cells_type(cells), raw.place, first_row, raw.length):
        return texts_of(cells) if isinstance(cells, list) else texts(cells)


def _keys(raw: RawBatch, name: str, first_row: int) -> Sequence[Text]:
    cells = raw.columns[name]
    with mapped_conversion_errors(name, _cells_type(cells), raw.place, first_row, raw.length):
        return key_texts_of(cells) if isinstance(cells, list) else key_texts(cells)


def _lists(raw: RawBatch, name: str, first_row: int) -> list[TextList]:
    cells = raw.columns[name]
    with mapped_conversion_errors(name, _cells_type(cells), raw.place, first_row, raw.length):
        return lists_of(cells) if isinstance(cells, list) else lists(cells)


def _differs(cells: Cells) -> bool:
    return isinstance(cells, list) or differs_as_key(cells.type)


def _cells_type(cells: Cells) -> str:
    return OBJECTS if isinstance(cells, list) else str(cells.type)


def _type_name(arrow_type: pa.DataType | None) -> str:
    return OBJECTS if arrow_type is None else str(arrow_type)
