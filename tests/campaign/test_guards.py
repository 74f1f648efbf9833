# SPDX-License-Identifier: Apache-2.0
"""What stops a campaign that goes wrong, or that a person wants to stop: before the next request, with the numbers."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest

from airflow_provider_uspeedo.api.request.body import WrittenContent
from airflow_provider_uspeedo.campaign.campaign import Campaign
from airflow_provider_uspeedo.campaign.guards import Guards, ReasonCounts
from airflow_provider_uspeedo.campaign.preflight import prepare
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.core.slices import Slice
from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError, LedgerError
from airflow_provider_uspeedo.ledger.store.records import Request, new_id
from tests.campaign.stage import TIMEOUT, Scene, make_order, people
from tests.ledger.acting import portion_of


def table(number: int, refused: Sequence[int] = ()) -> list[dict[str, str]]:
    """People, some of whom the sandbox rejects, for the last digits of their phones."""
    rows = people(number)
    for position in refused:
        rows[position] = {**rows[position], "phone": f"+852{'569'[position // 100]}{position % 100:02d}99991"}
    return rows


def halt_of(report: Any) -> CampaignHalted:
    assert isinstance(report.cause, CampaignHalted), report.cause
    return report.cause


# -- max_failure_ratio ----------------------------------------------------------------------------------------------


def test_too_many_rejected_stop_the_campaign_before_the_next_request(scene: Scene) -> None:
    """The message has the numbers and the reasons; nobody else is texted, and what was answered is in the results."""
    rows = table(200, refused=range(0, 100, 4))
    report = scene.run(rows, make_order(chunk_size=50, max_failure_ratio=0.2))
    assert str(halt_of(report)) == (
        "Of 100 recipients answered so far 25 were rejected (25.0%); max_failure_ratio=0.2 allows 20.0%. Most frequent "
        "reasons: 25 x 'phone in the black list'."
    )
    assert halt_of(report).section == "too-many-failures"
    assert report.summary.counts == {
        **dict.fromkeys(report.summary.counts, 0),
        "accepted": 75,
        "rejected": 25,
        "not_sent": 100,
    }
    assert report.summary.requests == 2
    scene.check(report, 200)


def test_a_share_that_is_just_allowed_is_borne(scene: Scene) -> None:
    """More than the share is too much, not the share itself."""
    report = scene.run(table(120, refused=range(0, 120, 5)), make_order(chunk_size=50, max_failure_ratio=0.2))
    assert report.cause is None
    assert report.summary["accepted"] == 96


def test_while_sending_fewer_than_a_hundred_answers_say_nothing(scene: Scene) -> None:
    """The first fifty were all rejected; of two hundred, that is less than allowed."""
    report = scene.run(table(200, refused=range(50)), make_order(chunk_size=50))
    assert report.cause is None
    assert report.summary["rejected"] == 50


def test_half_of_a_hundred_stop_a_campaign_by_default(scene: Scene) -> None:
    report = scene.run(table(200, refused=range(51)), make_order(chunk_size=100))
    assert "51 were rejected (51.0%); max_failure_ratio=0.5 allows 50.0%" in str(halt_of(report))
    assert report.summary["not_sent"] == 100


@pytest.mark.parametrize(("number", "rejected", "fails"), [(19, 18, False), (20, 10, False), (20, 11, True)])
def test_at_the_end_twenty_answers_are_enough(scene: Scene, number: int, rejected: int, fails: bool) -> None:
    report = scene.run(table(number, refused=range(rejected)), make_order(chunk_size=10))
    assert isinstance(report.cause, CampaignHalted) == fails
    assert report.summary["not_sent"] == 0
    scene.check(report, number)


@pytest.mark.parametrize("ratio", [None, 1.0, 0.5])
@pytest.mark.parametrize("number", [1, 3, 30])
def test_an_attempt_of_which_everybody_was_rejected_fails(scene: Scene, number: int, ratio: float | None) -> None:
    """However few, and whatever the ratio allows."""
    report = scene.run(table(number, refused=range(number)), make_order(max_failure_ratio=ratio))
    assert "reasons: " in str(halt_of(report))
    assert "'phone in the black list'" in str(halt_of(report))
    assert "answered" in str(halt_of(report))
    scene.check(report, number)


def test_no_answer_is_not_every_recipient_rejected(scene: Scene) -> None:
    """An attempt with nothing left to send ends as before."""
    rows = table(6, refused=range(5))
    assert scene.run(rows).cause is None
    assert scene.run(rows).cause is None


@pytest.mark.parametrize("ratio", [None, 1])
def test_a_ratio_can_be_switched_off(scene: Scene, ratio: float | None) -> None:
    report = scene.run(table(200, refused=range(190)), make_order(chunk_size=100, max_failure_ratio=ratio))
    assert report.cause is None


def test_a_ratio_of_nothing_stops_at_the_first_rejection(scene: Scene) -> None:
    report = scene.run(table(9, refused=[1]), make_order(max_failure_ratio=0))
    assert str(halt_of(report)).startswith("Of 3 recipients answered so far 1 was rejected")
    assert report.summary["not_sent"] == 6


def test_the_next_attempt_goes_on_with_answers_of_its_own(scene: Scene) -> None:
    """Somebody has decided to go on: what the last attempt met is not held against this one."""
    rows = table(200, refused=range(60))
    config = make_order(chunk_size=100, max_failure_ratio=0.2)
    halt_of(scene.run(rows, config))
    report = scene.run(rows, config)
    assert report.cause is None
    assert report.summary["accepted"] == 140
    scene.check(report, 200)


def test_what_is_in_flight_is_settled_when_the_brake_is_pulled(scene: Scene) -> None:
    """With four requests at once, three may be under way: their answers are recorded all the same."""
    report = scene.run(
        table(600, refused=range(0, 300, 3)), make_order(chunk_size=20, concurrency=4, max_failure_ratio=0.2)
    )
    halt_of(report)
    assert report.summary["unknown"] == 0
    assert report.summary["not_sent"] > 300
    scene.check(report, 600)


def test_the_three_most_frequent_reasons_are_named_without_phones() -> None:
    reasons = ReasonCounts()
    reasons.add({"(852)55310001 is in the black list": 1, "(852)55310002 is in the black list": 1, "b": 5, "c": 3})
    reasons.add({"d": 1})
    assert str(reasons) == " Most frequent reasons: 5 x 'b'; 3 x 'c'; 2 x '**** is in the black list'."


def test_the_reasons_that_are_counted_are_bounded() -> None:
    """A vendor that writes another reason for each recipient takes no memory."""
    guards = Guards(None)
    for start in range(0, 5000, 100):
        guards.report(["rejected"] * 100, {f"reason {number}": 1 for number in range(start, start + 100)})
    assert len(guards._reasons._counts) == 1000


# -- max_invalid_ratio ----------------------------------------------------------------------------------------------


def partly_invalid(good: int, invalid: int) -> list[dict[str, str]]:
    """Rows of which the last ones have no phone."""
    return [*people(good), *({"phone": "", "name": "N"} for _ in range(invalid))]


def test_too_many_invalid_rows_stop_a_campaign_before_the_first_message(scene: Scene) -> None:
    """One good row among a thousand invalid ones: the rows are in the results, and nobody is texted."""
    report = scene.run(partly_invalid(1, 1000))
    assert str(halt_of(report)) == (
        "Of 1,001 rows 1,000 are invalid (99.9%); max_invalid_ratio=0.5 allows 50.0%. Nothing was sent in this attempt."
        " Most frequent reasons: 1,000 x \"phone (column 'phone'): empty\"."
    )
    assert halt_of(report).section == "too-many-invalid"
    assert (report.summary["invalid"], report.summary["not_sent"]) == (1000, 1)
    assert not scene.journal()
    scene.check(report, 1001)


def test_after_that_a_clear_goes_on(scene: Scene) -> None:
    """The same table once more is somebody's decision; another table is judged anew."""
    rows = partly_invalid(1, 1000)
    halt_of(scene.run(rows))
    report = scene.run(rows)
    assert report.cause is None
    assert report.summary["accepted"] == 1
    halt_of(scene.run(partly_invalid(2, 1000)))


