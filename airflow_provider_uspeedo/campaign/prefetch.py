# SPDX-License-Identifier: Apache-2.0
"""The next piece of work is made while this one is done."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, each made by a thread while the one before it is in use; never more than one ahead.

    What the iterator raises is raised here, in its turn. Whoever stops early waits for the item being made, no more.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="uspeedo-read") as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            handed_over = [item]
            del item  # whoever has it is done with it before the next one is wanted
            yield handed_over.pop()  # type: ignore[misc]
