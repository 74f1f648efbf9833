# SPDX-License-Identifier: Apache-2.0
"""One table sent by several tasks: each row has one line, however many slices a later try makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

import pytest
import sqlalchemy as sa

from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.slices import Slice, slice_of
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.slice_conditions import bucket
from tests.ledger.acting import SPEC, Try, Vendor, duplicate, invalid, lines_of, people, person

NAMES = [f"somebody {number}" for number in range(40)]
TABLE: list[Recipient | BadRow] = [
    *people(NAMES), invalid(41), invalid(42), invalid(43, NAMES[0]), duplicate(44, 2, NAMES[1]),
]  # fmt: skip


class SliceTry(Try):
    """A try of one slice of the table."""

    def __init__(self, ledger: Ledger, campaign: str, text: str, vendor: Vendor, part: str = "") -> None:
        self.ledger, self.vendor, self.slice = ledger, vendor, Slice.parse(text)
        self.attempt = ledger.open_attempt(campaign, SPEC, part=part, slice_=self.slice, name=text)

    def read(self, table: Iterable[Recipient | BadRow], **options: int) -> None:
        self.text([row for row in table if self.slice.holds(row)], **options)


def send_in(ledger: Ledger, campaign: str, count: int, vendor: Vendor, table: Sequence[Recipient | BadRow]) -> None:
    """All slices of a table, each begun before the first one ends."""
    tries = [SliceTry(ledger, campaign, f"{number}/{count}", vendor) for number in range(1, count + 1)]
    for one in tries:
        one.read(table, size=7)


def assert_one_line_each(ledger: Ledger, campaign: str, table: Sequence[Recipient | BadRow]) -> None:
    numbers = [number for (number,) in lines_of(ledger, campaign, "row_number")]
    assert numbers == [row.row_number for row in table]


def test_the_database_finds_the_same_slice_as_the_reader(ledger: Ledger, campaign: str) -> None:
    """Else rows would be shown twice, or not at all."""
    dice = Random(1)
    keys = [dice.randbytes(16) for _ in range(64)] + [b"\0" * 16, b"\xff" * 16, b"\x00\xff" * 8]
    one = Try(ledger, campaign)
    one.claim([person(str(number), number)._replace(key=key) for number, key in enumerate(keys, 1)])
    column = ledger.tables.recipients.c
    query = sa.select(column.key, bucket(column.key)).where(column.campaign_no == one.attempt.campaign_no)
    found = ledger.database.read(lambda connection: [tuple(row) for row in connection.execute(query)])
    assert {bytes(key): number for key, number in found} == {key: slice_of(key, 0, 65536) for key in keys}


def test_slices_of_one_table_are_one_campaign(ledger: Ledger, campaign: str) -> None:
    """Every person is texted once, and every row of the table has one line."""
    vendor = Vendor()
    send_in(ledger, campaign, 4, vendor, TABLE)
    vendor.assert_texted(*NAMES)
    assert_one_line_each(ledger, campaign, TABLE)


@pytest.mark.parametrize(("before", "after"), [(4, 7), (7, 4), (1, 3), (3, 1), (2, 4), (4, 2)])
def test_a_changed_number_of_slices_is_safe(ledger: Ledger, campaign: str, before: int, after: int) -> None:
    """The lines of the old slices make room for those of the new ones; nobody is texted again."""
    vendor = Vendor()
    send_in(ledger, campaign, before, vendor, TABLE)
    send_in(ledger, campaign, after, vendor, TABLE)
    vendor.assert_texted(*NAMES)
    assert_one_line_each(ledger, campaign, TABLE)


def test_a_changed_number_of_slices_shows_each_row_once_at_every_moment(ledger: Ledger, campaign: str) -> None:
    """Between the first and the last of the new slices, old and new lines stand side by side."""
    vendor = Vendor()
    send_in(ledger, campaign, 3, vendor, TABLE)
    for number in range(1, 6):
        one = SliceTry(ledger, campaign, f"{number}/5", vendor)
        requests = one.claim([row for row in TABLE[:30] if one.slice.holds(row)], read_to=30)
        assert not requests
        assert_one_line_each(ledger, campaign, TABLE)
        again = SliceTry(ledger, campaign, f"{number}/5", vendor)
        again.read(TABLE)
        assert_one_line_each(ledger, campaign, TABLE)
    vendor.assert_texted(*NAMES)


def test_who_has_moved_is_shown_once_in_other_slices_too(ledger: Ledger, campaign: str) -> None:
    """The table was reordered, its number of slices changed, and the later try died."""
    vendor = Vendor()
    Try(ledger, campaign, vendor=vendor).text(people(NAMES))
    turned = people(NAMES[::-1])
    died = SliceTry(ledger, campaign, "1/2", vendor)
    died.claim([row for row in turned[:12] if died.slice.holds(row)], read_to=12)
    phones = [phone for (phone,) in lines_of(ledger, campaign, "phone")]
    assert sorted(phones) == sorted(row.phone for row in turned)


def test_a_try_that_died_in_one_slice_is_finished_by_others(ledger: Ledger, campaign: str) -> None:
    """What it had claimed is free for whatever slice the person is in now."""
    vendor = Vendor()
    dead = SliceTry(ledger, campaign, "1/2", vendor)
    assert dead.claim([row for row in TABLE if dead.slice.holds(row)], size=5)
    send_in(ledger, campaign, 5, vendor, TABLE)
    vendor.assert_texted(*NAMES)
    assert_one_line_each(ledger, campaign, TABLE)


def test_who_left_the_table_is_shown_once_and_without_a_row(ledger: Ledger, campaign: str) -> None:
    """In slices as in one piece: what was texted does not vanish, and what was not is said to be gone."""
    vendor = Vendor()
    send_in(ledger, campaign, 3, vendor, TABLE)
    left = TABLE[5:40]
    send_in(ledger, campaign, 2, vendor, left)
    lines = lines_of(ledger, campaign, "row_number", "status", "phone")
    assert [number for number, *_ in lines if number is not None] == [row.row_number for row in left]
    gone = {phone: status for number, status, phone in lines if number is None}
    assert gone == {person(name, 1).phone: "accepted" for name in NAMES[:5]}


def test_an_unsent_person_is_called_gone_only_when_their_own_slice_was_read_again(
    ledger: Ledger, campaign: str
) -> None:
    """Another slice's end says nothing of them."""
    vendor = Vendor()
    dead = Try(ledger, campaign, vendor=vendor)
    dead.claim(TABLE)
    mine = next(row for row in TABLE if Slice(0, 2).holds(row) and isinstance(row, Recipient))
    rest = [row for row in TABLE if row.key != mine.key]

    def reason() -> object:
        return dict(lines_of(ledger, campaign, "phone", "reason"))[mine.phone]

    SliceTry(ledger, campaign, "2/2", vendor).read(rest)
    assert reason() is None
    SliceTry(ledger, campaign, "1/2", vendor).read(rest)
    assert reason() == "no longer in the source"


def test_slices_of_other_parts_are_left_alone(ledger: Ledger, campaign: str) -> None:
    """Another task's table keeps its lines."""
    vendor = Vendor()
    Try(ledger, campaign, part="other", vendor=vendor).text(people(["X", "Y"]))
    send_in(ledger, campaign, 2, vendor, TABLE)
    send_in(ledger, campaign, 3, vendor, TABLE)
    assert len(lines_of(ledger, campaign, "row_number")) == len(TABLE) + 2


def test_the_readings_that_later_slices_replace_are_deleted(ledger: Ledger, campaign: str) -> None:
    """Row by row: the ledger does not grow with the number of tries."""
    vendor = Vendor()
    for count in (3, 5, 2, 2):
        send_in(ledger, campaign, count, vendor, TABLE)
    attempts, readings = ledger.tables.attempts.c, ledger.tables.source_rows.c
    found = ledger.database.read(lambda connection: ledger._campaigns.find(connection, campaign))
    query = sa.select(sa.func.count()).where(
        readings.attempt_no.in_(sa.select(attempts.attempt_no).where(attempts.campaign_no == found.campaign_no))
    )
    assert ledger.database.read(lambda connection: connection.execute(query).scalar()) == len(TABLE)
