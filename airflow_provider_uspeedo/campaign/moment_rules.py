# SPDX-License-Identifier: Apache-2.0
"""What a policy allows at a moment: hours on the recipients' clocks, and ``not_after``.

The worker's clock decides early, when rows are read; the clock of the ledger's database decides in the transaction that
marks a request *sending*.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.attempt_log import wrapped
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.contact_rules import ContactRules, Exclusion
from airflow_provider_uspeedo.core.exit_policy import utc_text
from airflow_provider_uspeedo.core.hours import Opening, opening
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.core.zone_keys import UNREADABLE, zones_of

log = logging.getLogger(__name__)

HOURS = "hours"
"""What the reasons of the hours begin with."""
NOT_AFTER = "not after"
"""What the reasons of the deadline begin with."""


def utc_now() -> datetime:
    """The worker's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Ruling:
    """Why a row may not be sent at a moment.

    :param opens_at: when it may be; ``None``: never, as far as these rules say.
    """

    status: Status
    reason: str
    opens_at: datetime | None = None


class MomentRules:
    """Those rules of a policy that depend on the moment. Safe to share between threads.

    :param clock: gives the time in UTC.
    """

    def __init__(self, rules: ContactRules, clock: Callable[[], datetime] = utc_now) -> None:
        self._rules = rules
        self._clock = clock
        self._openings: dict[str, Opening] = {}
        self._lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """Forgets what was found, before the table is read (again)."""
        self._counts: Counter[Ruling] = Counter()
        self.next_opening: datetime | None = None
        """The earliest moment at which a recipient that was excluded so far may be sent to."""

    @property
    def needs_zones(self) -> bool:
        """True if the clocks of recipients matter."""
        return bool(self._rules.windows)

    @property
    def decides(self) -> bool:
        """True if there is any rule that depends on the moment."""
        return self.needs_zones or self._rules.not_after is not None

    def now(self) -> datetime:
        """The time in UTC, by the clock of this machine."""
        return self._clock()

    def allowed(self, recipients: RecipientBatch, moment: datetime) -> np.ndarray[Any, Any]:
        """For each recipient whether it may be sent to at the moment."""
        mask = np.ones(len(recipients), bool)
        for _, held in self._held(recipients, moment):
            mask[held] = False
        return mask

    def ever_allowed(self, recipients: RecipientBatch, moment: datetime) -> np.ndarray[Any, Any]:
        """For each recipient whether it may be sent to at the moment, or only waits for its hours."""
        mask = np.ones(len(recipients), bool)
        for ruling, held in self._held(recipients, moment):
            mask[held] = ruling.opens_at is not None
        return mask

    def split(
        self, recipients: RecipientBatch, moment: datetime, *, waiting: bool = True
    ) -> tuple[RecipientBatch, BadRows]:
        """Those that may be sent to at the moment, and the others as rows that are not sent.

        :param waiting: with those that only wait for their hours among the others; else they may be sent to.
        """
        mask = np.ones(len(recipients), bool)
        others: list[BadRows] = []
        for ruling, held in self._held(recipients, moment):
            if waiting or ruling.opens_at is None:
                mask[held] = False
                others.append(BadRows.excluded(recipients.take(held), ruling.status, ruling.reason))
            self._note(ruling, len(held))
        return recipients.only(mask), BadRows.joined(others)

    def exclusions(self, recipients: RecipientBatch, moment: datetime) -> Sequence[Exclusion]:
        """Those of a request that may not be sent to at the moment, by reason."""
        numbers = numbers_of(recipients.column("row_number"))
        found = []
        for ruling, held in self._held(recipients, moment):
            self._note(ruling, 0)
            found.append(Exclusion(ruling.status, ruling.reason, numbers[held].tolist()))
        return found

    def remarks(self, *, waiting: bool = False) -> list[str]:
        """What a person should know of the recipients that were looked at, a sentence each.

        :param waiting: also of those who may be sent to at another moment, or are too late; the end of a campaign has
            a message of its own about them.
        """
        return [
            f"{counted(count, 'recipient')}: {ruling.status} if sent now, {ruling.reason}."
            if waiting
            else f"{counted(count, 'recipient')} suppressed: {ruling.reason}."
            for ruling, count in self._counts.most_common()
            if count and (waiting or ruling.status == Status.SUPPRESSED)
        ]

    def warn(self, *, waiting: bool = False) -> None:
        """Logs :meth:`remarks`, once the table has been read."""
        for remark in self.remarks(waiting=waiting):
            log.warning("%s", wrapped(remark))

    def _held(self, recipients: RecipientBatch, moment: datetime) -> list[tuple[Ruling, np.ndarray[Any, Any]]]:
        """The places of recipients that may not be sent to, by reason."""
        if not self.decides or not len(recipients):
            return []
        zones = recipients.column("time_zone")
        which = numbers_of(zones.indices)
        keys = zones.dictionary.to_pylist()
        places: dict[Ruling, list[int]] = {}
        for place in np.unique(which).tolist():
            ruling = self._ruling(keys[place], moment)
            if ruling is not None:
                places.setdefault(ruling, []).append(place)
        return [(ruling, np.flatnonzero(np.isin(which, of_keys))) for ruling, of_keys in places.items()]

    def _ruling(self, key: str, moment: datetime) -> Ruling | None:
        deadline = self._rules.not_after
        if deadline is not None and moment > deadline:
            return Ruling(Status.NOT_SENT, f"{NOT_AFTER}: {utc_text(deadline)} has passed")
        if not self.needs_zones:
            return None
        zones = zones_of(key)
        if not zones:
            why = f" (column {self._rules.time_zone_column!r})" if key == UNREADABLE else ""
            return Ruling(Status.SUPPRESSED, f"{HOURS}: no time zone{why}")
        found = self._openings.get(key)
        if found is None or not found.holds(moment):
            found = self._openings[key] = opening(self._rules.windows, zones, moment)
        if found.is_open:
            return None
        if found.until is None:
            return Ruling(Status.SUPPRESSED, f"{HOURS}: never open")
        if deadline is not None and found.until >= deadline:
            return Ruling(Status.NOT_SENT, f"{NOT_AFTER}: {utc_text(deadline)} comes before the hours open")
        return Ruling(Status.NOT_SENT, f"{HOURS}: opens at {utc_text(found.until)}", found.until)

    def _note(self, ruling: Ruling, count: int) -> None:
        with self._lock:
            self._counts[ruling] += count
            if ruling.opens_at is not None:
                self.next_opening = min(self.next_opening or ruling.opens_at, ruling.opens_at)
