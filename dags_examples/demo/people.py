# SPDX-License-Identifier: Apache-2.0
"""A table of people who do not exist: most can be texted, some cannot, and some are in it twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from itertools import islice
from pathlib import Path

INVALID, REJECTED, DUPLICATE = 120, 60, 100
"""How many rows of each kind the table has."""
REGION = "HK"
"""The country of phones without a country code."""
TEMPLATES = {
    "UTA_REMINDER": "Dear {1}, your invoice of {2} is due this week.",
    "UTA_OVERDUE": "Dear {1}, your invoice of {2} is overdue. Please call us.",
}
SENDERS = ("Library", "Accounts")

_NAMES = ("Ada", "Björn", "Chidi", "Dolores", "Eun-ji", "Farid", "Grace", "Hiro", "Ines", "João", "Kofi", "Lakshmi")
_FORMS: tuple[Callable[[str, str], str], ...] = (
    lambda code, number: f"+{code} {number[:4]} {number[4:]}",
    lambda code, number: f"({code}){number}",
    lambda code, number: f"00{code}-{number[:4]}-{number[4:]}",
)
_MAGIC = ("99991", "99992", "99997")
"""Ends of the phones that the sandbox rejects; an ordinary phone must not have one."""


@dataclass(frozen=True, slots=True)
class Person:
    """One row of the table."""

    customer: str
    phone: str | None
    name: str
    amount: Decimal | None
    template: str
    sender: str


def write_people(path: Path, rows: int) -> None:
    """Writes the same table each time.

    :param rows: more than a few hundred, so that every kind has its place.
    """
    import pyarrow as pa
    from pyarrow import parquet

    chance = random.Random(5)  # noqa: S311 - the same people each time, no secret
    people = make_people(rows, chance)
    parquet.write_table(pa.Table.from_pylist([asdict(person) for person in people]), path)


def make_people(rows: int, chance: random.Random) -> list[Person]:
    """The people, shuffled; ``customer`` numbers them as the table does."""
    phones = _phones(chance)
    plain = [_person(phone, chance) for phone in islice(phones, rows - INVALID - REJECTED - DUPLICATE)]
    rejected = [_person(_rejected_phone(number), chance) for number in range(REJECTED)]
    twice = [replace(person, phone=_otherwise(person.phone)) for person in chance.sample(plain, DUPLICATE)]
    broken = [_broken(number, _person(next(phones), chance)) for number in range(INVALID)]
    people = plain + rejected + twice + broken
    chance.shuffle(people)
    return [replace(person, customer=f"C-{number:05}") for number, person in enumerate(people, 1)]


def _person(phone: str, chance: random.Random) -> Person:
    amount = Decimal(chance.randrange(500, 30_000)).scaleb(-2)
    return Person("", phone, chance.choice(_NAMES), amount, chance.choice(list(TEMPLATES)), chance.choice(SENDERS))


def _phones(chance: random.Random) -> Iterator[str]:
    """Different phones of two countries, written in all the forms that people use."""
    seen = set()
    while True:
        code = chance.choice(("852", "852", "65"))
        number = chance.choice("69" if code == "852" else "8") + f"{chance.randrange(10**7):07}"
        if (code, number) not in seen and not number[3:].startswith("9999"):
            seen.add((code, number))
            yield chance.choice(_FORMS)(code, number)


def _rejected_phone(number: int) -> str:
    return f"+852 5{number:02}9 {_MAGIC[number % len(_MAGIC)][1:]}"


def _otherwise(phone: str | None) -> str:
    digits = "".join(character for character in phone or "" if character.isdigit()).removeprefix("00")
    return digits.removeprefix("852") if digits.startswith("852") else f"+{digits}"


def _broken(number: int, person: Person) -> Person:
    ways = ({"phone": None}, {"phone": "n/a"}, {"phone": "+852 5531"}, {"amount": None})
    return replace(person, **ways[number % len(ways)])
