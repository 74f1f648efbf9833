# SPDX-License-Identifier: Apache-2.0
"""What a ledger reports of its suppression list: plain records, without phones. All times are aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SuppressionChange:
    """What a change of the suppression list did.

    :param rows: of the given list; empty ones are not counted.
    :param changed: phones that were put on the list, or taken off it. A text that can be read as two numbers, or a
        handset with two spellings, is two phones here.
    :param unreadable: rows that are no phones, and were left out.
    :param unreadable_rows: the numbers of the first of these, counted from 1, and the most frequent reasons, as a
        text; ``""`` if there are none.
    """

    rows: int
    changed: int
    unreadable: int
    unreadable_rows: str


@dataclass(frozen=True, slots=True)
class SuppressedPhone:
    """One entry of the suppression list.

    :param hash: the first digits of the phone's keyed hash; the ledger does not hold the phone.
    :param by: who put it there.
    """

    hash: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SuppressedGroup:
    """The entries that one person made for one reason.

    :param phones: how many there are.
    """

    reason: str
    by: str
    phones: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class SuppressedPhones:
    """The suppression list.

    :param phones: how many entries it has.
    :param groups: by reason and person, the largest first; at most 20.
    :param newest: entries, the newest first.
    """

    phones: int
    groups: tuple[SuppressedGroup, ...]
    newest: tuple[SuppressedPhone, ...]
