# SPDX-License-Identifier: Apache-2.0
"""List columns: Arrow lists, Python and numpy lists in object cells, or the JSON text of an array.

A number in JSON text keeps the digits it is written with (``12.50``), but loses a bare ``.0`` and an exponent.
One element that cannot be text makes the whole list :class:`.Unreadable`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.tables.arrow_types import is_list, is_list_view, value_type
from airflow_provider_uspeedo.tables.batch import Text, TextList, Unreadable
from airflow_provider_uspeedo.tables.text import texts
from airflow_provider_uspeedo.tables.values import text, texts_of

NOT_JSON = Unreadable("not the JSON text of an array")
NOT_A_LIST = Unreadable("neither a list nor the JSON text of an array")
NESTED = Unreadable("a nested list")


def lists(array: pa.Array) -> list[TextList]:
    """Return the texts of each list.

    :param array: an array whose type :func:`.can_be_list`.
    """
    if is_list_view(array.type):  # elements in any order: Arrow does not flatten these everywhere
        return lists_of(array.to_pylist())
    if not is_list(array.type):
        return _each_from_json(array)
    elements = iter(texts(array.flatten()))
    lengths = pc.list_value_length(array).to_pylist()
    return [None if length is None else _whole(list(islice(elements, length))) for length in lengths]


def _each_from_json(array: pa.Array) -> list[TextList]:
    if is_list(value_type(array.type)):
        return lists_of(array.to_pylist())
    return [from_json(cell) if isinstance(cell, str) else cell for cell in texts(array)]


def lists_of(values: Sequence[object]) -> list[TextList]:
    """Return the texts of each list, from Python values."""
    return [list_of(value) for value in values]


def list_of(value: object) -> TextList:
    """Return the texts of one list, tuple, numpy array or JSON text; ``None`` for a null."""
    if isinstance(value, np.ndarray):
        return _whole(texts_of(list(value))) if value.ndim == 1 else NESTED
    if isinstance(value, list | tuple):
        return _whole(texts_of(value))
    found = text(value)
    if found is None:
        return None
    if not isinstance(value, str | bytes):
        return NOT_A_LIST
    return from_json(found) if isinstance(found, str) else found


def from_json(written: str) -> TextList:
    """Return the texts in the JSON text of an array.

    >>> from_json('["a", 12.50, 42.0, true, null]')
    ['a', '12.50', '42', 'true', None]
    """
    try:
        found = json.loads(written, parse_int=str, parse_float=_number)
    except (ValueError, RecursionError):
        return NOT_JSON
    return _whole(texts_of(found)) if isinstance(found, list) else NOT_JSON


def _number(written: str) -> object:
    return Decimal(written.removesuffix(".0"))


def _whole(elements: list[Text]) -> TextList:
    for number, element in enumerate(elements, start=1):
        if isinstance(element, Unreadable):
            return Unreadable(f"element {number} of the list is {element.reason}")
    return elements  # type: ignore[return-value]
