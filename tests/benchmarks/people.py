# SPDX-License-Identifier: Apache-2.0
"""The tables: people who do not exist, each with a phone of their own, in Parquet; the same for the same seed.

Written a row group at a time, so that making the largest needs little memory, and kept for the next time.
"""

from __future__ import annotations

from pathlib import Path

SEED = 20261122
ROW_GROUP = 131_072
HEADS = ("(852)5", "(65)8", "(44)7700")
"""What phones begin with; seven, seven and six digits follow, spelled as the API takes them."""
DIGITS = (7, 7, 6)
SHUFFLED_BY = 6_180_339
"""It has no factor in common with ten: the multiples of 0, 1, 2... all end in other digits, in no order to be seen."""
TEMPLATES = ("UTA_BENCH_1", "UTA_BENCH_2", "UTA_BENCH_3")
SENDERS = ("shop", "bank")
FIRST = ("Ann", "Bo", "Chi", "Dora", "Emre", "Fatima", "Goran", "Hiroko", "Ines", "João", "Kofi", "Li", "Mei", "Noor")
LAST = (
    "Adams",
    "Brown",
    "Chan",
    "Diaz",
    "Evans",
    "Fong",
    "García",
    "Ho",
    "Ito",
    "Jones",
    "Kim",
    "Lau",
    "Müller",
    "O'Neil",
)


def table_of(rows: int, folder: Path) -> Path:
    """The table of so many rows, made if it is not there yet."""
    path = folder / f"people-{rows}-{SEED}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        write(draft, rows)
        draft.rename(path)
    return path


def write(path: Path, rows: int) -> None:
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    random = np.random.default_rng(SEED)
    writer = None
    for start in range(0, rows, ROW_GROUP):
        count = min(ROW_GROUP, rows - start)
        portion = pa.table(
            {
                "phone": [phone(number) for number in range(start, start + count)],
                "name": [f"{FIRST[a]} {LAST[b]}" for a, b in random.integers(0, len(FIRST), (count, 2)).tolist()],
                "amount": [
                    f"{cents // 100}.{cents % 100:02}" for cents in random.integers(100, 99_999_999, count).tolist()
                ],
                "day": [f"2026-12-{day:02}" for day in random.integers(1, 29, count).tolist()],
                "template": [TEMPLATES[one] for one in random.integers(0, len(TEMPLATES), count).tolist()],
                "sender": [SENDERS[one] for one in random.integers(0, len(SENDERS), count).tolist()],
            }
        )
        writer = writer or parquet.ParquetWriter(path, portion.schema)
        writer.write_table(portion, row_group_size=ROW_GROUP)
    if writer:
        writer.close()


def phone(number: int) -> str:
    """The phone of the person with this number, below ten million; one in thirty is in the third form."""
    kind = 2 if number % 30 == 29 else int(number % 3 > 0)
    ordinal = number // 30 if kind == 2 else number
    return f"{HEADS[kind]}{ordinal * SHUFFLED_BY % 10 ** DIGITS[kind]:0{DIGITS[kind]}}"
