# SPDX-License-Identifier: Apache-2.0
"""Memory does not grow with the rows of an export, on any database; nothing of the sort is in memory."""

from __future__ import annotations

import pytest

from tests.ledger.export_memory import in_a_process
from tests.ledger.servers import KINDS

MEGABYTES = 60
"""What 400,000 rows may cost beyond one row group of 100,000; sorted in memory they would take 150."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_memory_stays_flat(kind: str) -> None:
    """Peak memory of whole processes that export."""
    few, more = in_a_process(100_000, kind), in_a_process(400_000, kind)
    assert (few["rows"], more["rows"]) == (100_000, 400_000)
    assert more["megabytes"] - few["megabytes"] < MEGABYTES
