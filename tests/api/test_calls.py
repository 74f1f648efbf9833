# SPDX-License-Identifier: Apache-2.0
"""Requests as they are built."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.api.request import builders
from airflow_provider_uspeedo.api.request.auth import flat, sign
from airflow_provider_uspeedo.api.request.content_check import task_content_from
from airflow_provider_uspeedo.core.content import Target, TaskContent
from airflow_provider_uspeedo.core.recipients import Recipient
from airflow_provider_uspeedo.errors import ConfigurationError

STAMP = {"timestamp": 1700000000, "nonce": "0" * 32}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
targets = st.builds(
    Target,
    phone=st.integers(1, 10**6).map("(852){}".format),
    template_params=st.lists(texts, max_size=3).map(tuple),
    user_id=texts,
    extend_code=texts,
)
contents = st.lists(
    st.builds(
        TaskContent,
        template_id=texts.filter(bool),
        sender_id=texts,
        targets=st.lists(targets, min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=3,
).filter(lambda groups: len({t.phone for g in groups for t in g.targets}) == sum(len(g.targets) for g in groups))


def send_batch(config, content, **stamp):
    return builders.send_batch(config, builders.write_content(content), **stamp)


def people(count):
    return [Target(phone=f"(852)5531{number:04d}") for number in range(count)]


def plainly(content):
    """The groups as the vendor's documents show them; nothing that is empty but the sender."""
    return [
        {
            "TemplateId": group.template_id,
            "SenderId": group.sender_id,
            "Target": [
                {"Phone": one.phone}
                | ({"TemplateParams": list(one.template_params)} if one.template_params else {})
                | ({"UserId": one.user_id} if one.user_id else {})
                | ({"ExtendCode": one.extend_code} if one.extend_code else {})
                for one in group.targets
            ],
        }
        for group in content
    ]


@given(contents, st.sampled_from(["action", "rest"]))
def test_the_body_is_the_json_of_what_is_sent(content, api):
    """Whatever the texts hold: quotes, backslashes, control characters, any script."""
    config = ClientConfig(access_key_id="id", access_key_secret="s", api=api)
    assert json.loads(send_batch(config, content, **STAMP).body)["TaskContent"] == plainly(content)


@pytest.mark.parametrize("odd", ['"', "\\", "\n", "\x00", "\x1f", "\x7f", "\u2028", '","', "名", "😀", '\\"'])
@pytest.mark.parametrize("place", ["template_id", "sender_id", "phone", "template_params", "user_id", "extend_code"])
def test_a_character_that_json_escapes_is_signed_as_it_is(make_config, odd, place):
    """In the body it stands escaped; the signature is over the text that the other side reads."""
    given = {name: f"{odd}x{odd}" if name == place else "x" for name in ("phone", "user_id", "extend_code")}
    params = ("x", f"{odd}x{odd}" if place == "template_params" else "x")
    names = {name: f"{odd}x{odd}" if name == place else "x" for name in ("template_id", "sender_id")}
    content = [TaskContent(**names, targets=[Target(**given, template_params=params), Target("y")])]
    call = send_batch(make_config(), content, **STAMP)
    body = json.loads(call.body)
    assert body["TaskContent"] == plainly(content)
    assert call.headers["X-Signature"] == sign(flat(body), "key-secret")


def test_recipients_are_sent_as_they_are(make_config):
    """The package's own recipients need no copy to be the targets of a request."""
    recipient = Recipient(1, b"k" * 16, "(852)55311111", ("Ann",), "u", "7", "UTA1", "Shop")
    target = Target("(852)55311111", ("Ann",), "u", "7")
    calls_made = [send_batch(make_config(), [TaskContent("UTA1", "", [one])], **STAMP) for one in (recipient, target)]
    assert calls_made[0].body == calls_made[1].body
    assert calls_made[0] == calls_made[1]


