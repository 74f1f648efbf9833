# SPDX-License-Identifier: Apache-2.0
"""The hook turns an Airflow connection into calls of the API, in both of its generations."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_uspeedo.errors import ConfigurationError, NotSent, OutcomeUnknown, Refused
from airflow_provider_uspeedo.hooks.form import CONNECTION_FIELDS
from airflow_provider_uspeedo.hooks.uspeedo import Target, TaskContent, USpeedoHook
from airflow_provider_uspeedo.sandbox.server import Sandbox

SECRET = "canary-secret-5c0ffee"
Connect = Callable[..., str]
both_generations = pytest.mark.parametrize("api", ["action", "rest"])


@pytest.fixture
def closed_port() -> Iterator[str]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def content(*phones: str, template: str = "UTA_CODE") -> list[TaskContent]:
    return [TaskContent(template, "Shop", [Target(phone, ("4711",), user_id=f"u{phone[-1]}") for phone in phones])]


# -- send_batch -------------------------------------------------------------------------------------------------


@both_generations
def test_a_batch_of_records_is_sent(to_sandbox: Connect, sandbox: Sandbox, api: str) -> None:
    """The answer holds the session, the count and the failures with the vendor's reasons."""
    answer = USpeedoHook(to_sandbox(api)).send_batch(content("(852)55000001", "(852)55099991"))
    (entry,) = sandbox.journal()[-1:]
    assert (answer.ret_code, answer.success_count, answer.session_nos) == (0, 1, (entry.session_no,))
    assert answer.request_id == entry.request_id
    assert [(f.phone, f.reason) for f in answer.failures] == [("(852)55099991", "phone in the black list")]
    assert (entry.phone, tuple(entry.params), entry.sender_id) == ("(852)55000001", ("4711",), "Shop")


@both_generations
def test_a_batch_may_be_written_as_the_apis_documents_write_it(to_sandbox: Connect, sandbox: Sandbox, api: str) -> None:
    """Mappings with the vendor's own names."""
    target = {"Phone": "(852)55000002", "TemplateParams": ["1234"], "UserId": "me"}
    answer = USpeedoHook(to_sandbox(api)).send_batch([{"TemplateId": "UTA_CODE", "SenderId": "", "Target": [target]}])
    assert answer.success_count == 1
    assert tuple(sandbox.journal()[-1].params) == ("1234",)


def test_a_batch_that_must_not_be_sent_is_refused_here(to_sandbox: Connect, sandbox: Sandbox) -> None:
    """One phone twice, and more than a thousand."""
    before, hook = len(sandbox.requests()), USpeedoHook(to_sandbox())
    for wrong in (content("(852)55000001", "85255000001"), content(*(f"(852)5{n:07d}" for n in range(1001))), []):
        with pytest.raises(ConfigurationError):
            hook.send_batch(wrong)
    assert len(sandbox.requests()) == before


def test_a_call_that_was_not_taken_is_made_again(to_sandbox: Connect, sandbox: Sandbox) -> None:
    """Nobody was texted by the first ones."""
    before = len(sandbox.journal())
    sandbox.fault("too_many", retry_after="0", times=2)
    assert USpeedoHook(to_sandbox()).send_batch(content("(852)55000003")).success_count == 1
    assert len(sandbox.journal()) == before + 1


def test_a_call_that_may_have_arrived_is_not_made_again(to_sandbox: Connect, sandbox: Sandbox) -> None:
    """The bare call has no ledger: only the caller can decide."""
    before = len(sandbox.journal())
    sandbox.fault("drop", accepted=True)
    with pytest.raises(OutcomeUnknown):
        USpeedoHook(to_sandbox()).send_batch(content("(852)55000004"))
    assert len(sandbox.journal()) == before + 1


def test_a_call_that_never_left_can_be_made_later(to_sandbox: Connect, sandbox: Sandbox, closed_port: str) -> None:
    """It says so by its class; with the server back the same call goes through."""
    with pytest.raises(NotSent):
        USpeedoHook(to_sandbox(host=closed_port)).send_batch(content("(852)55000005"))
    assert USpeedoHook(to_sandbox()).send_batch(content("(852)55000005")).success_count == 1


def test_a_refused_call_says_what_to_mend(to_sandbox: Connect) -> None:
    """With the vendor's code, and nobody texted."""
    with pytest.raises(Refused) as raised:
        USpeedoHook(to_sandbox()).send_batch(content("(852)55000006", template="UTA_NONE"))
    assert raised.value.ret_code == 215396
    assert "55000006" not in str(raised.value)


# -- send_sms ---------------------------------------------------------------------------------------------------


