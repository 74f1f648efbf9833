# SPDX-License-Identifier: Apache-2.0
"""An Airflow of the tests' own, and a sandbox to send to. The settings must stand before Airflow is imported."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox, running
from tests.airflow.migrated import migrate
from tests.airflow.people import People

HERE = Path(__file__).parent
SECRET = "canary-secret-5c0ffee"
SETTINGS = {
    "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}


def _own_home() -> Path:
    """A new AIRFLOW_HOME, in this process's environment; other settings of Airflow are dropped."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    home, owner = Path(tempfile.mkdtemp(prefix="airflow-home-")), os.getpid()
    atexit.register(_remove, home, owner)
    os.environ.update(SETTINGS, AIRFLOW_HOME=str(home))
    return home


def _remove(home: Path, owner: int) -> None:
    """Removes a home, unless this is a child that came with a copy of its maker's memory."""
    if os.getpid() == owner:
        shutil.rmtree(home, ignore_errors=True)


HOME = _own_home()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder runs Airflow, each file in one process; what starts a scheduler begins first.

    Such a test has a home of its own and mostly waits, so the others run beside it; at the end it would run alone.
    """
    for number, item in enumerate(items):
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.airflow)
            own = f" {number}" if starts_a_scheduler(item) else ""
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}{own}"))
    items.sort(key=lambda item: not starts_a_scheduler(item))


def starts_a_scheduler(item: pytest.Item) -> bool:
    return item.path.is_relative_to(HERE) and item.get_closest_marker("slow") is not None


@pytest.fixture(scope="session", autouse=True)
def _logging_is_set_up() -> None:
    """Airflow replaces the handlers of the root logger when it is first used: that of ``caplog``, if within a test."""
    import airflow  # noqa: F401


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """AIRFLOW_HOME with a metadata database."""
    migrate(HOME)
    return HOME


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running(access_key_secret=SECRET) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The sandbox that most tests share, without faults, behind the connection ``uspeedo_default``."""
    shared_sandbox.clear_faults()
    monkeypatch.setenv("AIRFLOW_CONN_USPEEDO_DEFAULT", connection_to(shared_sandbox.url))
    yield shared_sandbox
    shared_sandbox.clear_faults()


@pytest.fixture
def accepted(sandbox: Sandbox) -> Callable[[], list[str]]:
    """The phones that the sandbox accepted since the test began, as often as it did."""
    before = len(sandbox.journal())
    return lambda: [entry.phone for entry in sandbox.journal(since=before)]


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ledger behind the connection ``ledger``."""
    path = tmp_path / "ledger.db"
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


@pytest.fixture(scope="session")
def people() -> People:
    return People()


def connection_to(url: str, secret: str = SECRET, **extra: Any) -> str:
    """A connection to a sandbox, as an environment variable holds it."""
    about = {"conn_type": "uspeedo", "login": "sandbox", "password": secret, "host": url, "extra": extra}
    return json.dumps(about)
