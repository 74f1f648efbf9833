# SPDX-License-Identifier: Apache-2.0
"""The configuration of a campaign, checked before anything else happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from airflow_provider_uspeedo.core.chunks import MAX_RECIPIENTS_PER_REQUEST
from airflow_provider_uspeedo.core.columns import Columns
from airflow_provider_uspeedo.core.contact_rules import NO_RULES, ContactRules
from airflow_provider_uspeedo.core.keys import BARE_DIGITS, NATIONAL
from airflow_provider_uspeedo.core.prices import Prices
from airflow_provider_uspeedo.core.row_rules import MAX_SENDER_ID_CHARACTERS, MAX_TEMPLATE_ID_CHARACTERS
from airflow_provider_uspeedo.core.slices import WHOLE, Slice
from airflow_provider_uspeedo.errors import ConfigurationError

MAX_CONCURRENCY = 64
"""Requests in flight of one task; for more, map the task."""
MAX_CAMPAIGN_ID_CHARACTERS = 1000
MIN_REQUESTS_PER_SECOND = 0.001
MAX_UNKNOWN_REQUESTS = 3
"""Requests without an answer in a row that stop an attempt, if nothing else is said."""
DEFAULT_MAX_RATIO = 0.5
"""The share of rejected recipients, and of invalid rows, that is accepted if nothing else is said."""


@dataclass(frozen=True, slots=True)
class CampaignConfig:
    """The arguments of one attempt.

    :param part: identifies the table that this attempt reads, among those of the tasks that share the campaign.
    :param attempt_name: names the task instance in reports.
    :param template_id: for all rows, or ``""`` if a column has them.
    :param sender_id: for all rows, unless a column has them; ``""`` for none.
    :param default_region: ISO 3166 alpha-2; reads phones without a country code.
    :param bare_digits: ``national`` or ``international``: how phones without a country code are read that are no valid
        numbers of the default region, and valid ones with a ``+``; ``None``: such a row is invalid.
    :param max_recipients: a table with more is refused before the first message.
    :param max_failure_ratio: 0 to 1: a larger share of rejected recipients stops the campaign; ``None``: none does.
    :param max_invalid_ratio: the same for invalid rows.
    :param max_unknown_requests: so many requests without an answer in a row stop the attempt; ``None``: none do, and
        no probes are sent.
    :param canary: the number of recipients that are sent first; the others follow only if these pass.
    :param slice_: the slice of the table that this attempt sends.
    :param plan: the fingerprint of the plan that was approved; ``None``: there is none.
    :param prices: of a segment, by country; ``None``: not known.
    :param max_cost: a campaign that would cost more is refused before the first message; in the currency of the prices.
    :param max_segments: a table with a longer message is refused before the first message.
    :param rules: who may be sent to, when, and how often.
    :raises ConfigurationError: an argument is out of range, or two contradict each other.
    """

    campaign_id: str
    columns: Columns
    template_id: str = ""
    sender_id: str = ""
    default_region: str | None = None
    bare_digits: str | None = None
    chunk_size: int = MAX_RECIPIENTS_PER_REQUEST
    concurrency: int = 4
    requests_per_second: float | None = None
    max_recipients: int | None = None
    max_failure_ratio: float | None = DEFAULT_MAX_RATIO
    max_invalid_ratio: float | None = DEFAULT_MAX_RATIO
    max_unknown_requests: int | None = MAX_UNKNOWN_REQUESTS
    canary: int | None = None
    slice_: Slice = WHOLE
    part: str = ""
    attempt_name: str = ""
    plan: str | None = field(default=None, repr=False)
    prices: Prices | None = None
    max_cost: Decimal | None = None
    max_segments: int | None = None
    rules: ContactRules = NO_RULES

    def __post_init__(self) -> None:
        columns = self.columns
        _require(
            bool(self.campaign_id.strip()),
            "campaign_id is empty: give the campaign a name. Recipients are sent to once per campaign_id.",
        )
        _require(
            len(self.campaign_id) <= MAX_CAMPAIGN_ID_CHARACTERS,
            f"campaign_id has {len(self.campaign_id)} characters: at most {MAX_CAMPAIGN_ID_CHARACTERS} are allowed.",
        )
        _require(self.campaign_id.isprintable(), "campaign_id has a character that cannot be printed.")
        _require(bool(columns.phone), "phone_column is empty: name the column that holds the phones.")
        _require(
            bool(self.template_id) != bool(columns.template_id),
            "Give either template_id (one template for all rows) or template_id_column (a column that names it).",
        )
        _require(not (self.sender_id and columns.sender_id), "Give sender_id or sender_id_column, not both.")
        _require(
            len(self.sender_id) <= MAX_SENDER_ID_CHARACTERS,
            f"sender_id has {len(self.sender_id)} characters: at most {MAX_SENDER_ID_CHARACTERS} are allowed.",
        )
        _require(
            len(self.template_id) <= MAX_TEMPLATE_ID_CHARACTERS, "template_id is too long to be the id of a template."
        )
        for name in ("template_id", "sender_id"):
            _require(getattr(self, name).isprintable(), f"{name} has a character that cannot be printed.")
        _require(
            self.bare_digits in (None, *BARE_DIGITS),
            "bare_digits must be 'national' or 'international', or left out.",
        )
        _require(
            self.bare_digits != NATIONAL or bool(self.default_region and self.default_region.strip()),
            "bare_digits='national' needs a default_region: it names the country of the numbers.",
        )
        _require(not (columns.params and columns.params_list), "Give param_columns or params_column, not both.")
        _require(
            columns.keys != (),
            "key_columns is empty: name at least one column, or leave it out to identify recipients by phone.",
        )
        _in_range("chunk_size", self.chunk_size, 1, MAX_RECIPIENTS_PER_REQUEST)
        _in_range("concurrency", self.concurrency, 1, MAX_CONCURRENCY)
        if self.requests_per_second is not None:
            _require(
                self.requests_per_second >= MIN_REQUESTS_PER_SECOND,
                f"requests_per_second must be at least {MIN_REQUESTS_PER_SECOND}, or left out for no limit.",
            )
        if self.max_recipients is not None:
            _require(self.max_recipients >= 0, "max_recipients must be 0 or more, or left out for no limit.")
        for name in ("max_failure_ratio", "max_invalid_ratio"):
            ratio = getattr(self, name)
            _require(
                ratio is None or 0 <= ratio <= 1,
                f"{name}={ratio or 0:g} is out of range: it is a share such as 0.05, from 0 to 1; None or 1 for no "
                "limit.",
            )
        _require(
            self.max_unknown_requests is None or self.max_unknown_requests >= 1,
            "max_unknown_requests must be 1 or more, or None for no limit.",
        )
        _require(
            self.max_segments is None or self.max_segments >= 1,
            "max_segments must be 1 or more, or left out for no limit.",
        )
        _require(self.max_cost is None or self.max_cost >= 0, "max_cost must be 0 or more, or left out for no limit.")
        _require(
            self.max_cost is None or self.prices is not None,
            "max_cost needs prices: give the price of a segment in each country, such as prices={'HK': 0.05}.",
        )
        if self.canary is not None:
            _require(self.canary >= 1, "canary must be 1 or more, or left out for none.")


def _in_range(name: str, value: int, minimum: int, maximum: int) -> None:
    _require(minimum <= value <= maximum, f"{name}={value} is out of range: it must be from {minimum} to {maximum}.")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigurationError(message)
