# SPDX-License-Identifier: Apache-2.0
"""Settings of the process while it goes through many rows; they are restored afterwards.

A task is a process. Two campaigns in one process must end in the reverse order of their start.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

SWITCH_SECONDS = 0.0005
"""The interval after which a busy thread yields to others: a tenth of Python's default."""


@contextmanager
def process_settings() -> Iterator[None]:
    """Sets the switch interval, Arrow's memory pool and the thresholds of the garbage collector.

    A thread that holds a lock of the ledger's database must not wait for one that is busy with rows: all others would
    wait for the lock. Arrow's own allocator keeps a heap for each thread, and these add up; the system's is as fast
    here. Rows form no reference cycles, and each search for cycles would visit all of them.
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


def release_memory() -> None:
    """Returns memory that was freed, and is cached for each thread, to the system: it adds up in a long campaign."""
    pa.default_memory_pool().release_unused()
