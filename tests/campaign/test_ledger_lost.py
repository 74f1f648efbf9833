# SPDX-License-Identifier: Apache-2.0
"""Nothing is sent while the ledger cannot be written; an answer that it cannot take is in the log, without a phone."""

from __future__ import annotations

import contextlib
import itertools
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from airflow_provider_uspeedo.api.request.body import WrittenContent
from airflow_provider_uspeedo.api.response.outcomes import outcomes
from airflow_provider_uspeedo.campaign import sending
from airflow_provider_uspeedo.campaign.campaign import Campaign
from airflow_provider_uspeedo.campaign.preflight import prepare
from airflow_provider_uspeedo.campaign.report import Report
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.errors import LedgerUnavailable
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.store.records import Attempt, Request
from tests.campaign.stage import Scene, make_order, people

PEOPLE = 30


class Spoiled:
    """A campaign during whose n-th request something happens to the ledger."""

    def __init__(self, scene: Scene, at: int, spoil: Any) -> None:
        self.scene, self.at, self.spoil = scene, at, spoil
        self.calls = self.calls_after = 0

    def run(self) -> Report:
        engine = open_engine(f"sqlite:///{self.scene.file}", connect_args={"timeout": 0.05})
        ledger = Ledger(engine, timeout=0.2, settle_timeout=0.2)
        config = make_order()
        with contextlib.closing(ledger), self.scene.client() as client:
            table = prepare(config, people(PEOPLE), lambda _ids: [])
            ledger.prepare()

            def send(content: WrittenContent) -> Any:
                self.calls += 1
                self.calls_after += self.calls > self.at
                answer = client.send_written(content)
                if self.calls == self.at:
                    self.spoil(engine)
                return answer

            return Campaign(config, table, ledger, send, StopSignal(), in_flight_timeout=0.0).run()


@pytest.fixture
def locker(scene: Scene) -> Iterator[Any]:
    """Locks the ledger as a stuck program would, until the test lets go."""
    held: list[sqlite3.Connection] = []

    def lock(_engine: Any) -> None:
        connection = sqlite3.connect(scene.file, isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN IMMEDIATE")
        held.append(connection)

    def let_go() -> None:
        while held:
            held.pop().close()

    lock.let_go = let_go  # type: ignore[attr-defined]
    yield lock
    let_go()


@pytest.mark.parametrize("at", [1, 2, 5])
def test_nothing_leaves_after_the_ledger_was_locked(
    scene: Scene, locker: Any, at: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The request in flight has its answer in the log; its people are unknown, all later ones are not sent."""
    scene.sizes["portion_rows"] = 300
    spoiled = Spoiled(scene, at, locker)
    report = spoiled.run()
    assert isinstance(report.cause, LedgerUnavailable)
    assert spoiled.calls_after == 0
    assert len(scene.texted()) == 3 * at
    assert report.summary["accepted"] == 3 * (at - 1)
    assert (report.summary["unknown"], report.summary["not_sent"]) == (3, PEOPLE - 3 * at)
    (told,) = [
        record.getMessage() for record in caplog.records if "an answer could not be recorded" in record.getMessage()
    ]
    assert scene.journal()[-1].session_no in told
    assert not re.search(r"5\d{7}", re.sub(r"request [0-9a-f]{32}, SessionNo \S+,", "", told))

    locker.let_go()
    later = scene.run(people(PEOPLE), ask=False)
    assert later.summary.accepted_now == PEOPLE - 3 * at
    assert (later.summary["unknown"], later.elsewhere) == (3, True)
    scene.check(later, rows=PEOPLE)


def test_nothing_leaves_after_the_disk_is_full(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign says so, tells what the ledger still knows, and goes on once there is room."""
    scene.sizes["portion_rows"] = 300

    def fill(engine: Any) -> None:
        with contextlib.closing(sqlite3.connect(scene.file)) as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()

        def limit(connection: Any, *_: Any) -> None:
            connection.execute(f"PRAGMA max_page_count={pages}")

        event.listen(engine, "connect", limit)
        engine.dispose()

    scene.sandbox.fault("partial", count=3, at=2)
    monkeypatch.setattr(sending, "outcomes", _with_long_reasons)  # to settle these takes more room than there is
    report = Spoiled(scene, 1, fill).run()
    assert isinstance(report.cause, LedgerUnavailable)
    assert "the disk is full" in str(report.cause)
    assert report.summary.rows == PEOPLE
    assert report.summary.requests == 2
    later = scene.run(people(PEOPLE), ask=False)
    assert later.summary["accepted"] == PEOPLE - 3
    scene.check(later, rows=PEOPLE)


class Forgetful(Ledger):
    """A ledger whose server goes away right after it has taken the mark of one request, before it says so."""

    def __init__(self, scene: Scene, at: int) -> None:
        super().__init__(open_engine(f"sqlite:///{scene.file}"), timeout=0.2, settle_timeout=0.2)
        self._left = at

    def mark_sending(self, attempt: Attempt, request: Request, *given: Any) -> Request:
        marked = super().mark_sending(attempt, request, *given)
        self._left -= 1
        if not self._left:
            raise LedgerUnavailable("The ledger's database is away.")
        return marked


@pytest.mark.parametrize("at", [1, 3])
def test_a_mark_that_was_taken_without_a_word_is_taken_back(scene: Scene, at: int) -> None:
    """Nothing has left for it: its people are not sent, and not for ever in doubt."""
    config = make_order()
    with contextlib.closing(Forgetful(scene, at)) as ledger, scene.client() as client:
        table = prepare(config, people(9), lambda _ids: [])
        ledger.prepare()
        report = Campaign(config, table, ledger, client.send_written, StopSignal(), in_flight_timeout=0.0).run()
    assert isinstance(report.cause, LedgerUnavailable)
    assert report.summary["unknown"] == 0
    assert report.summary["accepted"] == 3 * (at - 1)
    later = scene.run(people(9), ask=False)
    assert later.summary["accepted"] == 9
    scene.check(later, rows=9)


def _with_long_reasons(answer: Any, targets: Any) -> Any:
    return [replace(found, reason="x" * 10_000) if found.reason else found for found in outcomes(answer, targets)]


@pytest.mark.parametrize("at", [1, 3])
def test_whatever_keeps_an_answer_from_being_recorded_leaves_it_in_the_log(
    scene: Scene, at: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also an error of our own: request, SessionNo and counts, and no phone."""
    real, calls = sending.outcomes, itertools.count(1)

    def failing(*given: Any) -> Any:
        if next(calls) == at:
            raise UnicodeEncodeError("latin-1", "+85250000001", 0, 1, "ordinal not in range")
        return real(*given)

    monkeypatch.setattr(sending, "outcomes", failing)
    report = scene.run(people(12), ask=False)
    assert isinstance(report.cause, UnicodeEncodeError)
    (told,) = [line for line in caplog.messages if "Settle it by hand" in line]
    assert f"SessionNo {scene.journal()[-1].session_no}, RetCode 0, 3 recipients" in told
    assert told.startswith("UnicodeEncodeError: ")
    assert "50000001" not in caplog.text
    assert len(scene.texted()) == 3 * at
