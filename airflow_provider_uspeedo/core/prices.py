# SPDX-License-Identifier: Apache-2.0
"""What a segment costs in each country, in exact decimal numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from typing import Any

import phonenumbers

from airflow_provider_uspeedo.core.default_region import regions_meant
from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.errors import ConfigurationError

COUNTRY, PRICE, CURRENCY = "country", "price", "currency"
MAX_PRICE = 1_000_000
DECIMALS = 12
"""To so many decimals prices are rounded."""
_SMALLEST = Decimal(1).scaleb(-DECIMALS)
_EXACT = Context(prec=100)
_CURRENCY = re.compile(r"[A-Z]{3}")
_MAX_SHOWN = 20


@dataclass(frozen=True, slots=True)
class SegmentPrice:
    """The price of one segment.

    :param amount: 0 or more.
    :param currency: three capital letters, such as ``USD``; ``None``: not known.
    """

    amount: Decimal
    currency: str | None


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of some segments.

    :param amount: ``None`` where it cannot be known: a country has no price, or the prices are in several currencies.
    :param currency: ``None`` if it is not known.
    :param without_price: the countries that have segments and no price, in alphabetical order.
    :param currencies: of the countries that have segments; ``""`` stands for one that is not known.
    """

    amount: Decimal | None
    currency: str | None
    without_price: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()


class Prices:
    """The price of a segment by country; a country that is not there has no price.

    :param by_country: ISO 3166 alpha-2 -> price.
    """

    def __init__(self, by_country: Mapping[str, SegmentPrice]) -> None:
        self.by_country = dict(by_country)

    @classmethod
    def from_dict(cls, given: Mapping[Any, Any]) -> Prices:
        """From ``{"HK": 0.05}``; the currency is not known.

        :raises ConfigurationError: a country or a price is wrong, or there is none.
        """
        return cls.from_rows(
            (f"of {mask_digits(str(country))[:_MAX_SHOWN]!r}", country, price, None) for country, price in given.items()
        )

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[str, Any, Any, Any]]) -> Prices:
        """From rows of a place for messages (``in row 3``), country, price and currency.

        :raises ConfigurationError: a country, price or currency is wrong, a country is there twice, or there is no row.
        """
        found: dict[str, SegmentPrice] = {}
        for place, country, price, currency in rows:
            region = _region(place, country)
            if region in found:
                raise ConfigurationError(
                    f"prices: {region} is there a second time ({place}). Give each country one price."
                )
            found[region] = SegmentPrice(_amount(place, price), _currency(place, currency))
        if not found:
            raise ConfigurationError("prices: there is no price in it. Give prices, or leave the argument out.")
        return cls(found)

    def __repr__(self) -> str:
        return f"<prices of {len(self.by_country)} countries>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prices) and self.by_country == other.by_country

    __hash__ = None  # type: ignore[assignment]

    def canonical(self) -> list[tuple[str, str, str]]:
        """Country, price and currency, ordered and written in one way: equal prices give equal lists."""
        return [
            (country, format(price.amount, "f"), price.currency or "")
            for country, price in sorted(self.by_country.items())
        ]

    def cost_of(self, segments: Mapping[str, int]) -> Cost:
        """The cost of segments in several countries.

        :param segments: country -> segments; one that is not in :attr:`by_country` has no price.
        """
        counted = {country: number for country, number in segments.items() if number}
        without = tuple(sorted(set(counted) - set(self.by_country)))
        prices = {country: self.by_country[country] for country in counted if country in self.by_country}
        currencies = tuple(sorted({price.currency or "" for price in prices.values()}))
        if without or len(currencies) > 1:
            return Cost(None, currencies[0] or None if len(currencies) == 1 else None, without, currencies)
        amount = Decimal(0)
        for country, price in prices.items():
            amount = _EXACT.add(amount, _EXACT.multiply(price.amount, counted[country]))
        return Cost(amount, (currencies[0] or None) if currencies else self._only_currency(), (), currencies)

    def _only_currency(self) -> str | None:
        found = {price.currency for price in self.by_country.values()}
        return found.pop() if len(found) == 1 else None


def _region(place: str, given: Any) -> str:
    region = given.strip().upper() if isinstance(given, str) else ""
    if region in phonenumbers.SUPPORTED_REGIONS:
        return region
    near = regions_meant(region) if region else []
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise ConfigurationError(
        f"prices: the country {place} is not one. Write it as two letters (ISO 3166), such as 'HK'.{hint}"
    )


def _amount(place: str, given: Any) -> Decimal:
    amount = None
    if isinstance(given, str | int | float | Decimal) and not isinstance(given, bool):
        try:
            amount = Decimal(str(given).strip())
        except InvalidOperation:
            amount = None
    if amount is None or not amount.is_finite() or not 0 <= amount <= MAX_PRICE or 0 < amount < _SMALLEST:
        raise ConfigurationError(
            f"prices: the price {place} is no price of a segment. Write a number from 0 to {MAX_PRICE:,}, with a point "
            "and without a currency, such as 0.05."
        )
    # A price may have gone through a floating-point number: 0.049999999999999996 is 0.05.
    return _EXACT.abs(amount.quantize(_SMALLEST, context=_EXACT)).normalize(_EXACT)


def _currency(place: str, given: Any) -> str | None:
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    currency = given.strip().upper() if isinstance(given, str) else ""
    if not _CURRENCY.fullmatch(currency):
        raise ConfigurationError(
            f"prices: the currency {place} is not one. Write it as three letters (ISO 4217), such as USD, or leave it "
            "empty."
        )
    return currency
