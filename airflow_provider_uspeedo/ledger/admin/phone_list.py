# SPDX-License-Identifier: Apache-2.0
"""A list of phones as somebody exported it, matched with the recipients of one campaign.

Who is listed was texted; of anybody else nothing follows. Where the list leaves a doubt which recipient is meant,
none is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from airflow_provider_uspeedo.core.phones import BadPhone, PhoneReader
from airflow_provider_uspeedo.core.statuses import Status


@dataclass(slots=True)
class _Met:
    """The messages of the campaign to one phone.

    :param messages: how many may have left.
    """

    messages: int = 0
    unknown: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Matched:
    """What a list says of a campaign: the keys of recipients that were sent, and what it leaves open."""

    sent: frozenset[bytes]
    listed: int
    matched: int
    not_matched: int
    ambiguous: int
    unreadable: int


class PhoneList:
    """Phones as texts, in any spelling.

    :param default_region: reads what has no country code; digits that begin with a country code are read so, too.
    """

    def __init__(self, texts: Iterable[str], default_region: str | None) -> None:
        self._home, self._abroad = PhoneReader(default_region), PhoneReader(None)
        self._lines: Counter[frozenset[str]] = Counter()
        self._met: dict[str, _Met] = {}
        self.unreadable = 0
        for text in texts:
            self._read(text)

    def _read(self, text: str) -> None:
        readings = frozenset(filter(None, self._readings(text)))
        if not readings:
            self.unreadable += bool(text.strip())
            return
        self._lines[readings] += 1
        for phone in readings:
            self._met.setdefault(phone, _Met())

    def _readings(self, text: str) -> Iterable[str | None]:
        yield _try(self._home, text)
        if "+" not in text:  # an export often drops it
            yield _try(self._abroad, "+" + text.strip().lstrip("'").strip())

    def meet(self, key: bytes, phone: str, status: str) -> None:
        """Tells of one recipient of the campaign; every one must be told of."""
        met = self._met.get(phone)
        if met is None or status == Status.NOT_SENT:
            return
        met.messages += 1
        if status == Status.UNKNOWN:
            met.unknown.append(key)

    def matched(self) -> Matched:
        """What follows, once all recipients were met."""
        listed: Counter[str] = Counter()
        doubtful: set[str] = set()
        numbers = self._numbers()
        for phones, times in numbers.items():
            here = [phone for phone in phones if self._met[phone].messages]
            if len(here) > 1:
                doubtful.update(here)
            elif here:
                listed[here[0]] += times
        matched = [any(self._met[phone].unknown for phone in phones) for phones in numbers]
        # Several messages to one phone, listed fewer times: nobody can tell which of them it was.
        doubtful.update(phone for phone, times in listed.items() if times < self._met[phone].messages)
        sent = frozenset(key for phone in listed.keys() - doubtful for key in self._met[phone].unknown)
        ambiguous = sum(len(self._met[phone].unknown) for phone in doubtful)
        return Matched(sent, len(numbers), matched.count(True), matched.count(False), ambiguous, self.unreadable)

    def _numbers(self) -> Counter[frozenset[str]]:
        """How often each different number is listed: spellings that lead to the same phone of the campaign are one."""
        numbers: Counter[frozenset[str]] = Counter()
        for readings, times in self._lines.items():
            numbers[frozenset(phone for phone in readings if self._met[phone].messages) or readings] += times
        return numbers


def _try(reader: PhoneReader, text: str) -> str | None:
    try:
        return reader.read(text)
    except BadPhone:
        return None
