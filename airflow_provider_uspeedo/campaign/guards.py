# SPDX-License-Identifier: Apache-2.0
"""Guards that stop a campaign: too many rejected recipients, too many invalid rows, or a canary that did not pass.

They count the answers that this attempt has recorded. Those of earlier attempts do not count: an operator has decided
to continue since.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from airflow_provider_uspeedo.campaign.config import DEFAULT_MAX_RATIO
from airflow_provider_uspeedo.core.masking import hide_digits
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.errors import CampaignHalted, USpeedoError

MIN_ANSWERED = 100
"""Answers from which on the share of the rejected is judged while sending; at the end fewer are enough."""
MIN_ANSWERED_AT_END = 20
MIN_ROWS = 100
"""Rows from which on the share of the invalid is judged."""
REASONS = 3
"""Reasons named in a message."""
MAX_REASONS = 1000
"""Different reasons that are counted."""


class ReasonCounts:
    """How often each reason was given; without digits that may be a phone's. Bounded."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, reasons: Mapping[str, int]) -> None:
        """Counts reasons; of different ones no more than ``MAX_REASONS``."""
        for reason, times in reasons.items():
            text = hide_digits(reason)
            if text in self._counts or len(self._counts) < MAX_REASONS:
                self._counts[text] += times

    def most_common(self, limit: int | None = None) -> list[tuple[str, int]]:
        """Reasons and how often each was given, the most frequent first."""
        return self._counts.most_common(limit)

    def __str__(self) -> str:
        named = "; ".join(f"{times:,} x {reason!r}" for reason, times in self.most_common(REASONS))
        return f" Most frequent reasons: {named}." if named else ""


class Guards:
    """The answers of one attempt so far; safe to share between threads.

    :param max_failure_ratio: the share of rejected among the answered recipients, 0 to 1, that is still accepted;
        ``None`` or 1: any.
    """

    def __init__(self, max_failure_ratio: float | None) -> None:
        self._max_ratio = max_failure_ratio
        self._counts: Counter[str] = Counter()
        self._reasons = ReasonCounts()
        self._lock = threading.Lock()

    def report(self, statuses: Iterable[str], reasons: Mapping[str, int] | None = None) -> None:
        """Counts the recipients of one request, and stops the campaign if too many were rejected so far.

        :param statuses: one for each recipient: ``accepted``, ``rejected`` or ``unknown``.
        :param reasons: why recipients were rejected, and how many were for each reason.
        :raises CampaignHalted: more than the allowed share of the answered recipients was rejected.
        """
        with self._lock:
            self._counts.update(statuses)
            self._reasons.add(reasons or {})
        self._check(MIN_ANSWERED)

    def check_end(self) -> None:
        """Checks the answers once there are no more to come.

        :raises CampaignHalted: too many were rejected, or every one that was answered.
        """
        self._check(MIN_ANSWERED_AT_END)
        with self._lock:
            rejected, answered, reasons = self._counts[Status.REJECTED], self._answered, str(self._reasons)
        if answered and rejected == answered:
            every = "The only recipient" if answered == 1 else f"Every one of the {answered:,} recipients"
            raise CampaignHalted(
                f"{every} answered in this attempt was rejected.{reasons}", section="too-many-failures"
            )

    def _check(self, min_answered: int) -> None:
        ratio = self._max_ratio
        with self._lock:
            rejected, answered, reasons = self._counts[Status.REJECTED], self._answered, str(self._reasons)
        if ratio is None or answered < (min_answered if ratio else 1) or rejected <= ratio * answered:
            return
        were = "was" if rejected == 1 else "were"
        raise CampaignHalted(
            f"Of {counted(answered, 'recipient')} answered so far {rejected:,} {were} rejected "
            f"({rejected / answered:.1%}); max_failure_ratio={ratio:g} allows {ratio:.1%}.{reasons}",
            section="too-many-failures",
        )

    def check_canary(self) -> None:
        """Checks the answers to the canary.

        :raises CampaignHalted: an outcome is unknown, or more were rejected than a ``max_failure_ratio`` below the
            default (or 0) allows.
        :raises USpeedoError: there is no answer: another attempt had claimed the recipients, or they are not sent.
        """
        allowed = self._max_ratio if self._max_ratio is not None and self._max_ratio < DEFAULT_MAX_RATIO else 0
        with self._lock:
            rejected, unknown, answered = self._counts[Status.REJECTED], self._counts[Status.UNKNOWN], self._answered
        if not answered + unknown:
            raise USpeedoError(
                "None of the canary was sent to. Either another attempt of this campaign has claimed the recipients of "
                "the canary: see its result first. Or the results show them as invalid: correct or remove these rows."
            )
        if unknown or rejected > allowed * answered:
            raise CampaignHalted(
                f"The canary did not pass: of {counted(answered + unknown, 'recipient')}, {answered - rejected:,} "
                f"accepted, {rejected:,} rejected, {unknown:,} unknown. This attempt sent nothing else."
                f"{' Resolve the unknown ones first: the next attempt sends to others.' if unknown else ''}",
                section="canary-failed",
            )

    def counts(self) -> Counter[str]:
        """How many recipients have which status so far."""
        with self._lock:
            return self._counts.copy()

    def rejections(self) -> list[tuple[str, int]]:
        """Why recipients were rejected, the most frequent reason first."""
        with self._lock:
            return self._reasons.most_common()

    @property
    def has_answers(self) -> bool:
        """True if anything is known of a recipient that this attempt has sent to: accepted, rejected or unknown."""
        with self._lock:
            return bool(self._answered + self._counts[Status.UNKNOWN])

    @property
    def _answered(self) -> int:
        return self._counts[Status.ACCEPTED] + self._counts[Status.REJECTED]


@dataclass(slots=True)
class InvalidRows:
    """How many rows of a table were read, how many of them are invalid, and why."""

    rows: int = 0
    invalid: int = 0
    reasons: ReasonCounts = field(default_factory=ReasonCounts)

    def add(self, rows: int, reasons: Mapping[str, int]) -> None:
        """Counts rows.

        :param rows: how many were read.
        :param reasons: of the invalid ones among them.
        """
        self.rows += rows
        self.invalid += sum(reasons.values())
        self.reasons.add(reasons)


def check_invalid(max_ratio: float | None, found: InvalidRows, what: str, *, sliced: bool = False) -> None:
    """Checks the share of invalid rows.

    :param max_ratio: 0 to 1; ``None`` or 1: any.
    :param what: what was sent before.
    :param sliced: the rows are those of a slice.
    :raises CampaignHalted: it is too large. Not where every row of a whole table is invalid: that has a message of its
        own.
    """
    rows, invalid = found.rows, found.invalid
    if max_ratio is None or rows < MIN_ROWS or invalid <= max_ratio * rows or (invalid == rows and not sliced):
        return
    raise CampaignHalted(
        f"Of {counted(rows, 'row')} {invalid:,} {'is' if invalid == 1 else 'are'} invalid ({invalid / rows:.1%}); "
        f"max_invalid_ratio={max_ratio:g} allows {max_ratio:.1%}. {what}{found.reasons}",
        section="too-many-invalid",
    )
