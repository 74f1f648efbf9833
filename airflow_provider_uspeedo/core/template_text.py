# SPDX-License-Identifier: Apache-2.0
"""The text of a template with its variables ``{1}``, ``{2}``, ..., filled in as the vendor does it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core.arrays import column_of_numbers, column_of_texts, numbers_of, side_by_side

_VARIABLE = re.compile(r"\{(\d{1,4})\}", re.ASCII)


class TemplateText:
    """The text of one template.

    A parameter is put in as it is: braces in it are no variable. A variable without a parameter stays as it stands.

    >>> TemplateText("Dear {1}, {2} is due.").fill(["Li {2}", "42"])
    'Dear Li {2}, 42 is due.'

    :param text: as the API gives it.
    """

    def __init__(self, text: str) -> None:
        # A lone surrogate, which JSON may hold, is no character.
        self.text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def __repr__(self) -> str:
        return f"<text of {len(self.text)} characters>"

    @cached_property
    def variables(self) -> int:
        """How many parameters each message needs: the highest variable, or their number if that is more."""
        found = {int(number) for number in self._numbers}
        return max(len(found), max(found, default=0))

    def fill(self, params: Sequence[str]) -> str:
        """Returns the text with these parameters."""
        pieces = list(self._pieces)
        pieces[1::2] = [_filled(number, params) for number in self._numbers]
        return "".join(pieces)

    def fill_all(self, params: pa.LargeListArray) -> pa.Array:
        """Returns the texts with the parameters of each row.

        :param params: a list of texts for each row, as in :class:`.RecipientBatch`.
        """
        parts: list[pa.Array | str] = list(self._pieces)
        parts[1::2] = [_parameter(params, number) for number in self._numbers]
        if all(isinstance(part, str) for part in parts):
            return column_of_texts([self.text] * len(params))
        return side_by_side([part for part in parts if not isinstance(part, str) or part])

    @cached_property
    def _pieces(self) -> list[str]:
        """The text cut at its variables: literal, number, literal, ..., literal."""
        return _VARIABLE.split(self.text)

    @property
    def _numbers(self) -> list[str]:
        return self._pieces[1::2]


def _filled(variable: str, params: Sequence[str]) -> str:
    return params[int(variable) - 1] if 1 <= int(variable) <= len(params) else f"{{{variable}}}"


def _parameter(params: pa.LargeListArray, variable: str) -> pa.Array | str:
    """One parameter of each row."""
    number, instead = int(variable), f"{{{variable}}}"
    there = numbers_of(pc.list_value_length(params)) >= number
    if not number or not there.any():
        return instead
    places, flat = numbers_of(params.offsets)[:-1] + number - 1, params.values
    if there.all():
        return flat.take(column_of_numbers(places))
    texts = pa.concat_arrays([flat, column_of_texts([instead])])
    return texts.take(column_of_numbers(np.where(there, places, len(flat))))
