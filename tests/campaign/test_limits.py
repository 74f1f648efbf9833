# SPDX-License-Identifier: Apache-2.0
"""Limits: how many people at most, how many requests a second, and which arguments make no sense."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_uspeedo.campaign import rate_limiter
from airflow_provider_uspeedo.campaign.rate_limiter import RateLimiter
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.errors import ConfigurationError
from tests.campaign.stage import Scene, make_order, people


def test_exactly_max_recipients_are_sent(scene: Scene) -> None:
    """The limit itself is allowed."""
    assert scene.run(people(5), make_order(max_recipients=5)).summary["accepted"] == 5


@pytest.mark.parametrize("most", [0, 4])
def test_more_than_max_recipients_are_refused_before_the_first_message(scene: Scene, most: int) -> None:
    """Nothing is written either."""
    with pytest.raises(ConfigurationError, match=f"more than max_recipients={most} "):
        scene.run(people(5), make_order(max_recipients=most))
    assert not scene.journal()
    assert not scene.file.exists()


def test_max_recipients_counts_people_and_not_rows(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Duplicates, wherever they stand, and invalid rows cost nothing."""
    scene.sizes["portion_rows"] = 2
    table = [*people(3), {"phone": "nobody", "name": "x"}, *people(3), {"phone": None, "name": "x"}]
    assert scene.run(table, make_order(max_recipients=3)).summary["accepted"] == 3
    with pytest.raises(ConfigurationError):
        scene.run([*table, *people(1, start=50)], make_order(max_recipients=3))


def test_max_recipients_counts_those_who_were_texted_before_too(scene: Scene) -> None:
    """It asks whether this is the right table, not how much is left of it."""
    scene.run(people(5))
    with pytest.raises(ConfigurationError):
        scene.run(people(6), make_order(max_recipients=5))


def test_requests_never_come_sooner_than_the_pace_allows(scene: Scene) -> None:
    """The n-th request comes at least n - 1 gaps after the start, with any number of threads and with back-offs."""
    began = time.time()
    scene.sandbox.fault("too_many", at=2, retry_after="0")
    report = scene.run(people(12), make_order(requests_per_second=50, concurrency=4, chunk_size=2), ask=False)
    came = sorted(request.time for request in scene.sandbox.requests()[-7:])
    assert report.summary.requests == 7
    assert all(moment - began >= number / 50 - 0.001 for number, moment in enumerate(came))


class Recorder(threading.Event):
    """An event that notes how long it is waited for, and lets nobody wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        return False


@pytest.mark.parametrize(
    ("moments", "waited"),
    [
        ((0.0, 0.0, 0.0, 0.0), [0.0, 0.25, 0.5, 0.75]),
        ((0.0, 100.0, 100.0), [0.0, 0.0, 0.25]),
        ((0.0, 0.25, 0.375), [0.0, 0.0, 0.125]),
    ],
    ids=["all at once", "after a pause", "almost in step"],
)
def test_the_pace_hands_out_moments_that_are_a_gap_apart(
    monkeypatch: pytest.MonkeyPatch, moments: tuple[float, ...], waited: list[float]
) -> None:
    """Whoever asks waits for a moment of its own; time in which nobody asked is not made up for by a burst."""
    clock = [1000.0]
    monkeypatch.setattr(rate_limiter, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    steady, stop = RateLimiter(4), Recorder()
    for moment in moments:
        clock[0] = 1000.0 + moment
        steady.wait(stop)
    assert stop.waited == waited


def test_without_a_limit_no_request_waits() -> None:
    """Not even for a lock."""
    stop = Recorder()
    RateLimiter(None).wait(stop)
    assert stop.waited == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"campaign_id": " "}, "campaign_id is empty"),
    ({"campaign_id": "x" * 1001}, "campaign_id has 1001 characters"),
    ({"columns": Columns("")}, "phone_column is empty"),
    ({"template_id": ""}, "Give either template_id"),
    ({"columns": Columns("phone", template_id="t"), "template_id": "T"}, "Give either template_id"),
    ({"columns": Columns("phone", sender_id="s"), "sender_id": "S"}, "Give sender_id or sender_id_column"),
    ({"sender_id": "x" * 12}, "sender_id has 12 characters"),
    ({"template_id": "x" * 129}, "template_id is too long"),
    ({"columns": Columns("phone", ("a",), params_list="b")}, "Give param_columns or params_column"),
    ({"columns": Columns("phone", keys=())}, "key_columns is empty"),
    ({"chunk_size": 0}, "chunk_size=0 is out of range: it must be from 1 to 1000"),
    ({"chunk_size": 1001}, "chunk_size=1001 is out of range"),
    ({"concurrency": 0}, "concurrency=0 is out of range"),
    ({"concurrency": 65}, "concurrency=65 is out of range"),
    ({"requests_per_second": 0.0}, "requests_per_second must be at least 0.001"),
    ({"requests_per_second": float("nan")}, "requests_per_second must be at least 0.001"),
    ({"max_recipients": -1}, "max_recipients must be 0 or more"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=[message for _, message in WRONG])
def test_an_argument_that_makes_no_sense_is_named(changes: dict[str, Any], message: str) -> None:
    """Before a table is opened or anybody is asked anything."""
    with pytest.raises(ConfigurationError) as raised:
        make_order(**changes)
    assert message in str(raised.value)


def test_a_default_region_that_does_not_exist_is_named(scene: Scene) -> None:
    """With the one that was probably meant."""
    with pytest.raises(ConfigurationError, match=r"default_region .* not 'UK'\. Did you mean GB"):
        scene.run(people(1), make_order(default_region="UK"))
