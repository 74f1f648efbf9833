# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: none of them judges how fast the machine is, and none of them depends on chance.

Property tests (Hypothesis) draw the same examples in every run, in any order, in any number of processes. To look for
new ones is a step of its own, ``make random-search``, which chooses the profile ``random``.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from tests.sampling import is_in_part

RANDOM_SEARCH_FACTOR = 4
"""How many times as many examples a random search draws."""

# In a fresh clone the first draw of a text builds Hypothesis's tables of Unicode: seconds, on a busy machine.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.register_profile("fixed", _UNTIMED, derandomize=True, print_blob=False)
settings.register_profile("random", _UNTIMED, derandomize=False, print_blob=True)
settings.load_profile("fixed")

# Hypothesis also draws constants of the modules that are imported: which they are depends on the tests run before.
if hasattr(providers, "_get_local_constants"):
    providers._get_local_constants = lambda: providers._local_constants


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of ``PART`` alone, and in a random search draw more examples of everything.

    How many examples are drawn is otherwise each test's own decision.
    """
    if part := os.environ.get("USPEEDO_PART"):
        others = [item for item in items if not is_in_part(item.nodeid, part)]
        items[:] = [item for item in items if is_in_part(item.nodeid, part)]
        config.hook.pytest_deselected(items=others)
    if config.getoption("--hypothesis-profile", None) != "random":
        return
    functions = {item.obj for item in items if isinstance(item, pytest.Function) and "hypothesis" in item.keywords}
    for function in functions:
        own = function._hypothesis_internal_use_settings
        more = settings(own, max_examples=RANDOM_SEARCH_FACTOR * own.max_examples)
        function._hypothesis_internal_use_settings = more
