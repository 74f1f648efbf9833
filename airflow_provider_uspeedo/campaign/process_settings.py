# SPDX-License-Identifier: Apache-2.0
"""How the process is set for as long as a campaign runs in it; afterwards all is as it was.

A task is a process. Where two campaigns share one, all is as it was once whoever began first has ended last.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

SWITCH_SECONDS = 0.0005
"""After so long a busy thread lets another one have its turn: a tenth of Python's own time."""


@contextmanager
def tuned() -> Iterator[None]:
    """Sets how threads take turns, how memory is had, and how often Python looks for cycles.

    A thread that holds the ledger's database must not wait for its turn behind one that is busy with rows: all others
    wait for the database then. Arrow's own way to memory keeps a heap for each thread, and what these hold adds up;
    the system's is as fast here. Rows make no cycles, and each look for some would walk over all of them.
    """
    threshold, interval, pool = gc.get_threshold(), sys.getswitchinterval(), pa.default_memory_pool()
    gc.freeze()
    gc.set_threshold(100_000, *threshold[1:])
    sys.setswitchinterval(SWITCH_SECONDS)
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(pool)
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)
        gc.unfreeze()


def give_back_memory() -> None:
    """Gives the system what threads have freed and keep for later: it adds up in a long campaign."""
    pa.default_memory_pool().release_unused()
