# SPDX-License-Identifier: Apache-2.0
"""Answers to a send: what is read out of them, and what is concluded."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.api.http.messages import HttpResponse
from airflow_provider_uspeedo.api.response.codes import RETURN_CODES, CodeKind
from airflow_provider_uspeedo.api.response.outcomes import outcomes
from airflow_provider_uspeedo.api.response.send_answer import UNREADABLE, FailedTarget, SendAnswer, read_send_answer
from airflow_provider_uspeedo.core.content import Target
from airflow_provider_uspeedo.errors import NotSent, OutcomeUnknown, Refused

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BLACK_LIST = {"Phone": "(852)55311111", "FailureDetails": "black list"}
TREE = [{"TemplateId": "UTA1", "SenderId": "", "Target": [BLACK_LIST], "FailureDetails": ""}]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
names = st.sampled_from(
    ["Target", "Phone", "UserId", "FailureDetails", "FailureReason", "TemplateId", "SenderId", "TemplateParams"]
)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=15
)


def http(body, status=200, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def read(body, status=200, **headers):
    return read_send_answer(http(body, status, **headers), NOW)


def test_the_documented_answer_of_the_action_api_is_read():
    """Return code 0, a session, a count, and all the same a failure whose reason stands on the group."""
    answer = read(
        {
            "RetCode": 0,
            "Action": "SendBatchUSMSMessageResponse",
            "Message": "Send success",
            "SessionNo": "nAQDODtO",
            "ReqUuid": "d3f9b0b8-3c0f",
            "SuccessCount": 2,
            "FailContent": [
                {
                    "TemplateId": "UTA1",
                    "SenderId": "USpeedo",
                    "Target": [{"TemplateParams": ["Ann"], "Phone": "55212345780", "UserId": "u1"}],
                    "FailureDetails": "phone in the black list",
                }
            ],
        }
    )
    assert answer == SendAnswer(
        ret_code=0,
        session_nos=("nAQDODtO",),
        success_count=2,
        failures=(FailedTarget("55212345780", "u1", "phone in the black list"),),
        request_id="d3f9b0b8-3c0f",
        message="Send success",
    )


def test_the_documented_answer_of_the_rest_api_is_read():
    """A list of sessions, flat failures."""
    answer = read(
        {
            "RetCode": 0,
            "Message": "",
            "SessionNo": ["a", "b"],
            "RequestUuid": "r-1",
            "SuccessCount": 1,
            "FailedTargetPhones": [
                {"Phone": "(852)55311111", "TemplateParams": ["x"], "FailureReason": "empty number"},
                {"Phone": 85255311112},
            ],
        }
    )
    assert answer.session_nos == ("a", "b")
    assert answer.failures == (
        FailedTarget("(852)55311111", "", "empty number"),
        FailedTarget("85255311112", "", ""),
    )
    assert answer.request_id == "r-1"


@pytest.mark.parametrize("code", ["0", 0.0, " 0 "])
def test_a_return_code_may_be_a_text(code):
    """Numbers as texts are numbers."""
    answer = read({"RetCode": code, "SessionNo": "s", "SuccessCount": "3"})
    assert (answer.ret_code, answer.success_count) == (0, 3)


@pytest.mark.parametrize("status", [200, 400, 404, 429, 500, 503])
@pytest.mark.parametrize("code", [0, 150, 153, 200, 18013, 18014, 18046, 215394, 215395, 215400, 99999, None, "?"])
def test_a_session_makes_an_answer_whatever_else_is_said(code, status):
    """Rules 1 and 3: where something was accepted, no code and no HTTP status turns it into *not sent*."""
    answer = read({"RetCode": code, "SessionNo": "s", "SuccessCount": 1}, status)
    assert (answer.session_nos, answer.success_count) == (("s",), 1)


@pytest.mark.parametrize("code", [150, 153, 18013, 18014, 18046, 215394, 215395, 99999])
def test_a_success_count_alone_is_never_not_sent(code):
    """Rule 3: accepted without a session is a partial success all the same."""
    assert read({"RetCode": code, "SuccessCount": 1}).success_count == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([{"Target": [BLACK_LIST], "FailureDetails": "of the group"}], "black list"),
        ([{"Target": [{"Phone": "(852)55311111"}], "FailureDetails": "of the group"}], "of the group"),
        ([{"Target": [{"Phone": "(852)55311111"}]}], "of the call"),
        ({"Target": BLACK_LIST}, "black list"),
        ([BLACK_LIST], "black list"),
    ],
)
def test_a_reason_is_the_phones_else_the_groups_else_the_calls(content, reason):
    """Rule 2, in every shape that a tree of failures may take."""
    answer = read({"RetCode": 18046, "Message": "of the call", "FailContent": content})
    assert answer.failures == (FailedTarget("(852)55311111", "", reason),)


@pytest.mark.parametrize(
    "content",
    [["(852)55311111"], [{"Target": ["(852)55311111"]}], [{"Target": [None]}], [7], ["?"], [{"Target": [[]]}]],
)
def test_a_failure_that_cannot_be_read_still_counts(content):
    """An entry of a wrong type is a failure of an unknown target; it is never ignored."""
    assert len(read({"RetCode": 0, "SessionNo": "s", "FailContent": content}).failures) == 1


@pytest.mark.parametrize("content", [None, "", [], {}, [{"TemplateId": "UTA1", "Target": []}], [{"Target": None}]])
def test_an_empty_tree_lists_no_failure(content):
    """Groups without targets and reason are no failures."""
    assert read({"RetCode": 0, "SessionNo": "s", "FailContent": content}).failures == ()


@pytest.mark.parametrize("code", [code for code, found in RETURN_CODES.items() if found.kind is CodeKind.REFUSED])
@pytest.mark.parametrize("more", [{}, {"SuccessCount": 0, "SessionNo": ""}, {"FailContent": TREE}, {"SessionNo": []}])
def test_a_call_refused_for_good_is_refused(code, more):
    """No message was sent, whatever failures are listed beside a code that concerns the whole call."""
    with pytest.raises(Refused) as raised:
        read({"RetCode": code, "ReqUuid": "r-1", **more}, 400)
    assert (raised.value.ret_code, raised.value.vendor_request_id, raised.value.http_status) == (code, "r-1", 400)
    assert str(code) in str(raised.value)


@pytest.mark.parametrize("code", [18014, 18016, 18017, 18018, 18019, 18023, 18033])
def test_a_call_refused_because_of_phones_names_them_or_is_refused(code):
    """With failures listed it is an answer about them; without, a refusal of all."""
    assert read({"RetCode": code, "FailContent": TREE}).failures
    with pytest.raises(Refused):
        read({"RetCode": code, "FailContent": []})


@pytest.mark.parametrize("code", [150, 153])
@pytest.mark.parametrize("status", [200, 429, 503])
def test_a_busy_server_has_not_sent(code, status):
    """Refused before submission; the server may say for how long."""
    with pytest.raises(NotSent) as raised:
        read({"RetCode": code}, status, retry_after="7")
    assert raised.value.retry_after == 7
    assert not raised.value.sign_again


def test_an_old_timestamp_asks_for_a_new_signature():
    """215395: not sent, and worth one more attempt."""
    with pytest.raises(NotSent) as raised:
        read({"RetCode": "215395", "SuccessCount": 0})
    assert raised.value.sign_again


@pytest.mark.parametrize(
    "body", [b"", b"slow down", b"<html>", {}, {"Message": "busy"}, {"RetCode": 429}, {"RetCode": "?"}]
)
def test_http_429_without_a_sign_of_acceptance_has_not_sent(body):
    """Whatever its body looks like."""
    with pytest.raises(NotSent) as raised:
        read(body, 429, retry_after="Sun, 22 Nov 2026 12:00:30 GMT")
    assert raised.value.retry_after == 30


@pytest.mark.parametrize("body", [{"RetCode": 0}, {"RetCode": 215400}, {"SuccessCount": 3}, {"SuccessCount": "many"}])
def test_http_429_with_a_sign_of_acceptance_is_unknown(body):
    """A code 0, a code of unknown outcome or a count weighs more than the status."""
    with pytest.raises(OutcomeUnknown):
        read(body, 429)


@pytest.mark.parametrize("asked", ["", "soon", "-1", "1e999", "²", "Sun, 99 Nov 2026", "9" * 500])
def test_a_retry_after_that_makes_no_sense_is_none(asked):
    """A header that is neither seconds nor a date does not disturb."""
    with pytest.raises(NotSent) as raised:
        read(b"", 429, retry_after=asked)
    assert raised.value.retry_after is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"<html>502</html>",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"RetCode": 0, "SessionNo": "s"',
        b"[" * 100_000,
        b'{"RetCode": ' + b"9" * 10_000 + b"}",
        {},
        {"RetCode": None, "SuccessCount": 3},
        {"RetCode": True, "FailContent": TREE},
        {"RetCode": "zero"},
        {"RetCode": 0},
        {"RetCode": 0, "SuccessCount": 5, "Message": "Send success"},
        {"RetCode": 0, "SessionNo": None, "Message": "success"},
        {"RetCode": 0, "SessionNo": [""]},
        {"RetCode": 18046},
        {"RetCode": 215400},
        {"RetCode": 110},
        {"RetCode": 18004, "SuccessCount": 0},
        {"RetCode": 99999, "Message": "nothing was sent, honestly"},
    ],
)
@pytest.mark.parametrize("status", [200, 302, 400, 502])
def test_an_answer_that_settles_nothing_is_unknown(body, status):
    """Nothing readable, a code of unknown outcome, or 0 without a session: it may have been accepted (rule 6)."""
    with pytest.raises(OutcomeUnknown) as raised:
        read(body, status)
    assert raised.value.http_status == status


def test_a_count_that_cannot_be_read_is_a_sign_of_acceptance():
    """Not even a code that refuses for good makes it *no message was sent*."""
    answer = read({"RetCode": 18013, "SuccessCount": "many"})
    assert answer.success_count == UNREADABLE
    assert [one.status for one in outcomes(answer, [Target("(852)55311111")])] == ["unknown"]


def test_the_request_id_is_looked_for_in_all_three_places():
    """The header comes first; what does not look like an id is passed over."""
    body = {"RetCode": 0, "SessionNo": "s", "RequestUuid": "third"}
    assert read(body).request_id == "third"
    assert read({**body, "ReqUuid": "second"}).request_id == "second"
    assert read({**body, "ReqUuid": "second"}, x_speedo_request_uuid="first").request_id == "first"
    assert read({**body, "ReqUuid": {"a": 1}}, x_speedo_request_uuid="not an id").request_id == "third"


def test_vendors_words_are_masked_in_errors_and_reprs():
    """A phone that the vendor quotes stays out of messages; the fields keep the words as they are."""
    words = "phone (852)55311111 / +852 5531 1111 / 85255311111 is blocked"
    for body, kind in [({"RetCode": 18013}, Refused), ({"RetCode": 153}, NotSent), ({"RetCode": 9}, OutcomeUnknown)]:
        with pytest.raises(kind) as raised:
            read({**body, "Message": words})
        assert "is blocked" in str(raised.value)
        assert "5531" not in repr(raised.value)
    answer = read({"RetCode": 0, "SessionNo": "s", "Message": words, "FailedTargetPhones": [{"Phone": "85255311111"}]})
    assert (answer.message, answer.failures[0].reason, answer.failures[0].phone) == (words, words, "85255311111")
    assert "5531" not in repr(answer)
    assert "5531" not in repr(outcomes(answer, [Target("(852)55311111")]))


def test_text_that_a_database_would_refuse_is_mended():
    """A NUL or a lone surrogate in the vendor's words must not make an answer impossible to record."""
    answer = read(
        b'{"RetCode": 0, "SessionNo": "s\\u0000", "Message": "a\\ud800b", "FailContent": [{"Phone": "1\\u0000"}]}'
    )
    assert answer.session_nos == ("s",)
    assert answer.message == "a?b"
    assert answer.failures[0].phone == "1"