@pytest.mark.parametrize(
    ("good", "invalid", "ratio"), [(10, 89, 0.5), (50, 50, 0.5), (1, 99, 1.0), (1, 99, None), (99, 1, 0.01)]
)
def test_fewer_invalid_rows_are_borne(scene: Scene, good: int, invalid: int, ratio: float | None) -> None:
    """Fewer than a hundred rows say nothing; just as many as are allowed are allowed."""
    report = scene.run(partly_invalid(good, invalid), make_order(max_invalid_ratio=ratio, chunk_size=100))
    assert report.cause is None
    assert report.summary["accepted"] == good


def test_a_table_that_is_read_while_it_is_sent_is_judged_at_the_end(scene: Scene) -> None:
    scene.sizes = {"portion_rows": 100, "batch_rows": 50}
    report = scene.run(partly_invalid(150, 200), make_order(chunk_size=50))
    assert "Of 350 rows 200 are invalid (57.1%)" in str(halt_of(report))
    assert "The others were sent to." in str(halt_of(report))
    assert report.summary["accepted"] == 150


def test_a_table_that_was_read_for_max_recipients_is_judged_before_the_first_message(scene: Scene) -> None:
    scene.sizes = {"portion_rows": 100, "batch_rows": 50}
    report = scene.run(partly_invalid(150, 200), make_order(chunk_size=50, max_recipients=160))
    assert "Of 350 rows 200 are invalid (57.1%)" in str(halt_of(report))
    assert not scene.journal()


