# SPDX-License-Identifier: Apache-2.0
"""People who do not exist, each with a phone that no other test uses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class People:
    """Makes rows of tables. Ends of phones such as ``99991`` are the sandbox's magic numbers."""

    def __init__(self, *, name: str = "Ada", first: int = 1) -> None:
        self._name = name
        self._numbers = count(first)

    def __call__(self, number: int, *, ending: str = "00000") -> list[Row]:
        return [self._row(ending) for _ in range(number)]

    def table(self, path: Path, number: int, **how: Any) -> list[Row]:
        """As many people, and a Parquet file of them."""
        return write(path, self(number, **how))

    def _row(self, ending: str) -> Row:
        number = next(self._numbers)
        return {
            "customer": f"C-{number}",
            "phone": f"(86)13{number:04}{ending}",
            "name": f"{self._name} {number}",
            "amount": "12.50",
        }


def write(path: Path, rows: Sequence[Row]) -> list[Row]:
    """Writes rows as Parquet."""
    import pyarrow as pa
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(list(rows)), path)
    return list(rows)


def phones(rows: Sequence[Row]) -> list[str]:
    return [row["phone"] for row in rows]
