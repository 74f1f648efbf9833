# SPDX-License-Identifier: Apache-2.0
"""Each fault does to the connection what it says, and the journal shows whether messages were accepted."""

from __future__ import annotations

import http.client
import json
import socket

import pytest

from airflow_provider_uspeedo.sandbox.fault_responses import _RESPONSES
from airflow_provider_uspeedo.sandbox.faults import KINDS, FaultQueue


def _split(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    return body, int(length.split(b":")[1])


def test_every_kind_of_fault_is_carried_out():
    """The table of kinds and the table of acts name the same faults."""
    assert KINDS.keys() == _RESPONSES.keys()


def test_refuse_resets_the_connection_and_accepts_nothing(sandbox, client, target, accepted):
    """The client sees a reset, not an orderly end."""
    sandbox.fault("refuse")
    with pytest.raises(ConnectionResetError):
        client.raw_send(target())
    assert accepted() == {}
    assert client.send(target()).body["RetCode"] == 0


def test_refuse_does_not_wait_for_the_body(sandbox, client):
    """The connection is reset after the headers, though the body never comes."""
    sandbox.fault("refuse")
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


@pytest.mark.parametrize("took", [True, False])
def test_drop_ends_the_connection_without_an_answer(sandbox, client, target, accepted, took):
    """Not one byte comes back; whether the message was accepted is for the test to choose."""
    sandbox.fault("drop", accepted=took)
    phone = target()
    assert client.raw_send(phone) == b""
    assert accepted() == ({phone["Phone"]: 1} if took else {})


def test_drop_can_reset(sandbox, client, target, accepted):
    """Accepted, journaled, and then a reset instead of an end."""
    sandbox.fault("drop", reset=True)
    with pytest.raises(ConnectionResetError):
        client.raw_send(target())
    assert len(accepted()) == 1


def test_stall_gives_no_answer_while_others_are_served(sandbox, client, target, accepted):
    """The stalled client times out on its own; its message was accepted; the next call is answered meanwhile."""
    sandbox.fault("stall", seconds=30.0)
    body = json.dumps({"TaskContent": [{"TemplateId": "UTA_PLAIN", "SenderId": "", "Target": [target()]}]})
    waiting = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=0.3)
    waiting.request(
        "POST", "/api/v1/usms/SendBatchUSMSMessage", body, {"Authorization": "Basic c2FuZGJveDpzYW5kYm94LXNlY3JldA=="}
    )
    with pytest.raises(TimeoutError):
        waiting.getresponse()
    assert client.send(target()).body["RetCode"] == 0
    waiting.close()
    assert len(accepted()) == 2


def test_stall_ends_without_an_answer(sandbox, client, target):
    """After its seconds the connection is closed, still without a byte."""
    sandbox.fault("stall", seconds=0.05)
    assert client.raw_send(target()) == b""


def test_truncated_announces_more_than_it_sends(sandbox, client, target, accepted):
    """The head is right, Content-Length is that of the whole answer, the body is cut."""
    sandbox.fault("truncated", part=0.5)
    body, announced = _split(client.raw_send(target()))
    assert 0 < len(body) < announced
    assert len(accepted()) == 1
    sandbox.fault("truncated")
    with pytest.raises(http.client.IncompleteRead):
        client.send(target())


def test_drip_sends_the_whole_answer_in_pieces(sandbox, sign_headers):
    """The answer comes piece by piece but is complete and right."""
    sandbox.fault("drip", on="templates", seconds=0.2)
    body = {"Action": "QueryUSMSTemplate", "TemplateId": ["UTA_CODE"]}
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=10)
    connection.request("POST", "/api", json.dumps(body), sign_headers(body))
    with connection.getresponse() as answer:
        pieces = list(iter(answer.read1, b""))
    connection.close()
    assert len(pieces) > 1
    assert json.loads(b"".join(pieces))["RetCode"] == 0


