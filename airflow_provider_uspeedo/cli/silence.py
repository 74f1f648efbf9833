# SPDX-License-Identifier: Apache-2.0
"""Keeps Airflow's own words (warnings, logs, prints of start-up) off the terminal and out of what is piped on."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

WAITING = b"Still waiting for Airflow or the ledger's database, which is given a minute ...\n"
SECONDS_OF_SILENCE = 8.0


@contextmanager
def quiet(debug: bool) -> Iterator[None]:
    """Whatever is written meanwhile goes nowhere, or to stderr if ``debug``; stdout stays ours.

    The descriptors themselves are turned away: Airflow's handlers find the streams in their own ways.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    streams, descriptors = (sys.stdout, sys.stderr), (os.dup(1), os.dup(2))
    elsewhere = os.dup(2) if debug else os.open(os.devnull, os.O_WRONLY)
    patience = threading.Timer(SECONDS_OF_SILENCE, _say_that_it_waits, [descriptors[1]])
    patience.daemon = True
    try:
        with open(os.dup(elsewhere), "w", errors="replace") as stream:  # noqa: PTH123 - a descriptor has no path
            os.dup2(elsewhere, 1)
            os.dup2(elsewhere, 2)
            sys.stdout = sys.stderr = stream
            if os.isatty(descriptors[1]):  # only a person wonders
                patience.start()
            yield
    finally:
        patience.cancel()
        if patience.ident is not None:
            patience.join()
        sys.stdout, sys.stderr = streams
        os.dup2(descriptors[0], 1)
        os.dup2(descriptors[1], 2)
        for descriptor in (*descriptors, elsewhere):
            os.close(descriptor)


def _say_that_it_waits(descriptor: int) -> None:
    with suppress(OSError):
        os.write(descriptor, WAITING)
