# SPDX-License-Identifier: Apache-2.0
"""A decision on what was shown, on every database: the digest of a count is the one that the decision makes."""

from __future__ import annotations

import pytest

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import Try, people


def test_a_decision_is_made_on_the_requests_that_were_shown(ledger: Ledger, campaign: str) -> None:
    one = Try(ledger, campaign)
    first, second = one.claim(people("ab"), size=1)
    admin = LedgerAdmin(ledger)
    shown = {}
    for request in (first, second):
        one.mark(request)
        ledger.mark_unknown(one.attempt, request.id, ret_code=None, vendor_request_id="", reason="timeout")
        shown[request.id] = admin.count_unknown(campaign, request=request.id.hex()).digest
    with pytest.raises(ConfigurationError, match="other requests are unknown now"):
        admin.resolve(campaign, as_sent=True, by="Ann", shown=shown[first.id])
    alone = {"request": first.id.hex(), "shown": shown[first.id]}
    assert admin.resolve(campaign, as_sent=True, by="Ann", **alone) == 1
    assert admin.count_unknown(campaign).digest == shown[second.id]
    assert admin.resolve(campaign, as_sent=True, by="Ann", expected=1, shown=shown[second.id]) == 1


def test_rejected_recipients_are_re_opened_only_in_the_requests_that_were_shown(ledger: Ledger, campaign: str) -> None:
    """As many of another request were not agreed on."""
    one, admin = Try(ledger, campaign), LedgerAdmin(ledger)
    first, second = one.claim(people("abc"), size=2)
    one.send(first, "a")
    shown = admin.count_rejected(campaign)
    assert shown.recipients == 1
    assert admin.reopen_rejected(campaign, reason="fixed", by="Ann", expected=1, shown=shown.digest) == 1
    one.send(second, "c")
    now = admin.count_rejected(campaign)
    assert (now, now.digest != shown.digest) == (shown, True)  # as many recipients of as many requests
    with pytest.raises(ConfigurationError, match="Nothing was re-opened: other requests hold rejected recipients"):
        admin.reopen_rejected(campaign, reason="fixed", by="Bea", expected=1, shown=shown.digest)
    assert one.status("c") == ["rejected"]
    assert admin.reopen_rejected(campaign, reason="fixed", by="Bea", expected=1, shown=now.digest) == 1