def test_rows_that_are_invalid_one_and_all_have_a_message_of_their_own(scene: Scene) -> None:
    """It asks for the phone column."""
    assert scene.run(partly_invalid(0, 200)).cause is None


def test_a_slice_whose_rows_are_all_invalid_does_not_pass(scene: Scene) -> None:
    """Else a wrong phone column lets every slice of a table succeed, and nobody is texted."""
    rows = [{"phone": f"order {number}", "name": "N"} for number in range(400)]
    for number in (1, 2):
        report = scene.run(rows, make_order(slice_=Slice.parse(f"{number}/2")))
        assert "are invalid (100.0%)" in str(halt_of(report))
        assert "Is 'phone' the phone column?" in str(halt_of(report))
    few = [*people(100), {"phone": "", "name": "N"}]
    assert all(scene.run(few, make_order(slice_=Slice.parse(f"{n}/8"))).cause is None for n in range(1, 9))


@pytest.mark.parametrize("name", ["max_failure_ratio", "max_invalid_ratio"])
@pytest.mark.parametrize("given", [-0.1, 1.01, 5.0])
def test_a_ratio_is_a_share(name: str, given: float) -> None:
    """Somebody who writes 5 means 5 percent, and would have no brake at all."""
    with pytest.raises(ConfigurationError, match=rf"{name}=.* it is a share such as 0.05"):
        make_order(**{name: given})


def test_a_brake_outdoes_whatever_else_stops_the_campaign() -> None:
    """Else the retry that the other reason allows would release it."""
    brake = CampaignHalted("too many", section="too-many-failures")
    for first in (lambda stop_signal: stop_signal.stop_for(LedgerError("away")), StopSignal.stop):
        stop_signal = StopSignal()
        first(stop_signal)
        stop_signal.stop_for(brake)
        stop_signal.stop_for(LedgerError("again"))
        assert stop_signal.cause is brake


