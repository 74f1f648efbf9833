# SPDX-License-Identifier: Apache-2.0
"""The gaps in which a try may die: before every ledger statement, BEGIN, COMMIT and send, and after the last.

What lies after one of them and before the next is one gap: in between, nothing happens that outlives the try.
"""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import event
from sqlalchemy.engine import Engine

CRASHED = 9
ON_TEMPORARY_TABLE = re.compile(r'(DROP|CREATE) (TEMPORARY)? ?TABLE (IF EXISTS )?"temp"|WITH RECURSIVE each')
"""Statements of which nothing outlives the transaction: the gap before the next one is the same."""


def die() -> None:
    os._exit(CRASHED)


def freeze() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def freeze_and_die() -> None:
    freeze()
    die()


WHEN_FREE = "freeze when free"
ACTS: dict[str, Callable[[], None]] = {
    "die": die,
    "freeze": freeze,
    "freeze and die": freeze_and_die,
    WHEN_FREE: freeze,
}


class Gaps:
    """Counts the gaps of one try, and acts in one of them.

    :param at: the gap, counted from 0; ``None`` for none.
    :param act: what happens there; *freeze when free*: there or in the next gap outside a transaction that writes.
    :param seed: of random short pauses in every gap; ``None`` for no pauses.
    """

    def __init__(self, at: int | None = None, act: str = "die", seed: int | None = None) -> None:
        self.names: list[str] = []
        self.writing: list[bool] = []
        self._at = at
        self._act = ACTS[act]
        self._when_free = act == WHEN_FREE
        self._random = None if seed is None else random.Random(seed)
        self._lock = threading.Lock()
        self._in_writing = False

    def before(self, name: str) -> None:
        """The gap before the thing of that name."""
        with self._lock:
            here = len(self.names)
            self.names.append(name)
            self.writing.append(self._in_writing)
            if here == self._at and self._when_free and self._in_writing:
                self._at = here + 1
            pause = self._random.choice((0, 0, 0.001, 0.004)) if self._random else 0
        if here == self._at:
            self._act()
        if pause:
            time.sleep(pause)

    @contextmanager
    def watching(self, engine: Engine) -> Iterator[None]:
        """Puts a gap before everything that this engine asks of its database."""
        commit = engine.dialect.do_commit
        event.listen(engine, "before_cursor_execute", self._before_statement)
        with patch.object(engine.dialect, "do_commit", self._before_commit(commit)):
            yield
        event.remove(engine, "before_cursor_execute", self._before_statement)

    def _before_statement(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if ON_TEMPORARY_TABLE.match(statement):
            return
        self.before(" ".join(statement.split()[:3]))
        self._in_writing = self._in_writing or statement == "BEGIN IMMEDIATE"

    def _before_commit(self, commit: Callable[[Any], None]) -> Callable[[Any], None]:
        def committing(connection: Any) -> None:
            self.before("COMMIT")
            commit(connection)
            self._in_writing = False

        return committing
