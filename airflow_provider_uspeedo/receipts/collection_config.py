# SPDX-License-Identifier: Apache-2.0
"""Checks the arguments of a collection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_uspeedo.core.characters import refuse_unfit
from airflow_provider_uspeedo.errors import ConfigurationError

FIRST_AFTER = timedelta(minutes=5)
DEADLINE = timedelta(hours=12)
"""After which the vendor itself asks to contact its support."""
MAX_DEADLINE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CollectionConfig:
    """Whose receipts are collected, and for how long. All times count from the last answer to a request.

    :param campaign_id: a campaign of the ledger; ``None``: only ``session_nos`` say what is meant.
    :param session_nos: only these sessions; ``None``: all of the campaign.
    :param first_after: when receipts are first asked for.
    :param deadline: when the collection ends, even if receipts are missing.
    :param until: the share of messages with a final receipt that ends it earlier, above 0, up to 1.
    :param min_delivery_rate: a smaller share of delivered messages is a failure, 0 to 1; ``None``: no share is.
    :raises ConfigurationError: one of them is wrong; the message names it.
    """

    campaign_id: str | None = None
    session_nos: tuple[str, ...] | None = None
    first_after: timedelta = FIRST_AFTER
    deadline: timedelta = DEADLINE
    until: float = 1.0
    min_delivery_rate: float | None = None

    def __post_init__(self) -> None:
        if self.campaign_id is None and self.session_nos is None:
            raise ConfigurationError("Neither campaign_id nor session_nos is given: name a campaign of the ledger.")
        refuse_unfit(self.campaign_id or "", "campaign_id")
        if self.first_after < timedelta():
            raise ConfigurationError(f"first_after={self.first_after} is negative.")
        if not timedelta() < self.deadline <= MAX_DEADLINE:
            most = f"at most {MAX_DEADLINE.days} days"
            raise ConfigurationError(f"deadline={self.deadline} must be more than 0, and {most}.")
        if self.first_after > self.deadline:
            raise ConfigurationError(f"first_after={self.first_after} is later than deadline={self.deadline}.")
        if not 0 < self.until <= 1:
            raise ConfigurationError(f"until={self.until:g} must be a share above 0, up to 1, such as 0.98.")
        if self.min_delivery_rate is not None and not 0 <= self.min_delivery_rate <= 1:
            raise ConfigurationError(f"min_delivery_rate={self.min_delivery_rate:g} must be a share, 0 to 1.")
