# SPDX-License-Identifier: Apache-2.0
"""Ledgers that are not there, not ours, of another version, or away: the page says it plainly, and soon."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger import old_ledgers
from tests.ledger.acting import SPEC
from tests.plugin.conftest import connect
from tests.plugin.signed_in import text_of

pytestmark = pytest.mark.airflow
HEX = campaign_hash("one").hex()


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A server that takes connections and never says a word; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def asked(browser: Any) -> Any:
    return browser("admin").get("/uspeedo/")


def test_a_database_that_refuses_is_named(browser: Any, monkeypatch: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    connect(monkeypatch, {"conn_type": "postgres", "host": "127.0.0.1", "port": port, "login": "u", "password": "hush"})
    answer = asked(browser)
    assert answer.status_code == 503
    assert "The ledger's database failed" in text_of(answer)
    assert "hush" not in answer.text


def test_a_database_that_hangs_is_not_waited_for(browser: Any, monkeypatch: Any, silent_server: int) -> None:
    connect(monkeypatch, {"conn_type": "postgres", "host": "127.0.0.1", "port": silent_server, "login": "u"})
    answer = asked(browser)
    assert answer.status_code == 503
    assert "database" in text_of(answer)


def test_a_connection_is_not_waited_for_longer_than_a_person_waits(browser: Any, monkeypatch: Any) -> None:
    """Whatever the connection's own time-out is; a shorter one stays."""
    import psycopg2

    from airflow_provider_uspeedo.plugin import page_ledger

    given: list[int] = []

    def refuse(*_: Any, **options: Any) -> Any:
        given.append(int(options["connect_timeout"]))
        raise psycopg2.OperationalError("refused")

    monkeypatch.setattr(psycopg2, "connect", refuse)
    for timeout, expected in (("30", page_ledger.CONNECT_SECONDS), ("1", 1)):
        given.clear()
        page_ledger.close_ledger()
        connection = {"conn_type": "postgres", "host": "127.0.0.1", "extra": {"connect_timeout": timeout}}
        connect(monkeypatch, connection)
        assert asked(browser).status_code == 503
        assert set(given) == {expected}


def test_a_question_without_an_answer_ends() -> None:
    """The page says so; the thread that waits is one of its own."""
    import asyncio
    import threading

    from airflow_provider_uspeedo.errors import LedgerUnavailable
    from airflow_provider_uspeedo.plugin.page_ledger import in_thread

    go, names = threading.Event(), []

    def hang() -> None:
        names.append(threading.current_thread().name)
        go.wait(10)

    with pytest.raises(LedgerUnavailable, match="did not answer"):
        asyncio.run(in_thread(hang, seconds=0.05))
    with pytest.raises(LedgerUnavailable, match="may still be recorded"):
        asyncio.run(in_thread(hang, seconds=0.05, decides=True))
    go.set()
    assert names[0].startswith("uspeedo-page")


@pytest.mark.parametrize("version", old_ledgers.VERSIONS)
def test_a_ledger_of_another_version_is_named(browser: Any, ledger_file: Path, version: int) -> None:
    """It is not migrated by looking at it."""
    old_ledgers.load("sqlite", URL.create("sqlite", database=str(ledger_file)), version)
    for path in ("/uspeedo/", f"/uspeedo/campaigns/{HEX}"):
        answer = browser("admin").get(path)
        assert answer.status_code == 503
        assert "migrate" in text_of(answer)
    with closing(sqlite3.connect(ledger_file)) as connection:
        assert connection.execute("SELECT version FROM uspeedo_ledger").fetchone() == (version,)


def test_a_connection_that_is_not_there_is_named(browser: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("AIRFLOW__USPEEDO__RESULTS_CONN_ID", "nowhere")
    answer = asked(browser)
    assert answer.status_code == 503
    assert "nowhere" in text_of(answer)
    assert "[uspeedo] results_conn_id" in text_of(answer)


def test_a_connection_of_another_type_is_named(browser: Any, monkeypatch: Any) -> None:
    connect(monkeypatch, {"conn_type": "http", "host": "example.org"})
    answer = asked(browser)
    assert answer.status_code == 503
    assert "is of type 'http'" in text_of(answer)


def test_without_a_setting_it_is_the_file(browser: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("AIRFLOW__USPEEDO__RESULTS_CONN_ID", raising=False)
    answer = asked(browser)
    assert answer.status_code == 200
    assert "the SQLite file in AIRFLOW_HOME" in text_of(answer)


def test_another_ledger_is_seen_once_the_setting_names_it(
    browser: Any, ledger: Ledger, monkeypatch: Any, tmp_path: Path
) -> None:
    """No page of the old one is shown from memory."""
    ledger.open_attempt("one", SPEC, name="a/b/c try 1 map -1")
    one = browser("viewer")
    assert one.get(f"/uspeedo/campaigns/{HEX}").status_code == 200
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", f'{{"conn_type": "sqlite", "host": "{tmp_path / "other.db"}"}}')
    monkeypatch.setenv("AIRFLOW__USPEEDO__RESULTS_CONN_ID", "other")
    assert "There is no ledger yet" in text_of(one.get("/uspeedo/"))
    assert one.get(f"/uspeedo/campaigns/{HEX}").status_code == 404


def test_a_pruned_campaign_is_a_tombstone(browser: Any, ledger: Ledger) -> None:
    from datetime import timedelta

    from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
    from tests.ledger.acting import Try, people

    Try(ledger, "one").text(people("ab"))
    LedgerAdmin(ledger).prune(older_than=timedelta(0))
    one = browser("admin")
    page = one.get(f"/uspeedo/campaigns/{HEX}")
    assert "was pruned" in text_of(page)
    assert "/stop" not in page.text
    assert "accepted 2" in text_of(page)
    assert one.post(f"/uspeedo/campaigns/{HEX}/stop").status_code == 409
    assert "No row is found" in text_of(one.get(f"/uspeedo/campaigns/{HEX}/rows"))
