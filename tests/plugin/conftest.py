# SPDX-License-Identifier: Apache-2.0
"""The page in Airflow's real API server, with the simple auth manager's people and a ledger of each test's own.

The settings must stand before Airflow is imported; tests that need Airflow's database are marked ``airflow``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.hooks.page_address import has_page
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.airflow.conftest import HOME
from tests.airflow.migrated import migrate
from tests.plugin.signed_in import ROLES, Browser

NEED_THE_PAGE = [
    "test_hostile.py",
    "test_ledgers.py",
    "test_measuring.py",
    "test_pages.py",
    "test_rights.py",
    "test_safety.py",
    "test_servers.py",
]
collect_ignore = [] if has_page() else NEED_THE_PAGE
USERS = ",".join(f"{name}:{role}" for name, role in ROLES.items())
os.environ.update(
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=USERS,
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=str(HOME / "passwords.json"),
    AIRFLOW__API_AUTH__JWT_SECRET="of-these-tests-alone-" * 4,
    AIRFLOW__API__SECRET_KEY="of-these-tests-alone",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process has one server for all of them."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("plugin"))


@pytest.fixture(scope="session")
def server() -> Any:
    """Airflow's own API server, with the plugin that it has found by itself."""
    migrate(HOME)
    from airflow.api_fastapi.app import create_app

    return create_app(apps="core")


@pytest.fixture
def ledger_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SQLite file that the settings name; there is nothing yet."""
    file = tmp_path / "ledger.db"
    connect(monkeypatch, {"conn_type": "sqlite", "host": str(file)})
    return file


def connect(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> None:
    """Makes the settings name this connection."""
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__USPEEDO__RESULTS_CONN_ID", "ledger")


@pytest.fixture
def ledger(ledger_file: Path) -> Iterator[Ledger]:
    """A prepared ledger behind it."""
    opened = Ledger(open_engine(f"sqlite:///{ledger_file}"))
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture
def browser(server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Opens a browser of somebody who is signed in, by the name of their role; ``nobody`` is not."""
    from airflow_provider_uspeedo.ledger.admin import row_pages
    from airflow_provider_uspeedo.plugin import page_ledger

    # However slow the machine is, a search sees all rows.
    monkeypatch.setattr(row_pages, "SECONDS", 60.0)
    page_ledger.close_ledger()
    yield lambda role: Browser(server, role)
    page_ledger.close_ledger()