def test_a_target_shows_nothing_of_the_person():
    """Nor does a group, or a list of targets."""
    one = Target(phone="(852)55311111", template_params=["Ann"], user_id="mark", extend_code="77")
    assert one == Target("(852)55311111", ["Ann"], "mark", "77") != Target("(852)55311112")
    shown = f"{one} {one!r} {[one]} {TaskContent('UTA1', '', [one])}"
    assert not any(secret in shown for secret in ("5531", "Ann", "mark", "77"))


@given(contents, st.none() | st.integers(0, 10**6))
def test_the_fast_signature_is_the_general_one(content, account_id):
    """The signature made while the body is built equals the one made by walking over the finished body."""
    config = ClientConfig(access_key_id="id", access_key_secret="s", account_id=account_id)
    call = send_batch(config, content, **STAMP)
    assert call.headers["X-Signature"] == sign(flat(json.loads(call.body)), "s")


def test_a_send_of_the_action_api_says_everything_and_nothing_empty(make_config):
    """Sender always; parameters, user id and extend code only where there are any."""
    full = Target("(852)55311111", ("Ann", "12.50"), "u1", "77")
    bare = Target("(852)55311112")
    content = [TaskContent("UTA1", "USpeedo", [full]), TaskContent("UTA2", "", [bare])]
    call = send_batch(make_config(account_id=7), content, **STAMP)
    assert (call.method, call.url) == ("POST", "https://api.uspeedo.com/api")
    assert json.loads(call.body) == {
        "Action": "SendBatchUSMSMessage",
        "AccountId": 7,
        "TaskContent": [
            {
                "TemplateId": "UTA1",
                "SenderId": "USpeedo",
                "Target": [
                    {"Phone": "(852)55311111", "TemplateParams": ["Ann", "12.50"], "UserId": "u1", "ExtendCode": "77"}
                ],
            },
            {"TemplateId": "UTA2", "SenderId": "", "Target": [{"Phone": "(852)55311112"}]},
        ],
    }
    assert call.headers["X-Timestamp"] == "1700000000"
    assert "Authorization" not in call.headers


def test_a_send_of_the_rest_api_holds_parameters_only(make_config):
    """No Action, no AccountId, Basic instead of a signature."""
    config = make_config("https://gate.example/sms", api="rest", account_id=7)
    call = send_batch(config, [TaskContent("UTA1", "", people(1))], **STAMP)
    assert call.url == "https://gate.example/sms/api/v1/usms/SendBatchUSMSMessage"
    assert set(json.loads(call.body)) == {"TaskContent"}
    assert call.headers["Authorization"].startswith("Basic ")
    assert "X-Signature" not in call.headers


def test_queries_of_the_action_api_are_signed(make_config):
    """Receipts and templates go to the same URL, with the ids in the body."""
    receipts = builders.get_receipts(make_config(account_id=1), ["s1", "s2"], **STAMP)
    templates = builders.query_templates(make_config(), ["t1"], **STAMP)
    assert json.loads(receipts.body) == {"Action": "GetUSMSSendReceipt", "AccountId": 1, "SessionNoSet": ["s1", "s2"]}
    assert json.loads(templates.body) == {"Action": "QueryUSMSTemplate", "TemplateId": ["t1"]}
    assert receipts.headers["X-Signature"] == sign(flat(json.loads(receipts.body)), "key-secret")


def test_queries_of_the_rest_api_name_ids(make_config):
    """Ids are repeated in the query, and quoted."""
    config = make_config(api="rest")
    receipts = builders.get_receipts(config, ["s1", "s&2"], **STAMP)
    templates = builders.query_templates(config, ["t1"], **STAMP)
    assert (receipts.method, receipts.body) == ("GET", None)
    assert receipts.url == "https://api.uspeedo.com/api/v1/usms/USMSSendReceipt?id=s1&id=s%262"
    assert templates.url == "https://api.uspeedo.com/api/v1/usms/USMSTemplate?id=t1"


def test_a_thousand_numbers_fit_and_one_more_does_not(make_config):
    """The limit is over all groups together."""
    send_batch(make_config(), [TaskContent("UTA1", "", people(1000))], **STAMP)
    groups = [TaskContent("UTA1", "", people(1000)), TaskContent("UTA2", "", [Target("(1)2025550100")])]
    with pytest.raises(ConfigurationError, match="1001 numbers"):
        send_batch(make_config(), groups, **STAMP)