# -- canary ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("canary", "sizes"), [(2, [2, 3, 3, 1]), (3, [3, 3, 3]), (4, [3, 1, 3, 2]), (9, [3, 3, 3]), (50, [3, 3, 3])]
)
def test_the_canary_goes_first_and_alone(scene: Scene, canary: int, sizes: list[int]) -> None:
    """So many recipients and no others, whatever the size of a request."""
    report = scene.run(people(9), make_order(canary=canary))
    assert report.cause is None
    assert list(Counter(entry.session_no for entry in scene.journal()).values()) == sizes
    scene.check(report, 9)


def test_no_other_recipient_is_sent_to_before_the_canary_is_answered(scene: Scene) -> None:
    """With many requests at once, too."""
    under_way, most = [0], [0]

    def counting(send: Callable[..., Any]) -> Callable[..., Any]:
        def call(content: WrittenContent) -> Any:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0]) if len(seen) < 2 else most[0]
            seen.append(sum(len(group.targets) for group in content.groups))
            try:
                return send(content)
            finally:
                under_way[0] -= 1

        return call

    seen: list[int] = []
    with scene.client() as client:
        report = scene.run_with(counting(client.send_written), people(40), make_order(canary=2, concurrency=8))
    assert report.cause is None
    assert seen[0] == 2
    scene.check(report, 40)


def test_a_rejected_canary_stops_the_campaign(scene: Scene) -> None:
    """With the numbers; all the others can still be sent."""
    report = scene.run(table(24, refused=[1]), make_order(canary=4, chunk_size=10, concurrency=4))
    assert str(halt_of(report)) == (
        "The canary did not pass: of 4 recipients, 3 accepted, 1 rejected, 0 unknown. This attempt sent nothing else."
    )
    assert halt_of(report).section == "canary-failed"
    assert report.summary["not_sent"] == 20
    scene.check(report, 24)


def test_a_canary_may_have_as_many_failures_as_the_campaign(scene: Scene) -> None:
    """Where a share of rejected ones is borne, it is borne here."""
    config = make_order(canary=4, chunk_size=10, max_failure_ratio=0.25)
    assert scene.run(table(30, refused=[1]), config).cause is None


def test_a_canary_without_an_answer_does_not_pass(scene: Scene) -> None:
    """Nobody knows what became of it."""
    scene.sandbox.fault("drop", at=1)
    config = make_order(canary=4, chunk_size=10, max_failure_ratio=0.5)
    report = scene.run(people(24), config, ask=False)
    assert "0 accepted, 0 rejected, 4 unknown" in str(halt_of(report))
    assert report.summary["not_sent"] == 20
    scene.check(report, 24)


def test_the_canary_of_the_next_attempt_is_of_those_who_are_left(scene: Scene) -> None:
    """After the mend, another few go first."""
    rows = table(30, refused=[1])
    config = make_order(canary=4, chunk_size=10)
    halt_of(scene.run(rows, config))
    before = len(scene.journal())
    report = scene.run(rows, config)
    assert report.cause is None
    sizes = list(Counter(entry.session_no for entry in scene.journal()[before:]).values())
    assert sizes == [4, 10, 10, 2]
    scene.check(report, 30)


def test_a_canary_that_is_the_whole_table_is_judged_too(scene: Scene) -> None:
    """Whoever asks for a canary wants to know."""
    report = scene.run(table(4, refused=[1]), make_order(canary=9))
    assert halt_of(report).section == "canary-failed"
    scene.check(report, 4)


def test_no_attempt_goes_on_while_another_one_has_the_canary(scene: Scene) -> None:
    """The other attempt may yet learn that it must stop; this one can be tried again."""
    rows, config = people(30), make_order(canary=3, chunk_size=10)
    inside: list[Any] = []

    def call(content: WrittenContent) -> Any:
        if not inside:
            inside.append(None)  # the canary of the first attempt is under way: another attempt of the campaign comes
            inside[0] = scene.run_with(client.send_written, rows, config)
        return client.send_written(content)

    with scene.client() as client:
        report = scene.run_with(call, rows, config)
    assert report.cause is None
    assert inside[0].summary.accepted_now == 0 or inside[0].cause is None
    scene.check(report, 30)


