# SPDX-License-Identifier: Apache-2.0
"""The table that every tool gets: people who do not exist, each with a phone of his own, some listed twice."""

from __future__ import annotations

from pathlib import Path

REPEATED = 50
"""People listed twice, spelled alike, in the scene that asks for it: half of them in the next row, half at the end."""


def rows(people: int, *, repeated: int = 0) -> list[dict[str, str]]:
    """The rows, in order."""
    once = [{"phone": f"(852)5{number:07}", "name": f"Person {number}"} for number in range(people)]
    near, far = once[: repeated // 2], once[repeated // 2 : repeated]
    doubled = [row for person in near for row in (person, person)]
    return [*doubled, *once[len(near) :], *far]


def write(path: Path, found: list[dict[str, str]]) -> None:
    """Writes them as Parquet."""
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(found), path)
