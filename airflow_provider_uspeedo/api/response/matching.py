# SPDX-License-Identifier: Apache-2.0
"""Finds the target that a response names: by our mark, which it echoes, or by a phone that it may have rewritten."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_uspeedo.core.content import Named
from airflow_provider_uspeedo.core.marks import folded_texts

_SENT = re.compile(r"\((\d+)\)(.*)", re.DOTALL)
_COUNTRY_CODES = (1, 2, 3)
"""How many digits a country code has."""


@dataclass(frozen=True, slots=True)
class Match:
    """The targets that one failure may mean, by their positions.

    :param by_mark: the targets with the echoed mark.
    :param by_phone: the targets with the phone.
    """

    by_mark: frozenset[int]
    by_phone: frozenset[int]

    @property
    def position(self) -> int | None:
        """The one target that is meant; ``None`` if that is not certain."""
        found = self.by_mark & self.by_phone if self.by_mark and self.by_phone else self.by_mark or self.by_phone
        return next(iter(found)) if len(found) == 1 else None

    @property
    def contradictory(self) -> frozenset[int]:
        """The targets that are named, if mark and phone name different ones."""
        if self.by_mark and self.by_phone and not self.by_mark & self.by_phone:
            return self.by_mark | self.by_phone
        return frozenset()


class TargetIndex:
    """The targets of one request, to be found by mark or phone.

    A name that matches two targets matches none: a wrong match would report a sent message as failed. What was sent
    and what is echoed are compared alike, without what may be lost on the way; see :mod:`~.core.marks`.

    :param targets: in the order in which they were sent; positions count from 0.
    """

    def __init__(self, targets: Sequence[Named]) -> None:
        self._by_user_id: dict[str, list[int]] = defaultdict(list)
        self._by_text: dict[str, list[int]] = defaultdict(list)
        self._by_number: dict[str, list[int]] = defaultdict(list)
        self._by_national: dict[str, list[int]] = defaultdict(list)
        self._by_bare: dict[str, list[int]] = defaultdict(list)
        marks = folded_texts([target.user_id for target in targets])
        for position, (target, mark) in enumerate(zip(targets, marks, strict=True)):
            self._add(position, target, mark)

    def find_all(self, failures: Sequence[tuple[str, str]]) -> list[Match]:
        """Find the targets that failures name.

        :param failures: phone and echoed mark of each. The phone is as the vendor writes it: with ``+``, ``00``,
            brackets or none of them, with or without the country code; either may be empty.
        """
        marks = folded_texts([user_id for _, user_id in failures])
        return [self._match(phone, mark) for (phone, _), mark in zip(failures, marks, strict=True)]

    def _match(self, phone: str, mark: str) -> Match:
        by_phone = self._by_text.get(phone.strip()) or self._candidates(phone)
        return Match(frozenset(self._by_user_id.get(mark, ()) if mark else ()), frozenset(by_phone))

    def _add(self, position: int, target: Named, mark: str) -> None:
        if mark:
            self._by_user_id[mark].append(position)
        self._by_text[target.phone.strip()].append(position)
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
