# SPDX-License-Identifier: Apache-2.0
"""What a send request may hold, and what becomes of its messages."""

from __future__ import annotations

import pytest


def test_every_accepted_number_is_journaled_before_the_answer(sandbox, client, target):
    """The journal names phone, user, template, sender, parameters, session and request of an accepted message."""
    before = len(sandbox.journal())
    phone = target(TemplateParams=["Ann", "12.50"], UserId="row-1", ExtendCode="42")
    reply = client.send(phone, template="UTA_REMINDER")
    [entry] = sandbox.journal(since=before)
    assert entry.phone == phone["Phone"]
    assert entry.number == phone["Phone"].replace("(", "").replace(")", "")
    assert (entry.user_id, entry.extend_code, entry.params) == ("row-1", "42", ["Ann", "12.50"])
    assert (entry.template_id, entry.sender_id, entry.generation) == ("UTA_REMINDER", "shop", "A")
    assert (entry.session_no, entry.request_id) == (reply.body["SessionNo"], reply.body["ReqUuid"])


def test_the_journal_keeps_any_text_as_it_was(sandbox, client, target):
    """Quotes, line ends and other scripts in parameters come back unchanged from the journal."""
    before = len(sandbox.journal())
    text = 'a "b"\\\n\t\u2028 好 🎉'
    client.send(target(TemplateParams=[text]), template="UTA_CODE")
    assert sandbox.journal(since=before)[0].params == [text]


def test_a_thousand_numbers_are_taken_and_one_more_is_refused(client, target, accepted):
    """The limit counts over all groups of a request; of a refused request no message is accepted."""
    half = [[target() for _ in range(500)] for _ in range(2)]
    content = [{"TemplateId": "UTA_PLAIN", "Target": each} for each in half]
    assert client.action("SendBatchUSMSMessage", TaskContent=content).body["SuccessCount"] == 1000
    content.append({"TemplateId": "UTA_PLAIN", "Target": [target()]})
    assert client.action("SendBatchUSMSMessage", TaskContent=content).body["RetCode"] == 215392
    assert len(accepted()) == 1000


def test_the_same_phone_twice_in_one_request_is_texted_twice(client, target, accepted):
    """Taking care of that is the client's duty: the sandbox accepts both and journals both."""
    phone = target()
    assert client.send(phone, phone).body["SuccessCount"] == 2
    assert accepted() == {phone["Phone"]: 2}


@pytest.mark.parametrize(
    ("template", "more", "code"),
    [
        ("UTA_CODE", {}, 215397),
        ("UTA_CODE", {"TemplateParams": []}, 215397),
        ("UTA_CODE", {"TemplateParams": ["1", "2"]}, 215392),
        ("UTA_CODE", {"TemplateParams": [1234]}, 215392),
        ("UTA_CODE", {"TemplateParams": "1234"}, 215392),
        ("UTA_PLAIN", {"TemplateParams": ["1"]}, 215392),
        ("UTA_PLAIN", {"UserId": "u" * 33}, 215392),
        ("UTA_PLAIN", {"UserId": 'say "hi"'}, 215392),
        ("UTA_PLAIN", {"UserId": "🎉"}, 215392),
        ("UTA_PLAIN", {"ExtendCode": "12a"}, 215392),
        ("UTA_PLAIN", {"Phone": ""}, 215397),
        ("UTA_PLAIN", {"Phone": 85255311111}, 215392),
        ("UTA_NOBODY_KNOWS", {}, 215396),
        ("UTA_PENDING", {"TemplateParams": ["x"]}, 215396),
        ("UTA_DISABLED", {"TemplateParams": ["x"]}, 215396),
    ],
)
def test_a_wrong_parameter_refuses_the_whole_request(client, target, accepted, template, more, code):
    """One wrong target among good ones, and no message is accepted; the message names the place and not the value."""
    good = {} if template == "UTA_PLAIN" else {"TemplateParams": ["1"]}
    reply = client.send(target(**good), {**target(), **more}, template=template)
    assert reply.body["RetCode"] == code
    assert "TaskContent[0]" in reply.body["Message"]
    assert "SessionNo" not in reply.body
    assert accepted() == {}


@pytest.mark.parametrize(("sender", "code"), [("elevenchars", 0), ("twelve-chars", 215392), ("", 0), (7, 215392)])
def test_a_sender_has_at_most_eleven_characters(client, target, sender, code):
    """Eleven characters pass, twelve do not, none is fine."""
    content = [{"TemplateId": "UTA_PLAIN", "SenderId": sender, "Target": [target()]}]
    assert client.action("SendBatchUSMSMessage", TaskContent=content).body["RetCode"] == code


