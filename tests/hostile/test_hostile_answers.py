# SPDX-License-Identifier: Apache-2.0
"""Unexpected answers: the reader and its slow reference agree on each of them."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.api.http.messages import HttpResponse
from airflow_provider_uspeedo.api.response.outcomes import outcomes
from airflow_provider_uspeedo.api.response.send_answer import MAX_FAILURES, read_send_answer
from tests.hostile import oracle, reference
from tests.hostile.oracle import NOW, PEOPLE, STATUSES, TARGETS, assert_read_rightly
from tests.sampling import sampled

ALL = len(PEOPLE)
NAMES = ["RetCode", "SessionNo", "SuccessCount", "FailContent", "FailedTargetPhones", "Message", "ReqUuid"]
INNER = ["Target", "Phone", "UserId", "FailureDetails", "FailureReason", "TemplateId", "Targets"]

codes = st.sampled_from([0, 0, 150, 153, 200, 18013, 18014, 18046, 215394, 215395, 215400, -1, 7, 2**31, 85255310001])
odd_numbers = st.sampled_from(
    ["NaN", "Infinity", "-Infinity", "1e999", "-0", "0.0", "2.5", "1E2", "9" * 30, "9" * 4400]
)
words = st.sampled_from(
    [
        "", " ", "s", "0", "4", "150", "1_50", "\u0661\u0665\u0660", "\0", "\ud800", "success", "first", "both",
        "(852)55310001", "+85355310001", "0085255310002", "55310001", "55310002", "212345780", "852 5531-0001",
        "55", "nobody",
    ]
)  # fmt: skip
scalars = (
    st.sampled_from(["null", "true", "false"])
    | odd_numbers
    | codes.map(str)
    | st.integers(-1, ALL + 1).map(str)
    | (words | st.text(max_size=6)).map(json.dumps)
)


@st.composite
def objects(draw, names, inside):
    """The text of an object, in which a name may stand twice."""
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), inside), max_size=4))
    return "{" + ",".join(f'"{name}": {value}' for name, value in pairs) + "}"


def array_of(inside):
    return st.lists(inside, max_size=3).map(lambda found: "[" + ",".join(found) + "]")


anything = st.recursive(scalars, lambda inside: array_of(inside) | objects(INNER, inside), max_leaves=8)
likely = {
    "RetCode": codes.map(str) | codes.map(lambda code: f'"{code}"'),
    "SessionNo": st.sampled_from(['"s"', '["s", "t"]', '""', "null", "[]"]),
    "SuccessCount": st.integers(0, ALL + 1).map(str),
    "FailContent": array_of(objects(["Target", "FailureDetails"], array_of(objects(["Phone", "UserId"], scalars)))),
    "FailedTargetPhones": array_of(objects(["Phone", "UserId", "FailureReason"], scalars)),
}


@st.composite
def bodies(draw):
    """An answer in which most things are as documented and some are not."""
    pairs = []
    for name in NAMES:
        value = likely.get(name, scalars)
        times = draw(st.sampled_from([0, 1, 1, 1, 1, 1, 1, 2]))
        pairs += [(name, draw(value if draw(st.integers(0, 3)) else anything)) for _ in range(times)]
    text = "{" + ", ".join(f'"{name}": {value}' for name, value in pairs) + "}"
    how = draw(st.sampled_from(["utf-8"] * 12 + ["utf-8-sig", "utf-16", "utf-32-be"]))
    return text.encode(how, "surrogatepass")


@pytest.mark.parametrize("name", sorted(path.stem for path in oracle.CORPUS.glob("*.json")))
def test_the_readers_agree_on_every_documented_answer(name):
    """And both find something in it: a reference that knew nothing would agree with a reader that knew nothing."""
    body = (oracle.CORPUS / f"{name}.json").read_bytes()
    found = {assert_read_rightly(body, status).kind for status in STATUSES}
    if "accepted" in name:
        assert assert_read_rightly(body, 200).statuses == ["accepted"] * ALL
    assert found == {"answer"} or "rejected" not in assert_read_rightly(body, 200).statuses


@given(bodies(), st.sampled_from(STATUSES))
@settings(max_examples=120)
@example(b'{"RetCode":150,"SessionNo":"s","SessionNo":""}', 200)
@example(b'{"RetCode":150,"SuccessCount":1,"SuccessCount":0}', 200)
@example(b'{"RetCode":0,"SessionNo":"s","FailContent":[{"Target":["(852)55310001"],"Target":[]}]}', 200)
@example(b'{"RetCode":0,"SessionNo":0}', 200)
@example(b'{"RetCode":150,"SessionNo":"\\u0000"}', 200)
@example(b'{"RetCode":0,"SessionNo":{"error":"none"}}', 200)
@example(b'{"RetCode":0,"SessionNo":"s","FailContent":[{"Targets":[{"Phone":"(852)55310001"}]}]}', 200)
@example(b'{"RetCode":"1_50"}', 200)
@example(b'{"RetCode":0,"SessionNo":"s"', 429)
@example(b'{"RetCode":85255310001,"Message":"85255310001"}', 200)
def test_the_readers_agree_on_any_answer(body, status):
    """Wrong types everywhere, names twice, numbers that are none, half characters, other encodings."""
    assert_read_rightly(body, status)


def _by_seed(seed, runs):
    dice = random.Random(seed)
    seeds = oracle.corpus()
    for _ in range(runs):
        assert_read_rightly(oracle.mutate(dice.choice(seeds), seeds, dice), dice.choice(STATUSES))


def test_the_readers_agree_on_damaged_answers():
    """Documented answers with pieces cut out, doubled or put in: the short form of ``make fuzz``."""
    _by_seed(1, 4_000)


@pytest.mark.slow
@pytest.mark.parametrize("seed", sampled(range(2, 12), 4, "damaged answers"))
def test_the_readers_agree_on_many_damaged_answers(seed):
    """The same, longer; `make fuzz` looks further, guided by coverage."""
    _by_seed(seed, 40_000)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    "sign", ['"SessionNo": "s"', '"SuccessCount": 1', '"SessionNo": [true]', '"SuccessCount": "?"']
)
def test_where_anything_says_accepted_nothing_is_sent_again(status, sign):
    """Whatever code stands beside it; so says the rule, without asking either reader's reasons."""
    kinds = {oracle.read(f'{{"RetCode": {code}, {sign}}}'.encode(), status).kind for code in (*reference.DOCUMENTED, 7)}
    assert kinds <= {"answer", "unknown"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"RetCode":0,"SessionNo":"s","FailContent":[' + b"0," * 1_000_000 + b"0]}",
        b'{"RetCode":0,"FailedTargetPhones":[' + b"{}," * 1_000_000 + b"{}]}",
    ],
    ids=["tree", "flat"],
)
def test_more_failures_than_a_request_can_have_are_not_all_read(body):
    """A few megabytes must not become gigabytes, nor may what is cut off be forgotten."""
    answer = read_send_answer(HttpResponse(200, {}, body), NOW)
    assert len(answer.failures) == MAX_FAILURES + 1
    assert {one.status for one in outcomes(answer, TARGETS)} == {"unknown"}


def test_a_failure_behind_the_cut_makes_no_recipient_accepted():
    """The answer lists one target so often that another is cut off: the outcome of all others is unknown."""
    one, other = '"(852)55310001"', '"(852)55310002"'
    body = f'{{"RetCode":0,"SessionNo":"s","FailedTargetPhones":[{(one + ",") * MAX_FAILURES}{other}]}}'
    found = outcomes(read_send_answer(HttpResponse(200, {}, body.encode()), NOW), TARGETS)
    assert [outcome.status for outcome in found] == ["rejected", "unknown", "unknown", "unknown"]


@pytest.mark.parametrize("opening", [b"[", b'{"RetCode":0,"SessionNo":"s","x":[', b'{"SessionNo":'])
@pytest.mark.parametrize("depth", [900, 1_100, 200_000])
def test_no_depth_of_nesting_breaks_the_reader(opening, depth):
    """Neither just below Python's limit nor far beyond it."""
    assert_read_rightly(opening + b"[" * depth, 200)
    closing = b"" if opening == b"[" else b"}"
    body = opening + b"[" * depth + b"]" * (depth + opening.count(b"[")) + closing
    assert oracle.read(body, 200).kind in ("answer", "unknown")