def test_oversized_is_as_large_as_asked(sandbox, client, target, accepted):
    """It is valid JSON that a careful client stops reading."""
    sandbox.fault("oversized", bytes=3_000_000)
    reply = client.send(target())
    assert len(reply.text) > 2_900_000
    assert reply.body["RetCode"] == 0
    assert len(accepted()) == 1


def test_too_many_says_when_to_come_back(sandbox, client, target, accepted):
    """HTTP 429 with Retry-After; nothing was accepted."""
    sandbox.fault("too_many", retry_after="7")
    reply = client.send(target())
    assert (reply.status, reply.headers["retry-after"]) == (429, "7")
    assert accepted() == {}


@pytest.mark.parametrize("took", [True, False])
def test_server_error_comes_before_or_after_accepting(sandbox, client, target, accepted, took):
    """The client cannot distinguish the two; the journal can."""
    sandbox.fault("server_error", status=502, accepted=took)
    reply = client.send(target())
    assert (reply.status, reply.body) == (502, None)
    assert reply.headers["x-speedo-request-uuid"]
    assert len(accepted()) == took


def test_redirect_points_elsewhere_and_accepts_nothing(sandbox, client, target, accepted):
    """A client that follows it would send again; the default target is the same address."""
    sandbox.fault("redirect", status=308)
    reply = client.send(target())
    assert (reply.status, reply.headers["location"]) == (308, f"{sandbox.url}/api")
    assert accepted() == {}


@pytest.mark.parametrize(("kind", "text"), [("empty", ""), ("not_json", "<html>")])
def test_unreadable_answers_come_after_accepting(sandbox, client, target, accepted, kind, text):
    """HTTP 200 without anything that could be read as an answer."""
    sandbox.fault(kind)
    reply = client.send(target())
    assert (reply.status, reply.body) == (200, None)
    assert reply.text[:6] == text
    assert len(accepted()) == 1


@pytest.mark.parametrize("took", [True, False])
def test_any_code_can_be_had(sandbox, client, target, accepted, took):
    """A code with any message, even "success", and any status; never with a SessionNo."""
    sandbox.fault("ret_code", code=215400, message="success", status=500, accepted=took)
    reply = client.send(target())
    assert (reply.status, reply.body["RetCode"], reply.body["Message"]) == (500, 215400, "success")
    assert "SessionNo" not in reply.body
    assert len(accepted()) == took


def test_odd_answers_keep_their_meaning(sandbox, client, target):
    """Numbers as strings, another spelling of the request id, small letters, the session as a list or a string."""
    sandbox.fault("string_code")
    body = client.send(target()).body
    assert (body["RetCode"], body["SuccessCount"]) == ("0", "1")
    sandbox.fault("extra_fields")
    body = client.send(target()).body
    assert (body["RetCode"], body["RequestUuid"] != "", "ReqUuid" in body, "Extra" in body) == (0, True, False, True)
    sandbox.fault("wrong_case")
    body = client.send(target()).body
    assert (body["retCode"], body["successCount"], "RetCode" in body) == (0, 1, False)
    sandbox.fault("other_session")
    assert isinstance(client.send(target()).body["SessionNo"], list)
    sandbox.fault("other_session")
    content = {"TaskContent": [{"TemplateId": "UTA_PLAIN", "SenderId": "", "Target": [target()]}]}
    assert isinstance(client.rest("POST", "SendBatchUSMSMessage", content).body["SessionNo"], str)


@pytest.mark.parametrize("code", [0, 18046, 215400])
@pytest.mark.parametrize("shape", ["phone", "group", "flat"])
def test_partial_rejects_the_first_numbers_in_each_shape(sandbox, client, target, accepted, shape, code):
    """Two of three fail, with any RetCode, and the SessionNo of the third is there nevertheless."""
    sandbox.fault("partial", count=2, shape=shape, code=code)
    targets = [target() for _ in range(3)]
    body = client.send(*targets).body
    assert (body["RetCode"], body["SuccessCount"], bool(body["SessionNo"])) == (code, 1, True)
    assert accepted() == {targets[2]["Phone"]: 1}
    phones, reasons = _failures(body)
    assert phones == [each["Phone"] for each in targets[:2]]
    assert reasons == {"phone": ("phone", ""), "group": ("", "phone"), "flat": ("phone", None)}[shape]