@both_generations
def test_one_message_is_sent(to_sandbox: Connect, sandbox: Sandbox, api: str) -> None:
    """In any spelling of the phone; the answer is that of a batch."""
    answer = USpeedoHook(to_sandbox(api)).send_sms("+852 5700-0001", "UTA_REMINDER", ["Ada", "Monday"], "Shop")
    entry = sandbox.journal()[-1]
    assert (answer.success_count, answer.session_nos, answer.failures) == (1, (entry.session_no,), ())
    assert (entry.phone, entry.template_id, entry.sender_id) == ("(852)57000001", "UTA_REMINDER", "Shop")
    assert tuple(entry.params) == ("Ada", "Monday")


def test_one_message_needs_no_more_than_a_phone_and_a_template(to_sandbox: Connect, sandbox: Sandbox) -> None:
    """A template without variables, and no sender."""
    assert USpeedoHook(to_sandbox()).send_sms("(852)57000002", "UTA_PLAIN").success_count == 1
    entry = sandbox.journal()[-1]
    assert (entry.phone, tuple(entry.params), entry.sender_id) == ("(852)57000002", (), "")


def test_a_rejected_message_is_in_the_answer(to_sandbox: Connect) -> None:
    """It is no error: the API has answered."""
    answer = USpeedoHook(to_sandbox()).send_sms("(852)57099991", "UTA_CODE", ["1234"])
    assert answer.success_count == 0
    assert [failure.reason for failure in answer.failures] == ["phone in the black list"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"phone": "5700 0003"}, "phone: no country code"),
        ({"phone": ""}, "phone: "),
        ({"phone": 85257000003}, "phone must be a text, not int"),
        ({"phone": None}, "phone must be a text, not NoneType"),
        ({"params": "57000003"}, "params must be a list of texts"),
        ({"params": ["57000003\0"]}, "params: parameter {1} has a NUL character"),
        ({"params": ["Ada", 57000003]}, "params: parameter {2} must be a text, not int"),
        ({"template_id": None}, "template_id must be a text, not NoneType"),
        ({"template_id": " "}, "template_id is empty"),
        ({"sender_id": "much too long a sender"}, "sender_id has 22 characters"),
    ],
    ids=str,
)
def test_a_message_that_must_not_be_sent_is_refused_here(
    to_sandbox: Connect, sandbox: Sandbox, wrong: dict[str, Any], said: str
) -> None:
    """The error names the argument; neither the phone nor a parameter is in it."""
    before = len(sandbox.requests())
    arguments = {"phone": "(852)57000003", "template_id": "UTA_CODE", "params": ["1234"], **wrong}
    with pytest.raises(ConfigurationError) as raised:
        USpeedoHook(to_sandbox()).send_sms(**arguments)
    assert said in str(raised.value)
    assert "Nothing was sent." in str(raised.value)
    assert "57000003" not in f"{raised.value!r} {raised.value.__context__!r}".replace(" ", "")
    assert len(sandbox.requests()) == before


def test_one_message_is_repeated_only_while_it_surely_was_not_accepted(to_sandbox: Connect, sandbox: Sandbox) -> None:
    """A lost answer ends it: the message may be on its way."""
    before = len(sandbox.journal())
    sandbox.fault("too_many", retry_after="0", times=2)
    sandbox.fault("drop", accepted=True, at=3)
    with pytest.raises(OutcomeUnknown) as raised:
        USpeedoHook(to_sandbox()).send_sms("(852)57000004", "UTA_CODE", ["1234"])
    assert [entry.phone for entry in sandbox.journal(since=before)] == ["(852)57000004"]
    assert "57000004" not in str(raised.value)


def test_without_a_ledger_a_second_call_sends_again(to_sandbox: Connect, sandbox: Sandbox) -> None:
    """As the documents say."""
    before, hook = len(sandbox.journal()), USpeedoHook(to_sandbox())
    for _ in range(2):
        hook.send_sms("(852)57000005", "UTA_PLAIN")
    assert len(sandbox.journal()) == before + 2


# -- questions --------------------------------------------------------------------------------------------------


@both_generations
def test_receipts_of_any_number_of_sessions_come_in_the_order_asked(
    to_sandbox: Connect, sandbox: Sandbox, api: str
) -> None:
    """A hundred at a time; a session that is not known yet has none."""
    hook = USpeedoHook(to_sandbox(api))
    sent = [hook.send_batch(content(f"(852)5600000{n}")).session_nos[0] for n in range(3)]
    asked = [sent[2], *(f"unknown-{n}" for n in range(110)), sent[0], sent[1]]
    before = len(sandbox.requests())
    receipts = hook.get_receipts(asked)
    assert [one.session_no for one in receipts] == asked
    assert len(sandbox.requests()) - before == 2
    assert [len(one.receipts) for one in receipts] == [1, *[0] * 110, 1, 1]
    assert (receipts[0].receipts[0].result, receipts[0].receipts[0].user_id) == ("Success", "u2")
    assert receipts[0].final