@pytest.mark.parametrize("twin", ["(852)55310000", "85255310000", "+852 5531-0000"])
def test_one_phone_twice_is_refused(make_config, twin):
    """However it is written, and in whichever group; the message names positions, not the phone."""
    groups = [TaskContent("UTA1", "", people(3)), TaskContent("UTA2", "", [Target(twin)])]
    with pytest.raises(ConfigurationError, match="targets 1 and 4") as raised:
        send_batch(make_config(), groups, **STAMP)
    assert "5531" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "no target"),
        ([TaskContent("UTA1", "", [])], "no target"),
        ([TaskContent("UTA1", "", [Target("")])], "no phone"),
        ([TaskContent("", "", [Target("(1)2")])], "template"),
        ([TaskContent("UTA1", "x" * 12, [Target("(1)2")])], "sender"),
        ([TaskContent("UTA1", "", [Target("(1)2", ("secret\ud800",))])], "UTF-8"),
        ([TaskContent("UTA1", "", [Target("(1)2", (5551234,))])], "texts"),
        ([TaskContent("UTA1", "", [Target("(1)2", "secret")])], "list of texts"),
        ([TaskContent("UTA1", "", [Target("(1)2", {"secret"})])], "list of texts"),
        ([TaskContent("UTA1", "", [Target("(1)2", (), 5551234)])], "texts"),
        ([TaskContent("UTA1", "", [Target("(1)2", (), "", 5551234)])], "texts"),
        ([TaskContent("UTA1", "", [Target("(1)2", ("\\", 5551234))])], "texts"),
        ([TaskContent(5551234, "", [Target("(1)2")])], "texts"),
        ([TaskContent("UTA1", 5551234, [Target("(1)2")])], "texts"),
    ],
)
def test_what_must_not_be_sent_is_refused(make_config, content, said):
    """Nothing wrong is left to the server, and no value is quoted."""
    with pytest.raises(ConfigurationError, match=said) as raised:
        send_batch(make_config(), content, **STAMP)
    assert "secret" not in str(raised.value)
    assert "5551234" not in str(raised.value)


def test_groups_in_the_vendors_spelling_are_read():
    """What the vendor's examples show can be handed over as it is."""
    group = {
        "TemplateId": "UTA1",
        "SenderId": "USpeedo",
        "Target": [{"Phone": "(852)55311111", "TemplateParams": ["Ann"], "UserId": "u", "ExtendCode": "7"}],
    }
    expected = TaskContent("UTA1", "USpeedo", [Target("(852)55311111", ("Ann",), "u", "7")])
    assert task_content_from(group) == expected
    assert task_content_from(expected) is expected


@pytest.mark.parametrize(
    "group",
    [
        "TemplateId",
        {"TemplateId": "UTA1", "Target": {"Phone": "1234567"}},
        {"TemplateId": "UTA1", "Target": ["1234567"]},
        {"TemplateId": "UTA1", "Targets": []},
        {"TemplateId": "UTA1", "Target": [{"phone": "1234567"}]},
        {"TemplateId": "UTA1", "Target": [{"Phone": 1234567}]},
        {"TemplateId": "UTA1", "Target": [{"Phone": "1234567", "TemplateParams": "Ann"}]},
        {"TemplateId": "UTA1", "Target": [{"Phone": "1234567", "TemplateParams": [1234567]}]},
    ],
)
def test_a_group_in_any_other_spelling_is_refused(group):
    """A misspelt name or a wrong type is an error that quotes no value."""
    with pytest.raises(ConfigurationError, match="task_content") as raised:
        task_content_from(group)
    assert "1234567" not in str(raised.value)
    assert "Ann" not in str(raised.value)


def test_a_call_shows_nothing_of_its_content(make_config):
    """Neither phones nor keys are in a repr."""
    call = send_batch(make_config(), [TaskContent("UTA1", "", people(1))], **STAMP)
    assert "5531" not in repr(call)
    assert "key" not in repr(call)
