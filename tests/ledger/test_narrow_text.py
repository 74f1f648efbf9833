# SPDX-License-Identifier: Apache-2.0
"""A database that cannot hold every text is refused before the first message; no text ever stops an answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.phone_hashes import PHONE_KEY_BYTES
from airflow_provider_uspeedo.core.recipients import BadRow
from airflow_provider_uspeedo.errors import ConfigurationError, LedgerError
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.store.records import Answer
from airflow_provider_uspeedo.ledger.store.version import VERSION
from tests.ledger.acting import Try, people
from tests.ledger.servers import SERVERS, empty_database, run, server_url

REASONS = (
    "短信被运营商拒绝 黑名单",
    "\N{GRINNING FACE} no",
    "half \ud83d of it",
    "a\0b",
    "caf\xe9",
    "\U00020000",
    "\uffff",
    "\u202e",
)
POSTGRESQL = pytest.mark.parametrize("kind", SERVERS[:1], indirect=True)
MARIADB = pytest.mark.parametrize("kind", SERVERS[1:], indirect=True)
IN_C = "LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"


def prepare(url: URL, **options: Any) -> None:
    with closing(Ledger(open_engine(url, **options), timeout=5)) as ledger:
        ledger.prepare()


@pytest.fixture
def narrow(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Iterator[URL]:
    """An empty database of the encoding that the test names."""
    with empty_database(kind, tmp_path) as url:
        encoding = request.param
        if kind == "postgresql":
            run(kind, f"DROP DATABASE {url.database}", f"CREATE DATABASE {url.database} ENCODING '{encoding}' {IN_C}")
        else:
            run(kind, f"ALTER DATABASE {url.database} CHARACTER SET {encoding}")
        yield url


@POSTGRESQL
@pytest.mark.parametrize("narrow", ["LATIN1", "SQL_ASCII", "EUC_CN", "WIN1252"], indirect=True)
def test_a_narrow_database_of_postgresql_is_refused(narrow: URL) -> None:
    """In plain words, with what to do."""
    with pytest.raises(LedgerError, match=r"has the encoding \w+, which cannot hold every text.*ENCODING 'UTF8'"):
        prepare(narrow)


@MARIADB
@pytest.mark.parametrize("narrow", ["latin1", "utf8", "gbk", "ucs2"], indirect=True)
def test_a_narrow_database_of_mariadb_is_refused(narrow: URL) -> None:
    """Before a ledger is made in it; the statement that widens it is named, and works."""
    with pytest.raises(LedgerError, match=r"cannot hold every text.*ALTER DATABASE \w+ CHARACTER SET utf8mb4"):
        prepare(narrow)
    run("mysql", f"ALTER DATABASE {narrow.database} CHARACTER SET utf8mb4")
    prepare(narrow)


@MARIADB
def test_a_ledger_goes_on_in_a_database_that_is_narrow_only_by_default(empty_url: URL) -> None:
    """Its tables have their own character set: what was made by an administrator, or before, works and is whole."""
    prepare(empty_url)
    run("mysql", f"ALTER DATABASE {empty_url.database} CHARACTER SET latin1")
    with closing(Ledger(open_engine(empty_url), timeout=5)) as ledger:
        ledger.prepare()
        text_everything(ledger, "campaign")


@MARIADB
@pytest.mark.parametrize("charset", ["latin1", "utf8", "gbk"])
def test_a_narrow_table_is_refused_by_name(empty_url: URL, charset: str) -> None:
    """One that an administrator has converted, or made from a changed script; the statement that mends it is named."""
    prepare(empty_url)
    run("mysql", f"ALTER TABLE {empty_url.database}.uspeedo_outcomes CONVERT TO CHARACTER SET {charset}")
    with pytest.raises(LedgerError, match="ALTER TABLE uspeedo_outcomes CONVERT TO CHARACTER SET utf8mb4"):
        prepare(empty_url)
    mend = "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    run("mysql", f"ALTER TABLE {empty_url.database}.uspeedo_outcomes {mend}")
    prepare(empty_url)


@MARIADB
@pytest.mark.parametrize("charset", ["latin1", "utf8", "gbk"])
def test_a_narrow_connection_to_mariadb_is_refused(url: URL, charset: str) -> None:
    """Its extra is named."""
    with pytest.raises(LedgerError, match=r"speaks the character set .* it needs utf8mb4. Remove what sets it"):
        prepare(url, connect_args={"charset": charset})


@POSTGRESQL
@pytest.mark.parametrize("encoding", ["latin1", "gbk"])
def test_a_narrow_connection_to_postgresql_is_refused(url: URL, encoding: str) -> None:
    """Likewise."""
    with pytest.raises(LedgerError, match=r"speaks the encoding .* it needs UTF8. Remove what sets it"):
        prepare(url, connect_args={"client_encoding": encoding})


@POSTGRESQL
def test_the_user_or_the_database_cannot_make_the_connection_narrow(empty_url: URL) -> None:
    """What an administrator has set for all is set aside for this package's own connections."""
    run("postgresql", f"ALTER DATABASE {empty_url.database} SET client_encoding = 'latin1'")
    prepare(empty_url)


