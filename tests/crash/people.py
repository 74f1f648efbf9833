# SPDX-License-Identifier: Apache-2.0
"""The table of the crash tests: twelve rows, seven people, three requests; and what every row must come to.

The phones as they must be sent are written down here by hand, not made by the package.
"""

from __future__ import annotations

from typing import NamedTuple

CHUNK_SIZE = 3
BATCH_ROWS = 4
"""Rows read at a time, so that claims, sends and duplicates meet across batches."""


class Row(NamedTuple):
    """A row as it is written, and the person it stands for: the phone as it must be sent, if it can be read."""

    phone: str
    name: str | None
    template: str
    person: str | None

    @property
    def sendable(self) -> bool:
        return self.person is not None and self.name is not None

    def as_dict(self) -> dict[str, str | None]:
        return {"phone": self.phone, "name": self.name, "template": self.template}


PEOPLE = (
    Row("+85255500001", "Ann", "T1", "(852)55500001"),
    Row("+85255500002", "Ben", "T2", "(852)55500002"),
    Row("(852)55500003", "Cem", "T1", "(852)55500003"),
    Row("nobody", "Dee", "T1", None),
    Row("0085255500001", "Ann again", "T2", "(852)55500001"),
    Row("+852 5550 0005", "Eve", "T2", "(852)55500005"),
    Row("+852-5550-0006", "Fay", "T1", "(852)55500006"),
    Row("+85255500006", "Fay again", "T1", "(852)55500006"),
    Row("+85255500007", "Gus", "T2", "(852)55500007"),
    Row("+85255500009", None, "T1", "(852)55500009"),
    Row("(852)55500008", "Hal", "T1", "(852)55500008"),
    Row("+85255500002", "Ben again", "T1", "(852)55500002"),
)

LATER = {
    "the same": PEOPLE,
    "grown": (*PEOPLE[:3], Row("+85255500010", "Ida", "T2", "(852)55500010"), *PEOPLE[3:]),
    "shrunk": PEOPLE[2:10],
    "turned round": PEOPLE[::-1],
    "rewritten": tuple(row._replace(name=f"dear {row.name}", template="T3") for row in PEOPLE),
    "gone bad": tuple(row._replace(name=None) if n in (2, 7, 8, 12) else row for n, row in enumerate(PEOPLE, 1)),
}
"""What the table may have become by the next try."""
