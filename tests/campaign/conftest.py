# SPDX-License-Identifier: Apache-2.0
"""A scene for each test, on a sandbox that all share; back-offs are short."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from airflow_provider_uspeedo.api.http import backoff
from airflow_provider_uspeedo.campaign import sending
from airflow_provider_uspeedo.sandbox.server import Sandbox, running
from tests.campaign.stage import SHORT_BACKOFF, Scene


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running(templates=(("UTA_OTHER", "Hello {1}, welcome."),)) as sandbox:
        yield sandbox


@pytest.fixture
def scene(shared_sandbox: Sandbox, tmp_path: Path) -> Iterator[Scene]:
    shared_sandbox.clear_faults()
    yield Scene(shared_sandbox, tmp_path, since=len(shared_sandbox.journal()))
    shared_sandbox.clear_faults()


@pytest.fixture(autouse=True)
def _short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits are tested with the policy itself; here only their number counts."""
    monkeypatch.setattr(sending, "retry_not_sent", partial(backoff.retry_not_sent, backoff=SHORT_BACKOFF))
