# SPDX-License-Identifier: Apache-2.0
"""What real databases do at the worst moment: acknowledgements get lost, others come in between, connections die."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import Engine

T = TypeVar("T")
MAX_WAIT = 10.0


def disconnected(dialect: Any) -> Exception:
    if dialect.name == "sqlite":
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        return error
    if dialect.name == "postgresql":
        return dialect.dbapi.OperationalError("server closed the connection unexpectedly")  # type: ignore[no-any-return]
    return dialect.dbapi.OperationalError(2013, "Lost connection to server during query")  # type: ignore[no-any-return]


@contextmanager
def lost_acknowledgement(
    engine: Engine, *, committed: bool = True, after: int = 0, meanwhile: Callable[[], object] = lambda: None
) -> Iterator[list[bool]]:
    """A commit fails for the one who asked for it, though it really happened (or really did not).

    :param after: how many commits come before it.
    :param meanwhile: what others do, by connections of their own, before the one who asked learns of it.

    Yields a list that gets an element when it happens.
    """
    dialect, commits = engine.dialect, count()
    happened: list[bool] = []
    real = dialect.do_commit

    def do_commit(connection: Any) -> None:
        if next(commits) != after:
            real(connection)
            return
        happened.append(True)
        if committed:
            real(connection)
        else:
            dialect.do_rollback(connection)
        meanwhile()
        raise disconnected(dialect)

    dialect.do_commit = do_commit  # type: ignore[method-assign]
    try:
        yield happened
    finally:
        del dialect.do_commit


class Pause:
    """Stops a connection at its first statement with ``words``, until :meth:`go`.

    :param before: stop before the statement reaches the database; otherwise after it did its work, uncommitted.
    """

    def __init__(self, engine: Engine, words: str, *, before: bool = False) -> None:
        self.reached = threading.Event()
        self._go = threading.Event()
        self._words = words
        event.listen(engine, "before_cursor_execute" if before else "after_cursor_execute", self._look)

    def _look(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if self._words in " ".join(statement.replace("`", "").split()) and not self.reached.is_set():
            self.reached.set()
            if not self._go.wait(MAX_WAIT):
                raise AssertionError(f"nobody let {self._words!r} go on")

    def wait(self) -> None:
        assert self.reached.wait(MAX_WAIT), f"nothing came to {self._words!r}"

    def go(self) -> None:
        self._go.set()


def seen(engine: Engine, words: str) -> threading.Event:
    """Is set when a statement with ``words`` is about to be given to the database."""
    pause = Pause(engine, words, before=True)
    pause.go()
    return pause.reached


@contextmanager
def in_background(work: Callable[[], T]) -> Iterator[Future[T]]:
    """Runs ``work`` beside the test."""
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(work)
