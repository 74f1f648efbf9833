# SPDX-License-Identifier: Apache-2.0
"""What stops a campaign that goes wrong: too many rejected, or a canary that did not pass.

Counted are the answers that this try has got and recorded. What an earlier try met is not held against this one:
somebody has decided to go on since.
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
"""The share is judged as if at least so many had been answered: of fewer it says nothing."""
MIN_FAILURES = 2
"""Nor does a single failure: as if there were so many answers that two failures are borne."""


class Guards:
    """The answers of one try so far; any number of threads may tell of theirs.

    :param max_failure_ratio: the share of rejected among the answered recipients, 0 to 1, that is still borne;
        ``None``: any.
    """

    def __init__(self, max_failure_ratio: float | None) -> None:
        self._most = max_failure_ratio
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def tell(self, statuses: Iterable[str]) -> None:
        """Counts the recipients of one request, and brakes if too many were rejected so far.

        :param statuses: one for each recipient: ``accepted``, ``rejected`` or ``unknown``.
        :raises CampaignHalted: more than the allowed share of the answered recipients was rejected.
        """
        with self._lock:
            self._counts.update(statuses)
            rejected, answered = self._counts[Status.REJECTED], self._answered
        if self._most is not None and rejected > self._most * max(answered, min_answered(self._most)):
            were = "was" if rejected == 1 else "were"
            raise CampaignHalted(
                f"Of {counted(answered, 'recipient')} answered so far {rejected:,} {were} rejected "
                f"({rejected / answered:.1%}); max_failure_ratio={self._most:g} allows {self._most:.1%}.",
                section="too-many-failures",
            )

    def check_canary(self) -> None:
        """Looks at the answers to the canary.

        :raises CampaignHalted: an outcome is unknown, or more were rejected than ``max_failure_ratio`` (or 0) allows.
        :raises USpeedoError: there is no answer: another try had them.
        """
        with self._lock:
            rejected, unknown, answered = self._counts[Status.REJECTED], self._counts[Status.UNKNOWN], self._answered
        if not answered + unknown:
            raise USpeedoError(
                "Another try of this campaign has taken the people of the canary; look at that one first."
            )
        if unknown or rejected > (self._most or 0) * answered:
            raise CampaignHalted(
                f"The canary did not pass: of {counted(answered + unknown, 'recipient')}, {answered - rejected:,} "
                f"accepted, {rejected:,} rejected, {unknown:,} unknown. Nobody else was texted by this try."
                f"{' Decide on the unknown ones first: the next try sends to others.' if unknown else ''}",
                section="canary-failed",
            )

    @property
    def _answered(self) -> int:
        return self._counts[Status.ACCEPTED] + self._counts[Status.REJECTED]


def min_answered(most: float) -> int:
    """How many answers a share of ``most`` is judged by at least; where nothing is borne, one."""
    return max(MIN_ANSWERED, math.ceil(MIN_FAILURES / most)) if most else 1
