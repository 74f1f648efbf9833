# SPDX-License-Identifier: Apache-2.0
"""Finds the target that a response names: by our mark, which it echoes, or by a phone that it may have rewritten."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from airflow_provider_uspeedo.core.content import Named

_SENT = re.compile(r"\((\d+)\)(.*)", re.DOTALL)
_COUNTRY_CODES = (1, 2, 3)
"""How many digits a country code has."""


class TargetIndex:
    """The targets of one request, to be found by mark or phone.

    A name that matches two targets matches none: a wrong match would report a sent message as failed.

    :param targets: in the order in which they were sent; positions count from 0.
    """

    def __init__(self, targets: Sequence[Named]) -> None:
        self._by_user_id: dict[str, list[int]] = defaultdict(list)
        self._by_text: dict[str, list[int]] = defaultdict(list)
        self._by_number: dict[str, list[int]] = defaultdict(list)
        self._by_national: dict[str, list[int]] = defaultdict(list)
        self._by_bare: dict[str, list[int]] = defaultdict(list)
        for position, target in enumerate(targets):
            self._add(position, target)

    def find(self, phone: str, user_id: str) -> int | None:
        """Give the position of the one target that is meant, or ``None``.

        :param phone: as the vendor writes it: with ``+``, ``00``, brackets or none of them, with or without the
            country code; may be empty.
        :param user_id: the echoed mark; may be empty. If we set it on several targets, the phone decides among them.
        """
        marked = self._by_user_id.get(user_id, []) if user_id else []
        if len(marked) == 1:
            return marked[0]
        found = set(self._by_text.get(phone, ())) or set(self._candidates(phone))
        if marked:
            found &= set(marked)
        return found.pop() if len(found) == 1 else None

    def _add(self, position: int, target: Named) -> None:
        if target.user_id:
            self._by_user_id[target.user_id].append(position)
        self._by_text[target.phone].append(position)
        sent = _SENT.fullmatch(target.phone)
        country, national = (sent[1], _digits(sent[2])) if sent else ("", _digits(target.phone))
        self._by_number[(country + national).lstrip("0")].append(position)
        (self._by_national if country else self._by_bare)[national.lstrip("0")].append(position)

    def _candidates(self, phone: str) -> Iterator[int]:
        number = _digits(phone).lstrip("0")
        if not number:
            return
        yield from self._by_number.get(number, ())
        if not phone.lstrip().startswith(("+", "00", "(")):
            yield from self._by_national.get(number, ())
        for length in _COUNTRY_CODES:
            yield from self._by_bare.get(number[length:].lstrip("0"), ())


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))
