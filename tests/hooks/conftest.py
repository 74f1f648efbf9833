# SPDX-License-Identifier: Apache-2.0
"""Connections from the environment, and a sandbox behind them. AIRFLOW_HOME must stand before Airflow is imported."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from airflow_provider_uspeedo.api import client
from airflow_provider_uspeedo.api.http import backoff
from airflow_provider_uspeedo.sandbox.server import Sandbox, running

if "AIRFLOW_HOME" not in os.environ:
    HOME = tempfile.mkdtemp(prefix="airflow-home-")
    atexit.register(shutil.rmtree, HOME, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = HOME

Connect = Callable[..., str]


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running(receipt_delay=0.0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    shared_sandbox.clear_faults()
    yield shared_sandbox
    shared_sandbox.clear_faults()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Makes a connection of any type; returns its id."""

    def make(conn_id: str, **fields: Any) -> str:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
        return conn_id

    return make


@pytest.fixture
def to_sandbox(connect: Connect, sandbox: Sandbox) -> Connect:
    """Makes a connection to the sandbox; returns its id."""

    def make(api: str = "action", **changes: Any) -> str:
        known = {"conn_type": "uspeedo", "login": "sandbox", "password": "sandbox-secret", "host": sandbox.url}
        return connect("uspeedo_test", **{**known, "extra": {"api": api}, **changes})

    return make


@pytest.fixture(autouse=True)
def _short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits are tested with the policy itself; here only their number counts."""
    monkeypatch.setattr(backoff, "again", partial(backoff.again, first=0.001, most=0.002))
    monkeypatch.setattr(client, "again_asking", partial(backoff.again_asking, first=0.001, most=0.002))
