# SPDX-License-Identifier: Apache-2.0
"""One ledger for each kind of database; tests share it, each with a campaign of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect, dialect_for
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.ledger import old_ledgers
from tests.ledger.acting import OpenLedger
from tests.ledger.servers import KINDS, empty_database

_campaigns = count(1)


def few_rows_at_once(url: URL) -> DatabaseDialect:
    """So that nearly every claim is staged by several statements."""
    return type(dialect_for(url.get_backend_name()))(3)


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of database."""
    return str(request.param)


@pytest.fixture(scope="session")
def url(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """The address of a prepared ledger."""
    with empty_database(kind, tmp_path_factory.mktemp("ledger")) as address:
        ledger = Ledger(open_engine(address))
        ledger.prepare()
        ledger.close()
        yield address


@pytest.fixture
def empty_url(kind: str, tmp_path: Path) -> Iterator[URL]:
    """The address of a database of this test alone, with nothing in it."""
    with empty_database(kind, tmp_path) as address:
        yield address


@pytest.fixture(params=old_ledgers.VERSIONS, ids=lambda version: f"version{version}")
def version(request: pytest.FixtureRequest) -> int:
    """An older version of the ledger."""
    return int(request.param)


@pytest.fixture
def old_url(empty_url: URL, kind: str, version: int) -> URL:
    """The address of a ledger as that version left it."""
    old_ledgers.load(kind, empty_url, version)
    return empty_url


@pytest.fixture(scope="session")
def ledger(url: URL) -> Iterator[Ledger]:
    """A prepared ledger that tests share; whoever changes it opens one of its own."""
    shared = Ledger(open_engine(url), timeout=20, settle_timeout=20, dialect=few_rows_at_once(url))
    yield shared
    shared.close()


@pytest.fixture
def open_ledger(url: URL) -> Iterator[OpenLedger]:
    """Opens the ledger once more, with connections of its own, like another process would."""
    with ExitStack() as closing:

        def open_it(
            address: URL = url, results_table: str = "uspeedo_results", *, settle_timeout: float = 20, **options: Any
        ) -> Ledger:
            dialect = few_rows_at_once(address)
            engine = open_engine(address, **options)
            opened = Ledger(engine, results_table, timeout=20, settle_timeout=settle_timeout, dialect=dialect)
            closing.callback(opened.close)
            return opened

        yield open_it


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> str:
    """The name of a campaign that no other test has."""
    return f"{request.node.name} {next(_campaigns)}"
