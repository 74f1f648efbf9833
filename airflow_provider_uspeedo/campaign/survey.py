# SPDX-License-Identifier: Apache-2.0
"""What is known of a whole table before the first message, and which row of each recipient is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np

from airflow_provider_uspeedo.campaign.chosen_rows import NotChosen
from airflow_provider_uspeedo.campaign.guards import InvalidRows
from airflow_provider_uspeedo.campaign.plan_fingerprint import PlanFingerprint
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.row_digests import RowDigests
from airflow_provider_uspeedo.errors import CampaignHalted


@dataclass(frozen=True, slots=True)
class Account:
    """Whose campaign it is.

    :param secret: of the connection; no digest can be made again without it.
    """

    secret: str = field(default="", repr=False)
    account_id: int | None = None


@dataclass(slots=True)
class Survey:
    """What is known of a table before the first message.

    :param recipients: different ones that could be sent to.
    :param fingerprint: of the plan; ``None`` where no plan is made or checked.
    :param segments: country -> segments of the recipients that were sent to or will be.
    :param sent_here: recipients of the table that were sent to before.
    :param long_rows: the first rows whose message has more than ``max_segments``; and how many there are.
    :param unknown_templates: template -> rows, where its text is not known.
    """

    recipients: int = 0
    invalid: InvalidRows = field(default_factory=InvalidRows)
    fingerprint: PlanFingerprint | None = None
    not_chosen: NotChosen = field(default_factory=NotChosen)
    segments: Counter[str] = field(default_factory=Counter)
    sent_here: int = 0
    long_rows: Sequence[int] = ()
    long_row_count: int = 0
    unknown_templates: Counter[str] = field(default_factory=Counter)
    digests: RowDigests | None = None
    batches: dict[int, bytes] = field(default_factory=dict, repr=False)

    def apart(self, first_row: int, good: RecipientBatch, bad: BadRows) -> tuple[RecipientBatch, BadRows]:
        """A batch that is read again: without the rows that another row of the same recipient is sent instead of.

        :param first_row: the number of its first row.
        :raises CampaignHalted: the batch is not what it was: the table has changed since.
        """
        if self.digests is None:
            return good, bad
        if self.batches.get(first_row) != batch_digest(self.digests.of(good), self.digests.of_bad(bad)):
            raise CampaignHalted(
                f"The table was changed while it was read: rows from row {first_row:,} on are not those that the plan "
                "was compared with. Nothing of them was sent.",
                section="plan-changed",
            )
        good, duplicates = self.not_chosen.apart(good)
        return good, BadRows.joined([bad, duplicates]) if len(duplicates) else bad


def batch_digest(good: np.ndarray[Any, Any], bad: np.ndarray[Any, Any]) -> bytes:
    """Names the rows of one batch, so that it is recognised when it is read again."""
    digest = blake2b(good.tobytes(), digest_size=16)
    digest.update(bad.tobytes())
    return digest.digest()
