# SPDX-License-Identifier: Apache-2.0
"""Many rows as one value: every database gets every text, number and key as it was."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.columns import difference, insertion
from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import OpenLedger

TEXTS = (
    "", " ", "  two  ", "a,b", 'a"b', "a'b", "a\\b", "\\x41", "{1}", "NULL", "null", "%", "%s", "?", ":a", "äöü",
    "短信", "0", "01", "1e5", "[1]", "$[0]", "\N{NO-BREAK SPACE}", "A", "a",
)  # fmt: skip


@pytest.fixture
def ledger(open_ledger: OpenLedger, empty_url: URL) -> Ledger:
    """One that nobody else uses."""
    ledger = open_ledger(empty_url)
    ledger.prepare()
    return ledger


def columns(number: int, **others: Any) -> dict[str, Any]:
    """Recipients, each with other bytes and texts."""
    return {
        "campaign_no": 1,
        "key": tuple(bytes([n, *range(15)]) for n in range(number)),
        "request_id": tuple(bytes([0, 39, 92, 37, n, *range(245, 256)]) for n in range(number)),
        "first_attempt": 7,
        "first_row": tuple(2**40 + n for n in range(number)),
        "phone": tuple(f"(852){n}" for n in range(number)),
        "user_id": TEXTS[:number],
        "template_id": tuple("UTA1" if n % 2 else "UTA2" for n in range(number)),
        "sender_id": "USpeedo",
        **others,
    }


def stored(ledger: Ledger, names: Any) -> list[tuple[Any, ...]]:
    recipients = ledger.tables.recipients
    query = sa.select(*(recipients.c[name] for name in names)).order_by(recipients.c.key)
    return ledger.database.read(lambda c: [tuple(row) for row in c.execute(query)])


def given(cells: dict[str, Any], number: int) -> list[tuple[Any, ...]]:
    each = [cell if isinstance(cell, tuple) else (cell,) * number for cell in cells.values()]
    return list(zip(*each, strict=True))


def insert(ledger: Ledger, cells: dict[str, Any]) -> None:
    ledger.database.write(
        lambda c: c.exec_driver_sql(*insertion(c.dialect, ledger.tables.recipients, cells, order_by="key"))
    )


@pytest.mark.parametrize("number", [1, 2, len(TEXTS)])
def test_every_cell_arrives_as_it_was(ledger: Ledger, number: int) -> None:
    """Whatever the texts hold, also where one row, or one value for all rows, is the whole column."""
    cells = columns(number)
    insert(ledger, cells)
    assert stored(ledger, cells) == given(cells, number)


def test_what_is_there_stays_as_it_is(ledger: Ledger) -> None:
    """The unique key decides, also when half of the rows are new."""
    old, new = columns(3), columns(6, user_id="new", first_attempt=8)
    insert(ledger, old)
    insert(ledger, new)
    assert stored(ledger, old) == [*given(old, 3), *given(new, 6)[3:]]


def test_rows_that_hold_something_else_are_found(ledger: Ledger) -> None:
    """And those that are not there are not."""
    cells = columns(4)
    insert(ledger, cells)
    expected = (cells["request_id"][0], b"x" * 16, cells["request_id"][2], b"y" * 16, b"z" * 16)
    where = {"campaign_no": 1, "key": (*cells["key"], b"?" * 16)}
    found = ledger.database.read(
        lambda c: [
            (number, bytes(key))
            for number, key in c.exec_driver_sql(
                *difference(c.dialect, ledger.tables.recipients, where, "request_id", expected, order_by="key")
            )
        ]
    )
    assert sorted(found) == [(1, cells["key"][1]), (1, cells["key"][3])]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.database)], indirect=True)
def test_a_text_that_would_shift_its_neighbours_is_refused(ledger: Ledger) -> None:
    """No row reader lets a control character through; should one come all the same, nothing is stored."""
    with pytest.raises(ValueError, match="control character"):
        insert(ledger, columns(3, user_id=("a", "b\x1fc", "d")))
    assert stored(ledger, ["key"]) == []
