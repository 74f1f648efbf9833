# SPDX-License-Identifier: Apache-2.0
"""What becomes of each target."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.api.response.outcomes import ACCEPTED, NO_REASON, outcomes, rejected
from airflow_provider_uspeedo.api.response.send_answer import UNREADABLE, FailedTarget, SendAnswer
from airflow_provider_uspeedo.core.content import Target

THREE = [Target("(852)55310001"), Target("(852)55310002"), Target("(852)55310003")]


def answer(*failures, code=0, sessions=("s",), count=None):
    return SendAnswer(ret_code=code, session_nos=sessions, success_count=count, failures=tuple(failures))


def failed(phone="", user_id="", reason="no"):
    return FailedTarget(phone, user_id, reason)


def statuses(found):
    return [outcome.status for outcome in found]


def test_all_accepted():
    """A session and the full count."""
    assert outcomes(answer(count=3), THREE) == [ACCEPTED] * 3


def test_the_listed_are_rejected_and_the_others_accepted_if_the_numbers_add_up():
    """Rule 2, with any return code (rule 3)."""
    for code in (0, 18046, 18014, 99999):
        found = outcomes(answer(failed("(852)55310002"), code=code, count=2), THREE)
        assert found == [ACCEPTED, rejected("no"), ACCEPTED]


@pytest.mark.parametrize(("count", "listed"), [(3, 1), (1, 1), (0, 0), (2, 0), (4, 0), (UNREADABLE, 0), (0, 1)])
def test_numbers_that_do_not_add_up_leave_the_unlisted_unknown(count, listed):
    """Rule 4; the listed stay rejected."""
    failures = [failed("(852)55310001")][:listed]
    found = outcomes(answer(*failures, count=count), THREE)
    assert statuses(found) == ["rejected"] * listed + ["unknown"] * (3 - listed)
    assert "count" in found[-1].reason or f"accepted {count} of 3 and named {listed} as failed" in found[-1].reason


def test_without_a_count_code_0_and_a_session_suffice():
    """The count is optional where nothing contradicts."""
    assert statuses(outcomes(answer(failed("(852)55310003")), THREE)) == ["accepted", "accepted", "rejected"]


def test_without_a_count_any_other_code_leaves_the_unlisted_unknown():
    """Rule 3: partial, and the answer does not say how far."""
    found = outcomes(answer(failed("(852)55310003"), code=18046), THREE)
    assert statuses(found) == ["unknown", "unknown", "rejected"]


def test_without_a_session_no_recipient_is_accepted():
    """A count without a session is a contradiction."""
    assert statuses(outcomes(answer(sessions=(), count=3), THREE)) == ["unknown"] * 3
    found = outcomes(answer(failed("(852)55310001"), sessions=(), count=2), THREE)
    assert statuses(found) == ["rejected", "unknown", "unknown"]


def test_all_rejected_needs_no_session():
    """Every target is listed: nothing is left open."""
    failures = [failed(target.phone) for target in THREE]
    for count in (0, None):
        found = outcomes(answer(*failures, code=18014, sessions=(), count=count), THREE)
        assert statuses(found) == ["rejected"] * 3


def test_a_stranger_among_the_failures_leaves_the_unlisted_unknown():
    """A failure that is none of our targets may be any of them."""
    found = outcomes(answer(failed("(852)55310001"), failed("(852)99999999"), count=1), THREE)
    assert statuses(found) == ["rejected", "unknown", "unknown"]
    assert statuses(outcomes(answer(failed()), THREE)) == ["unknown"] * 3


def test_a_phone_listed_twice_counts_once():
    """In both shapes, or by mark and by phone: the first reason stands."""
    people = [Target("(852)55310001", user_id="a"), Target("(852)55310002", user_id="b")]
    failures = [failed("85255310001", reason="first"), failed(user_id="a", reason="second")]
    assert outcomes(answer(*failures, count=1), people) == [rejected("first"), ACCEPTED]


def test_a_failure_without_any_reason_says_so():
    """An empty reason would look like none was recorded."""
    assert outcomes(answer(failed("(852)55310001", reason=""), count=2), THREE)[0].reason == NO_REASON


@pytest.mark.parametrize(
    "echo",
    [
        "(852)55310001",
        "85255310001",
        "+85255310001",
        "0085255310001",
        "+852 5531-0001",
        "55310001",
        "055310001",
        "(852) 5531 0001",
    ],
)
def test_a_phone_is_known_however_it_is_written(echo):
    """Rule 5: the server may reformat numbers."""
    assert statuses(outcomes(answer(failed(echo), count=2), THREE)) == ["rejected", "accepted", "accepted"]


@pytest.mark.parametrize("echo", ["8613800138000", "+8613800138000", "13800138000"])
def test_a_phone_sent_without_country_code_is_known_with_one(echo):
    """A bare number may come back in full."""
    people = [Target("13800138000"), Target("13800138001")]
    assert statuses(outcomes(answer(failed(echo), count=1), people)) == ["rejected", "accepted"]


def test_a_phone_that_fits_two_targets_fits_none():
    """A wrong match would show a person as failed who was texted."""
    people = [Target("(852)55310001"), Target("(853)55310001")]
    assert statuses(outcomes(answer(failed("55310001"), count=1), people)) == ["unknown", "unknown"]
    assert statuses(outcomes(answer(failed("+85355310001"), count=1), people)) == ["accepted", "rejected"]
    people = [Target("(55)212345780"), Target("(852)55212345780")]
    assert statuses(outcomes(answer(failed("55212345780"), count=1), people)) == ["unknown", "unknown"]
    assert statuses(outcomes(answer(failed("+55212345780"), count=1), people)) == ["rejected", "accepted"]


def test_our_own_mark_decides_before_the_phone():
    """Rule 5: by user id where we set one."""
    people = [Target("(852)55310001", user_id="a"), Target("(852)55310002", user_id="b")]
    assert statuses(outcomes(answer(failed("****", "b"), count=1), people)) == ["accepted", "rejected"]


def test_a_mark_that_several_share_leaves_the_choice_to_the_phone():
    """The phone decides, among those with that mark only."""
    people = [
        Target("(852)55310001", user_id="a"),
        Target("(853)55310001", user_id="b"),
        Target("(852)55310002", user_id="a"),
    ]
    assert statuses(outcomes(answer(failed("55310001", "a"), count=2), people)) == ["rejected", "accepted", "accepted"]
    assert statuses(outcomes(answer(failed("", "a"), count=2), people)) == ["unknown"] * 3


@given(
    failures=st.lists(
        st.builds(FailedTarget, st.sampled_from([*(t.phone for t in THREE), "7", ""]), st.just(""), st.text(max_size=3))
    ),
    code=st.sampled_from([0, 18046, 99999, -1]),
    sessions=st.sampled_from([(), ("s",)]),
    count=st.none() | st.integers(-1, 4),
)
def test_no_recipient_is_accepted_without_proof(failures, code, sessions, count):
    """Accepted means: a session, and the API's own count says exactly how many (or code 0 and no count)."""
    found = statuses(outcomes(answer(*failures, code=code, sessions=sessions, count=count), THREE))
    listed = {failure.phone for failure in failures}
    assert all(status == "rejected" for status, target in zip(found, THREE, strict=True) if target.phone in listed)
    if "accepted" in found:
        assert sessions
        assert found.count("accepted") == (3 - len(listed) if count is None else count)
        assert count is not None or code == 0
        assert not listed & {"7", ""}