def test_generation_b_wants_a_sender_even_if_empty(client, target):
    """The field may be empty in B but not absent."""
    body = {"TaskContent": [{"TemplateId": "UTA_PLAIN", "Target": [target()]}]}
    assert client.rest("POST", "SendBatchUSMSMessage", body).body["RetCode"] == 215397


@pytest.mark.parametrize(
    "content", [None, [], "x", [1], [{}], [{"TemplateId": "UTA_PLAIN"}], [{"TemplateId": "UTA_PLAIN", "Target": [1]}]]
)
def test_a_body_of_another_shape_is_refused(client, content):
    """No shape of the body leads to a server error."""
    parameters = {} if content is None else {"TaskContent": content}
    assert client.action("SendBatchUSMSMessage", **parameters).body["RetCode"] in {215392, 215397}


@pytest.mark.parametrize("phone", ["+85255311111", "(852) 5531 1111", "555-1111", "abc", "()12345", "(852)", "١٢٣٤٥"])
def test_a_malformed_phone_fails_alone(client, target, accepted, phone):
    """The others of the request are accepted; the malformed one is listed with its reason."""
    good = target()
    reply = client.send(good, {"Phone": phone})
    [failed] = reply.body["FailContent"][0]["Target"]
    assert (failed["Phone"], failed["FailureDetails"]) == (phone, "phone number format is wrong")
    assert accepted() == {good["Phone"]: 1}


def test_a_text_of_more_than_500_characters_fails_alone(client, target, accepted):
    """The length counts after the parameters are filled in."""
    fits, too_long = target(TemplateParams=["x" * 400]), target(TemplateParams=["x" * 480])
    reply = client.send(fits, too_long, template="UTA_CODE")
    assert reply.body["SuccessCount"] == 1
    assert list(accepted()) == [fits["Phone"]]


def test_magic_numbers_are_rejected_where_the_answer_says(client, target, accepted):
    """Reasons stand on the phone, on the group, beside bare digits, or the phone is not listed at all."""
    good = target()
    on_phone, on_group, as_digits, unlisted = (target(ending) for ending in ("99991", "99992", "99997", "99998"))
    body = client.send(good, on_phone, on_group, as_digits, unlisted).body
    reported = {
        each["Phone"]: (each["FailureDetails"], branch["FailureDetails"])
        for branch in body["FailContent"]
        for each in branch["Target"]
    }
    reason = "phone in the black list"
    assert reported[on_phone["Phone"]] == (reason, "")
    assert reported[on_group["Phone"]] == ("", reason)
    assert reported[as_digits["Phone"].replace("(", "").replace(")", "")] == (reason, "")
    assert len(reported) == 3
    assert (body["RetCode"], body["SuccessCount"]) == (0, 1)
    assert accepted() == {good["Phone"]: 1}


def test_a_request_that_fails_for_everybody_has_a_code_and_no_session(client, target):
    """Nothing accepted: RetCode 18046, SuccessCount 0, no SessionNo, everybody listed."""
    body = client.send(target("99991"), target("99991")).body
    assert (body["RetCode"], body["SuccessCount"], "SessionNo" in body) == (18046, 0, False)
    assert len(body["FailContent"][0]["Target"]) == 2


def test_generation_b_answers_flat_with_one_session_per_group(client, target, accepted):
    """B lists failures as FailedTargetPhones and its SessionNo is an array."""
    content = [
        {"TemplateId": "UTA_PLAIN", "SenderId": "", "Target": [target(), target("99991")]},
        {"TemplateId": "UTA_CODE", "SenderId": "", "Target": [target(TemplateParams=["1"])]},
    ]
    body = client.rest("POST", "SendBatchUSMSMessage", {"TaskContent": content}).body
    assert len(set(body["SessionNo"])) == 2
    [failed] = body["FailedTargetPhones"]
    assert failed == {
        "Phone": content[0]["Target"][1]["Phone"],
        "TemplateParams": [],
        "FailureReason": "phone in the black list",
    }
    assert "FailContent" not in body
    assert len(accepted()) == 2


def test_an_account_id_must_be_an_integer(client, target):
    """Any integer will do unless the sandbox was given its own; a string will not."""
    assert client.send(target(), AccountId=7).body["RetCode"] == 0
    assert client.send(target(), AccountId="7").body["RetCode"] == 215392
