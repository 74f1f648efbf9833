# SPDX-License-Identifier: Apache-2.0
"""Connections to a server that may have died while they lay idle in the pool."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from sqlalchemy import event, exc
from sqlalchemy.engine import Engine

IDLE_LIMIT = 3.0
"""Seconds. A connection unused for longer may have died, and is asked before it is used; to ask always costs a third of
a small transaction. What dies sooner is met by the repetition of transactions."""


def ask_idle_connections(engine: Engine) -> None:
    """Lets the pool ask a connection that was idle for long whether it is alive."""
    event.listen(engine, "checkin", _on_checkin)
    event.listen(engine, "checkout", partial(_on_checkout, engine.dialect))


def _on_checkin(_connection: Any, record: Any) -> None:
    record.info["idle_since"] = time.monotonic()


def _on_checkout(dialect: Any, connection: Any, record: Any, _proxy: Any) -> None:
    idle_since = record.info.get("idle_since")
    if idle_since is None or time.monotonic() - idle_since <= IDLE_LIMIT:
        return
    try:
        alive = dialect.do_ping(connection)
    except dialect.dbapi.Error:
        alive = False
    if not alive:
        raise exc.InvalidatePoolError  # the pool makes a new one, and trusts none that is older
