# SPDX-License-Identifier: Apache-2.0
"""What makes a campaign stop before its time, what has become of everybody then, and what the next attempt does."""

from __future__ import annotations

import os
import socket
import threading
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_uspeedo.api.request.body import WrittenContent
from airflow_provider_uspeedo.campaign import campaign
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError, NotSent, Refused, TableError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.campaign.stage import CAMPAIGN, Scene, make_order, people, phones


@pytest.fixture
def closed_port() -> Any:
    """The URL of a port on which nobody listens, for as long as the test lasts."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_nothing_is_lost_while_the_server_is_away(scene: Scene, closed_port: str) -> None:
    """All recipients are not sent, and the next attempt sends to them."""
    report = scene.run(people(9), ask=False, base_url=closed_port)
    assert isinstance(report.cause, NotSent)
    assert set(scene.statuses()) == {"not_sent"}
    scene.check(report, rows=9)
    later = scene.run(people(9))
    assert (later.summary.accepted_now, later.cause) == (9, None)
    scene.check(later, rows=9)


@pytest.mark.parametrize(("code", "struck"), [(18013, 1), (18013, 2), (18013, 4), (215392, 2), (215393, 2), (18017, 2)])
def test_a_refusal_for_good_stops_at_once(scene: Scene, struck: int, code: int) -> None:
    """No other request is made; nobody of the refused one counts as texted, and a run after the mend sends to all."""
    scene.sandbox.fault("ret_code", code=code, at=struck)
    report = scene.run(people(12), ask=False)
    assert isinstance(report.cause, Refused)
    assert report.cause.ret_code == code
    sent = 3 * (struck - 1)
    assert scene.statuses() == ["accepted"] * sent + ["not_sent"] * (12 - sent)
    assert report.summary.requests == struck
    scene.check(report, rows=12)
    mended = scene.run(people(12), ask=False)
    assert mended.summary.accepted_now == 12 - sent
    assert mended.summary["accepted"] == 12
    scene.check(mended, rows=12)


@pytest.mark.parametrize("api", ["action", "rest"])
def test_a_wrong_key_sends_nothing_and_a_right_one_everything(scene: Scene, api: str) -> None:
    """The message says which fields to look at, and holds no secret."""
    scene.api = api
    with pytest.raises(ConfigurationError, match="RetCode") as refused:
        scene.run(people(4), access_key_secret="canary-secret")
    assert "canary-secret" not in str(refused.value)
    report = scene.run(people(4), ask=False, access_key_secret="canary-secret")
    assert isinstance(report.cause, Refused)
    assert "Check login (AccessKeyId), password (AccessKeySecret)" in str(report.cause)
    assert "canary-secret" not in str(report.cause)
    assert (set(scene.statuses()), report.summary.requests) == ({"not_sent"}, 1)
    assert scene.run(people(4)).summary.accepted_now == 4


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        ({"kind": "too_many", "retry_after": "0"}, 5),
        ({"kind": "ret_code", "code": 150}, 5),
        ({"kind": "ret_code", "code": 153}, 5),
        ({"kind": "ret_code", "code": 215395}, 2),
        ({"kind": "too_many", "retry_after": "301"}, 1),
    ],
    ids=str,
)
def test_a_server_that_never_takes_a_request_is_left_alone_after_some_calls(
    scene: Scene, fault: dict[str, Any], calls: int
) -> None:
    """Five in all; a clock that is wrong is told apart after two; who asks to wait for long is believed at once."""
    scene.sandbox.fault(**fault, at="every")
    report = scene.run(people(9), ask=False)
    assert isinstance(report.cause, NotSent)
    assert (report.summary.requests, set(scene.statuses())) == (calls, {"not_sent"})
    scene.check(report, rows=9)
    scene.sandbox.clear_faults()
    assert scene.run(people(9), ask=False).summary.accepted_now == 9


def test_a_request_that_is_called_again_is_a_new_one_in_the_ledger(scene: Scene) -> None:
    """The refused call and the answered one are both counted; everybody is texted once."""
    scene.sandbox.fault("too_many", retry_after="0", times=3)
    report = scene.run(people(3), ask=False)
    assert (report.summary.requests, report.summary.accepted_now) == (4, 3)
    scene.check(report, rows=3)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_stop_lets_nothing_more_leave(scene: Scene, concurrency: int) -> None:
    """What was on its way is settled, the rest is not sent, and the next attempt goes on from there."""
    scene.sizes["portion_rows"] = 12
    stop_signal = StopSignal()
    with scene.client() as client:

        def send(content: WrittenContent) -> Any:
            answer = client.send_written(content)
            stop_signal.stop()
            return answer

        report = scene.run_with(
            send, people(60), make_order(concurrency=concurrency), stop_signal=stop_signal, max_waiting_requests=2
        )
    assert (report.stopped, report.cause) == (True, None)
    assert 1 <= report.summary.requests <= concurrency
    assert report.summary["accepted"] == len(scene.texted()) == 3 * report.summary.requests
    assert report.summary.rows < 60
    later = scene.run(people(60))
    assert later.summary.accepted_now == 60 - report.summary["accepted"]
    scene.check(later, rows=60)


def test_a_stop_ends_a_back_off(scene: Scene) -> None:
    """Nobody waits half a minute for a task that is to end; its people are not sent."""
    stop_signal = StopSignal()
    scene.sandbox.fault("too_many", retry_after="250", at="every")
    with scene.client() as client:

        def send(content: WrittenContent) -> Any:
            try:
                return client.send_written(content)
            finally:
                stop_signal.stop()

        report = scene.run_with(send, people(3), stop_signal=stop_signal)
    assert (report.stopped, report.cause, report.summary.requests) == (True, None, 1)
    assert scene.statuses() == ["not_sent"] * 3


def test_a_stop_before_the_start_sends_nothing(scene: Scene) -> None:
    """Also while a slow source is opened."""
    stop_signal = StopSignal()
    stop_signal.stop()
    report = scene.run(people(3), stop_signal=stop_signal)
    assert (report.stopped, report.summary.requests, scene.journal()) == (True, 0, [])


def test_the_first_reason_for_stopping_is_kept() -> None:
    """An error after a stop is a consequence of it, and so is a second error."""
    stop_signal, first = StopSignal(), NotSent("first")
    stop_signal.stop_for(first)
    stop_signal.stop_for(NotSent("second"))
    assert (bool(stop_signal), stop_signal.cause) == (True, first)
    stopped = StopSignal()
    stopped.stop()
    stopped.stop_for(first)
    assert (bool(stopped), stopped.cause) == (True, None)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_unforeseen_error_leaves_the_request_unknown_and_stops(scene: Scene, error: type[BaseException]) -> None:
    """It may have left; its text may quote anything, so it is not told."""

    def send(_content: WrittenContent) -> Any:
        raise error("canary +85255000000")

    report = scene.run_with(send, people(9))
    assert isinstance(report.cause, error)
    assert scene.statuses() == ["unknown"] * 3 + ["not_sent"] * 6
    assert {line.reason for line in scene.lines()[:3]} == {f"{error.__name__} while sending"}


@pytest.mark.parametrize("size", [0, 1000, 20_000])
def test_a_file_that_is_cut_off_while_it_is_read_stops_the_campaign(scene: Scene, size: int) -> None:
    """Its missing rows are not taken for its end; what was read by then is told, and the next attempt does the rest."""
    scene.sizes["portion_rows"] = 1000
    file = scene.folder / "due.parquet"
    table = people(9000)
    pq.write_table(pa.Table.from_pylist(table), file, row_group_size=2000)
    whole = file.read_bytes()
    with scene.client() as client:

        def send(content: WrittenContent) -> Any:
            os.truncate(file, size)
            return client.send_written(content)

        report = scene.run_with(send, str(file), make_order(chunk_size=1000), max_waiting_requests=1)
    assert isinstance(report.cause, TableError)
    assert report.summary["accepted"] == len(scene.texted()) < 9000
    file.write_bytes(whole)
    later = scene.run(str(file), make_order(chunk_size=1000))
    assert later.cause is None
    assert later.summary["accepted"] == 9000
    scene.check(later, rows=9000)


def test_an_error_in_the_claiming_thread_stops_the_sending_ones(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that is no error of this package: what is claimed and waits does not leave any more."""
    scene.sizes["portion_rows"] = 9
    stop_signal, sending = StopSignal(), threading.Event()
    claim = campaign.Ledger.claim

    def claim_once(ledger: Any, attempt: Any, portion: Any, *given: Any, **named: Any) -> Any:
        if portion.read_to > 9:
            sending.wait(5)
            raise ZeroDivisionError
        return claim(ledger, attempt, portion, *given, **named)

    monkeypatch.setattr(campaign.Ledger, "claim", claim_once)
    with scene.client() as client:

        def send(content: WrittenContent) -> Any:
            sending.set()
            stop_signal.event.wait(5)
            return client.send_written(content)

        with pytest.raises(ZeroDivisionError):
            scene.run_with(send, people(18), stop_signal=stop_signal)
    assert sorted(scene.texted()) == phones(people(3))
    monkeypatch.undo()
    scene.check(scene.run(people(18)), rows=18)


def test_a_stop_between_a_mark_and_its_repetition_leaves_nothing_unknown(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark was committed, its acknowledgement was lost, and somebody stopped the campaign: nothing was sent."""
    mark, calls = Ledger.mark_sending, count(1)

    def repeated_once(ledger: Ledger, *given: Any) -> Any:
        if next(calls) == 2:
            mark(ledger, *given)
            LedgerAdmin(ledger).stop(CAMPAIGN, by="Ann")
        return mark(ledger, *given)

    monkeypatch.setattr(Ledger, "mark_sending", repeated_once)
    report = scene.run(people(9), make_order())
    assert isinstance(report.cause, CampaignHalted)
    texted = sum(scene.texted().values())
    assert (report.summary["accepted"], report.summary["not_sent"]) == (texted, 9 - texted)
    scene.check(report, rows=9)
