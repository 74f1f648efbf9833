# SPDX-License-Identifier: Apache-2.0
"""What is remarkable about a table as it is read: the countries of its phones, and signs of a mistake."""

from __future__ import annotations

import logging
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core.arrays import column_of_texts, numbers_of
from airflow_provider_uspeedo.core.attempt_log import wrapped
from airflow_provider_uspeedo.core.columns import Columns
from airflow_provider_uspeedo.core.countries import countries_of, describe_countries
from airflow_provider_uspeedo.core.phones import PhoneReader
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.region_fit import RegionFit

log = logging.getLogger(__name__)

MISSING_AS_TEXT = (
    "nan", "NaN", "NAN", "None", "none", "NONE", "null", "NULL", "(null)", "NaT", "<NA>", "N/A", "n/a", "#N/A", "\\N",
    "undefined",
)  # fmt: skip
"""What software writes for a missing value when it makes text of a column; not ``Nan`` or ``Null``, which are names."""


class TableRemarks:
    """Counts over the recipients of one reading.

    :param phones: the reader of their phones; its counts are those of this reading.
    """

    def __init__(self, columns: Columns, phones: PhoneReader) -> None:
        self._columns = columns
        self._phones = phones
        phones.bare_numbers = phones.not_valid_there = 0
        phones.not_valid_digits = []
        self.countries: Counter[str] = Counter()
        """Country code -> recipients."""
        self.missing: Counter[str] = Counter()
        """Column -> recipients for whom it holds the text of a missing value."""
        self._reported = 0
        self._doubted = False
        self._began = False

    def note(self, recipients: RecipientBatch) -> None:
        """Counts some more recipients."""
        self.countries.update(countries_of(recipients.column("phone")))
        self._note_params(recipients.column("params"))
        for name, column in (("sender_id", self._columns.sender_id), ("user_id", self._columns.user_id)):
            if column is not None and (found := int(_missing(recipients.column(name)).true_count)):
                self.missing[f"column {column!r}"] += found

    def _note_params(self, params: pa.Array) -> None:
        flat = params.flatten()
        places = pc.indices_nonzero(_missing(flat)).to_pylist()
        if not places:
            return
        ends = np.cumsum(numbers_of(pc.list_value_length(params)))
        rows = np.searchsorted(ends, places, "right")
        positions = np.asarray(places) - np.concatenate([[0], ends])[rows]
        for position, count in zip(*np.unique(positions, return_counts=True), strict=True):
            self.missing[self._name_of(int(position))] += int(count)

    def _name_of(self, position: int) -> str:
        if self._columns.params_list:
            return f"parameter {{{position + 1}}} (column {self._columns.params_list!r})"
        return f"parameter {{{position + 1}}} (column {self._columns.params[position]!r})"

    def region_fit(self) -> RegionFit | None:
        """How well the default region fits; ``None`` if it decided nothing."""
        return RegionFit.of(self._phones, self.countries)

    def warn(self, *, last: bool) -> None:
        """Logs what is new; called before the rows that were noted are sent.

        :param last: there are no more rows: counts that have grown since the first warning are reported once more.
        """
        if not self._began:
            self._began = True
            log.info("%s", wrapped(f"Recipients by country, so far: {describe_countries(self.countries) or 'none'}."))
        self._warn_of_region()
        total = sum(self.missing.values())
        if total > self._reported and (last or not self._reported):
            self._reported = total
            counts = ", ".join(f"{name}: {counted(count, 'row')}" for name, count in self.missing.most_common())
            so_far = "" if last else " (as far as the table was read)"
            said = (
                f"Missing values were made text and are sent as they are, such as 'nan' or 'None'{so_far}: {counts}. "
                "Keep them null where the table is made: then these rows are invalid, or leave them out."
            )
            log.warning("%s", wrapped(said))

    def _warn_of_region(self) -> None:
        phones = self._phones
        if self._doubted or phones.not_valid_there * 2 <= phones.bare_numbers:
            return
        self._doubted = True
        said = (
            f"{phones.not_valid_there:,} of the {counted(phones.bare_numbers, 'number')} without a country code read "
            f"so far in column {self._columns.phone!r} are not valid in default_region={phones.default_region!r}. "
            "Check the region; if they have their country codes and lost the +, set bare_digits='international'."
        )
        log.warning("%s", wrapped(said))


def _missing(texts: pa.Array) -> pa.Array:
    words = column_of_texts(list(MISSING_AS_TEXT))
    if pa.types.is_dictionary(texts.type):
        return pc.is_in(texts.dictionary, words).take(texts.indices)
    return pc.is_in(texts, words)
