# SPDX-License-Identifier: Apache-2.0
"""One stage for all crash tests of a test run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.stage import Stage, open_stage


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with open_stage() as stage:
        yield stage
