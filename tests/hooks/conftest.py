# SPDX-License-Identifier: Apache-2.0
"""Connections from the environment, and a sandbox behind them. AIRFLOW_HOME must stand before Airflow is imported."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
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
SHORT_WAITS = {"first_wait": 0.001, "max_wait": 0.002}


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
    send, query = (replace(one, **SHORT_WAITS) for one in (backoff.SEND_BACKOFF, backoff.QUERY_BACKOFF))
    monkeypatch.setattr(backoff, "retry_not_sent", partial(backoff.retry_not_sent, backoff=send))
    monkeypatch.setattr(client, "USpeedoClient", partial(client.USpeedoClient, query_backoff=query))
