# SPDX-License-Identifier: Apache-2.0
"""The misbehaving server of the API's own tests, and the databases of the ledger's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.api.conftest import certificate, serve, tls
from tests.ledger.servers import KINDS, empty_database

__all__ = ["certificate", "serve", "tls"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of database."""
    return str(request.param)


@pytest.fixture
def empty_url(kind: str, tmp_path: Path) -> Iterator[URL]:
    """The address of a database of this test alone, with nothing in it."""
    with empty_database(kind, tmp_path) as address:
        yield address
