# SPDX-License-Identifier: Apache-2.0
"""The client, end to end over a real socket."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_uspeedo.api.client import USpeedoClient
from airflow_provider_uspeedo.api.http.backoff import Backoff
from airflow_provider_uspeedo.api.request.auth import flat, sign
from airflow_provider_uspeedo.core.content import Target, TaskContent
from airflow_provider_uspeedo.errors import CallError, ConfigurationError, NotSent, OutcomeUnknown, Refused

CONTENT = [TaskContent("UTA1", "", [Target("(852)55311111", ("Ann",))])]


@pytest.fixture
def connect(serve, make_config):
    """Make a client of a server with the given handlers; its waits are short."""
    backoff = Backoff(attempts=4, first_wait=0.001, max_wait=0.001)
    clients = []

    def start(*handlers, **settings):
        server = serve(*handlers)
        clients.append(USpeedoClient(make_config(server.url, **settings), query_backoff=backoff))
        return clients[-1], server

    yield start
    for one in clients:
        one.close()


def answers(*bodies, status="200 OK"):
    """Answer one request after the other; a function makes its answer from the request."""

    def handler(peer):
        for number in range(1000):
            request = peer.request()
            body = bodies[min(number, len(bodies) - 1)]
            peer.answer(body(*request) if callable(body) else body, status)

    return handler


def test_a_batch_is_sent_once_and_its_answer_read(connect):
    """The signature is right and time and nonce are fresh."""
    client, server = connect(answers({"RetCode": 0, "SessionNo": "s", "SuccessCount": 1}))
    assert client.send_batch(CONTENT).session_nos == ("s",)
    assert client.send_batch([{"TemplateId": "UTA1", "Target": [{"Phone": "(852)55311111"}]}]).success_count == 1
    (_, first, body), (_, second, _) = server.requests
    assert first["x-signature"] == sign(flat(json.loads(body)), "key-secret")
    assert first["x-nonce"] != second["x-nonce"]
    assert len(first["x-nonce"]) == 32


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"RetCode": 153}, "200 OK", NotSent),
        ({"RetCode": 215395}, "200 OK", NotSent),
        (b"", "429 Slow down", NotSent),
        ({"RetCode": 215394}, "401 No", Refused),
        (b"oops", "502 Bad Gateway", OutcomeUnknown),
        (b"oops", "503 Busy", OutcomeUnknown),
        ({"RetCode": 0}, "307 Elsewhere", OutcomeUnknown),
    ],
)
def test_a_batch_is_never_sent_twice_by_the_client(connect, body, status, error):
    """Exactly one request, whatever comes back."""
    client, server = connect(answers(body, status=status))
    with pytest.raises(error):
        client.send_batch(CONTENT)
    assert len(server.requests) == 1


def test_a_batch_that_must_not_be_sent_is_not(connect):
    """Refused before anything is sent."""
    client, server = connect(answers({}))
    with pytest.raises(ConfigurationError):
        client.send_batch([TaskContent("UTA1", "", [Target("(852)55311111"), Target("85255311111")])])
    assert server.connections == 0


@pytest.mark.parametrize("api", ["action", "rest"])
def test_receipts_are_asked_for_a_hundred_sessions_at_a_time(connect, api):
    """Any number of sessions gives one entry each, in order."""

    def receipts(first, headers, body):
        asked = json.loads(body)["SessionNoSet"] if body else parse_qs(urlsplit(first.split()[1]).query)["id"]
        return {"RetCode": 0, "Data": [{"SessionNo": one, "ReceiptSet": [{"Phone": "1"}]} for one in asked]}

    client, server = connect(answers(receipts), api=api)
    sessions = [f"s{number}" for number in range(250)]
    found = client.get_receipts(sessions)
    assert [one.session_no for one in found] == sessions
    assert all(len(one.receipts) == 1 for one in found)
    assert len(server.requests) == 3
    assert client.get_receipts([]) == []


def test_templates_are_found_even_if_the_answer_holds_one_at_a_time(connect):
    """The document shows one object as the answer: what is missing is asked for by itself."""

    def first_one(first, headers, body):
        return {"RetCode": 0, "Data": {"TemplateId": json.loads(body)["TemplateId"][0], "Template": "{1}", "Status": 2}}

    client, _ = connect(answers(first_one))
    assert [one.template_id for one in client.query_templates(["a", "b", "a", "c"])] == ["a", "b", "c"]


def test_a_template_that_is_not_there_is_missing_from_the_list(connect):
    """Also if it made the API refuse the query for all of them."""

    def strict(first, headers, body):
        asked = json.loads(body)["TemplateId"]
        if "none" in asked:
            return {"RetCode": 215396, "Message": "not found"}
        return {"RetCode": 0, "Data": [{"TemplateId": one} for one in asked]}

    client, _ = connect(answers(strict))
    assert [one.template_id for one in client.query_templates(["none", "a"])] == ["a"]
    assert client.query_templates(["none"]) == []


def test_a_query_is_repeated_after_any_failure(connect):
    """A lost answer, a busy server, an error page: then the answer."""

    def lose(peer):
        peer.request()

    def busy(peer):
        peer.request()
        peer.answer({"RetCode": 150}, Connection="close")  # else the next attempt may meet a connection that is closing

    def broken(peer):
        peer.request()
        peer.answer(b"oops", "502 Bad Gateway", Connection="close")

    client, server = connect(lose, busy, broken, answers({"RetCode": 0, "Data": []}))
    assert len(client.get_receipts(["s"])) == 1
    assert len(server.requests) == 4


@pytest.mark.parametrize("handler", [answers(b"oops"), answers({"RetCode": 215400}), lambda peer: peer.request()])
def test_a_query_without_a_response_is_a_failed_call(connect, handler):
    """Not an unknown outcome: nothing can have happened twice."""
    client, server = connect(handler)
    with pytest.raises(CallError) as raised:
        client.get_receipts(["s"])
    assert not isinstance(raised.value, OutcomeUnknown)
    assert len(server.requests) == 4


def test_a_refused_question_is_not_asked_again(connect):
    """A wrong key does not get better; the vendor's words are masked."""
    client, server = connect(answers({"RetCode": 215394, "Message": "user 85255311111", "ReqUuid": "r-1"}))
    with pytest.raises(Refused, match="password") as raised:
        client.query_templates(["a"])
    assert "85255311111" not in str(raised.value)
    assert raised.value.vendor_request_id == "r-1"
    assert len(server.requests) == 1
