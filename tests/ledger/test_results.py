# SPDX-License-Identifier: Apache-2.0
"""The results relation, as anybody would read it: through a plain connection of the database's own driver."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS
from tests.ledger.acting import SPEC, OpenLedger, Try, duplicate, invalid, key_of, people, person
from tests.ledger.servers import plain_connection, select


def lines(url: URL, columns: str, campaign: str, *, of_row: int | None = None) -> list[tuple[Any, ...]]:
    """Those columns of a campaign's lines, by row number (a reserved word on MySQL, so it goes in quotes there)."""
    row_number = "`row_number`" if url.get_backend_name() == "mysql" else "row_number"
    only = "" if of_row is None else f" AND {row_number} = {of_row}"
    columns = columns.replace("row_number", row_number)
    where = f"campaign_id = '{campaign}'{only}"
    return select(url, f"SELECT {columns} FROM uspeedo_results WHERE {where} ORDER BY {row_number}")


def in_every_status(ledger: Ledger, campaign: str) -> Try:
    """A try with rows of every status that the ledger makes by itself."""
    one = Try(ledger, campaign)
    rows = [*people("abcdefgh"), invalid(9), duplicate(10, 1, "a")]
    sent, doubted, flying, left = one.claim(rows, size=2)
    one.send(sent, "b")
    assert one.mark(doubted)
    assert one.mark_unknown(doubted)
    assert one.mark(flying)
    assert left.recipients
    return one


def test_its_columns_and_their_order_are_promised(ledger: Ledger, campaign: str, url: URL) -> None:
    """``SELECT *`` gives the documented columns; users build on their names."""
    in_every_status(ledger, campaign)
    connection = plain_connection(url)
    cursor = connection.cursor()
    cursor.execute("SELECT * FROM uspeedo_results")
    names = tuple(column[0] for column in cursor.description)
    cursor.fetchall()
    connection.close()
    assert names == COLUMNS


def test_recipients_are_counted_by_status_whatever_table_they_were_in(ledger: Ledger, campaign: str) -> None:
    """By recipients and not by rows: invalid rows and duplicates are none."""
    in_every_status(ledger, campaign)
    Try(ledger, campaign).claim(people("xy"))
    attempt = ledger.peek(campaign, SPEC)
    assert attempt is not None
    assert ledger.recipients_by_status(attempt) == {"accepted": 1, "rejected": 1, "unknown": 4, "not_sent": 4}


def test_statuses_add_up_to_the_rows(ledger: Ledger, campaign: str, url: URL) -> None:
    """One line for each row of the table, with what became of it and why; the same as the try's own counts."""
    one = in_every_status(ledger, campaign)
    found = lines(url, "row_number, status, reason, phone", campaign)
    assert [line[0] for line in found] == list(range(1, 11))
    assert Counter(line[1] for line in found) == one.counts()
    assert [line[1] for line in found] == [
        "accepted", "rejected", "unknown", "unknown", "unknown", "unknown", "not_sent", "not_sent", "invalid",
        "duplicate",
    ]  # fmt: skip
    assert [line[2] for line in found][:5] == [None, "phone in the black list", "no answer", "no answer", "in flight"]
    assert [line[2] for line in found][8:] == ["phone (column 'phone') is empty", "same recipient as row 1"]
    assert found[0][3] == person("a", 1).phone


def test_the_view_and_the_ledgers_own_reading_agree(ledger: Ledger, campaign: str, url: URL) -> None:
    """``Ledger.results`` is the same relation, one campaign of it."""
    in_every_status(ledger, campaign)
    names = ("row_number", "status", "reason", "phone", "recipient_key", "request_id")
    shown = lines(url, ", ".join(names), campaign)
    places = [COLUMNS.index(name) for name in names]
    own = [tuple(row[place] for place in places) for portion in ledger.results(campaign) for row in portion]
    assert Counter(shown) == Counter(own)


def test_results_of_some_statuses(ledger: Ledger, campaign: str) -> None:
    """Only those that are asked for; none of a campaign that is not in the ledger."""
    in_every_status(ledger, campaign)
    status = COLUMNS.index("status")
    found = [row for portion in ledger.results(campaign, ["accepted", "invalid"]) for row in portion]
    assert Counter(row[status] for row in found) == {"accepted": 1, "invalid": 1}
    assert list(ledger.results("nobody knows it")) == []


def test_keys_are_hexadecimal_and_answers_are_shown(ledger: Ledger, campaign: str, url: URL) -> None:
    """Key, session, code and the vendor's id of the call are what was recorded."""
    in_every_status(ledger, campaign)
    columns = "recipient_key, session_no, ret_code, request_id, user_id, template_id, sender_id"
    assert lines(url, columns, campaign, of_row=1) == [(key_of("a").hex(), "S1", 0, "V1", "user a", "UTA1", "USpeedo")]


def test_times_are_utc(open_ledger: OpenLedger, campaign: str, url: URL, kind: str) -> None:
    """Whatever the zone of the database's session is."""
    away = {
        "postgresql": {"connect_args": {"options": "-c timezone=Asia/Tokyo"}},
        "mysql": {"connect_args": {"init_command": "SET time_zone = '+09:00'"}},
    }
    in_every_status(open_ledger(**away.get(kind, {})), campaign)
    ((claimed, settled),) = lines(url, "claimed_at, settled_at", campaign, of_row=1)
    now = datetime.now(UTC).replace(tzinfo=None)
    for time in (claimed, settled):
        shown = datetime.fromisoformat(time) if kind == "sqlite" else time
        assert abs(now - shown) < timedelta(minutes=5)
    assert str(claimed) < str(settled)


def test_receipts_are_shown_beside_the_recipient_they_are_of(ledger: Ledger, campaign: str, url: URL) -> None:
    """The last five columns are empty until a receipt is collected."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    one.send(request)
    receipt = {
        "request_id": request.id, "key": key_of("b"), "result": "Success", "code": "DELIVRD", "description": "ok",
        "received_at": datetime.fromisoformat("2026-11-22T08:30"), "cost_count": 2,
    }  # fmt: skip
    ledger.database.write(lambda c: c.execute(sa.insert(ledger.tables.receipts), [receipt]))
    columns = "row_number, receipt_result, receipt_code, receipt_desc, cost_count"
    assert lines(url, columns, campaign) == [(1, None, None, None, None), (2, "Success", "DELIVRD", "ok", 2)]


@pytest.mark.parametrize("text", ["日本 🎉", "Ünïcode ' \" % %s :x ? \\ ;--", "a" * 5000, "line\nbreak\ttab"])
def test_any_text_comes_back_as_it_went_in(ledger: Ledger, campaign: str, url: URL, text: str) -> None:
    """Emoji, quotes, marks that mean something to a driver, long texts."""
    one = Try(ledger, campaign)
    bad = invalid(1)._replace(reason=text, user_id=text[:60])
    (request,) = one.claim([bad, person("a", 2)._replace(user_id=text[:60])])
    assert one.mark(request)
    assert ledger.mark_unknown(one.attempt, request.id, ret_code=None, vendor_request_id="", reason=text)
    reason, user_id = COLUMNS.index("reason"), COLUMNS.index("user_id")
    found = [(row[reason], row[user_id]) for portion in ledger.results(campaign) for row in portion]
    assert found == [(text, text[:60])] * 2
