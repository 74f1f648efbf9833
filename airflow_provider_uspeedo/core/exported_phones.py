# SPDX-License-Identifier: Apache-2.0
"""The forms in which an export shows phones, and what else may reveal a phone: keys, user ids, texts of the vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.core.masking import mask_digits, mask_phone, mask_user_id, quotes_phone
from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.errors import ConfigurationError

PLAIN, MASKED, HASHED = "plain", "masked", "hashed"
PHONE_FORMS = (PLAIN, MASKED, HASHED)

Texts = Sequence[str | None]
_OWN_WORDS = frozenset({Status.ACCEPTED, Status.DUPLICATE, Status.SUPPRESSED, Status.NOT_SENT})
"""Statuses whose reasons are this package's words: row numbers and times in them are no phones."""
_PHONES = "export of phones, version 1"
_KEYS = "export of recipient keys, version 1: "


def checked_phone_form(form: Any) -> str:
    """One of :data:`PHONE_FORMS`.

    :raises ConfigurationError: it is something else.
    """
    if isinstance(form, str) and form.strip() in PHONE_FORMS:
        return form.strip()
    raise ConfigurationError(f"phones must be one of {', '.join(PHONE_FORMS)}.")


class ExportedPhones:
    """Brings columns of the results relation into the form in which one export shows phones.

    :param form: one of :data:`PHONE_FORMS`.
    :param ledger_hasher: makes the ledger's own hashes, from which those of an export must differ.
    :param campaign_id: recipient keys of two campaigns are to have nothing in common, unless phones are plain.
    """

    def __init__(self, form: str, ledger_hasher: PhoneHasher, campaign_id: str) -> None:
        self.form = checked_phone_form(form)
        self._phone_hasher = ledger_hasher.derived(_PHONES)
        self._key_hasher = ledger_hasher.derived(_KEYS + campaign_hash(campaign_id).hex())

    def shown(self, columns: Mapping[str, Texts]) -> dict[str, Texts]:
        """The columns as the export shows them.

        :param columns: by name, the rows of each in one order.
        """
        if self.form == PLAIN:
            return dict(columns)
        phones = columns["phone"]
        rows = zip(columns["status"], columns["reason"], phones, strict=True)
        return {
            **columns,
            "recipient_key": _hashed(columns["recipient_key"], self._key_hasher),
            "phone": _hashed(phones, self._phone_hasher) if self.form == HASHED else _each(mask_phone, phones),
            "user_id": [
                one and mask_user_id(one, phone or "") for one, phone in zip(columns["user_id"], phones, strict=True)
            ],
            "reason": [_reason(*row) for row in rows],
            "receipt_code": _each(mask_digits, columns["receipt_code"]),
            "receipt_desc": _each(mask_digits, columns["receipt_desc"]),
        }


def _hashed(texts: Texts, hasher: PhoneHasher) -> Texts:
    """Hashes as hexadecimal text; what is empty, such as a phone that was forgotten, stays empty."""
    return [text and hasher.of(text).hex() for text in texts]


def _each(mask: Callable[[str], str], texts: Texts) -> Texts:
    """Masks every text; texts of the vendor are often the same."""
    masked = {text: text and mask(text) for text in set(texts)}
    return [masked[text] for text in texts]


def _reason(status: str | None, reason: str | None, phone: str | None) -> str | None:
    if not reason or (status in _OWN_WORDS and not quotes_phone(reason, phone or "")):
        return reason
    return mask_digits(reason)
