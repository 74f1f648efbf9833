# SPDX-License-Identifier: Apache-2.0
"""Several real processes at one ledger."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.ledger.acting import Try, people

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.ledger.processes"])


def at_once(number: int, work: Callable[..., Any], url: URL) -> list[Any]:
    """What ``work(number, url, barrier)`` returned in each of so many processes, which begin together.

    :raises AssertionError: one of them failed; with its traceback.
    """
    barrier, results = _context.Barrier(number), _context.SimpleQueue()
    address = url.render_as_string(hide_password=False)
    processes = [
        _context.Process(target=_run, args=(work, n, address, barrier, results), daemon=True) for n in range(number)
    ]
    for process in processes:
        process.start()
    answers = [results.get() for _ in processes]
    for process in processes:
        process.join(20)
    errors = [answer for failed, answer in answers if failed]
    assert not errors, errors[0]
    return [answer for _, answer in answers]


def _run(work: Callable[..., Any], number: int, url: str, barrier: Any, results: Any) -> None:
    try:
        results.put((False, work(number, url, barrier)))
    except BaseException:  # noqa: BLE001 - told to the test
        results.put((True, traceback.format_exc()))


def create(_number: int, url: str, barrier: Any) -> bool:
    ledger = Ledger(open_engine(url))
    barrier.wait(30)
    ledger.prepare()
    return ledger.exists()


def write(number: int, url: str, barrier: Any) -> list[bytes]:
    """Goes through a table of which every other process reads the same half; returns whom it texted."""
    ledger = Ledger(open_engine(url))
    barrier.wait(30)
    one = Try(ledger, "everybody at once", part=str(number))
    names = [f"shared {n}" for n in range(40)] + [f"{number} {n}" for n in range(40)]
    for start in range(0, 80, 20):
        for request in one.claim(people(names[start : start + 20], start + 1), size=5):
            one.send(request)
    one.end()
    ledger.close()
    return list(one.vendor.texted.elements())
