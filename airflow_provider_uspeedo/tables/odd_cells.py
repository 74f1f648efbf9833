# SPDX-License-Identifier: Apache-2.0
"""Replaces the texts of the few cells that Arrow writes in another way than people do, one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.tables.batch import ArrowTexts, Text


def listed(array: pa.Array) -> list[Any]:
    """To a Python list by way of numpy: it loads pandas, but is ten times faster than ``to_pylist`` in old versions."""
    return array.to_numpy(zero_copy_only=False).tolist()  # type: ignore[no-any-return]


def with_odd_texts(found: pa.Array, odd: pa.Array, make: Callable[[str], Text]) -> Sequence[Text]:
    """Replace the texts that are marked odd."""
    places = pc.indices_nonzero(odd).to_pylist()
    if not places:
        return ArrowTexts(found)
    cells = listed(found)
    for index in places:
        cells[index] = make(cells[index])
    return cells
