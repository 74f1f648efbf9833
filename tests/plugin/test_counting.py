# SPDX-License-Identifier: Apache-2.0
"""Counts are made in the background, once at a time for each campaign, and kept as long as they cost."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

from airflow_provider_uspeedo.plugin import counting
from airflow_provider_uspeedo.plugin.counting import BackgroundCounts
from airflow_provider_uspeedo.plugin.daemon_threads import DaemonThreads


class Counted:
    """What is counted: it may be held up, and says how often it was asked for."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.times = 0

    def __call__(self, report: Any) -> Any:
        report(f"part {self.times + 1}")
        self.times += 1
        assert self.go.wait(10)
        return f"count {self.times}"


def until_done(counts: BackgroundCounts, key: str, count: Any) -> Any:
    for _ in range(200):
        found = counts.get(key, count)
        if not found.is_counting:
            return found
    raise AssertionError


def test_no_page_waits_for_a_long_count() -> None:
    """The page is shown without it, or with a part of it, and asks again; meanwhile it is counted once."""
    counts, count = BackgroundCounts(wait_seconds=0.01), Counted()
    for _ in range(3):
        found = counts.get("one", count)
        assert (found.counts, found.is_counting) in ((None, True), ("part 1", True))
    assert count.times == 1
    count.go.set()
    done = until_done(counts, "one", count)
    assert done.counts == "count 1"
    assert done.counted_at is not None


def test_a_fresh_count_is_not_made_again_until_something_is_decided() -> None:
    counts, count = BackgroundCounts(wait_seconds=5), Counted()
    count.go.set()
    assert counts.get("one", count).counts == "count 1"
    assert counts.get("one", count).counts == "count 1"
    counts.is_changed("one")
    assert counts.get("one", count).counts == "count 2"
    counts.is_changed("nothing")
    assert counts.get("two", count).counts == "count 3"


def test_what_was_counted_before_is_shown_while_it_is_counted_anew(monkeypatch: Any) -> None:
    monkeypatch.setattr(counting, "FRESH_SECONDS", 0)
    monkeypatch.setattr(counting, "FRESH_FACTOR", 0)
    counts, count = BackgroundCounts(wait_seconds=0.2), Counted()
    count.go.set()
    first = counts.get("one", count)
    count.go.clear()
    later = counts.get("one", count)
    assert (later.counts, later.counted_at, later.is_counting) == (first.counts, first.counted_at, True)
    count.go.set()


def test_a_count_that_fails_is_an_error_and_keeps_what_was_known() -> None:
    counts, count = BackgroundCounts(wait_seconds=5), Counted()
    count.go.set()
    counts.get("one", count)
    counts.is_changed("one")

    def fail(report: Any) -> Any:
        raise ConnectionError

    found = counts.get("one", fail)
    assert (found.counts, type(found.error)) == ("count 1", ConnectionError)


def test_few_are_kept(monkeypatch: Any) -> None:
    monkeypatch.setattr(counting, "MAX_KEPT", 3)
    counts, count = BackgroundCounts(wait_seconds=5), Counted()
    count.go.set()
    for name in "abcdef":
        counts.get(name, count)
    assert len(counts._entries) <= 4


def test_a_server_ends_while_something_is_counted() -> None:
    """Threads of Python's own executor are waited for at the end of the process: minutes, for millions of rows."""
    code = (
        "import time; from airflow_provider_uspeedo.plugin.counting import BackgroundCounts; "
        "print(BackgroundCounts(wait_seconds=0.1).get('one', lambda report: time.sleep(60)).is_counting)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout.strip().endswith("True")


def test_work_is_run_in_so_many_threads_and_errors_are_handed_on() -> None:
    threads = DaemonThreads(2, "few")
    names = {
        future.result(10) for future in [threads.submit(lambda: threading.current_thread().name) for _ in range(9)]
    }
    assert names <= {"few_1", "few_2"}
    assert isinstance(threads.submit(lambda: 1 / 0).exception(10), ZeroDivisionError)
    assert threads.submit(int, "7").result(10) == 7
