# SPDX-License-Identifier: Apache-2.0
"""Reads the argument ``prices``: a dict, or a table of any kind that recipients can be."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from airflow_provider_uspeedo.core.prices import COUNTRY, CURRENCY, PRICE, Prices
from airflow_provider_uspeedo.errors import ConfigurationError, SourceNotFound, TableError
from airflow_provider_uspeedo.tables import Table, open_table

_BEGINS_A_VALUE = ("{", "[{")


def read_prices(given: Any) -> Prices | None:
    """Returns the prices; ``None`` if none are given.

    :param given: ``{"HK": 0.05}``; a table with the columns ``country``, ``price`` and, maybe, ``currency``, as a list
        of dicts, a frame, an Arrow table, or the path or URI of a file; or the text of a dict or list, as JSON or as
        Python writes it. ``None``, an empty text and ``"None"`` are no prices.
    :raises ConfigurationError: it is none of these, or something in it is wrong; the message says where.
    :raises SourceNotFound: there is no such file (yet).
    """
    if isinstance(given, str):
        given = _parsed(given.strip())
    if given is None:
        return None
    if isinstance(given, Mapping):
        return Prices.from_dict(given)
    if isinstance(given, list | tuple) and given:
        return Prices.from_rows(_listed(given))
    if isinstance(given, int | float | bytes | bytearray):
        raise ConfigurationError(
            f"prices must be a dict, such as {{'HK': 0.05}}, or a table, and is of type {type(given).__name__}."
        )
    try:
        table = open_table(given)
        return Prices.from_rows(_rows(table))
    except TableError as error:
        raise ConfigurationError(f"prices: {error}") from None
    except SourceNotFound as error:
        raise SourceNotFound(f"prices: {error}") from None


def _parsed(text: str) -> Any:
    """What the text of a dict or list stands for; ``None`` for nothing; any other text as it is: a path."""
    if text.lower() in ("", "none", "null"):
        return None
    if not text.replace(" ", "").replace("\n", "").startswith(_BEGINS_A_VALUE):
        return text
    with suppress(ValueError, RecursionError):
        return json.loads(text, parse_float=Decimal)
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        return ast.literal_eval(text)
    raise ConfigurationError('prices is neither a dict nor a list of dicts: write it as JSON, such as {"HK": 0.05}.')


def _listed(rows: list[Any] | tuple[Any, ...]) -> Iterator[tuple[str, Any, Any, Any]]:
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping) or not {COUNTRY, PRICE} <= row.keys():
            raise ConfigurationError(f"prices: row {number} is no dict with the keys '{COUNTRY}' and '{PRICE}'.")
        yield f"in row {number}", row[COUNTRY], row[PRICE], row.get(CURRENCY)


def _rows(table: Table) -> Iterator[tuple[str, Any, Any, Any]]:
    names = [COUNTRY, PRICE] + [CURRENCY] * (CURRENCY in table.column_names)
    for batch in table.batches(names):
        columns = [batch.columns[name] for name in names]
        for index, (country, price, *currency) in enumerate(zip(*columns, strict=True)):
            yield f"in row {batch.first_row + index}", country, price, currency[0] if currency else None
