# SPDX-License-Identifier: Apache-2.0
"""Rows of text become recipients or bad rows, a batch at a time and column by column."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core import row_rules
from airflow_provider_uspeedo.core.arrays import (
    column_of_keys,
    column_of_lists,
    column_of_numbers,
    column_of_text_lists,
    column_of_texts,
    numbers_of,
)
from airflow_provider_uspeedo.core.columns import Batch, Columns
from airflow_provider_uspeedo.core.keys import KeyMaker, number_text
from airflow_provider_uspeedo.core.phones import BadPhone, PhoneReader
from airflow_provider_uspeedo.core.recipient_batch import SCHEMA, RecipientBatch
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.core.zone_keys import zone_keys

__all__ = ["Batch", "Columns", "RowReader", "in_order"]

Rule: TypeAlias = Callable[[Any], str | None]
"""One of :mod:`.row_rules` for one column."""


def in_order(recipients: Iterable[Recipient], bad_rows: Iterable[BadRow]) -> list[Recipient | BadRow]:
    """Return all rows as the table has them."""
    return sorted([*recipients, *bad_rows], key=lambda row: row.row_number)


class RowReader:
    """Reads rows of one table.

    Each column is read once, in the order in which faults count: a row with several is invalid for the first one.

    :param template_id: for rows whose template is not in a column.
    :param sender_id: for rows whose sender is not in a column.
    :param with_zones: each recipient gets its time zone: it is needed where a policy has hours.
    :param spelled_numbers: key columns whose texts are read as the numbers that they spell: the campaign began so.
    """

    def __init__(
        self,
        columns: Columns,
        *,
        template_id: str,
        sender_id: str,
        phones: PhoneReader,
        keys: KeyMaker,
        with_zones: bool = False,
        spelled_numbers: Collection[str] = (),
    ) -> None:
        self._columns = columns
        self._template_id = template_id
        self._sender_id = sender_id
        self._phones = phones
        self._keys = keys
        self._with_zones = with_zones
        self._spelled_numbers = spelled_numbers
        self.variables: Mapping[str, int] = {}
        """How many variables the templates have, as far as that is known."""

    def read(self, batch: Batch) -> tuple[RecipientBatch, list[BadRow]]:
        """Return recipients and bad rows, each in order."""
        faults: dict[int, str] = {}
        values_of_keys = self._key_columns(batch, faults)
        with_bad_key = set(faults)
        phones = self._read_phones(batch, faults)
        keys = self._keys.of_phones(phones) if values_of_keys is None else self._keys.of_columns(values_of_keys)
        without_key = with_bad_key if values_of_keys is not None else set(faults)
        written = column_of_texts(phones)
        columns = {
            "row_number": column_of_numbers(np.arange(batch.first_row, batch.first_row + batch.length)),
            "key": column_of_keys(keys),
            "phone": written,
            "time_zone": self._read_zones(batch, written),
            **self._read_content(batch, faults),
        }
        read = RecipientBatch(pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA))
        if not faults:
            return read, []
        bad = sorted(faults)
        mask = np.ones(batch.length, bool)
        mask[bad] = False
        keys_of_bad = [None if index in without_key else keys[index] for index in bad]
        return read.only(mask), self._bad_rows(batch, bad, [faults[index] for index in bad], phones, keys_of_bad)

    def _bad_rows(
        self,
        batch: Batch,
        bad: Sequence[int],
        reasons: Sequence[str],
        phones: Sequence[str],
        keys: Sequence[bytes | None],
    ) -> list[BadRow]:
        def cells(name: str | None, constant: str = "") -> Sequence[str]:
            if name is None:
                return [row_rules.shown(constant)] * len(bad)
            values = list(batch.columns[name])
            return row_rules.all_shown([values[index] for index in bad])

        written = cells(self._columns.phone)
        fields = zip(
            (batch.first_row + index for index in bad),
            repeat(Status.INVALID),
            reasons,
            (phones[index] or text for index, text in zip(bad, written, strict=True)),
            cells(self._columns.user_id),
            cells(self._columns.template_id, self._template_id),
            cells(self._columns.sender_id, self._sender_id),
            keys,
            strict=False,
        )
        return list(map(tuple.__new__, repeat(BadRow), fields))  # calling the class costs twice as much

    # -- one column each, as long as the batch, with something harmless in place of what is put into ``faults`` ------

    def _key_columns(self, batch: Batch, faults: dict[int, str]) -> list[Sequence[str]] | None:
        if not self._columns.keys:
            return None

        def wrong(name: str, value: Any) -> str | None:
            return None if type(value) is str else row_rules.missing(name, value)

        return [
            _judged(self._spelled(batch, name), partial(wrong, f"key column {name!r}"), faults)
            for name in self._columns.keys
        ]

    def _spelled(self, batch: Batch, name: str) -> Iterable[Any]:
        cells = batch.keys[name]
        if name not in self._spelled_numbers:
            return cells
        return [number_text(cell) if type(cell) is str else cell for cell in cells]

    def _read_phones(self, batch: Batch, faults: dict[int, str]) -> list[str]:
        """Return each phone as the API takes it; ``""`` for what is no phone."""
        name, read = f"phone (column {self._columns.phone!r})", self._phones.read
        found: list[str] = []
        for index, text in enumerate(batch.columns[self._columns.phone]):
            phone = ""
            if type(text) is not str:
                faults.setdefault(index, row_rules.missing(name, text))
            else:
                try:
                    phone = read(text)
                except BadPhone as bad:
                    faults.setdefault(index, f"{name}: {bad.reason}")
            found.append(phone)
        return found

    def _read_zones(self, batch: Batch, phones: pa.Array) -> pa.DictionaryArray:
        """Return whose clock counts for each row; a text that names no zone is no fault of the row."""
        if not self._with_zones:
            return _one_word("", batch.length)
        cells = batch.columns[self._columns.time_zone] if self._columns.time_zone else None
        return zone_keys(phones, None if cells is None else _encoded(cells))

    def _read_content(self, batch: Batch, faults: dict[int, str]) -> dict[str, pa.Array]:
        names = self._columns
        rule = {
            "template_id": partial(row_rules.wrong_template, f"template (column {names.template_id!r})"),
            "sender_id": partial(row_rules.wrong_sender, f"sender (column {names.sender_id!r})"),
            "user_id": partial(row_rules.wrong_user_id, f"user id (column {names.user_id!r})"),
            "extend_code": partial(row_rules.wrong_extend_code, f"extend code (column {names.extend_code!r})"),
        }
        params = self._read_params(batch, faults)
        templates = _words(batch, names.template_id, self._template_id, rule["template_id"], faults, str.strip)
        if self.variables:
            self._compare_counts(templates, numbers_of(pc.list_value_length(params)), faults)
        return {
            "params": params,
            "template_id": templates,
            "user_id": _optional(batch, names.user_id, rule["user_id"], faults),
            "extend_code": _optional(batch, names.extend_code, rule["extend_code"], faults),
            "sender_id": _words(batch, names.sender_id, self._sender_id, rule["sender_id"], faults),
        }

    def _read_params(self, batch: Batch, faults: dict[int, str]) -> pa.Array:
        if name := self._columns.params_list:
            rule = partial(row_rules.wrong_parameters, name)
            return column_of_text_lists(_judged(batch.lists[name], rule, faults, instead=()))
        named = [(name, f"parameter {{{n}}} (column {name!r})") for n, name in enumerate(self._columns.params, 1)]
        columns = [
            _texts(batch.columns[name], partial(row_rules.wrong_parameter, called), faults) for name, called in named
        ]
        return column_of_lists(columns, batch.length)

    def _compare_counts(
        self, templates: pa.DictionaryArray, counts: np.ndarray[Any, Any], faults: dict[int, str]
    ) -> None:
        """Find the rows with another number of parameters than their template is known to have variables."""
        ids, which = templates.dictionary.to_pylist(), numbers_of(templates.indices)
        expected = np.array([self.variables.get(template, -1) for template in ids], int)[which]
        reason = lru_cache(row_rules.wrong_count)  # few different ones
        for index in np.flatnonzero((expected >= 0) & (expected != counts)).tolist():
            if index not in faults:
                faults[index] = reason(ids[which[index]], int(expected[index]), int(counts[index]))


def _judged(values: Iterable[Any], rule: Rule, faults: dict[int, str], instead: Any = "") -> list[Any]:
    """Return the values, with something else for those that the rule refuses."""
    good = list(values)
    for index, fault in enumerate(map(rule, good)):
        if fault is not None:
            good[index] = instead
            faults.setdefault(index, fault)
    return good


def _texts(values: Iterable[Any], rule: Rule, faults: dict[int, str]) -> pa.Array:
    """Return a column of texts. One that Arrow has already, and that can be sent as it is, need not be judged."""
    clean = getattr(values, "clean", None)
    return column_of_texts(_judged(values, rule, faults)) if clean is None else clean


def _optional(batch: Batch, name: str | None, rule: Rule, faults: dict[int, str]) -> pa.Array:
    """Return a column of texts, with ``""`` for what is null."""
    if name is None:
        return _nothing(batch.length)
    return column_of_texts([value or "" for value in _judged(batch.columns[name], rule, faults)])


@lru_cache(maxsize=2)
def _nothing(rows: int) -> pa.Array:
    """Return a column of empty texts, the same one for all batches."""
    return column_of_texts([""] * rows)


def _words(
    batch: Batch,
    name: str | None,
    constant: str,
    rule: Rule,
    faults: dict[int, str],
    trim: Callable[[str], str] = str,
) -> pa.DictionaryArray:
    """Return a column of few different texts; each is judged once. What stands for all rows is good."""
    if name is None:
        return _one_word(constant, batch.length)
    words, which = _encoded(batch.columns[name])
    wrong = [rule(word) for word in words]
    if any(wrong):
        for index in np.flatnonzero(np.array([fault is not None for fault in wrong])[which]).tolist():
            faults.setdefault(index, str(wrong[which[index]]))
    texts = ["" if fault else trim(word or "") for word, fault in zip(words, wrong, strict=True)]
    return column_of_texts(texts).dictionary_encode().take(column_of_numbers(which))


@lru_cache(maxsize=8)
def _one_word(word: str, rows: int) -> pa.DictionaryArray:
    """Return a column with one text in all rows, the same one for all batches."""
    return column_of_texts([word]).dictionary_encode().take(column_of_numbers(np.zeros(rows, int)))


def _encoded(values: Any) -> tuple[list[Any], np.ndarray[Any, Any]]:
    """Return the different values of a column, and for each row which of them it has."""
    clean = getattr(values, "clean", None)
    if clean is not None:
        encoded = clean.dictionary_encode()
        return encoded.dictionary.to_pylist(), numbers_of(encoded.indices)
    values = list(values)
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    return list(places), np.fromiter(map(places.__getitem__, values), np.int64, len(values))
