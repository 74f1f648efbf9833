# SPDX-License-Identifier: Apache-2.0
"""Messy tables: the clean table with duplicates, bad rows, quotes or new rows, and what each row must become.

What is changed is spread at random over the whole table, with a fixed seed: the first row of a duplicate may be far
away from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.people import ROW_GROUP, SEED, phone, table_of

if TYPE_CHECKING:
    import numpy as np

Columns = dict[str, list[Any]]
NOT_A_PHONE = ("", "not known", "(852)12", "5531 1111", "n/a")
"""None of them can be texted without a default region."""


@dataclass(frozen=True)
class Case:
    """A kind of table.

    :param name: in the figures and in the name of the file.
    :param title: on the page.
    :param share: of the rows that are changed, or added.
    :param change: changes the columns; is given the numbers of the rows to change.
    :param status: of the changed rows.
    :param fails: the task must fail, since no row can be sent.
    :param again: the clean table is sent before, under the same campaign, and its rows are in this one.
    :param must: the most that its seconds may be, as a multiple of the clean table's.
    :param should: the most that they should be.
    """

    name: str
    title: str
    share: float = 0.0
    change: Callable[[Columns, Sequence[int], np.random.Generator], None] = lambda columns, chosen, random: None
    status: str = "accepted"
    fails: bool = False
    again: bool = False
    must: float = 1.5
    should: float = 1.2

    def changed(self, rows: int) -> int:
        """How many rows of a table are changed or added."""
        return round(rows * self.share)

    def expects(self, rows: int) -> dict[str, int]:
        """Rows by status after the table was sent."""
        changed = self.changed(rows)
        if self.status == "accepted":
            return {"accepted": rows + changed if self.again else rows}
        found = {"accepted": rows - changed, self.status: changed}
        return {status: count for status, count in found.items() if count}

    def numbers(self, rows: int) -> int:
        """How many numbers the API gets when this table is sent."""
        return self.changed(rows) if self.again else self.expects(rows).get("accepted", 0)

    def table(self, rows: int, folder: Path) -> Path:
        """The table, made if it is not there yet."""
        clean = table_of(rows, folder)
        path = folder / f"messy-{self.name}-{rows}-{SEED}.parquet" if self.share else clean
        if not path.exists():
            draft = path.with_suffix(".draft")
            self._write(clean, rows, draft)
            draft.rename(path)
        return path

    def _write(self, clean: Path, rows: int, path: Path) -> None:
        import numpy as np
        import pyarrow as pa
        from pyarrow import parquet

        random = np.random.default_rng(SEED)
        columns = parquet.read_table(clean).to_pydict()
        chosen = sorted(random.choice(rows, self.changed(rows), replace=False).tolist())
        self.change(columns, chosen, random)
        parquet.write_table(pa.table(columns), path, row_group_size=ROW_GROUP)


def duplicate(columns: Columns, chosen: Sequence[int], random: np.random.Generator) -> None:
    """The chosen rows become copies of others, which may come before or after them."""
    others = sorted(set(range(len(columns["phone"]))) - set(chosen))
    for row, other in zip(chosen, random.choice(others, len(chosen)).tolist(), strict=True):
        for column in columns.values():
            column[row] = column[other]


def spoil_phones(columns: Columns, chosen: Sequence[int], random: np.random.Generator) -> None:
    for row in chosen:
        columns["phone"][row] = NOT_A_PHONE[row % len(NOT_A_PHONE)]


def empty_parameters(columns: Columns, chosen: Sequence[int], random: np.random.Generator) -> None:
    for row in chosen:
        columns["amount"][row] = None


def quote_names(columns: Columns, chosen: Sequence[int], random: np.random.Generator) -> None:
    r"""Every name gets a quote that JSON must escape, every third an apostrophe and a backslash as well."""
    for row in chosen:
        columns["name"][row] = f'"{columns["name"][row]}"' + (r" o'n\e" if row % 3 == 0 else "")


def floats(columns: Columns, chosen: Sequence[int], random: np.random.Generator) -> None:
    """All phones become numbers, as a join or a spreadsheet makes them; without a region none can be read."""
    columns["phone"] = [float(one.replace("(", "").replace(")", "")) for one in columns["phone"]]


def add_new(columns: Columns, chosen: Sequence[int], random: np.random.Generator) -> None:
    """Before each of the chosen rows comes a new one, with a phone that the table does not have."""
    rows = len(columns["phone"])
    order = random.integers(0, rows, len(chosen)).tolist()  # whose other columns the new rows get
    new = iter(zip(order, range(rows, rows + len(chosen)), strict=True))
    before, found = set(chosen), {name: [] for name in columns}
    for row in range(rows):
        taken = [(row, None)] if row not in before else [next(new), (row, None)]
        for source, number in taken:
            for name, column in columns.items():
                found[name].append(phone(number) if name == "phone" and number is not None else column[source])
    columns.update(found)


CLEAN = Case("clean", "clean")
INVALID = Case("invalid-phones", "2 % invalid phones", 0.02, spoil_phones, "invalid")
NEW_ROWS = Case(
    "new-rows", "the same table with 1 % new rows, finished campaign", 0.01, add_new, again=True, should=0.8
)
CASES = (
    CLEAN,
    Case("duplicates-few", "0.5 % duplicates", 0.005, duplicate, "duplicate"),
    Case("duplicates-many", "10 % duplicates", 0.1, duplicate, "duplicate"),
    INVALID,
    Case("empty-parameters", "2 % empty parameters", 0.02, empty_parameters, "invalid"),
    Case("quotes", "a quote in every name", 1.0, quote_names),
    Case("all-invalid", "all rows invalid: phones are floats, no region given", 1.0, floats, "invalid", fails=True),
    NEW_ROWS,
)
"""In the order of the page."""
