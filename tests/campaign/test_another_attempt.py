# SPDX-License-Identifier: Apache-2.0
"""An attempt that ends while a newer one is in the middle of the same table waits for it until its time-out."""

from __future__ import annotations

import threading
from typing import Any

from airflow_provider_uspeedo.api.request.body import WrittenContent
from airflow_provider_uspeedo.campaign.campaign import Campaign
from airflow_provider_uspeedo.campaign.preflight import prepare
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.errors import OutcomeUnknown
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Answer, Request
from tests.campaign.stage import CAMPAIGN, Scene, make_order, people

TABLE = people(9)
"""Three requests."""


class Newer:
    """A newer try: takes over what the older one has only claimed, and answers one request at each step."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._left: list[Request] = []

    def begin(self) -> None:
        reading = prepare(make_order(), TABLE, lambda _ids: [])
        self._attempt = self._ledger.open_attempt(CAMPAIGN, reading.spec)
        for portion in reading.portions(lambda rows: self._ledger.unavailable(self._attempt, rows)):
            self._left += self._ledger.claim(self._attempt, portion)
        self._mark()

    def step(self) -> None:
        """Begins the next request and settles the one before, so that one is always under way, until none is left."""
        if self._left:
            answered = self._left.pop(0)
            self._mark()
            self._ledger.settle(self._attempt, answered.id, Answer("S2", 0, "r2"))

    def _mark(self) -> None:
        if self._left:
            assert self._ledger.mark_sending(self._attempt, self._left[0]).recipients


class Meanwhile(threading.Event):
    """While the older attempt waits, the newer one takes a step."""

    def __init__(self, newer: Newer) -> None:
        super().__init__()
        self._newer = newer

    def wait(self, timeout: float | None = None) -> bool:
        self._newer.step()
        return False


def test_an_attempt_waits_for_each_request_of_another_and_not_for_the_first_alone(scene: Scene) -> None:
    """What the other one begins in the meantime is not called a lost answer."""
    with scene.ledger() as ledger, scene.ledger() as other, scene.client() as client:
        newer, stop_signal = Newer(other), StopSignal()
        stop_signal.event = Meanwhile(newer)
        begun: list[bool] = []

        def send(content: WrittenContent) -> Any:
            if not begun:
                begun.append(True)
                newer.begin()
            return client.send_written(content)

        reading = prepare(make_order(), TABLE, lambda _ids: [])
        ledger.prepare()
        report = Campaign(make_order(), reading, ledger, send, stop_signal, in_flight_timeout=60.0).run()
    assert (report.summary["accepted"], report.summary["unknown"], report.elsewhere) == (9, 0, False)
    assert report.summary.accepted_now == 3


def test_what_another_attempt_took_over_before_it_was_cut_for_a_probe_is_passed_over(scene: Scene) -> None:
    """An answer was lost, so that only probes may go; but nothing of what waits is ours any more."""
    config = make_order(max_unknown_requests=3)
    with scene.ledger() as ledger, scene.ledger() as other:
        newer, stop_signal = Newer(other), StopSignal()
        stop_signal.event = Meanwhile(newer)

        def send(_content: WrittenContent) -> Any:
            newer.begin()
            raise OutcomeUnknown("the connection was lost")

        reading = prepare(config, TABLE, lambda _ids: [])
        ledger.prepare()
        report = Campaign(config, reading, ledger, send, stop_signal, in_flight_timeout=60.0).run()
    assert report.cause is None
    assert (report.summary["accepted"], report.summary["unknown"], report.summary.requests) == (8, 1, 1)