@given(
    body=st.fixed_dictionaries(
        {},
        optional={
            "RetCode": anything | st.sampled_from(sorted(RETURN_CODES)),
            "SessionNo": anything,
            "SuccessCount": anything,
            "FailContent": trees,
            "FailedTargetPhones": trees,
            "Message": anything,
            "ReqUuid": anything,
        },
    ),
    status=st.sampled_from([200, 400, 429, 500]),
)
def test_no_answer_breaks_the_reader(body, status):
    """Any JSON gives an answer or one of the three errors, and then one outcome for each target."""
    targets = [Target("(852)55311111", user_id="a"), Target("(852)55311112"), Target("55311113")]
    try:
        answer = read(body, status)
    except (NotSent, Refused, OutcomeUnknown):
        return
    assert len(outcomes(answer, targets)) == len(targets)


@given(st.binary(max_size=200), st.sampled_from([200, 500]))
def test_no_bytes_break_the_reader(body, status):
    """Bytes that are no answer leave the outcome unknown."""
    with pytest.raises(OutcomeUnknown):
        read(body, status)


CHINESE = {
    "RetCode": 0,
    "SessionNo": "s",
    "SuccessCount": 1,
    "FailContent": [{"Target": [{"Phone": "(852)55311111", "UserId": "客户一", "FailureDetails": "號碼在黑名單中"}]}],
}


