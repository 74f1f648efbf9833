# SPDX-License-Identifier: Apache-2.0
"""Questions to a sandbox through a real socket: what is asked for, and what of the answers is in the ledger."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_uspeedo.api.client import USpeedoClient
from airflow_provider_uspeedo.api.request.builders import MAX_IDS
from airflow_provider_uspeedo.api.response.receipt_answers import ReceiptsAnswer, read_receipts_answer
from airflow_provider_uspeedo.core.recipients import Recipient
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.errors import CallError, CampaignHalted, ConfigurationError, LedgerError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.receipt_ledger import ReceiptLedger
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS
from airflow_provider_uspeedo.ledger.store.records import Answer
from airflow_provider_uspeedo.receipts import collection as collecting
from airflow_provider_uspeedo.receipts.collection import Collection
from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.leaks import leaks
from tests.ledger.acting import Try, key_of, people, person, resolve
from tests.receipts.sending import client_of, send

_numbers = itertools.count(1)


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[USpeedoClient]:
    sandbox.clear_faults()
    made = client_of(sandbox.url)
    yield made
    made.close()
    sandbox.clear_faults()


def rows(*endings: str) -> list[dict[str, str]]:
    """A person for each ending of five digits, which is the sandbox's magic."""
    found = []
    for ending in endings:
        thousands, number = divmod(next(_numbers), 1000)
        found.append({"phone": f"+861{30 + thousands}{number:03}{ending}", "id": f"c{thousands}-{number}"})
    return found


def collect(ledger: Ledger, ask: Any, campaign: str) -> Collection:
    """A collection before its first question."""
    receipts = ReceiptLedger(ledger)
    return Collection(receipts, ask, receipts.sent_requests(campaign, None))


def results(ledger: Ledger, campaign: str) -> list[dict[str, Any]]:
    found = [dict(zip(COLUMNS, row, strict=True)) for some in ledger.results(campaign) for row in some]
    return sorted(found, key=lambda row: row["row_number"])


REFUSED = "the operator refused the message"
ENDINGS = ("00001", "00002", "99993", "99994", "99995", "99996", "99991")
"""Delivered twice, failed, never final, not submitted, without a receipt, rejected by the API."""


def test_receipts_ripen_into_the_results(
    ledger: Ledger, client: USpeedoClient, sandbox: Sandbox, campaign: str
) -> None:
    """Nothing at first, and one question later everything that is final; the totals say what is missing."""
    send(ledger, client, campaign, rows(*ENDINGS))
    collection = collect(ledger, client.ask_receipts, campaign)
    assert collection.ask().receipts == 0
    assert collection.totals.all.to_xcom() == {"success": 0, "fail": 0, "submit_fail": 0, "pending": 6}
    assert collection.totals.delivery_rate is None
    sandbox.ripen()
    asked = collection.ask()
    assert (asked.receipts, asked.foreign, asked.ambiguous, dict(asked.strangers)) == (5, 0, 0, {})
    found = results(ledger, campaign)
    assert [row["receipt_result"] for row in found] == [
        "Success",
        "Success",
        "Fail",
        "Unknow",
        "SubmitFail",
        None,
        None,
    ]
    assert [row["status"] for row in found] == ["accepted"] * 6 + ["rejected"]
    assert [row["cost_count"] for row in found] == [1, 1, 1, 1, 1, None, None]
    totals = collection.totals
    assert totals.all.to_xcom() == {"success": 2, "fail": 1, "submit_fail": 1, "pending": 2}
    assert (totals.delivery_rate, totals.is_complete(4 / 6), totals.is_complete(0.67)) == (0.5, True, False)
    receipts = ReceiptLedger(ledger)
    assert totals.to_xcom(campaign, receipts.reasons(collection.requests)) == {
        "campaign_id": campaign, "messages": 6, "final": 4, "success": 2, "fail": 1, "submit_fail": 1, "pending": 2,
        "delivery_rate": 0.5, "segments": 5, "cost": None,
        "by_country": {
            "CN": {"messages": 6, "success": 2, "fail": 1, "submit_fail": 1, "pending": 2, "segments": 5}
        },
        "reasons": [
            {"result": "fail", "code": "undeliv", "reason": "absent subscriber", "messages": 1},
            {"result": "submit_fail", "code": "SUBMIT_FAIL", "reason": REFUSED, "messages": 1},
        ],
    }  # fmt: skip


