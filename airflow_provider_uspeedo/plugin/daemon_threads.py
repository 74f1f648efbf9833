# SPDX-License-Identifier: Apache-2.0
"""Threads that do not delay the end of the process: an API server stops although a count of millions is running."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads(Executor):
    """Runs work in so many threads. Those of Python's own executor are waited for at the end of the process."""

    def __init__(self, number: int, name: str) -> None:
        self._number, self._name = number, name
        self._lock = threading.Lock()
        self._begun = 0
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Lets a thread run it as soon as one is free."""
        future: Future[T] = Future()
        self._waiting.put((future, partial(fn, *args, **kwargs)))
        with self._lock:
            if self._begun < self._number:
                self._begun += 1
                threading.Thread(target=self._work, name=f"{self._name}_{self._begun}", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            future, work = self._waiting.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 - the caller gets it
                    future.set_exception(error)
            del future, work  # nothing is kept while it waits