def test_a_canary_that_another_attempt_claimed_meanwhile_holds_everybody_back(scene: Scene) -> None:
    """Without an answer to it, nobody is sent to; a retry may."""
    rows, config = people(30), make_order(canary=3, chunk_size=10)
    with scene.ledger() as ledger, scene.client() as client:
        reading = prepare(config, rows, lambda _ids: [])
        ledger.prepare()
        campaign = Campaign(config, reading, ledger, client.send_written, StopSignal(), in_flight_timeout=0.0)
        real = ledger.claim

        def claim_late(attempt: Any, portion: Any, *given: Any, **named: Any) -> Any:
            newer = ledger.open_attempt(config.campaign_id, reading.spec, part="another")
            first = portion.requests[0]
            other = Request(new_id(), first.recipients)
            assert real(newer, portion_of([other], read_to=1))
            assert ledger.mark_sending(newer, other).recipients
            return real(attempt, portion, *given, **named)

        ledger.claim = claim_late  # type: ignore[method-assign]
        report = campaign.run()
    assert "has claimed the recipients of the canary" in str(report.cause)
    assert not isinstance(report.cause, CampaignHalted)
    assert not scene.journal()


def test_a_canary_of_no_recipient_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="canary must be 1 or more"):
        make_order(canary=0)


# -- a person's stop ------------------------------------------------------------------------------------------------


def say(scene: Scene, words: str) -> None:
    """A person's word, given to the database by another connection."""
    with contextlib.closing(sqlite3.connect(scene.file)) as ledger:
        ledger.execute(f"UPDATE uspeedo_campaigns SET {words}")
        ledger.commit()


STOPPED = "stopped_at = '2026-11-22 03:04:05', stopped_by = 'Pat'"


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_stop_is_honoured_before_the_next_request(scene: Scene, concurrency: int) -> None:
    """Requests under way are settled, and not one more begins."""
    calls = count(1)
    stopped = threading.Event()

    def stopping(send: Callable[..., Any]) -> Callable[..., Any]:
        def call(content: WrittenContent) -> Any:
            number = next(calls)
            if number == 2:
                say(scene, STOPPED)
                stopped.set()
            elif number > 2:
                assert stopped.wait(TIMEOUT)
            return send(content)

        return call

    with scene.client() as client:
        report = scene.run_with(stopping(client.send_written), people(60), make_order(concurrency=concurrency))
    assert str(halt_of(report)) == (
        "Campaign 'due/2026-11-22' was stopped by Pat at 2026-11-22 03:04:05 UTC. To go on, run `airflow-uspeedo "
        "resume`, then clear the task."
    )
    assert next(calls) - 1 <= 1 + concurrency  # the other threads may have marked one each before the stop
    assert report.summary["unknown"] == 0
    scene.check(report, 60)


def test_a_stopped_campaign_sends_nothing_until_it_is_resumed(scene: Scene) -> None:
    """Then it goes on with those who are left."""
    scene.run(people(6))
    say(scene, STOPPED)
    report = scene.run(people(12))
    assert halt_of(report).section == "campaign-stopped-by-a-person"
    assert len(scene.journal()) == 6
    say(scene, "stopped_at = NULL, stopped_by = NULL")
    report = scene.run(people(12))
    assert report.cause is None
    scene.check(report, 12)


def test_nothing_is_sent_under_the_name_of_a_pruned_campaign(scene: Scene) -> None:
    """Whom it texted is forgotten: all of them would get it again."""
    scene.run(people(6))
    say(scene, "pruned_at = '2026-11-22 03:04:05'")
    with pytest.raises(CampaignHalted, match=r"was pruned at 2026-11-22 03:04:05 UTC: .* Name a new campaign_id"):
        scene.run(people(6))
    assert len(scene.journal()) == 6
