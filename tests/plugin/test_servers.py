# SPDX-License-Identifier: Apache-2.0
"""The pages over a ledger in a server, through an Airflow connection; and a user of it who may only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.ledger.servers import SERVERS, empty_database
from tests.ledger.test_overview import a_try_with_everything
from tests.plugin.conftest import connect
from tests.plugin.signed_in import text_of

pytestmark = [pytest.mark.airflow, pytest.mark.database]
PATH = f"/uspeedo/campaigns/{campaign_hash('one').hex()}"
TYPES = {"postgresql": "postgres", "mysql": "mysql"}


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[URL]:
    """A prepared ledger, which the settings name."""
    with empty_database(request.param, tmp_path) as address:
        connection = {"conn_type": TYPES[request.param], "host": address.host, "login": address.username}
        connect(monkeypatch, {**connection, "schema": address.database, "port": address.port})
        yield address


@pytest.fixture
def ledger(url: URL) -> Iterator[Ledger]:
    opened = Ledger(open_engine(url))
    opened.prepare()
    yield opened
    opened.close()


def test_every_page_is_shown_and_a_decision_is_recorded(browser: Any, ledger: Ledger) -> None:
    a_try_with_everything(ledger, "one").end()
    one = browser("admin")
    assert "one" in text_of(one.get("/uspeedo/"))
    assert "Total 9" in text_of(one.counted(PATH))
    for rest in ("/rows", "/rows?status=rejected", "/requests", "/query", "/resolve", "/reopen", "/stop"):
        answer = one.get(PATH + rest)
        assert answer.status_code == 200, (rest, text_of(answer))
    assert one.get(f"{PATH}/export.csv").text.count("\n") == 10
    assert one.post(f"{PATH}/rows", {"wanted": "user a"}).text.count('<th scope="row"') == 2  # it and its duplicate
    assert one.post(f"{PATH}/resolve", {"outcome": "sent", "expected": "3"}).status_code == 200
    assert [line.who for line in LedgerAdmin(ledger).decisions("one")] == ["adam"]
