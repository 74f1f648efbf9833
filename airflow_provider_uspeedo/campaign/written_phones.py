# SPDX-License-Identifier: Apache-2.0
"""The phones of some rows as the table has them: what else their digits could have meant, where that may matter.

A row that this attempt reads as one number may have been read as another before: with another version of the phone
metadata, or written with a ``+``. If that other number is a recipient of the campaign, the row is not sent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core import row_rules
from airflow_provider_uspeedo.core.arrays import column_of_keys, column_of_numbers, column_of_texts, numbers_of
from airflow_provider_uspeedo.core.keys import KeyMaker
from airflow_provider_uspeedo.core.phones import PhoneReader
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.ledger.protocol.portion import OtherKeys
from airflow_provider_uspeedo.tables.batch import TextBatch


@dataclass(frozen=True, slots=True)
class WrittenColumn:
    """The phone column of one batch.

    :param texts: of strings; null or ``""`` for what is no text.
    """

    first_row: int
    texts: pa.Array

    @classmethod
    def of(cls, batch: TextBatch, column: str) -> WrittenColumn:
        """The column of that name."""
        cells = batch.columns[column]
        texts = getattr(cells, "array", None)
        if texts is None:
            texts = column_of_texts([row_rules.shown(cell) for cell in cells])
        return cls(batch.first_row, texts)

    @property
    def last_row(self) -> int:
        """The number of its last row."""
        return self.first_row + len(self.texts) - 1


class WrittenPhones:
    """The phone columns of consecutive batches.

    :param column: their name.
    """

    def __init__(self, phones: PhoneReader, keys: KeyMaker, column: str, parts: Sequence[WrittenColumn]) -> None:
        self._phones = phones
        self._keys = keys
        self._parts = parts
        self._reason = (
            f"phone (column {column!r}): can be read as two different numbers, and the other one is a recipient of "
            "this campaign already; write it with +"
        )

    def others(self, recipients: RecipientBatch, codes: Collection[str] | None) -> OtherKeys:
        """The keys of the other numbers that the digits of these recipients could have meant.

        :param codes: of countries; numbers of other countries need not be looked for. ``None``: all are.
        """
        numbers = numbers_of(recipients.column("row_number"))
        texts = self._texts(numbers)
        phones = recipients.column("phone")
        places = np.arange(len(numbers)) if codes is None else self._candidates(phones, texts, codes)
        chosen = column_of_numbers(places)
        rows = zip(places.tolist(), texts.take(chosen).to_pylist(), phones.take(chosen).to_pylist(), strict=True)
        others = ((place, self._phones.other_reading(text, phone)) for place, text, phone in rows)
        found = [(place, other) for place, other in others if other and (codes is None or _code(other) in codes)]
        keys = column_of_keys(self._keys.of_phones([other for _, other in found]))
        return OtherKeys(numbers[[place for place, _ in found]], keys, self._reason)

    def _texts(self, numbers: np.ndarray[Any, Any]) -> pa.Array:
        whole = pa.concat_arrays([part.texts for part in self._parts])
        return whole.take(column_of_numbers(numbers - self._parts[0].first_row))

    def _candidates(self, phones: pa.Array, texts: pa.Array, codes: Collection[str]) -> np.ndarray[Any, Any]:
        """Places of rows that may be bare digits with another reading in one of these countries.

        A national number is read otherwise as one of the country whose code it begins with; any other one, as a number
        of the default region.
        """
        home = self._phones.home_code
        elsewhere = "|".join(sorted(set(codes) - {home}))
        if not elsewhere:
            return np.zeros(0, int)
        at_home = pc.starts_with(phones, f"({home})")
        if not at_home.true_count and home not in codes:
            return np.zeros(0, int)
        # What is not ASCII may be digits of another script.
        begins = pc.match_substring_regex(texts, rf"^[^0-9+]*(?:{elsewhere})|[^\x00-\x7F]")
        other = pc.and_(pc.invert(at_home), pc.invert(pc.match_substring(texts, "+"))) if home in codes else False
        chosen = pc.or_(pc.and_(at_home, begins), other)
        return np.asarray(pc.indices_nonzero(chosen).to_pylist(), int)


def _code(phone: str) -> str:
    return phone[1 : phone.index(")")]
