# SPDX-License-Identifier: Apache-2.0
"""Rules that hold while a campaign runs: what leaves is what the mark allowed, and nothing that was written before."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from airflow_provider_uspeedo.campaign.report import Report
from airflow_provider_uspeedo.campaign.sending import Sender
from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules
from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.errors import CampaignHalted, NotSent, OutcomeUnknown
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.contacts import SUPPRESSED
from tests.campaign.stage import Scene, make_order, people, phones
from tests.ledger.faults import lost_acknowledgement

WEEKLY = ContactRules(caps=(Cap(1, 7),))


def suppress(scene: Scene, *numbers: str) -> None:
    """Puts phones on the ledger's list, as another process does."""
    with contextlib.closing(sqlite3.connect(scene.file, timeout=20)) as ledger:
        (key,) = ledger.execute("SELECT phone_key FROM uspeedo_ledger").fetchone()
        hashes = PhoneHasher(key).of_phones(numbers)
        ledger.executemany(
            "INSERT INTO uspeedo_suppressed (phone_hash, added_at) VALUES (?, '2026-01-01 00:00:00.000000')",
            [(one,) for one in hashes],
        )
        ledger.execute("UPDATE uspeedo_ledger SET suppressions = suppressions + 1")
        ledger.commit()


def prepared(scene: Scene, *numbers: str) -> None:
    """A ledger with these phones on its list."""
    with scene.ledger() as ledger:
        ledger.prepare()
    suppress(scene, *numbers)


def run_while(scene: Scene, happens: Callable[[int], Any], table: Any, config: Any) -> Report:
    """One attempt; before each call to the API something happens, with the number of the call, from 1."""
    calls: list[int] = []
    with scene.client() as client:

        def send(content: Any) -> Any:
            calls.append(1)
            happens(len(calls))
            return client.send_written(content)

        return scene.run_with(send, table, config)


