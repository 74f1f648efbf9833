# SPDX-License-Identifier: Apache-2.0
"""Ledgers on each kind of database, and a sandbox whose receipts ripen when a test says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox, running
from tests.ledger.conftest import campaign, kind, ledger, open_ledger, url

__all__ = ["campaign", "kind", "ledger", "open_ledger", "url"]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Receipts are final only after :meth:`Sandbox.ripen`."""
    with running(receipt_delay=100_000.0) as sandbox:
        yield sandbox
