# SPDX-License-Identifier: Apache-2.0
"""Who may call the sandbox, in both generations."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.sandbox.signature import flatten, sign

VECTORS = json.loads((Path(__file__).parent / "signature-vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_every_known_signature_is_reproduced(vector):
    """The vendor's published digests, and those derived from the rule, come out of the sandbox's own formula."""
    assert sign(vector["body"], vector["secret"]) == vector["signature"]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_signed_as_plain_decimals(value):
    """Whatever the float: no exponent, no trailing ``.0``, and the same number when read back."""
    text = flatten(value)
    assert "e" not in text.lower()
    assert not text.endswith(".0")
    assert float(text) == value


def test_a_signed_call_is_answered_with_its_request_id(client, target):
    """A right call is accepted; header and body carry the same request id."""
    reply = client.send(target())
    assert reply.status == 200
    assert reply.body["RetCode"] == 0
    assert reply.body["ReqUuid"] == reply.headers["x-speedo-request-uuid"]


@pytest.mark.parametrize("query", ["", "?Action=SendBatchUSMSMessage"])
@pytest.mark.parametrize("path", ["/api", "/api/"])
def test_the_action_address_may_end_in_a_slash_and_name_the_action(client, target, path, query):
    """All spellings that SDKs use lead to the same action."""
    reply = client.action(
        "SendBatchUSMSMessage", path + query, TaskContent=[{"TemplateId": "UTA_PLAIN", "Target": [target()]}]
    )
    assert reply.body["SuccessCount"] == 1


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"X-Access-Key-Id": "somebody"}, 215393),
        ({"X-Access-Key-Id": "schlüssel"}, 215393),
        ({"X-Signature": "0" * 40}, 215394),
        ({"X-Timestamp": str(int(time.time()) - 10_000)}, 215395),
        ({"X-Timestamp": str(int(time.time()) + 10_000)}, 215395),
        ({"X-Timestamp": "yesterday"}, 215395),
        ({"X-Nonce": "n" * 33}, 215398),
        ({"X-Nonce": ""}, 215398),
    ],
)
def test_a_wrong_header_is_refused_with_its_code(client, target, accepted, headers, code):
    """Key, signature, timestamp and nonce are each refused by a code of their own; nothing is accepted."""
    reply = client.send(target(), headers=headers)
    assert reply.body["RetCode"] == code
    assert reply.body["ReqUuid"]
    assert accepted() == {}


def test_a_nonce_counts_once(client, target, accepted, sign_headers):
    """The very same signed call, sent twice, is accepted once: a replayed nonce is refused."""
    phone = target()
    body = {"Action": "SendBatchUSMSMessage", "TaskContent": [{"TemplateId": "UTA_PLAIN", "Target": [phone]}]}
    headers = sign_headers(body)
    codes = [client.http("POST", "/api", json.dumps(body), headers).body["RetCode"] for _ in range(2)]
    assert codes == [0, 215398]
    assert accepted() == {phone["Phone"]: 1}


def test_a_refused_call_does_not_use_up_its_nonce(client, sign_headers):
    """A nonce that came with a wrong signature can still be used by the right call."""
    body = {"Action": "QueryUSMSTemplate", "TemplateId": ["UTA_CODE"]}
    headers = sign_headers(body)
    wrong = client.http("POST", "/api", json.dumps(body), {**headers, "X-Signature": "1" * 40})
    right = client.http("POST", "/api", json.dumps(body), headers)
    assert (wrong.body["RetCode"], right.body["RetCode"]) == (215394, 0)


def test_basic_credentials_are_checked(client, target):
    """Generation B takes the key and its secret as Basic credentials, and no others."""
    body = {"TaskContent": [{"TemplateId": "UTA_PLAIN", "SenderId": "", "Target": [target()]}]}
    assert client.rest("POST", "SendBatchUSMSMessage", body).body["RetCode"] == 0
    assert client.rest("POST", "SendBatchUSMSMessage", body, secret="other").body["RetCode"] == 215393
    assert client.http("GET", "/api/v1/usms/USMSTemplate?id=UTA_CODE").body["RetCode"] == 215393


@pytest.mark.parametrize("token", ["Basic", "Basic %%%", "Bearer c2FuZGJveDpzYW5kYm94LXNlY3JldA=="])
def test_malformed_credentials_are_a_refusal_not_a_crash(client, token):
    """Anything that is not Basic base64 is answered with the code for a wrong key."""
    assert (
        client.http("GET", "/api/v1/usms/USMSTemplate?id=X", headers={"Authorization": token}).body["RetCode"] == 215393
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000, b'{"a": NaN}', b"\xff"])
def test_a_body_that_is_not_a_json_object_is_refused(client, body, sign_headers):
    """Broken bodies get an answer with a code, never a server error."""
    reply = client.http("POST", "/api", body, sign_headers({}))
    assert (reply.status, reply.body["RetCode"]) == (200, 215392)


def test_unknown_and_missing_actions_are_refused(client, sign_headers):
    """An action that the sandbox does not know, and none at all, have a code each."""
    assert client.action("DescribeEverything").body["RetCode"] == 161
    assert client.http("POST", "/api", "{}", sign_headers({})).body["RetCode"] == 160
