# SPDX-License-Identifier: Apache-2.0
"""Memory does not grow with the rows of a query. ``USPEEDO_TEST_QUERY_ROWS=5000000`` measures more of them."""

from __future__ import annotations

import importlib.util
import os

import pytest

from tests.tables.query_memory import SERIES, in_a_process

FEW, MORE = 100_000, int(os.environ.get("USPEEDO_TEST_QUERY_ROWS", "600000"))
MEGABYTES = 50
"""What more rows may cost; half a million of them as Python objects would take four times as much."""


@pytest.mark.slow
@pytest.mark.database
@pytest.mark.parametrize("driver", SERIES)
def test_a_query_of_more_rows_needs_no_more_memory(driver: str) -> None:
    """Peak memory of whole processes that run it and read its rows twice."""
    if importlib.util.find_spec(driver) is None:
        pytest.skip(f"{driver} is not installed")
    few, more = in_a_process(driver, FEW), in_a_process(driver, MORE)
    assert (few["rows"], more["rows"]) == ([FEW, FEW], [MORE, MORE])
    assert more["megabytes"] - few["megabytes"] < MEGABYTES
