# SPDX-License-Identifier: Apache-2.0
"""An outage costs what is in flight when it begins, and at most three people an attempt."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_uspeedo.api.client import USpeedoClient
from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.api.http.tracked_connection import elapsed, starting_before
from airflow_provider_uspeedo.api.response.send_answer import FailedTarget, SendAnswer
from airflow_provider_uspeedo.campaign import sending
from airflow_provider_uspeedo.campaign.circuit_breaker import CircuitBreaker
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.core.exit_policy import End, decide
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.errors import ApiUnavailable, ConfigurationError, OutcomeUnknown
from airflow_provider_uspeedo.ledger.protocol.resolution import MAY_STILL_ARRIVE
from tests.campaign.lost_api import WAYS, LostApi, lost_api
from tests.campaign.stage import SHORT_BACKOFF, Scene, make_order, people


def order(**changes: Any) -> CampaignConfig:
    """As an operator makes it by default, with small requests."""
    return make_order(**{"max_unknown_requests": 3, "chunk_size": 10, "concurrency": 4, **changes})


def run(
    scene: Scene, api: LostApi, table: Any, config: CampaignConfig, *, ask: bool = False, timeout: float = 5
) -> Any:
    client = USpeedoClient(ClientConfig(api.url, "id", "secret", timeout=timeout), query_backoff=SHORT_BACKOFF)
    with contextlib.closing(client):
        query: dict[str, Callable[..., Any]] = {"query": client.query_templates} if ask else {}
        return scene.run_with(client.send_written, table, config, **query)


# -- the preflight --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api_kind", ["action", "rest"])
@pytest.mark.parametrize("way", sorted(set(WAYS) - {"hang"}))
def test_no_number_reaches_an_address_that_does_not_answer_as_the_api(scene: Scene, way: str, api_kind: str) -> None:
    """The question for the templates finds it out, whatever is there; a retry may find the API."""
    with lost_api(way) as api:
        config = ClientConfig(api.url, "id", "secret", timeout=5, api=api_kind)
        client = USpeedoClient(config, query_backoff=SHORT_BACKOFF)
        with contextlib.closing(client), pytest.raises(ApiUnavailable, match="so nothing was sent: "):
            scene.run_with(client.send_written, people(20), order(), query=client.query_templates)
        assert not api.sends


def test_no_number_reaches_an_address_that_never_answers(scene: Scene) -> None:
    with lost_api("hang") as api:
        with pytest.raises(ApiUnavailable):
            run(scene, api, people(20), order(), ask=True, timeout=0.05)
        assert not api.sends


def test_a_host_that_is_not_there_is_one_that_does_not_answer(scene: Scene) -> None:
    with lost_api("page") as api:
        pass
    with pytest.raises(ApiUnavailable):
        run(scene, api, people(2), order(), ask=True)


@pytest.mark.parametrize("code", [171, 172, 174, 215393, 215394, 215398, 215399, 18016, 215392])
def test_a_code_that_lasts_is_refused_before_the_first_message(scene: Scene, code: int) -> None:
    """Key, account, signature, template: a retry would get the same."""
    scene.sandbox.fault("ret_code", on="templates", at="every", code=code)
    with pytest.raises(ConfigurationError, match=f"RetCode {code}"):
        scene.run(people(20), order())
    assert not scene.journal()


@pytest.mark.parametrize("code", [161, 290, 299, 999999, 18007])
def test_an_account_that_may_not_ask_may_send(scene: Scene, code: int, caplog: pytest.LogCaptureFixture) -> None:
    """The vendor does not promise an answer to the question; a warning says that nothing was checked."""
    scene.sandbox.fault("ret_code", on="templates", at="every", code=code)
    scene.run(people(20), order())
    assert scene.statuses() == ["accepted"] * 20
    assert "The templates could not be checked before sending" in caplog.text


@pytest.mark.parametrize("code", [150, 153, 215400, 110, 130, 151, 200])
def test_an_api_that_says_that_it_is_out_of_order_is_asked_later(scene: Scene, code: int) -> None:
    scene.sandbox.fault("ret_code", on="templates", at="every", code=code)
    with pytest.raises(ApiUnavailable):
        scene.run(people(20), order())
    assert not scene.journal()


# -- sending --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "concurrency"), [("page", 1), ("not allowed", 4), ("bad gateway", 64), ("drop", 4), ("redirect", 1)]
)
def test_an_outage_before_the_attempt_costs_three_people(scene: Scene, way: str, concurrency: int) -> None:
    """Where only sending is out of order: three probes with one person each, and then it stops."""
    table = people(300)
    config = order(concurrency=concurrency, chunk_size=100)
    with lost_api(way) as api:
        for attempt in (1, 2):
            report = run(scene, api, table, config)
            assert isinstance(report.cause, ApiUnavailable)
            assert "3 requests in a row (max_unknown_requests=3)" in str(report.cause)
            assert api.sizes() == [1] * 3 * attempt
            assert report.summary["unknown"] == 3 * attempt
            assert report.summary["not_sent"] == 300 - 3 * attempt
        api.way = "well"
        report = run(scene, api, table, config)
        assert report.cause is None
        assert report.summary["unknown"] == 6
        assert report.summary["accepted"] == 294
        assert set(Counter(api.phones()).values()) == {1}


@pytest.mark.parametrize(("way", "concurrency"), [("page", 1), ("drop", 4), ("bad gateway", 16)])
def test_an_outage_costs_what_is_in_flight_and_the_probes(scene: Scene, way: str, concurrency: int) -> None:
    """All that is in flight is lost; then at most two probes more."""
    table = people(600)
    with lost_api(way) as api:
        api.down_from = 6
        report = run(scene, api, table, order(concurrency=concurrency))
        assert isinstance(report.cause, ApiUnavailable)
        assert report.summary["unknown"] <= 10 * concurrency + 3
        assert api.sizes()[:1] == [1]
        assert api.sizes()[-2:] == [1, 1]
        assert len(api.sends) <= 5 + concurrency + 2
        assert report.summary["not_sent"] + report.summary["unknown"] + report.summary["accepted"] == 600


@pytest.mark.parametrize("concurrency", [4, 32])
def test_requests_that_are_lost_together_count_as_one(scene: Scene, concurrency: int) -> None:
    """A moment's outage that takes all that is in flight does not end the attempt, however many that is."""
    with lost_api("page") as api:
        api.down_from, api.down_to = 2, 1 + concurrency
        api.gate = threading.Barrier(concurrency)  # nobody is answered before all are in flight
        done = 1 + concurrency * 10

        def opened(_: Any = None) -> None:
            api.gate = None

        api.gate = threading.Barrier(concurrency, action=opened)
        report = run(scene, api, people(done + 200), order(concurrency=concurrency))
        assert report.cause is None
        assert report.summary["unknown"] == concurrency * 10
        assert report.summary["accepted"] == 201
        assert set(Counter(api.phones()).values()) == {1}


