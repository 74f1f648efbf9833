# SPDX-License-Identifier: Apache-2.0
"""Reads a contact policy, field by field, and joins two of them so that each still holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from difflib import get_close_matches
from typing import Any

from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules, Window
from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.core.suppress_sources import parsed, sources_of
from airflow_provider_uspeedo.errors import ConfigurationError

FIELDS = ("suppress", "countries", "hours", "time_zone_column", "at_most", "not_after")
MAX_DAYS = 3650
MAX_TEXTS = 1_000_000
_NOTHING = ("", "none", "null")
_TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_END_OF_DAY = "24:00"
_OTHER_NAMES = {"UK": "GB", "EL": "GR"}
_HOURS = "must be two times of day, when it opens and when it closes, such as ['09:00', '20:00']"
_CAP = "must be {'texts': 2, 'days': 7}, or a list of such"
_WHEN = "must be a date and time with a time zone, such as 2026-11-22T20:00+08:00"


def read_policy(given: Any, where: str) -> ContactRules:
    """Read a policy.

    :param given: a mapping of some of :data:`FIELDS`, or its text as JSON or as a Python literal; all of it rendered.
    :param where: names it in messages: ``policy``, or the connection and its extra.
    :raises ConfigurationError: a field is unknown, empty or wrong; the message names it.
    """
    policy = parsed(given) if isinstance(given, str) else given
    if not isinstance(policy, Mapping):
        raise ConfigurationError(f"{where} must be a ContactPolicy or a dict with some of {', '.join(FIELDS)}.")
    for name in policy:
        if name not in FIELDS:
            raise ConfigurationError(f"{where} has no field {mask_digits(str(name))!r}.{_meant(str(name))}")
    read = {str(name): _READ[name](value, f"{where}: {name}") for name, value in policy.items()}
    return ContactRules(**{_ATTRIBUTES.get(name, name): found for name, found in read.items()})


def tightened(company: ContactRules, dag: ContactRules, *, where: str = "policy") -> ContactRules:
    """Join the policy of a connection with that of a DAG: what either of them forbids is forbidden.

    :param where: names the DAG's policy in messages.
    :raises ConfigurationError: they have no country in common.
    """
    deadlines = [rules.not_after for rules in (company, dag) if rules.not_after is not None]
    return ContactRules(
        suppress=(*company.suppress, *dag.suppress),
        countries=_in_both(company.countries, dag.countries, where),
        windows=tuple(dict.fromkeys((*company.windows, *dag.windows))),
        time_zone_column=dag.time_zone_column or company.time_zone_column,
        caps=tuple(dict.fromkeys((*company.caps, *dag.caps))),
        not_after=min(deadlines, default=None),
    )


def _in_both(company: frozenset[str] | None, dag: frozenset[str] | None, where: str) -> frozenset[str] | None:
    if company is None or dag is None:
        return dag if company is None else company
    if common := company & dag:
        return common
    raise ConfigurationError(
        f"{where}: countries ({_listed(dag)}) has none of those that the policy of the connection allows "
        f"({_listed(company)}): nothing could be sent. A DAG can only tighten the policy of its connection."
    )


def _listed(countries: frozenset[str]) -> str:
    return ", ".join(sorted(countries))


def _meant(name: str) -> str:
    close = get_close_matches(name.lower(), FIELDS, n=1)
    return f" Did you mean {close[0]!r}?" if close else f" It can have: {', '.join(FIELDS)}."


def _given(value: Any, where: str) -> Any:
    """Return what is given; a text that is a list or an object is read.

    A field that renders to nothing is refused: else a variable that is not set would switch a rule off.

    :raises ConfigurationError: it is empty.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING):
        raise ConfigurationError(f"{where} is empty: give it, or leave it out if there is to be no such rule.")
    if isinstance(value, str) and value.strip()[:1] in "[({":
        return parsed(value)
    return value.strip() if isinstance(value, str) else value


