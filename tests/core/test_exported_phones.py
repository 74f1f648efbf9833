# SPDX-License-Identifier: Apache-2.0
"""What an export shows of a row, in each form of phones."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from airflow_provider_uspeedo.core.exported_phones import ExportedPhones, checked_phone_form
from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.errors import ConfigurationError

KEY = bytes(range(32))
PHONE = "(852)55311111"


def shown(form: str = "masked", campaign: str = "c", **cells: str | None) -> dict[str, str | None]:
    """One row, as an export shows it."""
    row = {
        "recipient_key": "ab" * 16, "phone": PHONE, "user_id": "", "status": "accepted", "reason": None,
        "receipt_code": None, "receipt_desc": None, "session_no": "S", **cells,
    }  # fmt: skip
    columns = ExportedPhones(form, PhoneHasher(KEY), campaign).shown({name: [cell] for name, cell in row.items()})
    return {name: cells[0] for name, cells in columns.items()}


def test_hashes_are_hmacs_under_keys_of_their_own() -> None:
    """As the security page says; computed here by the standard library alone."""

    def by_hand(purpose: str, text: str) -> str:
        own = hmac.digest(KEY, purpose.encode(), "sha256")
        return hmac.digest(own, text.encode(), "sha256").hex()

    row = shown("hashed", "due 2026")
    assert row["phone"] == by_hand("export of phones, version 1", PHONE)
    of_campaign = f"export of recipient keys, version 1: {campaign_hash('due 2026').hex()}"
    assert row["recipient_key"] == by_hand(of_campaign, "ab" * 16)
    assert row["phone"] != hmac.new(KEY, PHONE.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("phone", ["", "12", "5531", "HK"])
def test_a_user_id_of_an_invalid_row_may_be_its_phone(phone: str) -> None:
    """Where columns are shifted, the phone column holds something else."""
    for form in ("masked", "hashed"):
        row = shown(form, user_id="85255311111", phone=phone, status="invalid")
        assert "5531111" not in row["user_id"]
        assert shown(form, user_id="C-1001", phone=phone)["user_id"] == "C-1001"


@pytest.mark.parametrize(
    ("user_id", "expected"),
    [
        ("C-1001", "C-1001"),
        ("1234567890", "1234567890"),
        ("85255311111", "****1111"),
        ("+852 5531-1111", "****1111"),
        ("+1 202 555 0100", "****0100"),
        ("", ""),
        (None, None),
    ],
)
def test_a_user_id_stays_unless_it_is_a_phone(user_id: str | None, expected: str | None) -> None:
    """It is what one joins by."""
    for form in ("masked", "hashed"):
        assert shown(form, user_id=user_id)["user_id"] == expected


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        ("rejected", "phone (852) 5531-1111 is in the black list", "phone ****1111 is in the black list"),
        ("unknown", "no answer to 12345678", "no answer to ****5678"),
        ("duplicate", "same recipient as row 123456", "same recipient as row 123456"),
        ("accepted", "resolved by Dana at 2026-11-22 20:15:00 UTC", "resolved by Dana at 2026-11-22 20:15:00 UTC"),
        ("accepted", "resolved by 85255311111", "resolved by ****1111"),
        ("not_sent", "not after: 2026-11-22 20:00", "not after: 2026-11-22 20:00"),
        ("accepted", None, None),
    ],
)
def test_reasons_that_may_quote_a_phone_are_masked(status: str, reason: str | None, expected: str | None) -> None:
    """Those of the vendor always, those of this package if they quote the phone of their row."""
    assert shown(status=status, reason=reason)["reason"] == expected


def test_texts_of_carriers_are_masked() -> None:
    """Short codes stay."""
    row = shown(receipt_code="DELIVRD 000", receipt_desc="to 85255311111: ok")
    assert (row["receipt_code"], row["receipt_desc"]) == ("DELIVRD 000", "to ****1111: ok")


def test_plain_is_what_is_in_the_ledger() -> None:
    """Every cell."""
    row = shown("plain", user_id="85255311111", reason="85255311111", receipt_desc="85255311111")
    assert (row["phone"], row["recipient_key"]) == (PHONE, "ab" * 16)
    assert (row["user_id"], row["reason"], row["receipt_desc"]) == ("85255311111",) * 3


def test_what_is_empty_stays_empty() -> None:
    """A forgotten phone, a row without a key."""
    for form in ("masked", "hashed"):
        row = shown(form, phone="", recipient_key=None)
        assert row["recipient_key"] is None
        assert row["phone"] == ""


def test_a_form_is_named_exactly() -> None:
    """Spaces around it are a template's."""
    assert checked_phone_form(" hashed\n") == "hashed"
    with pytest.raises(ConfigurationError):
        checked_phone_form("HASHED")
