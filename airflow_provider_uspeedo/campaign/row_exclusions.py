# SPDX-License-Identifier: Apache-2.0
"""The rules of a policy that a row alone decides: its phone is on a list, or of a country that is not allowed.

Such a row is *suppressed*. It is no invalid row, and no recipient: neither ``max_invalid_ratio`` nor ``max_recipients``
counts it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from airflow_provider_uspeedo.campaign.suppress_lists import read_lists
from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.contact_rules import ContactRules
from airflow_provider_uspeedo.core.phone_countries import (
    NO_COUNTRY,
    NON_GEOGRAPHIC,
    countries_of_code,
    countries_of_phones,
)
from airflow_provider_uspeedo.core.phone_set import PhoneSet
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.statuses import Status

SUPPRESSION = "suppression"
"""What the reasons of the lists begin with."""
COUNTRY = "country"
"""What the reasons of the countries begin with."""
ON_A_LIST = f"{SUPPRESSION}: the phone is on a list of the policy"


class RowExclusions:
    """Those rules, with their lists read.

    :param default_region: of the table: reads phones of the lists that have no country code.
    :param bare_digits: of the table, likewise.
    :raises TableError: a list cannot be read; see :func:`.suppress_lists.read_lists`.
    :raises SourceNotFound: a list is not there (yet).
    """

    def __init__(self, rules: ContactRules, default_region: str | None, bare_digits: str | None = None) -> None:
        self._countries = rules.countries
        self._suppressed: PhoneSet | None = None
        if rules.suppress:
            self._suppressed = read_lists(rules.suppress, default_region, bare_digits)

    def split(self, recipients: RecipientBatch) -> tuple[RecipientBatch, BadRows]:
        """The recipients that may be texted, and the others as suppressed rows; of two reasons the list's counts."""
        excluded: list[BadRows] = []
        if self._suppressed is not None and len(recipients):
            listed = self._suppressed.holds(recipients.column("phone"))
            if listed.any():
                excluded.append(BadRows.excluded(recipients.only(listed), Status.SUPPRESSED, ON_A_LIST))
                recipients = recipients.only(~listed)
        if self._countries is not None and len(recipients):
            recipients, others = self._split_by_country(recipients, self._countries)
            excluded += others
        return recipients, BadRows.joined(excluded)

    def described(self) -> tuple[Any, ...]:
        """What stands for these rules in a fingerprint of what is read; ``()`` without any."""
        if self._suppressed is None and self._countries is None:
            return ()
        listed = None if self._suppressed is None else self._suppressed.digest().hex()
        return listed, None if self._countries is None else sorted(self._countries)

    def _split_by_country(
        self, recipients: RecipientBatch, allowed: frozenset[str]
    ) -> tuple[RecipientBatch, list[BadRows]]:
        phones = recipients.column("phone")
        found = countries_of_phones(phones)
        countries, which = found.dictionary.to_pylist(), numbers_of(found.indices)
        mask = np.array([country in allowed for country in countries], bool)[which]
        excluded = []
        for place, country in enumerate(countries):
            rows = np.flatnonzero((which == place) & ~mask)
            if not len(rows):
                continue
            if country not in (NO_COUNTRY, NON_GEOGRAPHIC):
                excluded.append(_excluded(recipients.take(rows), f"{country} is not one of the policy's countries"))
                continue
            codes = np.array([phone[1 : phone.index(")")] for phone in recipients.take(rows).texts("phone")])
            for code in np.unique(codes).tolist():
                of_code = rows[codes == code]
                if country == NO_COUNTRY and allowed.issuperset(countries_of_code(code) or {NO_COUNTRY}):
                    mask[of_code] = True  # whichever of them it is
                else:
                    excluded.append(_excluded(recipients.take(of_code), f"a number of +{code} that is of no country"))
        return recipients.only(mask), excluded


def _excluded(recipients: RecipientBatch, why: str) -> BadRows:
    return BadRows.excluded(recipients, Status.SUPPRESSED, f"{COUNTRY}: {why}")