def test_after_a_probe_is_answered_sending_goes_on_as_before(scene: Scene) -> None:
    """A probe of one, a request of ordinary size alone, and then all."""
    with lost_api("page") as api:
        api.down_from, api.down_to = 3, 4
        report = run(scene, api, people(100), order(concurrency=1))
        assert report.cause is None
        assert api.sizes() == [1, 10, 10, 1, 1, 8, 10, 10, 10, 10, 10, 10, 9]
        assert report.summary["unknown"] == 11
        assert report.summary["accepted"] == 89


def test_an_api_that_answers_none_but_probes_is_given_up(scene: Scene) -> None:
    """As behind a gateway that waits for too short a time: three large requests, not all of them."""
    with lost_api("drop") as api:
        api.large_only = True
        report = run(scene, api, people(500), order(concurrency=1))
        assert isinstance(report.cause, ApiUnavailable)
        assert sorted(size for size in api.sizes() if size > 1) == [8, 9, 10] or report.summary["unknown"] <= 30


def test_answers_that_say_nothing_of_most_recipients_are_none(scene: Scene) -> None:
    """An API that counts segments and names one failure would make everybody unknown, request by request."""

    def send(content: Any) -> SendAnswer:
        phones = [target.phone for group in content.groups for target in group.targets]
        if len(phones) == 1:
            return SendAnswer(0, ("S",), 1)
        return SendAnswer(0, ("S",), 2 * len(phones), (FailedTarget(phones[0], "", "black list"),))

    report = scene.run_with(send, people(200), order(concurrency=1))
    assert isinstance(report.cause, ApiUnavailable)
    assert report.summary["rejected"] == 3
    assert report.summary["unknown"] < 3 * 10


