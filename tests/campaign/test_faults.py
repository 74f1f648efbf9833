# SPDX-License-Identifier: Apache-2.0
"""Every fault of the sandbox at the first, a middle and the last request: the statuses agree with its journal."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.faults import KINDS
from tests.campaign.stage import Scene, people, phones

ALL_KNOWN = "accepted accepted accepted"
LOST = "unknown unknown unknown"
AGAIN = "called again"
"""Refused before submission: the second call is answered."""
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("drip", {"seconds": 0.02}, ALL_KNOWN),
    ("string_code", {}, ALL_KNOWN),
    ("extra_fields", {}, ALL_KNOWN),
    ("other_session", {}, ALL_KNOWN),
    ("too_many", {"retry_after": "0"}, AGAIN),
    *(("ret_code", params, AGAIN) for params in ({"code": 150}, {"code": 153, "status": 429}, {"code": 215395})),
    *((kind, {}, LOST) for kind in ("refuse", "truncated", "redirect", "empty", "not_json", "wrong_case")),
    *((kind, {}, LOST) for kind in ("unlisted", "short_count")),
    ("oversized", {"bytes": 16 * 1024 * 1024}, LOST),
    *(("stall", {"accepted": accepted}, LOST) for accepted in (True, False)),
    *(("drop", {"accepted": accepted, "reset": reset}, LOST) for accepted in (True, False) for reset in (True, False)),
    *(("server_error", {"accepted": accepted, "status": 500}, LOST) for accepted in (True, False)),
    *(("server_error", {"accepted": accepted, "status": 503}, LOST) for accepted in (True, False)),
    *(("ret_code", {"accepted": accepted, "code": 215400}, LOST) for accepted in (True, False)),
    *(("ret_code", {"code": code}, LOST) for code in (0, 110, 999999)),
    *(("partial", {"shape": shape, "code": 0}, "rejected accepted accepted") for shape in ("phone", "group", "flat")),
    *(("partial", {"shape": shape, "code": 18046}, "rejected accepted accepted") for shape in ("phone", "flat")),
    ("partial", {"count": 3, "code": 18046}, "rejected rejected rejected"),
]
"""Kind, parameters, and what becomes of the three people of a request that it befalls."""
TOLD_OTHERWISE = ("extra_fields", "other_session", "partial", "short_count", "string_code", "unlisted")
"""Kinds whose answers look different in the other generation of the API."""


def test_every_fault_that_the_sandbox_knows_is_tried() -> None:
    """A new one must be thought about here."""
    assert {kind for kind, *_ in CASES} == KINDS.keys()


@pytest.mark.parametrize(
    ("api", "kind", "params", "then"),
    [
        pytest.param(api, *case, id=f"{api}-{case[0]}-{case[1]}")
        for api in ("action", "rest")
        for case in CASES
        if api == "action" or case[0] in TOLD_OTHERWISE
    ],
)
def test_a_fault_concerns_its_own_requests_and_is_reported_as_it_is(
    scene: Scene, api: str, kind: str, params: dict[str, Any], then: str
) -> None:
    """Whatever the answers to some requests look like: nobody is texted twice, neither then nor in a rerun."""
    scene.api = api
    table, expected = people(15), ["accepted"] * 15
    for called_again, request in enumerate((1, 3, 5)):
        scene.sandbox.fault(kind, at=request + (called_again if then == AGAIN else 0), **params)
        expected[3 * request - 3 : 3 * request] = (ALL_KNOWN if then == AGAIN else then).split()
    patience = {"timeout": 0.3} if kind == "stall" else {}
    report = scene.run(table, ask=False, **patience)  # else the sandbox would refuse the question, not the send
    assert scene.statuses() == expected
    assert report.cause is None
    assert report.summary.requests == (8 if then == AGAIN else 5)
    scene.check(report, rows=15)
    texted = scene.texted()
    rejected = {phone for phone, status in zip(phones(table), expected, strict=True) if status == "rejected"}
    assert rejected.isdisjoint(texted)

    again = scene.run(table, ask=False)
    assert again.summary.counts == report.summary.counts
    assert (again.summary.requests, again.summary.accepted_now) == (0, 0)
    assert scene.texted() == texted


def test_what_the_vendor_said_of_a_rejected_number_is_in_the_results(scene: Scene) -> None:
    """Its own words stand beside the row; in the summary they are masked."""
    table = [*people(2), {"phone": "+85255599991", "name": "X"}, {"phone": "+85255599997", "name": "Y"}]
    report = scene.run(table)
    assert [(line.status, line.reason) for line in scene.lines()[2:]] == [("rejected", "phone in the black list")] * 2
    assert [(f.row_number, f.phone) for f in report.summary.failures] == [(3, "(852)****9991"), (4, "(852)****9997")]
    scene.check(report, rows=4)


def test_a_session_is_kept_although_its_outcome_is_unknown(scene: Scene) -> None:
    """Delivery receipts can settle it later."""
    scene.sandbox.fault("short_count")
    scene.run(people(3))
    assert {line.session_no for line in scene.lines()} == {entry.session_no for entry in scene.journal()}
    assert set(scene.statuses()) == {"unknown"}
