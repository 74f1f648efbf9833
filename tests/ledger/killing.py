# SPDX-License-Identifier: Apache-2.0
"""A process that dies, by ``kill -9``, just before it gives a certain statement to the database."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import count
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.ledger.processes import _context

Verb = Callable[[LedgerAdmin], Any]


def dies_at(words: str, verb: Verb, url: URL, *, after: int = 0) -> bool:
    """Runs ``verb`` in a process of its own; true if it died, false if it came to its end.

    :param verb: a function of a module.
    :param after: how many such statements it is let through.
    """
    address = url.render_as_string(hide_password=False)
    process = _context.Process(target=_run, args=(words, verb, address, after), daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def _run(words: str, verb: Verb, url: str, after: int) -> None:
    engine, met = open_engine(url), count()

    def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if words in statement and next(met) == after:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", look)
    verb(LedgerAdmin(Ledger(engine)))
