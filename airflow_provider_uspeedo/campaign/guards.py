# SPDX-License-Identifier: Apache-2.0
"""Guards that stop a campaign: a share of rejected recipients that is too large, or a canary that did not pass.

They count the answers that this attempt has recorded. Those of earlier attempts do not count: an operator has decided
to continue since.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable

from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.errors import CampaignHalted, USpeedoError

MIN_ANSWERED = 20
"""The share is computed of at least this many answers: small samples are ignored."""
MIN_FAILURES = 2
"""And of so many answers that this many failures are accepted: a single one stops nothing."""


class Guards:
    """The answers of one attempt so far; safe to share between threads.

    :param max_failure_ratio: the share of rejected among the answered recipients, 0 to 1, that is still accepted;
        ``None``: any.
    """

    def __init__(self, max_failure_ratio: float | None) -> None:
        self._max_ratio = max_failure_ratio
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def report(self, statuses: Iterable[str]) -> None:
        """Counts the recipients of one request, and stops the campaign if too many were rejected so far.

        :param statuses: one for each recipient: ``accepted``, ``rejected`` or ``unknown``.
        :raises CampaignHalted: more than the allowed share of the answered recipients was rejected.
        """
        with self._lock:
            self._counts.update(statuses)
            rejected, answered = self._counts[Status.REJECTED], self._answered
        if self._max_ratio is not None and rejected > self._max_ratio * max(answered, min_answered(self._max_ratio)):
            were = "was" if rejected == 1 else "were"
            raise CampaignHalted(
                f"Of {counted(answered, 'recipient')} answered so far {rejected:,} {were} rejected "
                f"({rejected / answered:.1%}); max_failure_ratio={self._max_ratio:g} allows {self._max_ratio:.1%}.",
                section="too-many-failures",
            )

    def check_canary(self) -> None:
        """Checks the answers to the canary.

        :raises CampaignHalted: an outcome is unknown, or more were rejected than ``max_failure_ratio`` (or 0) allows.
        :raises USpeedoError: there is no answer: another attempt had claimed the recipients.
        """
        with self._lock:
            rejected, unknown, answered = self._counts[Status.REJECTED], self._counts[Status.UNKNOWN], self._answered
        if not answered + unknown:
            raise USpeedoError(
                "Another attempt of this campaign has claimed the recipients of the canary; see its result first."
            )
        if unknown or rejected > (self._max_ratio or 0) * answered:
            raise CampaignHalted(
                f"The canary did not pass: of {counted(answered + unknown, 'recipient')}, {answered - rejected:,} "
                f"accepted, {rejected:,} rejected, {unknown:,} unknown. This attempt sent nothing else."
                f"{' Resolve the unknown ones first: the next attempt sends to others.' if unknown else ''}",
                section="canary-failed",
            )

    @property
    def _answered(self) -> int:
        return self._counts[Status.ACCEPTED] + self._counts[Status.REJECTED]


def min_answered(max_ratio: float) -> int:
    """The minimum number of answers that the share is computed of; 1 where no failure is accepted."""
    return max(MIN_ANSWERED, math.ceil(MIN_FAILURES / max_ratio)) if max_ratio else 1
