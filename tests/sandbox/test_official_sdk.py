# SPDX-License-Identifier: Apache-2.0
"""The vendor's own SDK, a real client that is not ours, works against the sandbox."""

from __future__ import annotations

import logging

import pytest
from uspeedo.client import Client
from uspeedo.core import exc


@pytest.fixture
def sdk(sandbox):
    logging.getLogger("uspeedo").disabled = True
    config = {"public_key": "sandbox", "private_key": "sandbox-secret", "base_url": f"{sandbox.url}/api"}
    return Client(config).asms()


def _send(sdk, *targets, template="UTA_REMINDER"):
    return sdk.send_batch_usms_message(
        {"TaskContent": [{"TemplateId": template, "SenderId": "shop", "Target": list(targets)}]}
    )


def test_it_sends_and_sees_failures(sdk, target, accepted):
    """One message accepted, one on the black list, both seen through the SDK's own models."""
    good, bad = target(TemplateParams=["Ann", "1"]), target("99991", TemplateParams=["Bob", "2"], UserId="u2")
    answer = _send(sdk, good, bad)
    assert (answer["SuccessCount"], bool(answer["SessionNo"])) == (1, True)
    [failed] = answer["FailContent"][0]["Target"]
    assert (failed["Phone"], failed["UserId"], failed["FailureDetails"]) == (
        bad["Phone"],
        "u2",
        "phone in the black list",
    )
    assert accepted() == {good["Phone"]: 1}


def test_it_sends_texts_without_parameters(sdk, target):
    """The SDK writes an empty array where there are none; that counts as left out."""
    assert _send(sdk, target(), template="UTA_PLAIN")["SuccessCount"] == 1


def test_it_asks_for_receipts(sandbox, sdk, target):
    """Session and receipt come back as the SDK's models."""
    session_no = _send(sdk, target(TemplateParams=["Ann", "1"], UserId="u1"))["SessionNo"]
    sandbox.ripen()
    [session] = sdk.get_usms_send_receipt({"SessionNoSet": [session_no]})["Data"]
    [receipt] = session["ReceiptSet"]
    assert (receipt["UserId"], receipt["ReceiptResult"], receipt["CostCount"]) == ("u1", "Success", 1)


def test_it_queries_templates(sdk):
    """Text and status of two templates."""
    found = sdk.query_usms_template({"TemplateId": ["UTA_CODE", "UTA_DISABLED"]})["Data"]
    assert [(each["TemplateId"], each["Status"]) for each in found] == [("UTA_CODE", 2), ("UTA_DISABLED", 4)]


def test_it_raises_on_a_wrong_secret(sandbox, target):
    """The refusal reaches its caller as the SDK's exception with the code."""
    config = {"public_key": "sandbox", "private_key": "wrong", "base_url": f"{sandbox.url}/api"}
    with pytest.raises(exc.RetCodeException) as raised:
        _send(Client(config).asms(), target(TemplateParams=["Ann", "1"]))
    assert raised.value.code == 215394


def test_it_texts_twice_when_it_retries_a_lost_answer(sandbox, sdk, target, accepted):
    """Why this package does not use it: with retries on, an accepted request whose answer is lost is sent again."""
    sandbox.fault("server_error", status=502, accepted=True)
    phone = target(TemplateParams=["Ann", "1"])
    request = {"TaskContent": [{"TemplateId": "UTA_REMINDER", "SenderId": "", "Target": [phone]}]}
    assert sdk.send_batch_usms_message(request, max_retries=1)["SuccessCount"] == 1
    assert accepted() == {phone["Phone"]: 2}
