# SPDX-License-Identifier: Apache-2.0
"""Ledgers that real campaigns have written, behind the connection ``warehouse``, and ways to type the command."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox, running
from tests.campaign.stage import Scene
from tests.cli.typing_it import Command

_HOME = tempfile.TemporaryDirectory(prefix="airflow-home-", ignore_cleanup_errors=True)
os.environ.setdefault("AIRFLOW_HOME", _HOME.name)  # before Airflow is imported


@pytest.fixture(autouse=True)
def _a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """As wide as the tests expect, whoever runs them."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def scene(shared_sandbox: Sandbox, tmp_path: Path) -> Iterator[Scene]:
    shared_sandbox.clear_faults()
    yield Scene(shared_sandbox, tmp_path, since=len(shared_sandbox.journal()))
    shared_sandbox.clear_faults()


@pytest.fixture
def warehouse(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """The scene's ledger is what the connection ``warehouse`` leads to."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(scene.file)}))
    return scene


@pytest.fixture
def command(warehouse: Scene) -> Command:
    """The command, typed for that connection."""
    return Command("--conn-id", "warehouse")
