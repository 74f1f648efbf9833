# SPDX-License-Identifier: Apache-2.0
"""Counts of messages and their receipts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_uspeedo.core.masking import hide_digits
from airflow_provider_uspeedo.ledger.results.receipt_queries import ReceiptReason, Standing

RESULTS = {"Success": "success", "Fail": "fail", "SubmitFail": "submit_fail"}
"""The vendor's words for what is final, and ours."""
PENDING = "pending"
MAX_REASONS = 20
"""Reasons that are reported, the most frequent ones."""
MAX_WORDS = 200


@dataclass(slots=True)
class Counts:
    """Messages by result.

    :param segments: charged for them, as far as their receipts say it.
    """

    by_result: Counter[str] = field(default_factory=Counter)
    segments: int = 0

    def add(self, standing: Standing) -> None:
        """Takes in some messages."""
        self.by_result[PENDING if standing.result is None else RESULTS[standing.result]] += standing.messages
        self.segments += standing.segments

    @property
    def messages(self) -> int:
        """All of them."""
        return self.by_result.total()

    @property
    def final(self) -> int:
        """Those whose receipt will not change."""
        return self.messages - self.by_result[PENDING]

    @property
    def known_segments(self) -> int | None:
        """Segments charged, as far as receipts say it; ``None`` if there is no final one."""
        return self.segments if self.final else None

    def to_xcom(self) -> dict[str, int]:
        """By name."""
        return {name: self.by_result[name] for name in (*RESULTS.values(), PENDING)}


@dataclass(slots=True)
class Totals:
    """What is known of all messages of a collection."""

    all: Counts = field(default_factory=Counts)
    by_country: dict[str, Counts] = field(default_factory=dict)

    @classmethod
    def of(cls, standings: Iterable[Standing]) -> Totals:
        """The sum of all."""
        found = cls()
        for standing in standings:
            found.all.add(standing)
            found.by_country.setdefault(standing.country_code, Counts()).add(standing)
        return found

    @property
    def delivery_rate(self) -> float | None:
        """The share of delivered messages among those with a final receipt; ``None`` if there is none yet."""
        return self.all.by_result["success"] / self.all.final if self.all.final else None

    def is_complete(self, until: float) -> bool:
        """Whether that share of all messages has a final receipt."""
        return self.all.final >= until * self.all.messages

    def to_xcom(self, campaign_id: str | None, reasons: Iterable[ReceiptReason]) -> dict[str, Any]:
        """The plain JSON that the operator returns. What is not known is ``None``."""
        counts = self.all
        rate = self.delivery_rate
        return {
            "campaign_id": campaign_id,
            "messages": counts.messages,
            "final": counts.final,
            **counts.to_xcom(),
            "delivery_rate": None if rate is None else round(rate, 6),
            "segments": counts.known_segments,
            "cost": None,  # a price is not known here
            "by_country": {
                _country(code): {"messages": here.messages, **here.to_xcom(), "segments": here.known_segments}
                for code, here in sorted(self.by_country.items(), key=lambda one: (-one[1].messages, one[0]))
            },
            "reasons": worst(reasons),
        }


def worst(reasons: Iterable[ReceiptReason]) -> list[dict[str, Any]]:
    """The most frequent reasons, without the digits in them that could be a phone."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for reason in reasons:
        words = hide_digits(reason.description)[:MAX_WORDS]
        counts[RESULTS[reason.result], hide_digits(reason.code), words] += reason.messages
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:MAX_REASONS]
    return [
        {"result": result, "code": code, "reason": words, "messages": messages}
        for (result, code, words), messages in ordered
    ]


def _country(code: str) -> str:
    """ISO 3166 alpha-2 of the country, the main one where several share a code; ``+800`` for a code of no country."""
    from airflow_provider_uspeedo.core.numbering_plans import country_of  # heavy: every country's numbers

    return country_of(code).partition(" ")[0] if code.isdecimal() else "unknown"
