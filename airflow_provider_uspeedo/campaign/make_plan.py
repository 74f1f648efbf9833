# SPDX-License-Identifier: Apache-2.0
"""Makes the plan of a dry run from its counts: segments, costs, and what a person should look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.plan_counts import MAX_CHARACTERS, OTHER_REASONS, PlanCount, PlanCounts
from airflow_provider_uspeedo.core.exit_policy import utc_text
from airflow_provider_uspeedo.core.masking import IDENTIFYING_DIGITS, mask_digits
from airflow_provider_uspeedo.core.plan import Culprit, Excluded, Plan, Share, TemplateShare
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.prices import Cost, Prices
from airflow_provider_uspeedo.core.region_fit import WITH_PLUS, RegionFit

MAX_LISTED = 100
"""Templates with senders, and reasons, in a plan; the others are one entry."""
MAX_CULPRITS = 10
MAX_NAMED = 10
"""Templates, countries or columns that a warning names."""
_UNCOUNTED = (
    "The ledger has not recorded yet to which phones some earlier texts went: no cap (at_most) was in use then. The "
    "first attempt that sends does that, and may leave out more recipients than this plan does."
)
_NO_COST = Cost(None, None)


def make_plan(
    config: CampaignConfig,
    counts: PlanCounts,
    *,
    fit: RegionFit | None = None,
    missing: Mapping[str, int] | None = None,
    waiting: int = 0,
    next_opening: datetime | None = None,
    uncounted_texts: bool = False,
    fingerprint: str | None = None,
) -> Plan:
    """Returns the plan.

    :param fit: what the default region decided.
    :param missing: column -> recipients for whom it has the text of a missing value.
    :param waiting: those of the recipients who wait for the hours of the policy at this moment.
    :param next_opening: when the first of these may be sent to.
    :param uncounted_texts: the ledger does not know yet all that the caps of the policy count.
    :param fingerprint: of table, templates and arguments.
    """
    total = _joined(counts.groups.values())
    by_country = _grouped((group.country, some) for group, some in counts.groups.items())
    cost = _cost(config.prices, by_country)
    excluded = _excluded(counts.excluded)
    warnings = [
        *_warnings_of_texts(config, counts),
        *_warnings_of_cost(config.prices, cost, by_country),
        *_warnings_of_region(fit, config.columns.phone),
        *_warnings_of_rows(total, missing or {}, excluded),
        *_warnings_of_hours(waiting, next_opening),
        *([_UNCOUNTED] if uncounted_texts else []),
    ]
    return Plan(
        campaign_id=config.campaign_id,
        fingerprint=fingerprint,
        total=_share(total, cost),
        currency=cost.currency,
        by_country={
            country: _share(some, _cost(config.prices, {country: some})) for country, some in by_country.items()
        },
        by_template=_by_template(config, counts),
        excluded=excluded,
        unicode_rows=None if total.without_text else sum(counts.culprits.values()),
        culprits=[Culprit(chr(point), rows) for point, rows in _largest(counts.culprits)[:MAX_CULPRITS]],
        region=fit.region if fit else None,
        region_numbers=fit.numbers if fit else 0,
        samples=counts.samples(),
        warnings=warnings,
    )


# -- numbers ------------------------------------------------------------------------------------------


def _joined(some: Iterable[PlanCount]) -> PlanCount:
    total = PlanCount()
    for one in some:
        total.add(one)
    return total


def _grouped(parts: Iterable[tuple[str, PlanCount]]) -> dict[str, PlanCount]:
    """By name, the most recipients first."""
    found: dict[str, PlanCount] = {}
    for name, some in parts:
        found.setdefault(name, PlanCount()).add(some)
    return dict(sorted(found.items(), key=lambda one: (-one[1].recipients, one[0])))


def _share(some: PlanCount, cost: Cost) -> Share:
    return Share(some.recipients, None if some.without_text else some.segments, cost.amount)


def _cost(prices: Prices | None, by_country: Mapping[str, PlanCount]) -> Cost:
    if prices is None or any(some.without_text for some in by_country.values()):
        return _NO_COST
    return prices.cost_of({country: some.segments for country, some in by_country.items()})


def _by_template(config: CampaignConfig, counts: PlanCounts) -> list[TemplateShare]:
    by_pair: dict[tuple[str | None, str | None], dict[str, PlanCount]] = {}
    for (template, sender, country), some in counts.groups.items():
        shown_template = _shown(template, masked=template in counts.without_text and bool(config.columns.template_id))
        pair = shown_template, _shown(sender, masked=bool(config.columns.sender_id))
        by_pair.setdefault(pair, {}).setdefault(country, PlanCount()).add(some)

    def order(pair: tuple[str | None, str | None]) -> tuple[bool, int, str, str]:
        template, sender = pair
        return template is None, -_joined(by_pair[pair].values()).recipients, template or "", sender or ""

    ordered = sorted(by_pair, key=order)
    listed, rest = ordered[:MAX_LISTED], ordered[MAX_LISTED:]
    shares = [TemplateShare(*pair, _share_of(config.prices, [by_pair[pair]])) for pair in listed]
    if rest:
        shares.append(TemplateShare(None, None, _share_of(config.prices, [by_pair[pair] for pair in rest])))
    return shares


def _share_of(prices: Prices | None, parts: Iterable[Mapping[str, PlanCount]]) -> Share:
    by_country = _grouped((country, some) for part in parts for country, some in part.items())
    return _share(_joined(by_country.values()), _cost(prices, by_country))


def _shown(name: str | None, *, masked: bool) -> str | None:
    """A template or sender; one that may be a phone is masked: the argument may name the wrong column."""
    if name is None or not masked or sum(character.isdecimal() for character in name) < IDENTIFYING_DIGITS:
        return name
    return mask_digits(name)


def _excluded(counts: Counter[tuple[str, str]]) -> list[Excluded]:
    """The most rows first; per rule, what is beyond the limit is one entry."""
    ordered = _largest(counts)
    rest: Counter[str] = Counter()
    for (rule, _), rows in ordered[MAX_LISTED:]:
        rest[rule] += rows
    listed = [Excluded(rule, reason, rows) for (rule, reason), rows in ordered[:MAX_LISTED]]
    return listed + [Excluded(rule, OTHER_REASONS, rows) for rule, rows in _largest(rest)]


def _largest(counts: Counter) -> list:  # type: ignore[type-arg]
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


# -- warnings --------------------------------------------------------------------------------------------------------


def _warnings_of_texts(config: CampaignConfig, counts: PlanCounts) -> Iterator[str]:
    for template, rows in _largest(counts.without_text)[:MAX_NAMED]:
        name = _shown(template, masked=bool(config.columns.template_id))
        yield (
            f"The text of template {name!r} is not known, so the segments of {counted(rows, 'text')} are "
            "not known, nor is the cost: the API did not give it."
        )
    if counts.too_long:
        yield (
            f"{counted(counts.too_long, 'text')} of more than {MAX_CHARACTERS} characters: USpeedo takes no longer one."
            " Shorten parameters or template."
        )


def _warnings_of_cost(prices: Prices | None, cost: Cost, by_country: Mapping[str, PlanCount]) -> Iterator[str]:
    if prices is None:
        return
    if cost.without_price:
        people = sum(by_country[country].recipients for country in cost.without_price)
        yield (
            f"prices has no price for {_named(cost.without_price)} ({counted(people, 'recipient')}), so the cost is not"
            " known. Add what is missing, or leave these recipients out."
        )
    if len(cost.currencies) > 1:
        names = ", ".join(currency or "a currency that is not given" for currency in cost.currencies)
        yield f"The prices are in several currencies ({names}), which are not added up. Give them in one."


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    rest = f" and {len(listed) - MAX_NAMED} others" if len(listed) > MAX_NAMED else ""
    return ", ".join(listed[:MAX_NAMED]) + rest


def _warnings_of_region(fit: RegionFit | None, column: str) -> Iterator[str]:
    if fit is None or not fit.is_doubtful:
        return
    numbers, region = counted(fit.numbers, "phone"), fit.region
    begin = (
        f"{fit.not_valid:,} of the {numbers} without a country code in column {column!r} are no valid numbers of "
        f"default_region={region!r}; of the first {fit.examined:,} of these, {fit.fit:,} are valid "
    )
    if fit.better == WITH_PLUS:
        yield begin + "with + before them. If they have lost it, set bare_digits='international'."
    else:
        yield begin + f"in {fit.better}. Check the region."


def _warnings_of_rows(total: PlanCount, missing: Mapping[str, int], excluded: Iterable[Excluded]) -> Iterator[str]:
    if not total.recipients:
        yield "There is no recipient to send to: every row is excluded, or the table is empty."
    if missing:
        columns = sorted(missing.items(), key=lambda one: (-one[1], one[0]))[:MAX_NAMED]
        listed = ", ".join(f"{name}: {counted(rows, 'row')}" for name, rows in columns)
        yield f"Missing values were made text and are sent as they are, such as 'nan' or 'None': {listed}."
    for one in excluded:
        if one.rule == "hours":
            yield f"{counted(one.rows, 'recipient')} will not be sent at any time: {one.reason}."


def _warnings_of_hours(waiting: int, next_opening: datetime | None) -> Iterator[str]:
    if waiting and next_opening is not None:
        yield (
            f"{counted(waiting, 'recipient')} of these may not be sent to at this moment, by the hours of the policy; "
            f"the first may be at {utc_text(next_opening)}."
        )
