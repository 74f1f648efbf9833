# SPDX-License-Identifier: Apache-2.0
"""Rows on their way into the ledger: every database gets every text, number and key as it was."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.errors import LedgerError
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.dialects import dialect_for, mysql
from airflow_provider_uspeedo.ledger.store.staged_rows import STAGED
from tests.ledger.acting import OpenLedger, Try, people, portion_of, request_of
from tests.ledger.servers import SERVERS

TEXTS = (
    "", " ", "  two  ", "a,b", 'a"b', "a'b", "a\\b", "\\x41", "\\N", "\\.", "{1}", "NULL", "null", "%", "%s", "?", ":a",
    "äöü", "短信", "0", "01", "1e5", "[1]", "$[0]", "\N{NO-BREAK SPACE}", "A", "a", "\U0001f600", "tab\tbed",
    "two\nlines", "cr\r", "\x01", "ends in a space ", "ends in a separator\x1f",
)  # fmt: skip
NUMBER = 2**40


def recipient(number: int) -> Recipient:
    key = bytes([number * 37 % 256, number, 39, 92, 37, *range(245, 256)])
    text = TEXTS[number]
    return Recipient(NUMBER + number, key, f"(852){number}", ("p",), text, "", "UTA1" if number % 2 else "UTA2", text)


def bad_row(number: int) -> BadRow:
    text = TEXTS[number]
    key = recipient(number).key if number % 3 else None
    return BadRow(NUMBER + 100 + number, "invalid", f"reason {text}", text, text, text, text, key)


def staged(ledger: Ledger, *portions: Any) -> list[list[tuple[Any, ...]]]:
    """What the temporary table holds after each portion was staged in a transaction of its own."""

    def work(portion: Any) -> Any:
        def in_transaction(connection: Connection) -> list[tuple[Any, ...]]:
            table = ledger.database.dialect.stage(connection, portion.staged())
            found = [tuple(row) for row in connection.execute(sa.select(table).order_by(table.c.row_no))]
            ledger.database.dialect.drop_staged(connection, table)
            return found

        return in_transaction

    return [ledger.database.write(work(portion)) for portion in portions]


@pytest.mark.parametrize("number", [1, 2, len(TEXTS)])
def test_every_cell_arrives_as_it_was(ledger: Ledger, number: int) -> None:
    """Whatever the texts hold, also where one row, or one value for all rows, is the whole column."""
    recipients = [recipient(n) for n in range(number)]
    wanted, known, bad = request_of(recipients[::2]), recipients[1::2], [bad_row(n) for n in range(number)]
    (rows,) = staged(ledger, portion_of([wanted], known, bad, read_to=NUMBER))
    expected = [
        (one.row_number, one.key, None, wanted.id if place % 2 == 0 else None, "", None, one.phone, one.user_id,
         one.template_id, one.sender_id)
        for place, one in enumerate(recipients)
    ] + [
        (one.row_number, one.key, None, None, one.status, one.reason, one.phone, one.user_id, one.template_id,
         one.sender_id)
        for one in bad
    ]  # fmt: skip
    assert rows == sorted(expected, key=lambda row: row[0])


@pytest.mark.parametrize("kind", [SERVERS[1]], indirect=True)
def test_long_texts_go_in_several_statements(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """One long text makes all cells of its column as wide; a server takes no packet above a limit."""
    recipients, bad = [recipient(n) for n in range(len(TEXTS))], [bad_row(n) for n in range(len(TEXTS))]
    portion = portion_of([request_of(recipients)], [], bad, read_to=NUMBER)
    as_usual = staged(ledger, portion)
    for limit in (1, 300):
        monkeypatch.setattr(mysql, "MAX_BYTES", limit)
        assert staged(ledger, portion) == as_usual


@pytest.mark.parametrize("kind", [SERVERS[1]], indirect=True)
@pytest.mark.parametrize("mode", ["ONLY_FULL_GROUP_BY", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "PIPES_AS_CONCAT"])
def test_a_servers_own_mode_changes_nothing(ledger: Ledger, open_ledger: OpenLedger, mode: str) -> None:
    """It is kept: another application of that server, or a rule of its administrator, may need it."""
    rows = [recipient(n) for n in range(len(TEXTS))]
    portion = portion_of([request_of(rows)], [], [bad_row(n) for n in range(len(TEXTS))], read_to=NUMBER)
    strange = open_ledger(connect_args={"init_command": f"SET SESSION sql_mode = '{mode}'"})
    assert staged(strange, portion) == staged(ledger, portion)


def test_nothing_is_left_over_from_another_portion(ledger: Ledger) -> None:
    """Also on the same connection, where the temporary table of a session would still be there."""
    first, second = ([recipient(n) for n in numbers] for numbers in ((0, 1, 2), (3, 4)))
    found = staged(ledger, portion_of([], first, read_to=1), portion_of([], second, read_to=1))
    assert [len(rows) for rows in found] == [3, 2]


@pytest.mark.parametrize("kind", [pytest.param("sqlite"), SERVERS[1]], indirect=True)
def test_staging_left_over_from_another_portion_is_caught(open_ledger: OpenLedger, campaign: str) -> None:
    """With the session's temporary table kept, rows of the portion before would be recorded again."""
    ledger = open_ledger(connections=1)

    class Kept(type(ledger.database.dialect)):  # type: ignore[misc]
        def make_staged(self, connection: Connection, table: sa.Table) -> None:
            if not made:
                super().make_staged(connection, table)
            made.append(table.name)

        def drop_staged(self, connection: Connection, table: sa.Table) -> None:
            """Left where it is."""

    made: list[str] = []
    ledger._claims._dialect = ledger._claims._moves._dialect = Kept(3)
    one = Try(ledger, campaign)
    one.ledger.claim(one.attempt, portion_of([request_of(people("ab"))], read_to=2))
    with pytest.raises(AssertionError):
        _claims_what_it_was_given(one)


