# SPDX-License-Identifier: Apache-2.0
"""Rows of text become recipients or bad rows, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any

from airflow_provider_uspeedo.core.cells import LONGEST_SHOWN, BadValue, odd_codes, odd_lists, odd_marks, odd_texts
from airflow_provider_uspeedo.core.columns import Batch, Columns
from airflow_provider_uspeedo.core.onerow import LONGEST_SENDER_ID, LONGEST_TEMPLATE_ID, OneRowReader
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient

__all__ = ["LONGEST_SENDER_ID", "LONGEST_SHOWN", "LONGEST_TEMPLATE_ID", "Batch", "Columns", "RowReader"]


class RowReader(OneRowReader):
    """Reads rows of one table, column by column.

    A column is looked at in a few steps that are quick because they judge nothing: they find the rows of which
    something is not surely good, and :meth:`read_one` reads those. In most tables there are few.
    """

    def read(self, batch: Batch) -> list[Recipient | BadRow]:
        """Return :meth:`read_one` of each row, in order."""
        odd: set[int] = set()
        phones = self._all_phones(batch, odd)
        params = self._all_params(batch, odd)
        templates = self._all_templates(batch, odd)
        if self.variables:
            odd.update(self._miscounted(templates, params))
        fields = zip(
            range(batch.first_row, batch.first_row + batch.length),
            self._all_keys(batch, phones, odd),
            phones,
            params,
            _optional(batch, self._columns.user_id, odd_marks, odd),
            _optional(batch, self._columns.extend_code, odd_codes, odd),
            templates,
            self._all_senders(batch, odd),
            strict=True,
        )
        # Calling the class costs twice as much. What this makes of odd rows counts for nothing.
        rows: list[Recipient | BadRow] = list(map(tuple.__new__, repeat(Recipient), fields))
        for index in odd:
            rows[index] = self.read_one(batch, index)
        return rows

    # -- one column each, as long as the batch; the rows where it is not surely good are put into ``odd`` -----------

    def _all_phones(self, batch: Batch, odd: set[int]) -> list[Any]:
        found = self._phones.read_all(batch.columns[self._columns.phone])
        if None not in found:
            return found
        odd.update(index for index, phone in enumerate(found) if phone is None)
        return [phone or "" for phone in found]

    def _all_keys(self, batch: Batch, phones: Sequence[str], odd: set[int]) -> list[bytes]:
        if not self._columns.keys:
            return self._keys.of_phones(phones)
        columns = [batch.keys[name] for name in self._columns.keys]
        for place, values in enumerate(columns):
            if set(map(type, values)) != {str}:
                odd.update(index for index, value in enumerate(values) if type(value) is not str)
                columns[place] = [value if type(value) is str else "" for value in values]
        return self._keys.of_columns(columns)

    def _all_params(self, batch: Batch, odd: set[int]) -> list[tuple[str, ...]]:
        if self._columns.params_list:
            lists = batch.lists[self._columns.params_list]
            odd.update(odd_lists(lists))
            return [tuple(params) if type(params) is list else () for params in lists]
        columns = [batch.columns[name] for name in self._columns.params]
        for values in columns:
            odd.update(odd_texts(values))
        return list(zip(*columns, strict=True)) if columns else [()] * batch.length

    def _all_templates(self, batch: Batch, odd: set[int]) -> list[str]:
        values = _column(batch, self._columns.template_id, self._template_id)
        return _looked_up(values, self._good_templates, self._template, odd)

    def _all_senders(self, batch: Batch, odd: set[int]) -> list[str]:
        values = _column(batch, self._columns.sender_id, self._sender_id)
        return _looked_up(values, self._good_senders, self._sender, odd)

    def _miscounted(self, templates: Sequence[str], params: Sequence[tuple[str, ...]]) -> Collection[int]:
        expected, pairs = self.variables.get, list(zip(templates, map(len, params), strict=True))
        wrong = {(template, count) for template, count in set(pairs) if expected(template, count) != count}
        return [index for index, pair in enumerate(pairs) if pair in wrong] if wrong else ()


def _column(batch: Batch, name: str | None, constant: str) -> Sequence[Any]:
    return [constant] * batch.length if name is None else batch.columns[name]


def _optional(
    batch: Batch, name: str | None, find_odd: Callable[[Sequence[Any]], Iterable[int]], odd: set[int]
) -> Iterable[str]:
    if name is None:
        return repeat("", batch.length)
    odd.update(find_odd(batch.columns[name]))
    return [value or "" for value in batch.columns[name]]


def _looked_up(values: Sequence[Any], good: dict[Any, str], check: Callable[[Any], str], odd: set[int]) -> list[Any]:
    """Return what is remembered of each value, once those that are new were checked."""
    found = list(map(good.get, values))
    if None in found:
        for value in set(values).difference(good):
            with suppress(BadValue):
                check(value)
        found = list(map(good.get, values))
        odd.update(index for index, text in enumerate(found) if text is None)
    return found