@pytest.mark.parametrize("number", [1, 10])
def test_a_campaign_of_one_request_is_sent_as_it_is(scene: Scene, number: int) -> None:
    with lost_api("well") as api:
        run(scene, api, people(number), order())
        assert api.sizes() == [number]


def test_a_campaign_that_an_outage_stopped_goes_on_with_a_probe(scene: Scene) -> None:
    """Also where the rest would fit one request."""
    with lost_api("page") as api:
        run(scene, api, people(11), order())
        assert api.sizes() == [1, 1, 1]
        api.way = "well"
        report = run(scene, api, people(11), order())
        assert report.cause is None
        assert api.sizes()[3:] == [1, 7]


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({}, [1, 10, 10, 10, 10, 4]),
        ({"canary": 1}, [1, 10, 10, 10, 10, 4]),
        ({"canary": 5}, [1, 4, 10, 10, 10, 10]),
        ({"chunk_size": 45}, [45]),
        ({"chunk_size": 44}, [1, 44]),
        ({"max_unknown_requests": None}, [10, 10, 10, 10, 5]),
    ],
)
def test_the_first_request_is_a_probe(scene: Scene, changes: dict[str, Any], sizes: list[int]) -> None:
    with lost_api("well") as api:
        report = run(scene, api, people(45), order(**{"concurrency": 1, **changes}))
        assert api.sizes() == sizes
        assert report.summary["accepted"] == 45


def test_with_the_breaker_off_everything_goes_out(scene: Scene) -> None:
    with lost_api("page") as api:
        report = run(scene, api, people(45), order(max_unknown_requests=None))
        assert report.summary["unknown"] == 45


@pytest.mark.parametrize("most", [1, 2, 5])
def test_so_many_probes_go(scene: Scene, most: int) -> None:
    with lost_api("page") as api:
        report = run(scene, api, people(45), order(max_unknown_requests=most))
        assert api.sizes() == [1] * most
        assert isinstance(report.cause, ApiUnavailable)


def test_a_connection_that_is_refused_is_no_outage_of_this_kind(scene: Scene) -> None:
    """As one that is too early: nobody is unknown, and the request itself is repeated."""
    scene.sandbox.fault("too_many", at=1, times=3, retry_after="0")
    report = scene.run(people(30), order(), ask=False)
    assert report.cause is None
    assert scene.statuses() == ["accepted"] * 30


def test_what_is_spaced_by_a_pace_is_asked_again_before_it_leaves(scene: Scene) -> None:
    """Threads that wait for their time when another request is lost must not send what they hold."""
    with lost_api("drop") as api:
        api.down_from = 2
        report = run(scene, api, people(300), order(concurrency=16, requests_per_second=40))
        assert isinstance(report.cause, ApiUnavailable)
        assert report.summary["unknown"] <= 10 * 3 + 3


def test_the_end_is_one_that_a_retry_can_mend_unless_nothing_is_left(scene: Scene) -> None:
    with lost_api("page") as api:
        report = run(scene, api, people(30), order())
        decision = decide(
            report.summary, phone_column="phone", cause=str(report.cause), unavailable=ApiUnavailable.section,
            complete=report.complete,
        )  # fmt: skip
        assert decision.end is End.RETRY
        assert "airflow-uspeedo explain api-does-not-answer" in decision.message
        left_over = run(scene, api, people(3), order(campaign_id="of three", chunk_size=1))
        decision = decide(
            left_over.summary, phone_column="phone", cause=str(left_over.cause), unavailable=ApiUnavailable.section,
            complete=True,
        )  # fmt: skip
        assert decision.end is End.FAIL
        assert "airflow-uspeedo explain unknown" in decision.message


def test_twenty_thousand_people_and_a_wrong_host(scene: Scene) -> None:
    """No phone arrives; where the question is answered all the same, three do."""
    config = order(chunk_size=1000)
    with lost_api("page") as api:
        with pytest.raises(ApiUnavailable):
            run(scene, api, people(20_000), config, ask=True)
        assert not api.phones()
        api.templates_well = True
        report = run(scene, api, people(20_000), config, ask=True)
        assert len(api.phones()) == 3
        assert report.summary["not_sent"] == 19_997


# -- the breaker itself ---------------------------------------------------------------------------------------------