def after_claims(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Something happens after the first claim, and before anything of it is marked."""
    claim, done = Ledger.claim, []

    def claim_then(self: Ledger, *given: Any, **named: Any) -> Any:
        found = claim(self, *given, **named)
        if not done:
            done.append(happens())
        return found

    monkeypatch.setattr(Ledger, "claim", claim_then)


def test_who_is_listed_while_a_campaign_runs_is_in_no_request_that_begins_afterwards(scene: Scene) -> None:
    """All requests were claimed, and their bodies written, before the first one left."""
    table = people(9)
    listed = phones([table[4], *table[6:9]])
    report = run_while(scene, lambda call: call == 1 and suppress(scene, *listed), table, make_order())
    scene.check(report, 9)
    assert sorted(scene.texted()) == sorted(set(phones(table)) - set(listed))
    assert scene.statuses() == ["accepted"] * 4 + ["suppressed", "accepted"] + ["suppressed"] * 3
    assert {line.reason for line in scene.lines() if line.status == "suppressed"} == {SUPPRESSED}
    assert report.summary.requests == 2
    assert report.cause is None


def test_a_body_that_still_holds_recipients_that_the_mark_excluded_is_caught(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mistake that this module is about."""
    send_once = Sender._send_once

    def as_written(self: Sender, request: Any, content: Any, turn: Any) -> None:
        monkeypatch.setattr("airflow_provider_uspeedo.campaign.sending.write", lambda _request: content)
        send_once(self, request, content, turn)

    monkeypatch.setattr(Sender, "_send_once", as_written)
    table = people(6)
    listed = phones(table[4:5])
    run_while(scene, lambda call: call == 1 and suppress(scene, *listed), table, make_order())
    assert listed[0] in scene.texted()


def test_a_call_that_is_repeated_is_marked_by_the_rules_of_that_moment(scene: Scene) -> None:
    """It surely did not arrive; meanwhile somebody was put on the list."""
    table = people(3)

    def happens(call: int) -> None:
        if call == 1:
            suppress(scene, *phones(table[1:2]))
            raise NotSent("connection refused")

    report = run_while(scene, happens, table, make_order())
    scene.check(report, 3)
    assert scene.statuses() == ["accepted", "suppressed", "accepted"]


@pytest.mark.parametrize("max_unknown", [None, 3])
def test_a_request_that_rules_empty_is_no_error(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, max_unknown: int | None
) -> None:
    """It gives its turn back, also as the probe with which an attempt begins."""
    table = people(7)
    listed = phones(table[:4])
    after_claims(monkeypatch, lambda: suppress(scene, *listed))
    report = scene.run(table, make_order(max_unknown_requests=max_unknown))
    scene.check(report, 7)
    assert report.cause is None
    assert scene.statuses() == ["suppressed"] * 4 + ["accepted"] * 3


def test_a_table_of_suppressed_people_sends_nothing(scene: Scene) -> None:
    """And fails for no reason of its own; see the exit policy."""
    table = people(4)
    prepared(scene, *phones(table))
    for config in (make_order(), make_order(canary=2), make_order(max_unknown_requests=3)):
        report = scene.run(table, config)
        scene.check(report, 4)
        assert scene.statuses() == ["suppressed"] * 4
        assert (report.cause, report.summary.requests) == (None, 0)


@pytest.mark.parametrize("when", ["before", "after the claim"])
def test_the_next_people_take_the_place_of_a_canary_that_rules_left_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Nobody else is sent to before some canary has passed."""
    table = people(9)
    listed = phones(table[:2])
    if when == "before":
        prepared(scene, *listed)
    else:
        after_claims(monkeypatch, lambda: suppress(scene, *listed))
    sizes: list[int] = []
    with scene.client() as client:

        def send(content: Any) -> Any:
            sizes.append(sum(len(group.targets) for group in content.groups))
            return client.send_written(content)

        report = scene.run_with(send, table, make_order(canary=2))
    scene.check(report, 9)
    assert (sizes[0], sum(sizes)) == (2, 7)
    assert report.cause is None


def test_a_canary_that_a_mark_emptied_is_replaced_also_if_the_word_of_that_mark_was_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the repetition finds is the ledger's list, not another attempt that has taken the canary."""
    table = people(9)
    after_claims(monkeypatch, lambda: suppress(scene, *phones(table[:2])))
    mark, lost = Ledger.mark_sending, []

    def losing(self: Ledger, *given: Any) -> Any:
        if lost:
            return mark(self, *given)
        with lost_acknowledgement(self.database.engine) as happened:
            marked = mark(self, *given)
        lost.extend(happened)
        return marked

    monkeypatch.setattr(Ledger, "mark_sending", losing)
    report = scene.run(table, make_order(canary=2))
    assert lost
    scene.check(report, 9)
    assert report.cause is None
    assert scene.statuses() == ["suppressed"] * 2 + ["accepted"] * 7


def test_a_canary_in_its_place_can_fail(scene: Scene) -> None:
    """Then nobody else is sent to."""
    table = people(9)
    prepared(scene, *phones(table[:2]))

    def send(_content: Any) -> Any:
        raise OutcomeUnknown("no answer")

    report = scene.run_with(send, table, make_order(canary=2))
    assert isinstance(report.cause, CampaignHalted)
    assert report.cause.section == "canary-failed"
    assert scene.statuses() == ["suppressed"] * 2 + ["unknown"] * 2 + ["not_sent"] * 5


def test_caps_hold_between_campaigns(scene: Scene) -> None:
    """The first one sends to five people, the second to the others, and a third attempt to nobody."""
    table = people(8)
    first = scene.run(table[:5], make_order(campaign_id="first", rules=WEEKLY))
    assert first.summary["accepted"] == 5
    report = scene.run(table, make_order(rules=WEEKLY))
    assert [(line.status, line.reason) for line in scene.lines()][:5] == [
        ("suppressed", "at most: 1 text in 7 days")
    ] * 5
    assert report.summary["accepted"] == 3
    again = scene.run(table, make_order(rules=WEEKLY))
    assert (again.summary["suppressed"], again.summary["accepted"], again.summary.accepted_now) == (5, 3, 0)
    assert set(scene.texted().values()) == {1}


def test_no_phone_is_in_the_log_of_what_is_left_out(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Reasons and numbers are."""
    table = people(9)
    listed: Sequence[str] = phones([table[0], table[5]])
    prepared(scene, *listed[:1])
    with caplog.at_level("DEBUG"):
        run_while(scene, lambda call: call == 1 and suppress(scene, *listed[1:]), table, make_order())
    assert f"Left out 1 recipient: {SUPPRESSED}" in caplog.text
    assert "Left out 1 recipient of a request of 3" in caplog.text
    for row in table:
        assert row["phone"][4:] not in caplog.text
