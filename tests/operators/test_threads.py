# SPDX-License-Identifier: Apache-2.0
"""A thread that waits for a campaign hears a signal, though nothing wakes it."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.operators.threads import result_of


def test_a_signal_that_does_not_wake_the_waiting_thread_stops_the_campaign() -> None:
    """As one that comes in the moment before it waits, or that the system hands to another thread."""
    stop = StopSignal()

    def campaign() -> bool:
        time.sleep(0.3)  # the main thread waits by now
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        return stop.event.wait(20)

    before = signal.signal(signal.SIGTERM, lambda *_: stop.stop())
    try:
        with ThreadPoolExecutor(1) as threads:
            assert result_of(threads.submit(campaign), stop), "it ran to its end"
    finally:
        signal.signal(signal.SIGTERM, before)
