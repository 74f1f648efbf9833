# SPDX-License-Identifier: Apache-2.0
"""Rows of text become recipients or bad rows, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core.arrays import (
    column_of_keys,
    column_of_lists,
    column_of_numbers,
    column_of_text_lists,
    column_of_texts,
    numbers_of,
)
from airflow_provider_uspeedo.core.column_checks import (
    LONGEST_SHOWN,
    BadValue,
    odd_codes,
    odd_lists,
    odd_marks,
    odd_texts,
)
from airflow_provider_uspeedo.core.columns import Batch, Columns
from airflow_provider_uspeedo.core.recipient_batch import SCHEMA, RecipientBatch
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.row_rules import LONGEST_SENDER_ID, LONGEST_TEMPLATE_ID, RowRules

__all__ = ["LONGEST_SENDER_ID", "LONGEST_SHOWN", "LONGEST_TEMPLATE_ID", "Batch", "Columns", "RowReader"]


def in_order(recipients: Iterable[Recipient], bad_rows: Iterable[BadRow]) -> list[Recipient | BadRow]:
    """Return all rows as the table has them."""
    return sorted([*recipients, *bad_rows], key=lambda row: row.row_number)


class RowReader(RowRules):
    """Reads rows of one table, column by column.

    A column is looked at in a few steps that are quick because they judge nothing: they find the rows of which
    something is not surely good, and :meth:`read_one` reads those. In most tables there are few.
    """

    def read(self, batch: Batch) -> tuple[RecipientBatch, list[BadRow]]:
        """Return what :meth:`read_one` makes of all rows: recipients and bad rows, each in order."""
        odd: set[int] = set()
        phones = self._all_phones(batch, odd)
        params = self._all_params(batch, odd)
        templates = _words(
            batch, self._columns.template_id, self._template_id, self._good_templates, self._template, odd
        )
        senders = _words(batch, self._columns.sender_id, self._sender_id, self._good_senders, self._sender, odd)
        if self.variables:
            odd.update(self._miscounted(templates, numbers_of(pc.list_value_length(params))))
        columns = {
            "row_number": column_of_numbers(np.arange(batch.first_row, batch.first_row + batch.length)),
            "key": column_of_keys(self._all_keys(batch, phones, odd)),
            "phone": column_of_texts(phones),
            "params": params,
            "user_id": _optional(batch, self._columns.user_id, odd_marks, odd),
            "extend_code": _optional(batch, self._columns.extend_code, odd_codes, odd),
            "template_id": templates,
            "sender_id": senders,
        }
        read = RecipientBatch(pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA))
        return self._with_odd_rows(batch, read, sorted(odd)) if odd else (read, [])

    def _with_odd_rows(self, batch: Batch, read: RecipientBatch, odd: list[int]) -> tuple[RecipientBatch, list[BadRow]]:
        """Return the rows with those that are read alone; what ``read`` makes of these counts for nothing."""
        alone = [self.read_one(batch, index) for index in odd]
        bad = [row for row in alone if isinstance(row, BadRow)]
        mask = np.ones(batch.length, bool)
        mask[odd] = False
        good = RecipientBatch.joined(
            [read.only(mask), RecipientBatch.of([row for row in alone if isinstance(row, Recipient)])]
        )
        return good.take(np.argsort(numbers_of(good.column("row_number")))), bad

    # -- one column each, as long as the batch; the rows where it is not surely good are put into ``odd`` -----------

    def _all_phones(self, batch: Batch, odd: set[int]) -> list[Any]:
        found = self._phones.read_all(list(batch.columns[self._columns.phone]))
        if None not in found:
            return found
        odd.update(index for index, phone in enumerate(found) if phone is None)
        return [phone or "" for phone in found]

    def _all_keys(self, batch: Batch, phones: Sequence[str], odd: set[int]) -> list[bytes]:
        if not self._columns.keys:
            return self._keys.of_phones(phones)
        columns: list[Sequence[Any]] = [list(batch.keys[name]) for name in self._columns.keys]
        for place, values in enumerate(columns):
            if set(map(type, values)) != {str}:
                odd.update(index for index, value in enumerate(values) if type(value) is not str)
                columns[place] = [value if type(value) is str else "" for value in values]
        return self._keys.of_columns(columns)

    def _all_params(self, batch: Batch, odd: set[int]) -> pa.Array:
        if self._columns.params_list:
            lists = batch.lists[self._columns.params_list]
            odd.update(odd_lists(lists))
            return column_of_text_lists([() if index in odd else params for index, params in enumerate(lists)])
        columns = [_texts(batch.columns[name], odd_texts, odd) for name in self._columns.params]
        return column_of_lists(columns, batch.length)

    def _miscounted(self, templates: pa.DictionaryArray, counts: np.ndarray[Any, Any]) -> Collection[int]:
        expected = np.array([self.variables.get(template, -1) for template in templates.dictionary.to_pylist()], int)
        of_each = expected[numbers_of(templates.indices)]
        return np.flatnonzero((of_each >= 0) & (of_each != counts)).tolist()


def _optional(
    batch: Batch, name: str | None, find_odd: Callable[[Sequence[Any]], Iterable[int]], odd: set[int]
) -> pa.Array:
    if name is None:
        return _nothing(batch.length)
    values = list(batch.columns[name])
    odd_ones = set(find_odd(values))
    odd |= odd_ones
    return column_of_texts(["" if index in odd_ones else value or "" for index, value in enumerate(values)])


@lru_cache(maxsize=2)
def _nothing(rows: int) -> pa.Array:
    """Return a column of empty texts, the same one for all batches."""
    return column_of_texts([""] * rows)


def _texts(values: Sequence[Any], find_odd: Callable[[Sequence[Any]], Collection[int]], odd: set[int]) -> pa.Array:
    """Return a column of texts, with ``""`` for what may be none."""
    clean = getattr(values, "clean", None)
    if clean is not None:
        return clean
    values = list(values)
    odd_ones = set(find_odd(values))
    odd |= odd_ones
    return column_of_texts(["" if index in odd_ones else v for index, v in enumerate(values)] if odd_ones else values)


def _words(
    batch: Batch, name: str | None, constant: str, good: dict[Any, str], check: Callable[[Any], str], odd: set[int]
) -> pa.DictionaryArray:
    """Return a column of few different texts, each of them checked once."""
    values: Any = [constant] if name is None else batch.columns[name]
    clean = column_of_texts(values) if name is None else getattr(values, "clean", None)
    if clean is None:
        return _looked_up(list(values), good, check, odd)
    encoded, wrong = clean.dictionary_encode(), set[int]()
    words = _looked_up(encoded.dictionary.to_pylist(), good, check, wrong)
    which = encoded.indices if name is not None else column_of_numbers(np.zeros(batch.length, int))
    if wrong:
        odd.update(np.flatnonzero(np.isin(numbers_of(which), list(wrong))).tolist())
    return words.take(which)


def _looked_up(
    values: Sequence[Any], good: dict[Any, str], check: Callable[[Any], str], odd: set[int]
) -> pa.DictionaryArray:
    """Return what is remembered of each value, once those that are new were checked."""
    found = list(map(good.get, values))
    if None in found:
        for value in set(values).difference(good):
            with suppress(BadValue):
                check(value)
        found = list(map(good.get, values))
        odd.update(index for index, text in enumerate(found) if text is None)
    return column_of_texts([text or "" for text in found]).dictionary_encode()