MARKED = [Target("(852)55310001", user_id="1001"), Target("(852)55310002", user_id="1002"), Target("(852)55310003")]


@pytest.mark.parametrize("echo", ["1001", " 1001 ", "01001", "1001.0", "\uff1100\uff11", "+1001", "1001\u200b"])
def test_an_echoed_mark_is_compared_as_the_sent_one(echo):
    """Spaces, leading zeros and full-width digits may come and go on the way."""
    assert statuses(outcomes(answer(failed(user_id=echo), count=2), MARKED)) == ["rejected", "accepted", "accepted"]


@pytest.mark.parametrize(("sent", "echo"), [("1001 ", "1001"), ("Ada", "ADA"), ("é", "e\u0301"), ("a\tb", "a b")])
def test_a_sent_mark_is_compared_without_what_may_be_lost(sent, echo):
    """The same rule for both sides."""
    targets = [Target("(852)55310001", user_id=sent), Target("(852)55310002", user_id="other")]
    assert statuses(outcomes(answer(failed(user_id=echo), count=1), targets)) == ["rejected", "accepted"]


def test_marks_that_look_alike_are_distinguished_by_phone_or_not_at_all():
    """Two recipients 1001 and '1001 ': an echo of one could mean the other."""
    targets = [Target("(852)55310001", user_id="1001"), Target("(852)55310002", user_id="1001 ")]
    for echo in ("1001", "1001 "):
        found = outcomes(answer(failed("(852)55310002", echo), count=1), targets)
        assert statuses(found) == ["accepted", "rejected"]
        assert statuses(outcomes(answer(failed("", echo), count=1), targets)) == ["unknown", "unknown"]


@pytest.mark.parametrize("count", [1, 2])
def test_a_failure_whose_mark_and_phone_name_two_targets_makes_both_unknown(count):
    """One of the two failed; the third is accepted if the numbers add up without them."""
    found = outcomes(answer(failed("(852)55310002", "1001"), count=count), MARKED)
    assert statuses(found[:2]) == ["unknown", "unknown"]
    assert "user id of one recipient and the phone of another" in found[0].reason
    assert found[2].status == ("accepted" if count == 2 else "unknown")


def test_swapped_marks_make_both_unknown():
    """Two failures that contradict each other prove only that both failed, or neither as said."""
    found = outcomes(answer(failed("(852)55310002", "1001"), failed("(852)55310001", "1002"), count=1), MARKED)
    assert statuses(found) == ["unknown", "unknown", "accepted"]


def test_a_phone_that_cannot_be_read_leaves_the_mark_to_decide():
    """A vendor may mask it."""
    found = outcomes(answer(failed("(852)****0002", "1001"), count=2), MARKED)
    assert statuses(found) == ["rejected", "accepted", "accepted"]
