# SPDX-License-Identifier: Apache-2.0
"""A driver's error of any kind, once a connection was made, is a failure of the database that may pass."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.hooks.ledger_connection import _guarded


def test_a_handshake_that_breaks_off_is_no_wrong_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """As PyMySQL fails while a server restarts: an answer may wait to be recorded."""
    engine = _guarded(sa.create_engine("sqlite://", poolclass=sa.pool.NullPool), "the connection")

    def broken(*_: Any, **__: Any) -> Any:
        raise AttributeError("no handshake")

    with monkeypatch.context() as at_first:
        at_first.setattr(engine.dialect, "connect", broken)
        with pytest.raises(ConfigurationError):
            engine.connect()
    engine.connect().close()
    monkeypatch.setattr(engine.dialect, "connect", broken)
    with pytest.raises(sa.exc.OperationalError):
        engine.connect()