def test_only_sessions_with_a_message_that_is_not_final_are_asked_for(
    ledger: Ledger, client: USpeedoClient, sandbox: Sandbox, campaign: str
) -> None:
    """A second question leaves out what is final, and a third one asks for nothing."""
    send(ledger, client, campaign, rows("00001", "00001", "00001", "99994", "00001", "00001"))
    asked: list[list[str]] = []

    def ask(session_nos: Sequence[str]) -> Iterable[ReceiptsAnswer]:
        asked.append(list(session_nos))
        return client.ask_receipts(session_nos)

    sandbox.ripen()
    collection = collect(ledger, ask, campaign)
    collection.ask()
    unknow = {row["session_no"] for row in results(ledger, campaign) if row["receipt_result"] == "Unknow"}
    assert collect(ledger, ask, campaign).ask().sessions == 1
    assert [set(some) for some in asked] == [{row["session_no"] for row in results(ledger, campaign)}, unknow]


def test_more_than_a_hundred_sessions_take_several_calls(
    ledger: Ledger, client: USpeedoClient, sandbox: Sandbox, campaign: str
) -> None:
    """No call asks for more than the API allows, and all are asked for."""
    send(ledger, client, campaign, rows(*["00001"] * 120), size=1)
    sandbox.ripen()
    calls: list[int] = []

    def ask(session_nos: Sequence[str]) -> Iterable[ReceiptsAnswer]:
        calls.append(len(session_nos))
        return client.ask_receipts(session_nos)

    collection = collect(ledger, ask, campaign)
    assert collection.ask().receipts == 120
    assert sum(calls) == 120
    assert max(calls) <= MAX_IDS
    assert collection.totals.is_complete(1.0)


