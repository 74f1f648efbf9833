# SPDX-License-Identifier: Apache-2.0
"""The extras of a connection, which may arrive as texts, become booleans, numbers and mappings.

Each function takes all extras and a name; an extra that is missing, null or empty counts as not given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from airflow_provider_uspeedo.core.contact_policy import read_policy
from airflow_provider_uspeedo.core.contact_rules import NO_RULES, ContactRules
from airflow_provider_uspeedo.errors import ConfigurationError

_YES = frozenset({"true", "t", "1", "yes", "y", "on"})
_NO = frozenset({"false", "f", "0", "no", "n", "off"})


def text(extra: Mapping[str, object], name: str, default: str) -> str:
    """Read a text."""
    return _given(extra, name) or default


def switch(extra: Mapping[str, object], name: str, *, default: bool) -> bool:
    """Read a boolean, in upper or lower case.

    :raises ConfigurationError: if it is neither true nor false.
    """
    found = switch_or_path(extra, name, default=default)
    if isinstance(found, str):
        raise ConfigurationError(f"Connection extra '{name}' must be true or false.")
    return found


def switch_or_path(extra: Mapping[str, object], name: str, *, default: bool) -> bool | str:
    """Read a boolean, in upper or lower case, or else a path."""
    given = _given(extra, name)
    if not given:
        return default
    if given.lower() in _YES:
        return True
    return False if given.lower() in _NO else given


def number(extra: Mapping[str, object], name: str, default: float) -> float:
    """Read a number.

    :raises ConfigurationError: if it is not one.
    """
    given = _given(extra, name)
    try:
        return float(given) if given else default
    except ValueError:
        raise ConfigurationError(f"Connection extra '{name}' must be a number.") from None


def whole_number(extra: Mapping[str, object], name: str) -> int | None:
    """Read a whole number; ``None`` if not given.

    :raises ConfigurationError: if it is not one.
    """
    given = _given(extra, name)
    try:
        return int(given) if given else None
    except ValueError:
        raise ConfigurationError(f"Connection extra '{name}' must be a whole number.") from None


def proxies(extra: Mapping[str, object], name: str) -> dict[str, str] | None:
    """Read proxies: a mapping, JSON of one, or one URL for everything. ``None`` if not given.

    :raises ConfigurationError: if it is none of these. The message never quotes it: proxy URLs hold passwords.
    """
    given = extra.get(name)
    if isinstance(given, str) and given.strip().startswith("{"):
        given = _json(given)
    elif isinstance(given, str) and "://" in given:
        given = {"all": given.strip()}
    if given is None or given == "":
        return None
    if not isinstance(given, Mapping) or not all(isinstance(part, str) for pair in given.items() for part in pair):
        raise ConfigurationError(
            f"Connection extra '{name}' must be an object of texts such as "
            '{"https": "http://proxy.example:3128", "no_proxy": "localhost"}.'
        )
    return dict(given)


def policy(extra: Mapping[str, object], name: str) -> ContactRules:
    """Read a contact policy: an object, or JSON of one.

    :raises ConfigurationError: if it is none, or a field of it is wrong; the message names the field.
    """
    given = extra.get(name)
    if given is None or (isinstance(given, str) and given.strip().lower() in ("", "null")):
        return NO_RULES
    return read_policy(given, f"extra '{name}'")


def _given(extra: Mapping[str, object], name: str) -> str:
    """Read what was given as text.

    :raises ConfigurationError: if it is a list, an object, or a number of thousands of digits.
    """
    found = extra.get(name)
    if found is None:
        return ""
    with suppress(ValueError):
        if isinstance(found, str | bool | int | float):
            return str(found).strip()
    raise ConfigurationError(f"Connection extra '{name}' must be a text, a number, true or false.")


def _json(given: str) -> object:
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return given