@both_generations
def test_templates_are_described(to_sandbox: Connect, api: str) -> None:
    """Those that exist, in the order asked."""
    found = USpeedoHook(to_sandbox(api)).query_templates(["UTA_PENDING", "UTA_NONE", "UTA_REMINDER"])
    assert [(one.template_id, one.variables, one.approved) for one in found] == [
        ("UTA_PENDING", 1, False),
        ("UTA_REMINDER", 2, True),
    ]


# -- the connection ---------------------------------------------------------------------------------------------


@both_generations
def test_a_good_connection_is_confirmed(to_sandbox: Connect, sandbox: Sandbox, api: str) -> None:
    """By a question: nobody is texted."""
    before = len(sandbox.journal())
    assert USpeedoHook(to_sandbox(api)).test_connection() == (
        True,
        f"{sandbox.url.removeprefix('http://')} (connection 'uspeedo_test') answers and accepts the key.",
    )
    assert len(sandbox.journal()) == before


@both_generations
@pytest.mark.parametrize("wrong", [{"login": "nobody"}, {"password": SECRET}])
def test_a_wrong_key_is_reported_without_the_key(to_sandbox: Connect, api: str, wrong: dict[str, str]) -> None:
    """The message is shown in the UI as it is."""
    fine, message = USpeedoHook(to_sandbox(api, **wrong)).test_connection()
    assert not fine
    assert "Check login (AccessKeyId), password (AccessKeySecret)" in message
    assert SECRET not in message


def test_a_host_that_does_not_answer_is_reported(to_sandbox: Connect, closed_port: str) -> None:
    """By its name, without the key."""
    fine, message = USpeedoHook(to_sandbox(host=closed_port, password=SECRET)).test_connection()
    assert not fine
    place = f"{closed_port.removeprefix('http://')} (connection 'uspeedo_test')"
    assert message.startswith(f"No connection to {place}: the connection is refused")
    assert SECRET not in message


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"login": ""}, "Connection login is empty"),
        ({"password": None}, "Connection password is empty"),
        ({"host": "http://sms.example"}, "plain http"),
        ({"extra": {"api": "soap"}}, "'api' must be"),
        ({"extra": {"timeout": "soon"}}, "'timeout'"),
        ({"extra": {"account_id": "x"}}, "'account_id'"),
    ],
    ids=str,
)
def test_a_wrong_field_of_the_connection_is_named(to_sandbox: Connect, field: dict[str, Any], message: str) -> None:
    """By the test button, and by whatever uses the hook first."""
    conn_id = to_sandbox(**field)
    fine, told = USpeedoHook(conn_id).test_connection()
    assert not fine
    assert message in told
    with pytest.raises(ConfigurationError, match="Connection"):
        USpeedoHook(conn_id).send_batch(content("(852)55000001"))


def test_extras_may_be_texts(to_sandbox: Connect) -> None:
    """So a form or a URI writes them."""
    extra = {"account_id": "7", "timeout": "5", "verify": "False", "allow_http": "true", "api": "REST"}
    config = USpeedoHook(to_sandbox(extra=extra)).config
    assert (config.account_id, config.timeout, config.verify, config.allow_http, config.api) == (
        7, 5.0, False, True, "rest",
    )  # fmt: skip


def test_every_field_of_the_form_is_one_that_the_client_reads(to_sandbox: Connect) -> None:
    """And the other way round: a form that asks for something else would mislead."""
    config = USpeedoHook(to_sandbox()).config
    known = set(config.__slots__) - {"base_url", "access_key_id", "access_key_secret", "conn_id"}
    assert CONNECTION_FIELDS.keys() == known


def test_the_secret_is_in_no_text_of_the_hook(to_sandbox: Connect) -> None:
    """Neither repr shows it."""
    hook = USpeedoHook(to_sandbox(password=SECRET))
    assert SECRET not in f"{hook!r} {hook.config!r} {hook.client!r} {vars(hook)!r}"


def test_one_client_serves_all_calls_of_a_hook(to_sandbox: Connect) -> None:
    """Under the name that Airflow's hooks have for it, too."""
    hook = USpeedoHook(to_sandbox())
    assert hook.get_conn() is hook.client is hook.get_conn()