def encoded(codec):
    return json.dumps(CHINESE, ensure_ascii=False).encode(codec)


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("GBK", "gb18030"), ("gb2312", "gb18030"), ("GB18030", "gb18030"), ('"gbk"', "gbk"), ("Big5", "big5hkscs"),
        ("utf-16", "utf-16"), ("UTF-16LE", "utf-16-le"), ("utf-32", "utf-32"), ("utf-8", "utf-8"), ("", "utf-8-sig"),
        ("gbk", "utf-8"), ("ISO-8859-1", "utf-8"), ("us-ascii", "utf-8"), ("no-such-charset", "utf-8"),
        ("base64", "utf-8"), ("unicode_escape", "utf-8"),
    ],
)  # fmt: skip
def test_an_answer_is_read_in_the_charset_that_it_declares(declared, codec):
    """And in UTF-8 where that is what it is, whatever it declares."""
    text = {**CHINESE, "FailContent": [{"Target": [{"Phone": "(852)55311111", "FailureDetails": "号码在黑名单中"}]}]}
    body = encoded(codec) if codec != "gbk" else json.dumps(text, ensure_ascii=False).encode(codec)
    (failure,) = read(body, content_type=f"application/json; charset={declared}").failures
    assert failure.reason in ("號碼在黑名單中", "号码在黑名单中")
    assert failure.phone == "(852)55311111"


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "text/html;charset=x"])
@pytest.mark.parametrize("codec", ["gb18030", "big5hkscs"])
def test_an_answer_in_an_undeclared_encoding_keeps_what_is_ascii(content_type, codec):
    """Session, counts, codes and phones decide; only the words are lost."""
    answer = read(encoded(codec), content_type=content_type)
    assert (answer.session_nos, answer.success_count) == (("s",), 1)
    assert answer.failures[0].phone == "(852)55311111"
    assert "\ufffd" in answer.failures[0].reason
