# SPDX-License-Identifier: Apache-2.0
"""A list of phones as it was exported from the vendor's console, matched with the recipients of one campaign.

A listed phone was texted; nothing follows for other recipients. Where it is ambiguous which recipient of several a
listed phone stands for, none of them counts as sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from airflow_provider_uspeedo.core.keys import NATIONAL, RULES
from airflow_provider_uspeedo.core.phones import BadPhone, PhoneReader
from airflow_provider_uspeedo.core.statuses import Status


@dataclass(slots=True)
class _Messages:
    """The messages of the campaign to one phone.

    :param count: how many may have left.
    :param unknown: the keys of those whose outcome is unknown.
    """

    count: int = 0
    unknown: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MatchedPhones:
    """What a list shows of a campaign: the keys of recipients that were sent, and counts of what it leaves open."""

    sent: frozenset[bytes]
    listed: int
    matched: int
    not_matched: int
    ambiguous: int
    unreadable: int


class PhoneList:
    """Phones as texts, in any spelling.

    :param default_region: reads what has no country code; digits that begin with a country code are read so, too.
    :param rules: by which the campaign reads phones; see :class:`.KeySpec`.
    """

    def __init__(self, texts: Iterable[str], default_region: str | None, *, rules: int = RULES) -> None:
        self._home = PhoneReader(default_region, NATIONAL if default_region else None, rules=rules)
        self._abroad = PhoneReader(None, rules=rules)
        self._lines: Counter[frozenset[str]] = Counter()
        self._messages: dict[str, _Messages] = {}
        self.unreadable = 0
        for text in texts:
            self._read(text)

    def _read(self, text: str) -> None:
        phones = frozenset(filter(None, self._possible_phones(text)))
        if not phones:
            self.unreadable += bool(text.strip())
            return
        self._lines[phones] += 1
        for phone in phones:
            self._messages.setdefault(phone, _Messages())

    def _possible_phones(self, text: str) -> Iterable[str | None]:
        yield _read_phone(self._home, text)
        if "+" not in text:  # an export often drops it
            yield _read_phone(self._abroad, "+" + text.strip().lstrip("'").strip())

    def add_recipient(self, key: bytes, phone: str, status: str) -> None:
        """Takes in one recipient of the campaign; all of them must be added before :meth:`matched`."""
        found = self._messages.get(phone)
        if found is None or status == Status.NOT_SENT:
            return
        found.count += 1
        if status == Status.UNKNOWN:
            found.unknown.append(key)

    def matched(self) -> MatchedPhones:
        """What the list shows, once all recipients were added."""
        listed: Counter[str] = Counter()
        ambiguous_phones: set[str] = set()
        numbers = self._numbers()
        for phones, times in numbers.items():
            here = [phone for phone in phones if self._messages[phone].count]
            if len(here) > 1:
                ambiguous_phones.update(here)
            elif here:
                listed[here[0]] += times
        matched = [any(self._messages[phone].unknown for phone in phones) for phones in numbers]
        # Several messages to one phone, listed fewer times: which of them were sent cannot be told.
        ambiguous_phones.update(phone for phone, times in listed.items() if times < self._messages[phone].count)
        sent = frozenset(key for phone in listed.keys() - ambiguous_phones for key in self._messages[phone].unknown)
        ambiguous = sum(len(self._messages[phone].unknown) for phone in ambiguous_phones)
        return MatchedPhones(sent, len(numbers), matched.count(True), matched.count(False), ambiguous, self.unreadable)

    def _numbers(self) -> Counter[frozenset[str]]:
        """How often each different number is listed: spellings that lead to the same phone of the campaign are one."""
        numbers: Counter[frozenset[str]] = Counter()
        for phones, times in self._lines.items():
            numbers[frozenset(phone for phone in phones if self._messages[phone].count) or phones] += times
        return numbers


def _read_phone(reader: PhoneReader, text: str) -> str | None:
    try:
        return reader.read(text)
    except BadPhone:
        return None
