# SPDX-License-Identifier: Apache-2.0
"""Keeps Airflow's own output (warnings, logs, start-up messages) off the terminal and out of pipes."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

WAITING = b"Still waiting for Airflow or the ledger's database, which is given a minute ...\n"
SECONDS_OF_SILENCE = 8.0


@contextmanager
def silenced(debug: bool) -> Iterator[None]:
    """Discards all output within the block, or sends it to stderr if ``debug``; nothing gets to stdout.

    The file descriptors themselves are redirected: Airflow's handlers reach the streams in their own ways.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    streams, descriptors = (sys.stdout, sys.stderr), (os.dup(1), os.dup(2))
    target = os.dup(2) if debug else os.open(os.devnull, os.O_WRONLY)
    timer = threading.Timer(SECONDS_OF_SILENCE, _report_waiting, [descriptors[1]])
    timer.daemon = True
    try:
        with open(os.dup(target), "w", errors="replace") as stream:  # noqa: PTH123 - a descriptor has no path
            os.dup2(target, 1)
            os.dup2(target, 2)
            sys.stdout = sys.stderr = stream
            if os.isatty(descriptors[1]):  # only a person needs to know
                timer.start()
            yield
    finally:
        timer.cancel()
        if timer.ident is not None:
            timer.join()
        sys.stdout, sys.stderr = streams
        os.dup2(descriptors[0], 1)
        os.dup2(descriptors[1], 2)
        for descriptor in (*descriptors, target):
            os.close(descriptor)


def _report_waiting(descriptor: int) -> None:
    with suppress(OSError):
        os.write(descriptor, WAITING)
