# SPDX-License-Identifier: Apache-2.0
"""Many processes at once: tables are made once, writers wait for one another, nobody is texted twice."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import URL

from tests.ledger.acting import OpenLedger, Try, Vendor, people
from tests.ledger.processes import at_once, create, write


def test_eight_processes_create_one_ledger(open_ledger: OpenLedger, empty_url: URL) -> None:
    """Whoever comes first; the others find it made, and nobody fails."""
    assert at_once(8, create, empty_url) == [True] * 8
    one = Try(open_ledger(empty_url), "x")
    one.text(people("ab"))
    assert one.counts() == {"accepted": 2}


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_sixteen_processes_write_to_one_file(open_ledger: OpenLedger, empty_url: URL) -> None:
    """Without an error: each claims, marks, settles and ends its part of one campaign, half of it shared."""
    open_ledger(empty_url).prepare()
    texted = at_once(16, write, empty_url)
    assert_everybody_texted_once(open_ledger, empty_url, texted, 16)


def test_four_processes_send_no_duplicates(open_ledger: OpenLedger, empty_url: URL) -> None:
    """Their claims meet, dead-lock and are taken over, on every kind of database."""
    open_ledger(empty_url).prepare()
    texted = at_once(4, write, empty_url)
    assert_everybody_texted_once(open_ledger, empty_url, texted, 4)


def assert_everybody_texted_once(open_ledger: OpenLedger, url: URL, texted: list[list[bytes]], processes: int) -> None:
    """What was superseded on the way is texted by a last try; then everybody has one message."""
    vendor = Vendor()
    for keys in texted:
        vendor.texted.update(keys)
    names = [f"shared {n}" for n in range(40)] + [f"{p} {n}" for p in range(processes) for n in range(40)]
    last = Try(open_ledger(url), "everybody at once", part="last", vendor=vendor)
    last.text(people(names))
    vendor.assert_texted(*names)
    assert last.counts() == {"accepted": len(names)}
