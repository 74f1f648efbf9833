# SPDX-License-Identifier: Apache-2.0
"""The rules that hold for one attempt: what a connection and a DAG ask for together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many texts to one phone in so many days.

    :param texts: 1 or more.
    :param days: 1 or more, of 24 hours each, before the moment of the mark *sending*.
    """

    texts: int
    days: int


@dataclass(frozen=True, slots=True)
class Window:
    """The hours of a day in which a text may leave, on the recipient's own clock.

    :param opens: included.
    :param closes: excluded; an earlier time of day than ``opens`` crosses midnight.
    """

    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class ContactRules:
    """All rules together; without any, everything is allowed.

    :param suppress: sources of phones that may not be texted; all of them hold.
    :param countries: ISO 3166 alpha-2; ``None``: all.
    :param windows: all of them must be open.
    :param time_zone_column: the column with IANA names of zones; ``None``: the phone's country decides.
    :param caps: all of them hold.
    :param not_after: no request begins later; with a time zone.
    """

    suppress: tuple[Any, ...] = field(default=(), repr=False)
    countries: frozenset[str] | None = None
    windows: tuple[Window, ...] = ()
    time_zone_column: str | None = None
    caps: tuple[Cap, ...] = ()
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Rows of a request that may not be sent at a moment.

    :param status: ``suppressed`` or ``not_sent``.
    :param reason: begins with the rule.
    :param row_numbers: of the request's recipients.
    """

    status: str
    reason: str
    row_numbers: Sequence[int]


NO_RULES = ContactRules()