def test_a_portion_holds_few_messages(
    ledger: Ledger, client: USpeedoClient, sandbox: Sandbox, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that memory does not grow with the campaign: more calls instead."""
    monkeypatch.setattr(collecting, "MAX_MESSAGES", 4)
    send(ledger, client, campaign, rows(*["00001"] * 9))
    sandbox.ripen()
    held: list[int] = []
    members = ReceiptLedger.members

    def counted(self: ReceiptLedger, requests: Any) -> Any:
        found = members(self, requests)
        held.append(len(found))
        return found

    monkeypatch.setattr(ReceiptLedger, "members", counted)
    assert collect(ledger, client.ask_receipts, campaign).ask().receipts == 9
    assert held == [3, 3, 3]


def test_an_unknown_recipient_with_a_session_is_settled_by_its_receipt(
    ledger: Ledger, client: USpeedoClient, sandbox: Sandbox, campaign: str
) -> None:
    """The API accepted some of a request and did not say whom: the receipts do. Who has none stays unknown."""
    send(ledger, client, campaign, rows("00001", "99998", "99993", "99995", "99994", "99996"), size=1000)
    assert [row["status"] for row in results(ledger, campaign)] == ["unknown"] * 6
    sandbox.ripen()
    asked = collect(ledger, client.ask_receipts, campaign).ask()
    assert asked.settled == 3
    found = results(ledger, campaign)
    assert [row["status"] for row in found] == ["accepted", "unknown", "accepted", "rejected", "unknown", "unknown"]
    assert found[3]["reason"] == f"delivery receipt SubmitFail: {REFUSED}"


def test_a_call_that_fails_keeps_what_was_recorded_before(
    ledger: Ledger, client: USpeedoClient, sandbox: Sandbox, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a collector that is killed: the next one asks for the rest."""
    monkeypatch.setattr(collecting, "MAX_SESSIONS", 1)
    send(ledger, client, campaign, rows(*["00001"] * 9))
    sandbox.ripen()
    sandbox.fault("server_error", on="receipts", at=2, times=2)
    with pytest.raises(CallError):
        collect(ledger, client.ask_receipts, campaign).ask()
    assert Counter(row["receipt_result"] for row in results(ledger, campaign)) == {"Success": 3, None: 6}
    again = collect(ledger, client.ask_receipts, campaign)
    assert (again.ask().receipts, again.totals.all.final) == (6, 9)


def test_nothing_is_asked_any_more_once_receipts_could_not_be_recorded(
    ledger: Ledger, client: USpeedoClient, sandbox: Sandbox, campaign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next question is under way while receipts are recorded: its end is awaited, and no other one begins."""
    monkeypatch.setattr(collecting, "MAX_SESSIONS", 1)
    send(ledger, client, campaign, rows(*["00001"] * 9))
    sandbox.ripen()
    second, under_way, ended = threading.Event(), [], []

    def ask(session_nos: Sequence[str]) -> Iterator[ReceiptsAnswer]:
        under_way.append(session_nos)
        if len(under_way) == 2:
            second.set()
        yield from client.ask_receipts(session_nos)
        ended.append(session_nos)

    def full(*_: Any) -> int:
        assert second.wait(60), "the next question did not begin while receipts were recorded"
        raise LedgerError("the disk is full")

    monkeypatch.setattr(ReceiptLedger, "record", full)
    with pytest.raises(LedgerError, match="full"):
        collect(ledger, ask, campaign).ask()
    assert (len(under_way), len(ended)) == (2, 2)


def answering(data: Callable[[Sequence[str]], Any]) -> Callable[[Sequence[str]], Iterable[ReceiptsAnswer]]:
    """An API that answers what a test says."""
    return lambda session_nos: [read_receipts_answer({"Data": data(session_nos)}, session_nos)]


def settled(ledger: Ledger, campaign: str, names: Sequence[str], session: str, *unknown: str) -> Try:
    """A request that was answered with that session, in a campaign of its own attempt."""
    attempt = Try(ledger, campaign)
    [request] = attempt.claim(people(names))
    attempt.mark(request)
    outcomes = tuple((key_of(name), Status.UNKNOWN, "not listed") for name in unknown)
    assert ledger.settle(attempt.attempt, request.id, Answer(session, 0, "V", outcomes))
    return attempt


def phone_of(name: str) -> str:
    return people([name])[0].phone


@pytest.mark.parametrize("data", [None, [], {}, [{"SessionNo": "S", "ReceiptSet": None}], "nothing", [1, None]])
def test_an_answer_without_receipts_is_not_final_yet(ledger: Ledger, campaign: str, data: Any) -> None:
    """``Data: null`` and whatever else stands there."""
    settled(ledger, campaign, ["a"], "S", "a")
    collection = collect(ledger, answering(lambda _: data), campaign)
    assert collection.ask().receipts == 0
    assert collection.totals.all.by_result["pending"] == 1
    assert results(ledger, campaign)[0]["status"] == "unknown"


def test_a_phone_that_is_in_two_requests_of_one_session_settles_neither(ledger: Ledger, campaign: str) -> None:
    """A vendor that gives one SessionNo twice: only the exact user id is somebody."""
    settled(ledger, campaign, ["a", "b"], "S-twice", "a", "b")
    second = Try(ledger, campaign, part="other keys")
    one, twin = person("a", 1), person("twin of a", 3)
    other = Recipient(3, twin.key, one.phone, twin.params, twin.user_id, "", "UTA1", "USpeedo")
    [request] = second.claim([other])
    second.mark(request)
    outcomes = ((other.key, Status.UNKNOWN, "not listed"),)
    ledger.settle(second.attempt, request.id, Answer("S-twice", 0, "V", outcomes))
    said = [{"Phone": one.phone, "ReceiptResult": "Success"}, {"Phone": phone_of("b"), "ReceiptResult": "Success"}]
    asked = collect(ledger, answering(lambda _: [{"SessionNo": "S-twice", "ReceiptSet": said}]), campaign).ask()
    assert (asked.receipts, asked.ambiguous, asked.settled) == (1, 1, 1)
    statuses = {row["recipient_key"]: row["status"] for row in results(ledger, campaign)}
    assert [statuses[key.hex()] for key in (one.key, other.key, key_of("b"))] == ["unknown", "unknown", "accepted"]
    said[0]["UserId"] = one.user_id
    assert (
        collect(ledger, answering(lambda _: [{"SessionNo": "S-twice", "ReceiptSet": said}]), campaign).ask().settled
        == 1
    )
    statuses = {row["recipient_key"]: row["status"] for row in results(ledger, campaign)}
    assert [statuses[key.hex()] for key in (one.key, other.key)] == ["accepted", "unknown"]


def test_a_session_that_the_ledger_never_saw_is_reported(
    ledger: Ledger, campaign: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With its receipts, by result, and without a phone."""
    settled(ledger, campaign, ["a"], "S-ours")
    stranger = {"SessionNo": "S-theirs", "ReceiptSet": [{"Phone": "85255511111", "ReceiptResult": "Success"}] * 2}
    foreign = {"SessionNo": "S-ours", "ReceiptSet": [{"Phone": "85255522222", "ReceiptResult": "Fail"}]}
    asked = collect(ledger, answering(lambda _: [stranger, foreign]), campaign).ask()
    assert (asked.strange_sessions, dict(asked.strangers), asked.foreign) == ({"S-theirs"}, {"Success": 2}, 1)
    with caplog.at_level("INFO"):
        collecting.report(asked)
    assert "S-theirs" in caplog.text
    assert "1 receipt: the ledger has no such phone" in caplog.text
    assert leaks(caplog.text, "85255511111", "85255522222") == []


def test_sessions_that_are_named_alone_find_their_campaign(ledger: Ledger, campaign: str) -> None:
    """Only what is named is asked for; what the ledger does not have is asked for, too, and reported."""
    settled(ledger, campaign, ["a"], "S-1 " + campaign)
    settled(ledger, campaign + " other", ["b"], "S-2 " + campaign)
    receipts = ReceiptLedger(ledger)
    found = receipts.sent_requests(None, ["S-2 " + campaign, "S-never"])
    assert [request.campaign_id for request in found] == [campaign + " other"]
    assert receipts.sent_requests(campaign, ["S-1 " + campaign])[0].campaign_id == campaign
    with pytest.raises(ConfigurationError, match="None of the 1 session_nos is in the ledger"):
        receipts.sent_requests(None, ["S-never"])
    with pytest.raises(ConfigurationError, match="None of the 1 session_nos is in campaign"):
        receipts.sent_requests(campaign, ["S-2 " + campaign])
    said = [{"Phone": phone_of("b"), "ReceiptResult": "Success"}]
    collection = Collection(
        receipts,
        answering(lambda asked: [{"SessionNo": name, "ReceiptSet": said} for name in asked]),
        found,
        ["S-never"],
    )
    asked = collection.ask()
    assert (asked.receipts, asked.strange_sessions, collection.totals.all.messages) == (1, {"S-never"}, 1)


def test_the_old_session_of_a_recipient_sent_again_is_still_asked_for(ledger: Ledger, campaign: str) -> None:
    """A person said *not sent*: a receipt of the first request can show that it was."""
    settled(ledger, campaign, ["a"], "S-old", "a")
    resolve(ledger, campaign, as_sent=False, by="Ada")
    settled(ledger, campaign, ["a"], "S-new")
    said = [{"Phone": phone_of("a"), "ReceiptResult": "Success", "ReceiptTime": "1795348800"}]
    collection = collect(
        ledger, answering(lambda asked: [{"SessionNo": "S-old", "ReceiptSet": said}] * ("S-old" in asked)), campaign
    )
    assert collection.ask().sessions == 2
    [row] = results(ledger, campaign)
    at = datetime.fromtimestamp(1795348800, UTC).replace(tzinfo=None)
    assert (row["session_no"], row["status"], row["receipt_at"]) == ("S-old", "accepted", at)
    assert collection.totals.all.to_xcom() == {"success": 1, "fail": 0, "submit_fail": 0, "pending": 0}


def test_a_campaign_that_is_not_there_or_was_pruned_is_refused(ledger: Ledger, campaign: str) -> None:
    """A wrong name must not look like a campaign without messages."""
    receipts = ReceiptLedger(ledger)
    with pytest.raises(ConfigurationError, match="has no campaign"):
        receipts.sent_requests(campaign, None)
    settled(ledger, campaign, ["a"], "S").end()
    LedgerAdmin(ledger).prune(older_than=timedelta(), campaign_ids=[campaign])
    with pytest.raises(CampaignHalted):
        receipts.sent_requests(campaign, None)


def test_what_cannot_be_asked_about_is_counted(ledger: Ledger, campaign: str) -> None:
    """Requests without a SessionNo: unknown ones, and those that were accepted without one."""
    attempt = Try(ledger, campaign)
    lost, bare, refused = attempt.claim(people("abcdef"), size=2)
    attempt.mark(lost)
    attempt.mark_unknown(lost)
    for request, refusals in ((bare, "c"), (refused, "ef")):
        attempt.mark(request)
        outcomes = tuple((key_of(name), Status.REJECTED, "no") for name in refusals)
        ledger.settle(attempt.attempt, request.id, Answer(None, 0, "V", outcomes))
    assert ReceiptLedger(ledger).not_to_be_asked(attempt.attempt.campaign_no) == {"accepted": 1, "unknown": 2}
    assert collect(ledger, answering(lambda _: None), campaign).totals.all.messages == 0


def test_forgotten_people_are_not_waited_for(ledger: Ledger, campaign: str) -> None:
    """Their receipts cannot be matched any more."""
    settled(ledger, campaign, ["forgotten one", "b"], "S")
    LedgerAdmin(ledger).forget(phone_of("forgotten one"))
    assert collect(ledger, answering(lambda _: None), campaign).totals.all.messages == 1