def _countries(value: Any, where: str) -> frozenset[str]:
    given = _given(value, where)
    if isinstance(given, str):
        given = given.split(",")
    if not isinstance(given, Sequence | set | frozenset) or not all(isinstance(name, str) for name in given):
        raise ConfigurationError(
            f"{where} must be a list of countries as two letters (ISO 3166), such as ['HK', 'MO']."
        )
    if not given:
        raise ConfigurationError(f"{where} is an empty list, which would allow no country. Leave it out for all.")
    return frozenset(_country(name, where) for name in given)


def _country(name: str, where: str) -> str:
    from airflow_provider_uspeedo.core.phone_countries import COUNTRIES  # heavy: every country's numbers

    code = name.strip().upper()
    if code in COUNTRIES:
        return code
    hint = f" Did you mean {_OTHER_NAMES[code]!r}?" if code in _OTHER_NAMES else ""
    raise ConfigurationError(
        f"{where}: {mask_digits(name)[:20]!r} is no country that has phone numbers. Write two letters (ISO 3166), such "
        f"as 'HK'.{hint}"
    )


def _windows(value: Any, where: str) -> tuple[Window, ...]:
    given = _given(value, where)
    if isinstance(given, str):
        given = given.split("-")
    if not isinstance(given, list | tuple) or len(given) != 2:  # noqa: PLR2004 - it opens, and it closes
        raise ConfigurationError(f"{where} {_HOURS}.")
    opens, closes = _time_of_day(given[0], where), _time_of_day(given[1], where, ends=True)
    if opens == closes == time(0) and given[1] != given[0]:
        return ()  # from 00:00 to 24:00
    if opens == closes:
        raise ConfigurationError(f"{where} open and close at the same time. Leave the field out for the whole day.")
    return (Window(opens, closes),)


def _time_of_day(value: Any, where: str, *, ends: bool = False) -> time:
    if isinstance(value, time):
        if value.tzinfo is None and not (value.second or value.microsecond):
            return value
        raise ConfigurationError(f"{where} must be times of day in hours and minutes, without a time zone.")
    text = value.strip() if isinstance(value, str) else ""
    if ends and text == _END_OF_DAY:
        return time(0)
    if found := _TIME_OF_DAY.fullmatch(text):
        return time(int(found[1]), int(found[2]))
    raise ConfigurationError(f"{where} {_HOURS}.")


def _column(value: Any, where: str) -> str:
    given = _given(value, where)
    if not isinstance(given, str):
        raise ConfigurationError(f"{where} must be the name of a column.")
    return given


def _caps(value: Any, where: str) -> tuple[Cap, ...]:
    given = _given(value, where)
    several = given if isinstance(given, list | tuple) else [given]
    if not several:
        raise ConfigurationError(f"{where} {_CAP}.")
    return tuple(dict.fromkeys(_cap(one, where) for one in several))


def _cap(given: Any, where: str) -> Cap:
    if not isinstance(given, Mapping) or set(given) != {"texts", "days"}:
        raise ConfigurationError(f"{where} {_CAP}.")
    return Cap(
        _whole(given["texts"], f"{where}: 'texts'", MAX_TEXTS), _whole(given["days"], f"{where}: 'days'", MAX_DAYS)
    )


def _whole(value: Any, where: str, maximum: int) -> int:
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 10:  # noqa: PLR2004 - no long work
        text = int(text)
    if isinstance(text, float) and text.is_integer():
        text = int(text)
    if isinstance(text, bool) or not isinstance(text, int) or not 1 <= text <= maximum:
        raise ConfigurationError(f"{where} must be a whole number from 1 to {maximum:,}.")
    return text


def _moment(value: Any, where: str) -> datetime:
    given = _given(value, where)
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            raise ConfigurationError(f"{where} {_WHEN}.") from None
    if not isinstance(given, datetime):
        raise ConfigurationError(f"{where} {_WHEN}.")
    if given.utcoffset() is None:
        raise ConfigurationError(f"{where} has no time zone: whose clock is meant? It {_WHEN}.")
    return given.astimezone(UTC)


_ATTRIBUTES = {"hours": "windows", "at_most": "caps"}
_READ: dict[str, Callable[[Any, str], Any]] = {
    "suppress": sources_of,
    "countries": _countries,
    "hours": _windows,
    "time_zone_column": _column,
    "at_most": _caps,
    "not_after": _moment,
}