def _failures(body):
    """Return the failed phones, and the first word of the reason on the phone and on the group."""
    if "FailedTargetPhones" in body:
        failed = body["FailedTargetPhones"]
        return [each["Phone"] for each in failed], (failed[0]["FailureReason"].partition(" ")[0], None)
    [branch] = body["FailContent"]
    reasons = branch["Target"][0]["FailureDetails"], branch["FailureDetails"]
    return [each["Phone"] for each in branch["Target"]], tuple(reason.partition(" ")[0] for reason in reasons)


def test_unlisted_rejects_without_naming_a_recipient(sandbox, client, target, accepted):
    """SuccessCount is right, the list is empty: it does not show which messages were accepted."""
    sandbox.fault("unlisted", count=1)
    body = client.send(target(), target()).body
    assert (body["SuccessCount"], body["FailContent"]) == (1, [])
    assert len(accepted()) == 1


def test_short_count_says_fewer_than_were_accepted(sandbox, client, target, accepted):
    """Everybody was texted, though the count says otherwise."""
    sandbox.fault("short_count", missing=1)
    assert client.send(target(), target()).body["SuccessCount"] == 1
    assert len(accepted()) == 2


def test_a_fault_strikes_at_the_call_it_was_queued_for(sandbox, client, target):
    """The second and third send from now on fail; other actions do not count."""
    sandbox.fault("ret_code", code=153, at=2, times=2)
    client.action("QueryUSMSTemplate", TemplateId=["UTA_CODE"])
    assert [client.send(target()).body["RetCode"] for _ in range(4)] == [0, 153, 153, 0]


def test_a_fault_can_strike_every_time_until_it_is_cleared(sandbox, client, target):
    """A fault with ``at="every"`` goes on; clearing ends it."""
    sandbox.fault("ret_code", code=153, at="every")
    assert [client.send(target()).body["RetCode"] for _ in range(3)] == [153] * 3
    sandbox.clear_faults()
    assert client.send(target()).body["RetCode"] == 0


def test_receipts_and_templates_can_fail_too(sandbox, client, target):
    """A fault is for one action; a send in between is not touched."""
    sandbox.fault("not_json", on="receipts")
    sandbox.fault("too_many", on="templates")
    assert client.send(target()).body["RetCode"] == 0
    assert client.receipts("x").body is None
    assert client.action("QueryUSMSTemplate", TemplateId=["UTA_CODE"]).status == 429


def test_a_call_that_is_turned_away_does_not_use_up_a_fault(sandbox, client, target):
    """Faults befall calls that were let in: a wrong signature is refused as ever and the fault waits."""
    sandbox.fault("ret_code", code=153)
    content = [{"TemplateId": "UTA_PLAIN", "Target": [target()]}]
    wrong = client.action("SendBatchUSMSMessage", headers={"X-Signature": "0" * 40}, TaskContent=content)
    assert [wrong.body["RetCode"], client.send(target()).body["RetCode"]] == [215394, 153]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"kind": "nonsense"},
        {"kind": "drop", "colour": "red"},
        {"kind": "drop", "at": 0},
        {"kind": "drop", "at": "never"},
        {"kind": "drop", "times": True},
        {"kind": "drop", "accepted": "yes"},
        {"kind": "stall", "seconds": -1},
        {"kind": "partial", "shape": "round"},
        {"kind": "partial", "on": "receipts"},
        {"kind": "server_error", "status": 42},
        {"kind": "drop", "on": "everything"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(asked):
    """Nothing is queued, and the error says what would be right."""
    queue = FaultQueue()
    with pytest.raises(ValueError, match=r"must|this kind has no|on must"):
        queue.queue(asked)
    assert queue.waiting() == []
