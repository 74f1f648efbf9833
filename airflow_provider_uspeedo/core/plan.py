# SPDX-License-Identifier: Apache-2.0
"""What a dry run found: who would be sent what, at which price, and who would not. It has no phone and no parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from airflow_provider_uspeedo.core.statuses import Status

UNKNOWN_COUNTRY = "unknown"
"""In place of a country: several share the country code, and the number is assigned in none of them."""
ALREADY_SENT = "already sent"
"""The rule of rows that an earlier attempt of the campaign was answered for, or may have been."""
_RULES = {
    "suppression": "suppression",
    "country": "country",
    "at most": "at_most",
    "hours": "hours",
    "not after": "not_after",
}
"""What the reason of a policy's rule begins with -> the rule."""


def rule_of(status: str, reason: str) -> str:
    """Returns the rule that keeps a row from being sent.

    >>> rule_of("suppressed", "at most: 2 texts in 7 days"), rule_of("duplicate", "same recipient as row 1")
    ('at_most', 'duplicate')
    """
    if status in (Status.INVALID, Status.DUPLICATE):
        return str(status)
    if status in (Status.SUPPRESSED, Status.NOT_SENT):
        return _RULES.get(reason.partition(":")[0], str(status))
    return ALREADY_SENT


@dataclass(frozen=True, slots=True)
class Share:
    """A part of those who would be sent to.

    :param segments: of all of them; ``None`` where the text of a template is not known.
    :param cost: ``None`` where segments or a price are not known.
    """

    recipients: int
    segments: int | None
    cost: Decimal | None = None

    def to_xcom(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"recipients": self.recipients, "segments": self.segments, "cost": as_number(self.cost)}


@dataclass(frozen=True, slots=True)
class TemplateShare:
    """Those who would be sent to with one template and one sender.

    :param template_id: ``None`` for all that are not listed.
    :param sender_id: ``""`` without a sender; ``None`` for all that are not listed.
    """

    template_id: str | None
    sender_id: str | None
    share: Share

    def to_xcom(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"template_id": self.template_id, "sender_id": self.sender_id, **self.share.to_xcom()}


@dataclass(frozen=True, slots=True)
class Excluded:
    """Rows that would not be sent, for one reason.

    :param rule: ``invalid``, ``duplicate``, ``suppression``, ``country``, ``at_most``, ``hours``, ``not_after``, or
        :data:`ALREADY_SENT`.
    :param reason: without phones.
    """

    rule: str
    reason: str
    rows: int

    def to_xcom(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"rule": self.rule, "reason": self.reason, "rows": self.rows}


@dataclass(frozen=True, slots=True)
class Culprit:
    """A character that made texts UCS-2.

    :param rows: texts in which it is the first such character.
    """

    character: str
    rows: int

    @property
    def code_point(self) -> str:
        """Such as ``U+2019``."""
        return f"U+{ord(self.character):04X}"

    def to_xcom(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"character": self.character, "code_point": self.code_point, "rows": self.rows}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign would send now. What is not known is ``None``, never 0.

    :param fingerprint: of table, templates and arguments.
    :param total: all who would be sent to.
    :param currency: of all costs.
    :param by_country: ISO 3166 alpha-2, ``001`` for numbers of no country, :data:`UNKNOWN_COUNTRY` -> who would be sent
        to there; the largest first.
    :param by_template: the largest first.
    :param excluded: the most rows first.
    :param unicode_rows: texts that are UCS-2.
    :param culprits: the characters that made them so; the most frequent ones.
    :param region: the default region; ``None`` if it decided nothing.
    :param region_numbers: phones without a country code, whose country the default region decided.
    :param samples: texts as they would arrive, with masked phones and parameters.
    :param warnings: what a person should look at.
    """

    campaign_id: str
    fingerprint: str | None
    total: Share
    currency: str | None
    by_country: dict[str, Share]
    by_template: Sequence[TemplateShare]
    excluded: Sequence[Excluded]
    unicode_rows: int | None
    culprits: Sequence[Culprit] = ()
    region: str | None = None
    region_numbers: int = 0
    samples: Sequence[str] = field(default=(), repr=False)
    warnings: Sequence[str] = ()

    @property
    def markdown(self) -> str:
        """The plan for people; see :mod:`.plan_markdown`."""
        from airflow_provider_uspeedo.core.plan_markdown import to_markdown

        return to_markdown(self)

    def to_xcom(self) -> dict[str, Any]:
        """As plain JSON."""
        region = {"region": self.region, "numbers": self.region_numbers} if self.region else None
        return {
            "fingerprint": self.fingerprint,
            **self.total.to_xcom(),
            "currency": self.currency,
            "by_country": {country: share.to_xcom() for country, share in self.by_country.items()},
            "by_template": [one.to_xcom() for one in self.by_template],
            "excluded": [one.to_xcom() for one in self.excluded],
            "unicode_rows": self.unicode_rows,
            "unicode_characters": [one.to_xcom() for one in self.culprits],
            "default_region": region,
            "samples": list(self.samples),
            "warnings": list(self.warnings),
            "markdown": self.markdown,
        }


def as_number(amount: Decimal | None) -> float | None:
    """A cost as a number of JSON."""
    return None if amount is None else float(amount)
