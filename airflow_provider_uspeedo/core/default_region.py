# SPDX-License-Identifier: Apache-2.0
"""Checks ``default_region`` and ``bare_digits``, by which phones without a country code are read."""

from __future__ import annotations

from difflib import get_close_matches

import phonenumbers

from airflow_provider_uspeedo.core.keys import BARE_DIGITS, NATIONAL
from airflow_provider_uspeedo.core.numbering_plans import CALLING_CODES
from airflow_provider_uspeedo.errors import ConfigurationError

_NO_REGION_OF_THEIR_OWN = {"UK": "GB", "EL": "GR"}
_MAX_SHOWN = 4


def checked_bare_digits(text: str | None, region: str | None) -> str | None:
    """Return one of :data:`.keys.BARE_DIGITS`; ``None`` for nothing.

    :raises ConfigurationError: it is something else, or needs a default region.
    """
    way = text.strip().lower() if text else ""
    if not way:
        return None
    if way not in BARE_DIGITS:
        raise ConfigurationError("bare_digits must be 'national' or 'international', or left out.")
    if way == NATIONAL and region is None:
        raise ConfigurationError("bare_digits='national' needs a default_region: of which country are the numbers?")
    return way


def checked_region(text: str) -> str:
    """Return the region in capitals.

    :raises ConfigurationError: there is none; the message says which one may be meant.
    """
    region = text.strip().upper()
    if region in phonenumbers.SUPPORTED_REGIONS:
        return region
    near = regions_meant(region)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    # A longer text may be a phone: it is not quoted.
    given = f", not {region!r}" if len(region) <= _MAX_SHOWN else ""
    raise ConfigurationError(f"default_region must be a country as two letters (ISO 3166), such as 'HK'{given}.{hint}")


def regions_meant(region: str) -> list[str]:
    """Return the countries that a text in capitals may stand for that is no country as two letters."""
    if region in _NO_REGION_OF_THEIR_OWN:
        return [_NO_REGION_OF_THEIR_OWN[region]]
    code = region.strip("+()").removeprefix("00")
    if code in CALLING_CODES:
        return [phonenumbers.region_code_for_country_code(int(code))]
    near = get_close_matches(region, sorted(phonenumbers.SUPPORTED_REGIONS), n=3, cutoff=0.7)
    return sorted(near, key=lambda known: not region.startswith(known))
