# SPDX-License-Identifier: Apache-2.0
"""The next piece of work is made while this one is done, and none is kept longer than it is needed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def handed_over(items: list[T]) -> Iterator[T]:
    """The items in order; the list forgets each as it is handed over, so that its memory is free once it is used."""
    items.reverse()
    while items:
        yield items.pop()


def prefetched(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items, each made by a thread while the one before it is in use; never more than one ahead.

    What the iterator raises is raised here, in its turn. A consumer that stops early waits for the item being made.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="uspeedo-read") as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            made = [item]
            del item
            yield from handed_over(made)  # type: ignore[misc]
