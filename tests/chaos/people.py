# SPDX-License-Identifier: Apache-2.0
"""Tables of people who do not exist, with the flaws that tables have; and what each row must come to."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.crash.people import Row

TEMPLATES = ("T1", "T2")


def people(number: int, chance: random.Random, first: int = 0) -> list[Row]:
    """So many rows: some of them twice under another spelling, some without a phone or a name.

    :param first: where the numbers of these people begin.
    """
    rows: list[Row] = []
    for n in range(first, first + number):
        luck = chance.random()
        known = [row for row in rows[-50:] if row.person]
        if luck < 0.02 and known:
            rows.append(again(chance.choice(known), chance))
        elif luck < 0.03:
            rows.append(Row("nobody", f"No {n}", "T1", None))
        else:
            rows.append(person(n, chance)._replace(**{"name": None} if luck < 0.04 else {}))
    return rows


def person(number: int, chance: random.Random) -> Row:
    digits = f"5{number:07}"
    return Row(spelled(digits, chance), f"Ada {number}", chance.choice(TEMPLATES), f"(852){digits}")


def again(row: Row, chance: random.Random) -> Row:
    """The same person in another row."""
    assert row.person
    return row._replace(phone=spelled(row.person.removeprefix("(852)"), chance), name=f"{row.name} again")


def spelled(digits: str, chance: random.Random) -> str:
    return chance.choice(("(852)", "+852", "00852", "+852 ")) + digits


def truth(rows: Sequence[Row]) -> Mapping[int, str | None]:
    """What the judge asks of a table: row number -> phone, or ``None`` where the row cannot be sent."""
    return {number: row.person if row.sendable else None for number, row in enumerate(rows, 1)}


def write(rows: Sequence[Row], path: Path) -> None:
    """Puts a table in place at once, so that no reader sees half of it."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = {name: [row.as_dict()[name] for row in rows] for name in ("phone", "name", "template")}
    table = pa.table(columns, schema=pa.schema([(name, pa.string()) for name in columns]))
    new = path.with_suffix(".new")
    parquet.write_table(table, new)
    new.replace(path)
