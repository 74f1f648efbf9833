# SPDX-License-Identifier: Apache-2.0
"""Every fault of the vendor at every request, without a crash and with one."""

from __future__ import annotations

import pytest

from tests.crash.crashes import one_crash
from tests.crash.endings import Endings
from tests.crash.one_try import NO_CONNECTION
from tests.crash.stage import Stage
from tests.crash.vendor import FAULTS
from tests.sampling import is_whole

REQUESTS = (1, 2, 3)
ALL_FAULTS = list(enumerate([NO_CONNECTION, *FAULTS]))


@pytest.mark.parametrize(("number", "fault"), ALL_FAULTS)
def test_a_fault_without_a_crash_is_recorded_as_what_it_is(stage: Stage, number: int, fault: str) -> None:
    """Nothing is unknown but what an answer left open, nothing is texted twice, and all the others are texted."""
    request = REQUESTS[number % len(REQUESTS)]
    endings = Endings()
    endings.finish(stage.scene({request: fault}), f"{fault} at request {request}")
    endings.finish(stage.scene(dict.fromkeys(REQUESTS, fault)), f"{fault} at each request", threads="real")
    assert endings.found == []


@pytest.mark.slow
@pytest.mark.parametrize("request_number", REQUESTS)
@pytest.mark.parametrize("fault", [NO_CONNECTION, *FAULTS])
def test_a_fault_and_a_crash_send_no_duplicates(stage: Stage, fault: str, request_number: int) -> None:
    """Every fault at every request, with a crash in a sample of the gaps before it and after it."""
    endings = Endings(once_more=False)
    for crashed in one_crash(stage).with_fault(request_number, fault):
        endings.finish(crashed.scene, f"{fault} at request {request_number}, crash in gap {crashed.gap}")
    assert endings.found == []
    assert endings.resumed > (5 if is_whole() else 1)


@pytest.mark.parametrize(("number", "fault"), ALL_FAULTS)
def test_a_fault_and_a_crash_send_no_duplicates_sample(stage: Stage, number: int, fault: str) -> None:
    """The same for one request of each fault, with a crash in one gap."""
    request = REQUESTS[number % len(REQUESTS)]
    gap = 20 + number * 37 % 60
    endings = Endings(once_more=False)
    scene = stage.scene({request: fault})
    scene.crash(at=gap)
    endings.finish(scene, f"{fault} at request {request}, crash in gap {gap}")
    assert endings.found == []
