# SPDX-License-Identifier: Apache-2.0
"""Receipts ripen; templates can be asked for; texts are counted in segments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.sandbox.charged_segments import segments
from airflow_provider_uspeedo.sandbox.receipt_store import Receipts, Sent, Session


def _results(answer):
    return [each["ReceiptResult"] for session in answer for each in session["ReceiptSet"]]


def test_a_receipt_is_empty_then_unknown_then_final():
    """Half of the delay without a receipt, half of it Unknow, and then the result."""
    receipts = Receipts(delay=10.0, kept=100)
    receipts.add("s", Session(1000.0, [Sent("(852)55311111", "u", 2, "Success")]))
    stages = [
        _results(receipts.answer(["s"], now, time_as_text=False)) for now in (1000.0, 1004.9, 1005.0, 1009.9, 1010.0)
    ]
    assert stages == [[], [], ["Unknow"], ["Unknow"], ["Success"]]


def test_the_oldest_sessions_make_room():
    """No more than the given number of messages is kept; a forgotten session is missing from the answer."""
    receipts = Receipts(delay=0.0, kept=2)
    for name in "abc":
        receipts.add(name, Session(0.0, [Sent("1111", "", 1, "Success")]))
    assert [each["SessionNo"] for each in receipts.answer(["a", "b", "c"], 1.0, time_as_text=False)] == ["b", "c"]


def test_magic_numbers_decide_on_the_final_receipt(sandbox, client, target):
    """Fail, SubmitFail, Unknow for ever, no receipt at all; every other number is delivered."""
    endings = ("", "99993", "99994", "99995", "99996")
    targets = [target(ending, UserId=f"u{number}") for number, ending in enumerate(endings)]
    session_no = client.send(*targets).body["SessionNo"]
    assert client.receipts(session_no).body["Data"] == [{"SessionNo": session_no, "ReceiptSet": []}]
    sandbox.ripen()
    [session] = client.receipts(session_no).body["Data"]
    found = {each["UserId"]: each["ReceiptResult"] for each in session["ReceiptSet"]}
    assert found == {"u0": "Success", "u1": "Fail", "u2": "Unknow", "u3": "SubmitFail"}


def test_a_final_receipt_has_time_cost_and_country(sandbox, client, target):
    """CostCount is in segments, ReceiptTime in seconds since the epoch: an integer in A, a string in B."""
    phone = target(TemplateParams=["好" * 60])
    session_no = client.send(phone, template="UTA_CODE").body["SessionNo"]
    sandbox.ripen()
    [receipt] = client.receipts(session_no).body["Data"][0]["ReceiptSet"]
    assert (receipt["Phone"], receipt["CostCount"], receipt["CountryCode"]) == (phone["Phone"], 2, "852")
    assert isinstance(receipt["ReceiptTime"], int)
    [other] = client.rest("GET", "USMSSendReceipt", id=[session_no]).body["Data"][0]["ReceiptSet"]
    assert other["ReceiptTime"] == str(receipt["ReceiptTime"])


def test_a_hundred_sessions_can_be_asked_at_once_and_no_more(client):
    """Unknown sessions are missing from the answer, too many are refused, none at all too."""
    assert client.receipts(*map(str, range(100))).body["Data"] == []
    assert client.receipts(*map(str, range(101))).body["RetCode"] == 215392
    assert client.receipts().body["RetCode"] == 215397
    assert client.rest("GET", "USMSSendReceipt", id=list(map(str, range(101)))).body["RetCode"] == 215392


def test_templates_have_text_and_status(client):
    """A answers with a list; B with an object for one template; unknown ids are left out."""
    found = client.action("QueryUSMSTemplate", TemplateId=["UTA_REMINDER", "UTA_PENDING", "UTA_NONE"]).body["Data"]
    assert [(each["TemplateId"], each["Status"]) for each in found] == [("UTA_REMINDER", 2), ("UTA_PENDING", 0)]
    assert "{2}" in found[0]["Template"]
    assert client.rest("GET", "USMSTemplate", id=["UTA_CODE"]).body["Data"]["TemplateId"] == "UTA_CODE"
    assert len(client.rest("GET", "USMSTemplate", id=["UTA_CODE", "UTA_PROMO"]).body["Data"]) == 2
    assert client.action("QueryUSMSTemplate", TemplateId=["UTA_NONE"]).body["RetCode"] == 215396
    assert client.action("QueryUSMSTemplate").body["RetCode"] == 215397


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("[" * 80, 1),
        ("[" * 81, 2),
        ("`", 1),
        ("`" + "a" * 70, 2),
        ("好" * 70, 1),
        ("好" * 134, 2),
        ("好" * 135, 3),
        ("🎉" * 35, 1),
        ("🎉" * 36, 2),
        ("a" * 152 + "€" + "a" * 152, 3),  # 306 units, and none cut in two
        ("好" * 66 + "🎉" + "好" * 66, 3),
    ],
)
def test_segments_follow_the_alphabet(text, count):
    """GSM-7 by 160 and 153, its extended characters twice, everything else by 70 and 67 UTF-16 units."""
    assert segments(text) == count


@given(st.text(max_size=400), st.text(max_size=20))
def test_a_longer_text_never_costs_less(text, more):
    """Adding characters cannot make a text cheaper."""
    assert segments(text) <= segments(text + more)
