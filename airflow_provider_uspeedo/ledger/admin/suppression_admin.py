# SPDX-License-Identifier: Apache-2.0
"""What a person does with the suppression list of a ledger. No phone is kept, returned or quoted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin import stop
from airflow_provider_uspeedo.ledger.admin.suppression_records import (
    SuppressedPhone,
    SuppressedPhones,
    SuppressionChange,
)
from airflow_provider_uspeedo.ledger.admin.suppressions import Suppressions
from airflow_provider_uspeedo.ledger.results import creation
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.admin.phone_spool import PhoneSpool

MAX_REASON = 500
"""Characters."""


class SuppressionAdmin:
    """The methods of :class:`.LedgerAdmin` for the suppression list.

    Phones are texts in any spelling. One without a country code is read as a number of ``default_region``, two letters
    such as ``"HK"``, which should be that of the campaigns.
    """

    ledger: LedgerQueries

    def suppress_add(
        self, phones: Iterable[str], *, reason: str, by: str, default_region: str | None = None
    ) -> SuppressionChange:
        """Puts phones on the suppression list: no request that begins afterwards sends to them, in any campaign.

        The ledger is created if there is none yet. A phone that is on the list keeps its reason; may be repeated. A
        text that can be read as two numbers puts both on the list: an opt-out must not be missed.

        :param reason: why, in one line; runs of five digits and more are masked, since they may be a phone.
        :param by: who does so.
        :raises ConfigurationError: a text is no phone, or there is none; nothing was changed.
        """
        return self._suppress(phones, reason, by, default_region, share=0.0)

    def suppress_import(
        self,
        phones: Iterable[str | None],
        *,
        reason: str,
        by: str,
        default_region: str | None = None,
        accept_unreadable: bool = False,
    ) -> SuppressionChange:
        """Puts a list of any length on the suppression list, in flat memory; see :meth:`suppress_add`.

        The whole list is read before anything is changed. An import that was interrupted afterwards may have put a
        part of it on the list: repeat it.

        :param phones: read once; ``None`` and blank texts are left out. ``administration.phones_in_file`` reads a file.
        :param accept_unreadable: leave out what is no phone, however many rows that are. Otherwise a list with more
            than 1 % of them is refused: it may be the wrong column, or the wrong region.
        :raises ConfigurationError: too many rows are no phones, or there is none; nothing was changed.
        """
        from airflow_provider_uspeedo.ledger.admin.phone_spool import MAX_UNREADABLE  # heavy: every country's numbers

        share = 1.0 if accept_unreadable else MAX_UNREADABLE
        return self._suppress(phones, reason, by, default_region, share=share)

    def suppress_remove(self, phones: Iterable[str], *, default_region: str | None = None) -> SuppressionChange:
        """Takes phones off the suppression list; later requests may send to them. May be repeated.

        :raises ConfigurationError: a text is no phone, or can be read as two numbers; nothing was changed.
        """
        from airflow_provider_uspeedo.ledger.admin.phone_spool import PhoneSpool, one_reading  # heavy

        self._must_exist()
        suppressions = Suppressions(self.ledger)
        with PhoneSpool(suppressions.hasher(), one_reading(default_region)) as spool:
            spool.take(phones)
            spool.refuse_unreadable(0.0)
            return _change(spool, suppressions.remove(spool.hashes()))

    def suppress_check(self, phone: str, *, default_region: str | None = None) -> list[SuppressedPhone]:
        """The entries of one phone: none if it may be sent to, several if it can be read as several numbers.

        :raises ConfigurationError: the text is no phone.
        """
        from airflow_provider_uspeedo.ledger.admin.phone_spool import PhoneSpool, every_reading  # heavy

        self._must_exist()
        suppressions = Suppressions(self.ledger)
        with PhoneSpool(suppressions.hasher(), every_reading(default_region)) as spool:
            spool.take([phone])
            spool.refuse_unreadable(0.0)
            return suppressions.of(list(spool.hashes()))

    def suppress_list(self, limit: int = 50) -> SuppressedPhones:
        """How many phones are on the suppression list, who put them there and why, and the newest entries.

        The ledger holds keyed hashes: it can tell whether a phone is on the list, and not which phones are.

        :param limit: of the entries.
        """
        if limit < 1:
            raise ConfigurationError("limit must be at least 1.")
        if not self.ledger.exists():
            return SuppressedPhones(0, (), ())
        return Suppressions(self.ledger).show(limit)

    def _suppress(
        self, phones: Iterable[str | None], reason: str, by: str, default_region: str | None, *, share: float
    ) -> SuppressionChange:
        from airflow_provider_uspeedo.ledger.admin.phone_spool import PhoneSpool, every_reading  # heavy

        why, who, read = checked_reason(reason), stop.checked_name(by), every_reading(default_region)
        ledger = self.ledger
        creation.prepare(ledger.database, ledger.tables, ledger.rows, ledger.results_name)
        suppressions = Suppressions(ledger)
        with PhoneSpool(suppressions.hasher(), read) as spool:
            spool.take(phones)
            spool.refuse_unreadable(share)
            return _change(spool, suppressions.add(spool.hashes(), why, who))

    def _must_exist(self) -> None:
        """:raises ConfigurationError: there is no ledger."""
        raise NotImplementedError


def checked_reason(reason: str) -> str:
    """The reason as it is kept: without what may be a phone.

    :raises ConfigurationError: the ledger could not keep it, or it could not be read.
    """
    text = reason.strip()
    if not text or len(text) > MAX_REASON or not text.isprintable():
        raise ConfigurationError(f"reason must say why, in one line of 1 to {MAX_REASON} characters.")
    return mask_digits(text)


def _change(spool: PhoneSpool, changed: int) -> SuppressionChange:
    wrong = spool.unreadable
    return SuppressionChange(spool.phones + wrong.count, changed, wrong.count, str(wrong) if wrong.count else "")
