# SPDX-License-Identifier: Apache-2.0
"""Every fault that the sandbox knows, at the first, a middle and the last request of a real Airflow task."""

from __future__ import annotations

import random
from itertools import product

import pytest

from airflow_provider_uspeedo.sandbox.faults import KINDS as SANDBOX_FAULTS
from tests.chaos.conftest import KINDS
from tests.chaos.people import people
from tests.chaos.stage import Scene, Stage, sent_people
from tests.crash.vendor import EVERY_FAULT, UNREAD

CHUNK_SIZE = 20
PEOPLE = 130
PLACES = ("first", "middle", "last")
STALL_TIMEOUT = 2.0
"""Seconds that a request of a stalling vendor may take: all of them pass."""
SAME_AS_IN_THE_SANDBOX = {
    "refuse": [UNREAD],
    "stall": ["stall after accepting", "stall before accepting"],
    "drop": ["accept and drop", "accept and reset", "reset after reading"],
    "truncated": ["truncated"],
    "drip": ["drip"],
    "oversized": ["oversized"],
    "too_many": ["429"],
    "server_error": ["500 before accepting", "500 after accepting", "503 before accepting"],
    "redirect": ["redirect"],
    "empty": ["empty"],
    "not_json": ["not JSON"],
    "ret_code": ["150", "153", "215395", "18013", "215400 after accepting"],
    "string_code": ["code as text", "count as text"],
    "extra_fields": ["unknown fields"],
    "wrong_case": ["wrong case"],
    "other_session": ["session as list"],
    "partial": ["partial, phone by phone", "partial, by group", "partial, flat", "partial, with a code"],
    "unlisted": ["short count"],
    "short_count": ["says fewer"],
}
"""The vendor of these tests shares no code with the sandbox; so each of its faults is named here."""
FAULTS = sorted(fault for faults in SAME_AS_IN_THE_SANDBOX.values() for fault in faults)


def test_every_fault_of_the_sandbox_is_played() -> None:
    """A fault that the sandbox learns must be learnt here too, and none is left out."""
    assert SAME_AS_IN_THE_SANDBOX.keys() == SANDBOX_FAULTS.keys()
    assert set(FAULTS) == EVERY_FAULT.keys() - {"held"}


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=FAULTS)
def test_a_fault_leaves_the_truth(stage: Stage, number: int, chance: random.Random, long: bool) -> None:
    """In the short form at one request on one kind of database; which ones, differs from fault to fault."""
    every = list(product(KINDS, PLACES))
    for kind, place in every if long else [every[number * 4 % len(every)]]:
        play(stage, kind, FAULTS[number], place, chance)


def play(stage: Stage, kind: str, fault: str, place: str, chance: random.Random) -> None:
    rows = people(PEOPLE, chance)
    last = -(-sent_people(rows) // CHUNK_SIZE)
    request = {"first": 1, "middle": (1 + last) // 2, "last": last}[place]
    timeout = STALL_TIMEOUT if fault.startswith("stall") else 20.0
    plan = {str(request): fault}
    scene = stage.scene(kind, rows, plan=plan, timeout=timeout, chunk_size=CHUNK_SIZE, concurrency=2)
    report = scene.finish()
    told = f"{fault} at the {place} request, {kind}"
    assert [arrival.fault for arrival in scene.journal() if arrival.fault] == [fault], f"{told}: it did not happen"
    leeway = CHUNK_SIZE if fault == UNREAD else 0  # the vendor has not read who they were
    assert scene.complaints(report, finished=True, leeway=leeway) == [], told
    assert_fits(scene, report["state"], told)


def assert_fits(scene: Scene, state: str, told: str) -> None:
    """The task has failed if somebody is unknown, and only then."""
    unknown = any(line.status == "unknown" for line in scene.lines())
    assert state == ("failed" if unknown else "success"), told
