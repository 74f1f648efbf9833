# SPDX-License-Identifier: Apache-2.0
"""The tables of one run: every attempt reads a version of its own; rows are added, removed, moved, doubled, spoiled."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

BAD_PHONES = (None, "", "call me", "+852 123")


class StormRow(NamedTuple):
    """One row; ``who`` is the person, whom the vendor is told as the target's ``UserId``."""

    who: str
    phone: str | None
    name: str | None

    @property
    def has_phone(self) -> bool:
        return self.phone not in BAD_PHONES

    @property
    def sendable(self) -> bool:
        return self.has_phone and self.name is not None


@dataclass(frozen=True)
class World:
    """Who there is, and how they are told from each other.

    :param by_who: the column ``who`` makes the key, and some people share a phone; otherwise the phone makes it.
    :param versions: of the table; attempts that read the same one find it unchanged. The last one has a single row: an
        attempt that reads it is through at once.
    """

    by_who: bool
    versions: Sequence[Sequence[StormRow]]

    @property
    def keys(self) -> tuple[str, ...] | None:
        return ("who",) if self.by_who else None


def draw_world(chance: random.Random) -> World:
    by_who = chance.random() < 0.25
    number = chance.choice((40, 60, 80, 120, 200))
    base = [_person(n, chance, by_who=by_who) for n in range(number)]
    base = list(_with_flaws(base, chance))
    versions = [base]
    for n in range(chance.choice((1, 2, 3))):
        added = [_person(1000 + 100 * n + k, chance, by_who=by_who) for k in range(chance.choice((0, 0, 7, 25)))]
        versions.append(_changed(base, added, chance))
    return World(by_who, [*versions, [next(row for row in base if row.sendable)]])


def _person(number: int, chance: random.Random, *, by_who: bool) -> StormRow:
    with_phone_of = number - 1 if by_who and number and chance.random() < 0.06 else number
    return StormRow(f"w{number}", _spelled(f"5{with_phone_of:07}", chance), f"Ada {number}")


def _spelled(digits: str, chance: random.Random) -> str:
    return chance.choice(("(852)", "+852", "00852", "+852 ")) + digits


def _with_flaws(rows: Sequence[StormRow], chance: random.Random) -> Iterator[StormRow]:
    for row in rows:
        luck = chance.random()
        if luck < 0.03:
            yield row._replace(phone=chance.choice(BAD_PHONES))
        elif luck < 0.05:
            yield row._replace(name=None)
        else:
            yield row
            if luck > 0.95:
                digits = str(row.phone)[-8:]
                yield row._replace(phone=_spelled(digits, chance))


def _changed(rows: Sequence[StormRow], added: Sequence[StormRow], chance: random.Random) -> list[StormRow]:
    """Another version: some rows go, some come, some are moved, some are spoiled or doubled."""
    kept = [row for row in rows if chance.random() > chance.choice((0.0, 0.15))]
    changed = list(_with_flaws([*kept, *added], chance)) if chance.random() < 0.6 else [*kept, *added]
    how = chance.random()
    if how < 0.4:
        chance.shuffle(changed)
    elif how < 0.6:
        changed.reverse()
    return changed
