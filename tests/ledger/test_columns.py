# SPDX-License-Identifier: Apache-2.0
"""Many rows as one value: every database gets every text, number and key as it was."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store import staging as module
from airflow_provider_uspeedo.ledger.store.staging import difference, insertion, insertion_of_all, run
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


def insert(ledger: Ledger, cells: dict[str, Any], way: Any = insertion) -> None:
    recipients = ledger.tables.recipients
    ledger.database.write(lambda c: run(c, way(c.dialect, recipients, cells, order_by="key")))


@pytest.mark.parametrize("number", [1, 2, len(TEXTS)])
@pytest.mark.parametrize("way", [insertion, insertion_of_all])
def test_every_cell_arrives_as_it_was(ledger: Ledger, number: int, way: Any) -> None:
    """Whatever the texts hold, also where one row, or one value for all rows, is the whole column."""
    cells = columns(number)
    insert(ledger, cells, way)
    assert stored(ledger, cells) == given(cells, number)


def test_one_value_for_all_rows_may_look_like_syntax(ledger: Ledger) -> None:
    """As one value or in a column: a backslash is a backslash."""
    cells = columns(3, sender_id="\\N", user_id=("\\.", "\\N", "\\\t\n\r"))
    insert(ledger, cells, insertion_of_all)
    assert stored(ledger, cells) == given(cells, 3)


@pytest.mark.parametrize("taken", [0, 5])
def test_all_or_none(ledger: Ledger, taken: int) -> None:
    """One row of six is there, in the first statement or the last: none of the other five is inserted."""
    old, new = columns(1), columns(6, first_attempt=8)
    old["key"] = (new["key"][taken],)
    insert(ledger, old)

    def work(connection: sa.engine.Connection) -> None:
        statements = insertion_of_all(connection.dialect, ledger.tables.recipients, new, order_by="key")
        with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
            run(connection, statements)

    ledger.database.write(work)
    assert stored(ledger, old) == given(old, 1)


@pytest.mark.parametrize("kind", [pytest.param("postgresql", marks=pytest.mark.database)], indirect=True)
def test_a_statement_that_may_fail_names_nobody(ledger: Ledger) -> None:
    """The server writes it to its log."""
    dialect = ledger.database.engine.dialect
    ((text, _),) = insertion_of_all(dialect, ledger.tables.recipients, columns(2), order_by="key")
    assert text.startswith("COPY")
    assert "852" not in text


@pytest.mark.parametrize("kind", [pytest.param("postgresql", marks=pytest.mark.database)], indirect=True)
def test_only_the_rows_in_question_are_looked_at(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """To read the whole of a table that grows, for each claim anew, would take ever longer."""
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 5000)
    keys = tuple(number.to_bytes(16, "big") for number in range(5000))
    numbers = tuple(range(5000))
    cells = columns(1) | {"key": keys, "request_id": keys, "first_row": numbers, "phone": "1", "template_id": "UTA1"}
    insert(ledger, cells | {"user_id": ""})
    where = {"campaign_no": 1, "key": keys}

    def plan(connection: sa.engine.Connection) -> str:
        recipients = ledger.tables.recipients
        ((text, values),) = difference(connection.dialect, recipients, where, "request_id", keys, order_by="key")
        return "".join(line for (line,) in connection.exec_driver_sql(f"EXPLAIN {text}", values))

    assert "Seq Scan on uspeedo_recipients" not in ledger.database.read(plan)


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
            for statement in difference(
                c.dialect, ledger.tables.recipients, where, "request_id", expected, order_by="key"
            )
            for number, key in c.exec_driver_sql(*statement)
        ]
    )
    assert sorted(found) == [(1, cells["key"][1]), (1, cells["key"][3])]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.database)], indirect=True)
def test_a_text_that_would_shift_its_neighbours_is_refused(ledger: Ledger) -> None:
    """No row reader lets a control character through; should one come all the same, nothing is stored."""
    with pytest.raises(ValueError, match="control character"):
        insert(ledger, columns(3, user_id=("a", "b\x1fc", "d")))
    assert stored(ledger, ["key"]) == []
