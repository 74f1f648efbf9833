# SPDX-License-Identifier: Apache-2.0
"""A column of phones at a time: most phones in a table are spelled alike, and cost a few look-ups each.

What is taken here is taken because :class:`.PhoneReader` would read it so; all else is left to it, phone by phone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from airflow_provider_uspeedo.core.numbering_plans import AMERICAS, CALLING_CODES, NumberingPlan, find_plan
from airflow_provider_uspeedo.core.phone_text import BadPhone

LONGEST_BEGINNING = 4
"""Characters that say which rules a phone follows: ``+`` or ``(``, and a country code; there are some ten thousand."""
CLOSER_LOOK = "?"
_SEPARATORS = b" \t-()"
_DIGITS = b"0123456789"
_NOTHING = re.compile("(?!)")
_PLAIN_RESTS = frozenset({b"", b"+"})
"""What is left of a plain phone without its digits."""


class _Rules(NamedTuple):
    """How to read phones with one beginning.

    :param start: where the national number starts.
    :param head: what the API wants before it.
    :param lengths: numbers of digits that it can have.
    :param significant: takes the national prefix off, and gives ``None`` for what only the slow way can tell; ``None``
        itself where there is nothing to take off.
    """

    start: int
    head: str
    lengths: frozenset[int]
    significant: Callable[[str], str | None] | None


class _Openings(dict[str, str]):
    """The text up to its first closing bracket, to what its digits begin with then.

    ``(`` if a bracket with a country code opens the text, nothing if one with something else does.
    """

    def __missing__(self, opening: str) -> str:
        if opening[:1] != "(":
            return CLOSER_LOOK
        return self.setdefault(opening, "(") if opening[1:-1].strip() in CALLING_CODES else ""


class _Beginnings(dict[str, _Rules | None]):
    """Rules by beginning, found when one is met first; ``None`` where each phone is another case."""

    def __init__(self, find: Callable[[str], _Rules | None]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, beginning: str) -> _Rules | None:
        return self.setdefault(beginning, self._find(beginning))


class PhoneColumn:
    """Reads whole columns as ``read`` reads each phone.

    :param read: reads one phone, whatever its spelling.
    :param home: the plan of the default region, if there is one.
    :param main: the plan of its country code.
    """

    def __init__(self, read: Callable[[str], str], home: NumberingPlan | None, main: NumberingPlan | None) -> None:
        self._read = read
        self._home, self._main = home, main
        self._rules = _Beginnings(self._find)

    def read_all(self, texts: Sequence[Any]) -> list[str | None]:
        """Return each phone as ``(country code)number``; ``None`` for what is no phone, or no text."""
        found: list[str | None] = []
        add, rules_of = found.append, self._rules
        for text, digits in zip(texts, _plain(texts), strict=True):
            rules = rules_of[digits[:LONGEST_BEGINNING]]
            if rules is not None:
                start, head, lengths, significant = rules
                number = digits[start:] if significant is None else significant(digits[start:])
                if number is not None and len(number) in lengths:
                    add(head + number)
                    continue
            add(self._attempt(text))
        return found

    def _attempt(self, text: Any) -> str | None:
        if type(text) is not str:
            return None
        try:
            return self._read(text)
        except BadPhone:
            return None

    def _find(self, beginning: str) -> _Rules | None:
        if beginning.startswith("+"):
            return _international(beginning)
        if beginning.startswith("("):
            return _in_brackets(beginning, self._home)
        if self._home is None or self._main is None or beginning.startswith(("00", CLOSER_LOOK)):
            return None
        return _at_home(self._home, self._main, beginning)


def _international(beginning: str) -> _Rules | None:
    plan = find_plan(beginning[1:])
    if plan is None:
        return None
    return _Rules(1 + len(plan.code), plan.head, plan.lengths, plan.significant if plan.prefix else None)


def _in_brackets(beginning: str, home: NumberingPlan | None) -> _Rules | None:
    if home is None:
        return _international(beginning)
    plan = find_plan(beginning[1:])
    if plan is None or home.code.startswith(AMERICAS):  # it may be an area code
        return None

    def if_likely(digits: str) -> str | None:
        number = plan.significant(digits)
        return number if number is not None and plan.shape.fullmatch(number) else None

    return _Rules(1 + len(plan.code), plan.head, plan.lengths, if_likely)


def _at_home(home: NumberingPlan, main: NumberingPlan, beginning: str) -> _Rules:
    goes_abroad, width = (home.abroad or _NOTHING).match, len(home.code)

    def without_code(digits: str) -> str | None:
        return None if goes_abroad(digits) else home.significant(digits)

    def with_code(digits: str) -> str | None:
        if goes_abroad(digits) or not home.repeats_code(digits):
            return None
        return main.significant(digits[width:])

    return _Rules(0, main.head, main.lengths, with_code if beginning.startswith(home.code) else without_code)


_OPENINGS = _Openings()


def _plain(texts: Sequence[Any]) -> Sequence[str]:
    """Return every phone as digits, with or without ``+`` or ``(`` before them.

    ``(`` says that the country code stood in brackets, and :data:`CLOSER_LOOK` what its name says, as ``""`` does. The
    column becomes one text, from which all separators and then all digits are taken at once.
    """
    lines = _lines(texts)
    joined = "\n".join(lines).encode("ascii", "replace")
    bare = joined.translate(None, _SEPARATORS)
    if len(bare) < len(joined):
        plain = zip(lines, bare.decode().split("\n"), strict=True)
        lines = [
            digits if digits[:1] == text[:1] else _OPENINGS[text[: text.find(")") + 1]] + digits
            for text, digits in plain
        ]
    rests = bare.translate(None, _DIGITS).split(b"\n")
    if _PLAIN_RESTS.issuperset(rests) and bare.count(b"+") == bare.count(b"\n+") + bare.startswith(b"+"):
        return lines
    pairs = zip(lines, rests, strict=False)
    return [digits if not rest or (rest == b"+" and digits[:1] == "+") else "" for digits, rest in pairs]


def _lines(texts: Sequence[Any]) -> Sequence[str]:
    """Return the texts, with something that is no phone for what is not one line of text."""
    try:
        if "\n" not in "".join(texts):
            return texts
    except TypeError:
        pass
    return [text if type(text) is str and "\n" not in text else "?" for text in texts]
