# SPDX-License-Identifier: Apache-2.0
"""Names of time zones, and the zones of a country, as the IANA database has them.

The tables come from the package ``tzdata``, which Airflow installs; they change without a release of this package.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo, available_timezones

NOT_A_PLACE = frozenset({"Factory", "localtime", "posixrules"})
"""Files beside those of zones: no clock at all, and the clock of the machine that runs this."""


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones()) - NOT_A_PLACE


def is_zone(name: str) -> bool:
    """True of the exact name of a zone, such as ``Asia/Hong_Kong`` or ``UTC``.

    >>> is_zone("Asia/Hong_Kong"), is_zone("asia/hong_kong"), is_zone("+08:00"), is_zone("localtime")
    (True, False, False, False)
    """
    return name in _names()


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone of that name, which :func:`is_zone` accepts."""
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _by_country() -> dict[str, tuple[str, ...]]:
    table = (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    found: dict[str, tuple[str, ...]] = {}
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, name = line.split("\t")[:3]
            found[country] = (*found.get(country, ()), name)
    return found


@lru_cache(maxsize=1024)
def zones_of_country(country: str) -> tuple[str, ...]:
    """All zones that are in use in a country; of one that the table leaves out, those of its calling code.

    :param country: ISO 3166 alpha-2, upper case, or another code of a region of :mod:`phonenumbers`.
    :returns: nothing for what is no country, such as the ``001`` of satellite telephones.

    >>> zones_of_country("NZ"), zones_of_country("XK"), zones_of_country("001")
    (('Pacific/Auckland', 'Pacific/Chatham'), ('Europe/Belgrade',), ())
    """
    return _by_country().get(country) or _zones_of_calling_code(country)


def _zones_of_calling_code(country: str) -> tuple[str, ...]:
    from phonenumbers import PhoneNumber, country_code_for_region
    from phonenumbers.timezone import time_zones_for_geographical_number

    code = country_code_for_region(country)
    if not code:
        return ()
    # Of a number that begins with no known prefix: the zones of everything that has the calling code.
    names = time_zones_for_geographical_number(PhoneNumber(country_code=code, national_number=0))
    return tuple(name for name in names if is_zone(name))