def _claims_what_it_was_given(one: Try) -> None:
    (ours,) = one.ledger.claim(one.attempt, portion_of([request_of(people("c", 3))], read_to=3))
    assert made_of(one.ledger) == 1
    assert one.send(ours)


def made_of(ledger: Ledger) -> int:
    """How many rows the temporary table holds."""
    name = ".".join(filter(None, (ledger.database.dialect.staged_schema(None), STAGED)))
    query = f"SELECT count(*) FROM {name}"
    return ledger.database.write(lambda connection: int(connection.exec_driver_sql(query).scalar_one()))


def test_rows_are_staged_in_the_order_of_their_keys(ledger: Ledger) -> None:
    """Two transactions that insert recipients in opposite orders would deadlock."""
    rows = RecipientBatch.of([recipient(n) for n in range(len(TEXTS))])
    dialect = type(ledger.database.dialect)(1000)
    (piece,) = dialect._pieces(portion_of([], list(rows), read_to=1).staged().parts[0])
    keys = piece["hash"].to_pylist()
    assert keys == sorted(rows.keys())


@pytest.mark.parametrize("kind", SERVERS[:1], indirect=True)
def test_no_value_of_a_row_stands_in_a_statement(ledger: Ledger, campaign: str) -> None:
    """A default server logs every statement that fails; the rows go by COPY, in its binary form."""
    seen: list[str] = []

    def watch(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        seen.append(statement if statement.startswith("COPY") else f"{statement} {parameters!r}")

    sa.event.listen(ledger.database.engine, "before_cursor_execute", watch)
    try:
        one = Try(ledger, campaign)
        one.claim(people("abc"))
    finally:
        sa.event.remove(ledger.database.engine, "before_cursor_execute", watch)
    assert any(text.startswith("COPY") and "FORMAT binary" in text for text in seen)
    assert not [text for text in seen if "(852)" in text]


def test_bad_rows_keep_their_order_and_their_missing_keys() -> None:
    """By column and back."""
    rows = [bad_row(n) for n in range(8)]
    assert list(BadRows.of(rows)) == rows
    assert list(BadRows.joined([BadRows.of(rows[:3]), BadRows.of([]), BadRows.of(rows[3:])])) == rows


def test_a_database_that_no_dialect_is_made_for_is_refused() -> None:
    """By name."""
    with pytest.raises(LedgerError, match="cannot live in 'oracle'"):
        dialect_for("oracle")
