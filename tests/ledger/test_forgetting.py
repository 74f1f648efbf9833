# SPDX-License-Identifier: Apache-2.0
"""A phone is forgotten in every campaign and in every text that quotes it; the same campaign still texts it never."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.recipients import BadRow
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin.forget import Phone
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.admin.reports import Forgotten
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Answer
from tests.leaks import leaks
from tests.ledger.acting import OpenLedger, Try, duplicate, key_of, lines_of, people, person

ANN = person("ann", 1).phone
NATIONAL = ANN.partition(")")[2]
QUOTED = f"{ANN} and +852 {NATIONAL[:4]}-{NATIONAL[4:]}, {NATIONAL}: on the black list, not (852)99998888"
MASKED = "**** and ****, ****: on the black list, not (852)99998888"


@pytest.fixture
def own(open_ledger: OpenLedger, empty_url: URL) -> Ledger:
    """A ledger of this test alone."""
    ledger = open_ledger(empty_url)
    ledger.prepare()
    return ledger


def bad(row: int, phone: str) -> BadRow:
    return BadRow(row, Status.INVALID, "phone: has an extension", phone, f"user {row}", "UTA1", "")


def a_campaign_with_ann(ledger: Ledger, name: str) -> Try:
    """She is rejected with her phone in the reason, has a duplicate, and is in bad rows with other things."""
    one = Try(ledger, name)
    rows = [*people(["ann", "bob"]), duplicate(3, 1, "ann"), bad(4, f"+852{NATIONAL} ext. 5"), bad(5, "(852)99998888")]
    (request,) = one.claim(rows)
    one.mark(request)
    ledger.settle(one.attempt, request.id, Answer("S1", 0, "V1", ((key_of("ann"), "rejected", QUOTED),)))
    (late,) = one.claim(people(["eve"], 6))
    one.mark(late)
    ledger.mark_unknown(one.attempt, late.id, ret_code=None, vendor_request_id="", reason=QUOTED)
    receipts = ledger.tables.receipts
    row = {"request_id": request.id, "key": key_of("ann"), "result": "Failed", "description": QUOTED}
    ledger.database.write(lambda c: c.execute(sa.insert(receipts), [row]))
    one.end()
    return one


def everything(ledger: Ledger) -> str:
    """Every value of every table."""

    def work(connection: sa.engine.Connection) -> Iterable[Any]:
        for table in ledger.tables.metadata.sorted_tables:
            yield from (tuple(row) for row in connection.execute(sa.select(table)))

    return repr(ledger.database.read(lambda connection: list(work(connection))))


def test_nothing_of_a_phone_is_left_in_any_campaign(own: Ledger) -> None:
    """Nor of the user id beside it; others keep theirs."""
    for name in ("one", "two"):
        a_campaign_with_ann(own, name)
    before = everything(own)
    assert NATIONAL in before
    assert "'user ann'" in before
    assert LedgerAdmin(own).forget(f"+852 {NATIONAL}") == Forgotten(campaigns=2, recipients=2, rows=4, texts=6)
    after = everything(own)
    assert NATIONAL not in after
    assert leaks(after, ANN) == []
    # Not even its end; times and hashes hold such digits inside longer runs.
    assert not re.search(rf"(?<![\da-fA-F]){NATIONAL[4:]}(?![\da-fA-F])", after)
    assert "user ann" not in after
    assert "user 4" not in after
    assert after.count(MASKED) == 6
    assert after.count("'(852)99998888'") == 2
    lines = lines_of(own, "one", "row_number", "phone", "user_id", "status")
    assert lines == [
        (1, "", "", "rejected"), (2, person("bob", 2).phone, "user bob", "accepted"), (3, "", "", "duplicate"),
        (4, "", "", "invalid"), (5, "(852)99998888", "user 5", "invalid"),
        (6, person("eve", 6).phone, "user eve", "unknown"),
    ]  # fmt: skip


def test_forgetting_again_finds_nothing(own: Ledger) -> None:
    """It may be repeated."""
    a_campaign_with_ann(own, "one")
    admin = LedgerAdmin(own)
    admin.forget(ANN)
    assert admin.forget(ANN) == Forgotten(0, 0, 0, 0)


def test_a_forgotten_recipient_is_not_texted_again(own: Ledger) -> None:
    """The key stays, and decides."""
    one = a_campaign_with_ann(own, "one")
    LedgerAdmin(own).forget(ANN)
    rerun = Try(own, "one", vendor=one.vendor)
    rerun.text(people(["ann", "bob", "new"]))
    rerun.vendor.assert_texted("new")
    assert rerun.counts() == {"rejected": 1, "accepted": 2}


def test_no_trace_is_left_in_a_sqlite_file(own: Ledger, kind: str) -> None:
    """Blanked text would stay readable in the free space of the file."""
    if kind != "sqlite":
        pytest.skip("a server's files are its administrator's")
    a_campaign_with_ann(own, "one")
    LedgerAdmin(own).forget(ANN)
    own.database.engine.dispose()
    file = own.database.file
    assert file is not None
    for path in (file, file.with_name(file.name + "-wal")):
        assert not path.exists() or NATIONAL.encode() not in path.read_bytes()


def test_a_text_that_is_no_phone_is_not_quoted(own: Ledger) -> None:
    """It may be anything, even half a phone."""
    with pytest.raises(ConfigurationError, match="no phone that can be looked for: no country code") as error:
        LedgerAdmin(own).forget(NATIONAL)
    assert NATIONAL not in str(error.value)
    assert LedgerAdmin(own).forget(NATIONAL, default_region="HK") == Forgotten(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("cell", "is_it"),
    [
        ("(852)55311111", True), ("+852 5531 1111 ext 5", True), ("5531-1111", True), ("00852-55311111", True),
        ("55311111 / 66667777", True), ("\N{FULLWIDTH DIGIT FIVE}5311111", True), ("8.5255311111E10", True),
        ("(852)55311112", False), ("(1)8525531111", False), ("(85)255311111", False), ("5531-111", False),
        ("1111", False), ("", False), ("(44)55311111", False),
    ],
)  # fmt: skip
def test_a_cell_is_the_phone_in_any_spelling(cell: str, is_it: bool) -> None:
    """But a phone that could be read is compared as a whole."""
    assert Phone("+85255311111", None).is_in_cell(cell) is is_it


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("(852)55311111 is blocked", "**** is blocked"), ("to 85255311111.", "to ****."), ("+852-5531 1111", "****"),
        ("0085255311111", "****"), ("5531/1111 failed", "**** failed"), ("session 1855311111", "session 1855311111"),
        ("553111112", "553111112"), ("\N{FULLWIDTH DIGIT FIVE}5311111!", "****!"), ("no digits", "no digits"),
    ],
)  # fmt: skip
def test_a_phone_is_masked_where_a_text_quotes_it(text: str, masked: str) -> None:
    """Longer numbers that hold its digits are other numbers."""
    assert Phone("+85255311111", None).masked_in(text) == masked


def test_a_short_number_is_masked_with_its_country_code_only() -> None:
    """Its few digits alone may be anything."""
    assert Phone("+2904 1234", None).masked_in("code 41234, phone +290 41234") == "code 41234, phone ****"
