# SPDX-License-Identifier: Apache-2.0
"""Whose clock counts for a row: a zone that a column names, else all zones of the country of its phone.

It is kept with the recipient as a *zone key*, one of few different texts: the name of a zone, ``country HK``, or
:data:`UNREADABLE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_provider_uspeedo.core.arrays import column_of_numbers, column_of_texts, numbers_of
from airflow_provider_uspeedo.core.phone_countries import countries_of_phones
from airflow_provider_uspeedo.core.time_zones import is_zone, zones_of_country

COUNTRY = "country "
"""What the key of a country begins with; some names of zones look like countries, such as ``NZ``."""
UNREADABLE = "unreadable"
"""The column holds something that names no zone."""


def zone_keys(phones: pa.Array, named: tuple[Sequence[Any], np.ndarray[Any, Any]] | None) -> pa.DictionaryArray:
    """Return the zone key of each row.

    :param phones: as the API takes them; ``""`` for what is no phone.
    :param named: the different cells of the column, and for each row which of them it has; ``None``: no such column.
        An empty cell leaves it to the country.
    """
    found = countries_of_phones(phones)
    keys = [f"{COUNTRY}{country}" for country in found.dictionary.to_pylist()]
    which = numbers_of(found.indices)
    if named is not None:
        cells, cell_of_row = named
        names = [_key_of(cell) for cell in cells]
        empty = np.array([name is None for name in names], bool)[cell_of_row]
        which = np.where(empty, which, cell_of_row + len(keys))
        keys += [name or "" for name in names]
    return column_of_texts(keys).dictionary_encode().take(column_of_numbers(which))


def _key_of(cell: Any) -> str | None:
    """Return the key of a cell, or ``None`` if it is empty."""
    if cell is None or cell == "" or (isinstance(cell, str) and not cell.strip()):
        return None
    name = cell.strip() if isinstance(cell, str) else ""
    return name if is_zone(name) else UNREADABLE


def zones_of(key: str) -> tuple[str, ...]:
    """Return the names of the zones that count for a zone key; none if no zone is known.

    >>> zones_of("Asia/Hong_Kong"), zones_of("country HK"), zones_of("country 001"), zones_of(UNREADABLE)
    (('Asia/Hong_Kong',), ('Asia/Hong_Kong',), (), ())
    """
    if key.startswith(COUNTRY):
        return zones_of_country(key.removeprefix(COUNTRY))
    return (key,) if is_zone(key) else ()