@pytest.mark.database
def test_a_connection_without_a_database_is_reported_as_such() -> None:
    """There is nowhere to look for tables."""
    with pytest.raises(ConfigurationError, match="names no database: enter it in the connection's schema field"):
        prepare(server_url("mysql")._replace(database=None))


def text_everything(ledger: Ledger, campaign: str) -> list[str | None]:
    """Records a bad row and a rejected recipient for each reason; returns the reasons of the rejected."""
    one = Try(ledger, campaign)
    texts = [reason.replace("\0", "").encode("utf-8", "replace").decode() for reason in REASONS]
    bad = [BadRow(100 + n, "invalid", text, text, text, text, text, None) for n, text in enumerate(texts)]
    (request,) = one.claim([*people([str(n) for n in range(len(REASONS))]), *bad])
    assert one.mark(request)
    keys = [recipient.key for recipient in request.recipients]
    outcomes = tuple((key, "rejected", reason) for key, reason in zip(keys, REASONS, strict=True))
    assert ledger.settle(one.attempt, request.id, Answer("1", 0, "r\ud800\0\N{GRINNING FACE}", outcomes))
    found = ledger.outcomes(one.attempt, keys)
    assert {outcome.status for outcome in found.values()} == {"rejected"}
    return [found[key].reason for key in keys]


def test_no_text_stops_an_answer(ledger: Ledger, campaign: str) -> None:
    """What no database holds is replaced visibly; all else is kept."""
    whole = [text.replace("\ud83d", "\ufffd").replace("\0", "\ufffd") for text in REASONS]
    assert text_everything(ledger, campaign) == whole


@MARIADB
@pytest.mark.parametrize("charset", ["latin1", "utf8", "gbk"])
@pytest.mark.parametrize("which", ["table", "connection"])
def test_an_answer_is_recorded_in_a_ledger_that_became_narrow(
    empty_url: URL, campaign: str, caplog: pytest.LogCaptureFixture, charset: str, which: str
) -> None:
    """Under a running attempt: what does not fit is written with escapes, and the log says so."""
    prepare(empty_url)
    options = {"connect_args": {"charset": charset}} if which == "connection" else {}
    with closing(Ledger(open_engine(empty_url), timeout=5, settle_timeout=5)) as ledger:
        one = Try(ledger, campaign)
        (request,) = one.claim(people("ab"))
        assert one.mark(request)
    if which == "table":
        for table in ("outcomes", "requests"):
            run("mysql", f"ALTER TABLE {empty_url.database}.uspeedo_{table} CONVERT TO CHARACTER SET {charset}")
    answer = Answer("1", 0, "\N{GRINNING FACE}", ((request.recipients[0].key, "rejected", "黑 \N{GRINNING FACE}"),))
    with closing(Ledger(open_engine(empty_url, **options), timeout=5, settle_timeout=5)) as ledger:
        assert ledger.settle(one.attempt, request.id, answer)
        (reason,) = [row.reason for row in ledger.failures(one.attempt, 9)]
    assert reason.endswith(r" \U0001f600")
    assert [record.getMessage() for record in caplog.records if "cannot hold a text" in record.getMessage()]


@POSTGRESQL
@pytest.mark.parametrize("narrow", ["LATIN1"], indirect=True)
def test_a_request_of_a_narrow_postgresql_is_settled_all_the_same(narrow: URL, campaign: str) -> None:
    """A ledger that was made by an older version there: what is out when the package is updated must be recorded."""
    options = {"client_encoding": "latin1"}
    with closing(Ledger(open_engine(narrow, connect_args=options), timeout=5, settle_timeout=5)) as ledger:
        ledger.database.write(ledger.tables.metadata.create_all)
        made = sa.insert(ledger.tables.ledger).values(version=VERSION, phone_key=os.urandom(PHONE_KEY_BYTES))
        ledger.database.write(lambda connection: connection.execute(made))
        one = Try(ledger, campaign)
        (request,) = one.claim(people("ab"))
        assert one.mark(request)
    with closing(Ledger(open_engine(narrow), timeout=5, settle_timeout=5)) as ledger:
        answer = Answer("1", 0, "黑", ((request.recipients[0].key, "rejected", "黑名单"),))
        assert ledger.settle(one.attempt, request.id, answer)
        (failed,) = ledger.failures(one.attempt, 9)
        assert failed.reason == r"\u9ed1\u540d\u5355"
        (second, third) = [Try(ledger, campaign), Try(ledger, campaign)]
        for attempt, verb in ((second, ledger.mark_unknown), (third, ledger.release)):
            (request,) = attempt.claim(people([verb.__name__]))
            assert attempt.mark(request)
            assert verb(attempt.attempt, request.id, ret_code=None, vendor_request_id="黑", reason="名单")