def test_an_answer_from_before_the_outage_says_nothing() -> None:
    """It was sent when the API was still well."""
    breaker = CircuitBreaker(3, StopSignal())
    first = breaker.enter()
    assert first is not None
    breaker.answered(first)
    breaker.leave()
    turns = [breaker.enter() for _ in range(3)]
    assert all(turn is not None and not turn.solo for turn in turns)
    lost, also_lost, well = turns
    assert breaker.unanswered(lost, "lost") is None  # type: ignore[arg-type]
    breaker.leave()
    assert breaker.unanswered(also_lost, "lost") is None  # type: ignore[arg-type]
    breaker.leave()
    breaker.answered(well)  # type: ignore[arg-type]
    breaker.leave()
    probe = breaker.enter()
    assert probe is not None
    assert probe.probe
    assert probe.solo


def test_nothing_is_given_while_the_campaign_is_stopped() -> None:
    stop_signal = StopSignal()
    breaker = CircuitBreaker(3, stop_signal)
    assert breaker.enter() is not None
    stop_signal.stop()
    assert breaker.enter() is None


@pytest.mark.parametrize("given", [0, -1])
def test_less_than_one_is_refused(given: int) -> None:
    with pytest.raises(ConfigurationError, match="max_unknown_requests must be 1 or more, or None"):
        order(max_unknown_requests=given)


def test_it_is_on_by_default() -> None:
    config = CampaignConfig("campaign", Columns("phone"), template_id="T")
    assert (config.max_unknown_requests, config.max_failure_ratio, config.max_invalid_ratio) == (3, 0.5, 0.5)


# -- a worker that was frozen ---------------------------------------------------------------------------------------


def test_a_request_that_may_have_been_given_up_meanwhile_does_not_leave(scene: Scene) -> None:
    """Its worker was frozen between the mark and the socket; the connection may be open already."""
    with lost_api("well") as api:
        client = USpeedoClient(ClientConfig(api.url, "id", "secret", timeout=5))
        with contextlib.closing(client):
            content = [{"TemplateId": "T", "SenderId": "", "Target": [{"Phone": "(852)55310001"}]}]
            client.send_batch(content)
            for late in (1.0, 3600.0):
                with starting_before(elapsed() - late), pytest.raises(OutcomeUnknown, match="was held up"):
                    client.send_batch(content)
            with starting_before(elapsed() + 60):
                client.send_batch(content)
        assert api.sizes() == [1, 1]


def test_what_is_dropped_stays_unknown(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person may have said *not sent* by now: it is neither sent nor released."""
    monkeypatch.setattr(sending, "MAX_MARK_AGE", -1.0)
    with lost_api("well") as api:
        report = run(scene, api, people(20), order())
        assert not api.sends
        assert isinstance(report.cause, ApiUnavailable)
        assert (report.summary["unknown"], report.summary["not_sent"]) == (3, 17)


@pytest.mark.slow
def test_a_stopped_process_drops_what_it_was_about_to_send(scene: Scene) -> None:
    """SIGSTOP between the mark and the socket, for longer than the limit; then SIGCONT."""
    with lost_api("well") as api:
        program = (
            "import os, signal, sys\n"
            "from airflow_provider_uspeedo.api.client import USpeedoClient\n"
            "from airflow_provider_uspeedo.api.client_config import ClientConfig\n"
            "from airflow_provider_uspeedo.api.http.tracked_connection import elapsed, starting_before\n"
            "client = USpeedoClient(ClientConfig(sys.argv[1], 'id', 'secret', timeout=5))\n"
            "target = {'Phone': '(852)55310001'}\n"
            "with starting_before(elapsed() + 0.5):\n"
            "    os.kill(os.getpid(), signal.SIGSTOP)\n"
            "    try:\n"
            "        client.send_batch([{'TemplateId': 'T', 'SenderId': '', 'Target': [target]}])\n"
            "    except Exception as error:\n"
            "        print(type(error).__name__)\n"
        )
        command = [sys.executable, "-c", program, api.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            os.waitid(os.P_PID, child.pid, os.WSTOPPED)
            time.sleep(1)
            os.kill(child.pid, signal.SIGCONT)
            assert child.communicate(timeout=30)[0] == "OutcomeUnknown\n"
        assert not api.sends


def test_the_limit_is_shorter_than_a_person_must_wait() -> None:
    """With room for the whole of a request, whose time counts from the first byte."""
    assert MAY_STILL_ARRIVE.total_seconds() / 2 >= sending.MAX_MARK_AGE
