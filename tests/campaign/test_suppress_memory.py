# SPDX-License-Identifier: Apache-2.0
"""Memory hardly grows with the length of a list of phones that may not be texted."""

from __future__ import annotations

import pytest

from tests.campaign.suppress_memory import FORMS, in_a_process

MEGABYTES = 50
"""What a million phones may cost; as Python texts in a set they would take more than twice as much."""


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_million_phones_take_little(form: str) -> None:
    """Peak memory of whole processes that read such a list."""
    few, more = in_a_process(1000, form), in_a_process(1_000_000, form)
    assert more["phones"] >= 1_000_000
    assert more["megabytes"] - few["megabytes"] < MEGABYTES
