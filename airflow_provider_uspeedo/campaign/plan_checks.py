# SPDX-License-Identifier: Apache-2.0
"""What is refused before the first message because of the whole table: its size, its plan, its cost, a long message."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.plan_fingerprint import PlanFingerprint, is_of_other_version
from airflow_provider_uspeedo.campaign.survey import Survey
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.prices import Prices
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError

MAX_NAMED = 5
"""Templates that a message names."""


def check(config: CampaignConfig, found: Survey, sent: Counter[str]) -> None:
    """Checks what the arguments ask for.

    :param sent: status -> recipients of the campaign in the ledger, before the table was read.
    :raises ConfigurationError: the table is not what the arguments allow.
    :raises CampaignHalted: it is not what was planned.
    """
    reached = sent[Status.ACCEPTED] + sent[Status.UNKNOWN]
    if config.max_recipients is not None and found.recipients > config.max_recipients:
        raise ConfigurationError(
            f"The table holds more than max_recipients={config.max_recipients:,} recipients. {_nothing_now(reached)} "
            "Check that it is the right table, or raise max_recipients."
        )
    if config.plan is not None and found.fingerprint is not None:
        check_plan(config.plan, found.fingerprint, reached)
    if config.max_segments is not None:
        _refuse_unknown_texts("max_segments", found, reached)
        check_segments(config.max_segments, found, reached)
    if config.max_cost is not None and config.prices is not None:
        _refuse_unknown_texts("max_cost", found, reached)
        check_cost(config.max_cost, config.prices, found, reached)


def check_plan(plan: str, now: PlanFingerprint, reached: int) -> None:
    """Compares the approved plan with what would be sent now.

    :param reached: recipients of the campaign that were sent to before.
    :raises CampaignHalted: they differ; the message says in what.
    """
    approved = PlanFingerprint.parse(plan)
    if approved is None:
        why = (
            "was made by another version of this package"
            if is_of_other_version(plan)
            else "is no fingerprint of a plan"
        )
        raise CampaignHalted(f"plan {why}. {_nothing_now(reached)} Make a new plan.", section="plan-changed")
    if changes := approved.changes(now):
        raise CampaignHalted(
            f"This is not what was planned. Changed since: {'; '.join(changes)}. {_nothing_now(reached)} Undo the "
            "change, or make a new plan and have it approved.",
            section="plan-changed",
        )


def _nothing_now(reached: int) -> str:
    if not reached:
        return "Nothing was sent."
    return f"This attempt sent nothing; earlier ones sent to {counted(reached, 'recipient')} of the campaign."


def check_segments(maximum: int, found: Survey, reached: int) -> None:
    """Checks ``max_segments``.

    :param reached: recipients of the campaign that were sent to before.
    :raises ConfigurationError: a message has more.
    """
    if not found.long_row_count:
        return
    rows = ", ".join(map(str, found.long_rows))
    more = " and others" if found.long_row_count > len(found.long_rows) else ""
    raise ConfigurationError(
        f"{counted(found.long_row_count, 'message')} would have more than max_segments={maximum:,} "
        f"{'segment' if maximum == 1 else 'segments'}: row {rows}{more}. {_nothing_now(reached)} Shorten their "
        "parameters or the template, replace characters that are not in GSM-7, or raise max_segments."
    )


def check_cost(maximum: Decimal, prices: Prices, found: Survey, reached: int) -> None:
    """Checks ``max_cost``: what was sent to the recipients of the table and what will be.

    :param reached: recipients of the campaign that were sent to before.
    :raises ConfigurationError: it would cost more, or it cannot be known.
    """
    cost = prices.cost_of(found.segments)
    if cost.without_price:
        raise ConfigurationError(
            f"max_cost cannot be checked: prices has no price for {_countries(cost.without_price)}. "
            f"{_nothing_now(reached)} Add one, or leave these recipients out."
        )
    if cost.amount is None:
        named = " and ".join(currency or "one that is not named" for currency in cost.currencies)
        raise ConfigurationError(
            f"max_cost cannot be checked: the prices of this table's countries are in several currencies ({named}). "
            f"{_nothing_now(reached)} Give all prices in one."
        )
    if (others := reached - found.sent_here) > 0:
        raise ConfigurationError(
            f"max_cost cannot be checked: {counted(others, 'recipient')} of the campaign "
            f"{'was' if others == 1 else 'were'} sent to before and cannot be sent to by this table as it is now, so "
            "what they cost is not known. This attempt sent nothing. Give the table that they were in, or leave "
            "max_cost out."
        )
    if cost.amount > maximum:
        currency = f" {cost.currency}" if cost.currency else ""
        part = f", of which {counted(found.sent_here, 'recipient')} were sent to before" if found.sent_here else ""
        raise ConfigurationError(
            f"The campaign would cost {cost.amount:,f}{currency} ({counted(found.recipients, 'recipient')}{part}), and "
            f"max_cost={maximum:,f} is less. This attempt sent nothing. Check the table and the prices, or raise "
            "max_cost."
        )


def _countries(codes: tuple[str, ...]) -> str:
    return ", ".join(code or "numbers of no country" for code in codes)


def _refuse_unknown_texts(argument: str, found: Survey, reached: int) -> None:
    if not found.unknown_templates:
        return
    named = ", ".join(f"{template!r}" for template, _ in found.unknown_templates.most_common(MAX_NAMED))
    raise ConfigurationError(
        f"{argument} cannot be checked: the API did not give the text of template {named}. {_nothing_now(reached)} "
        f"See that the account may query templates, or leave {argument} out."
    )
