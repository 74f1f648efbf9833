# SPDX-License-Identifier: Apache-2.0
"""A scene for each test, on a sandbox that all share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox, running
from tests.campaign.stage import Scene


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running(templates=(("UTA_OTHER", "Hello {1}, welcome."),)) as sandbox:
        yield sandbox


@pytest.fixture
def scene(shared_sandbox: Sandbox, tmp_path: Path) -> Iterator[Scene]:
    shared_sandbox.clear_faults()
    yield Scene(shared_sandbox, tmp_path, since=len(shared_sandbox.journal()))
    shared_sandbox.clear_faults()
