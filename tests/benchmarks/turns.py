# SPDX-License-Identifier: Apache-2.0
"""Who is measured when: one after the other, or several at once where only the form counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import click

from tests.benchmarks.contender import Contender
from tests.benchmarks.runner import NotMeasured, Stage

T = TypeVar("T")
Who = dict[str, tuple[str, Contender]]
"""Contenders by name, with their modules."""


def say(text: str) -> None:
    click.echo(text, err=True)


@dataclass
class Turns:
    """Measures, and keeps what went wrong.

    :param stage: where.
    :param who: all contenders that can be measured here.
    :param at_once: measurements at the same time.
    :param errors: what went wrong, for the page.
    """

    stage: Stage
    who: Who
    at_once: int = 1
    errors: list[str] = field(default_factory=list)

    @property
    def own(self) -> Who:
        """This package, with each of its databases."""
        return {name: pair for name, pair in self.who.items() if pair[1].own}

    def attempt(self, what: str, measure: Callable[[], T]) -> T | None:
        """What is measured, or ``None`` if that failed."""
        try:
            return measure()
        except NotMeasured as error:
            say(f"ERROR {what}: {error}")
            self.errors.append(f"{what}: {str(error).partition(':')[0]}")
            return None

    def all(self, measurements: Iterable[tuple[str, Callable[[], T]]]) -> Iterator[T]:
        """All of them, each with what it is, in their order, without those that failed."""
        with ThreadPoolExecutor(self.at_once) as threads:
            for found in threads.map(lambda one: self.attempt(*one), measurements):
                if found is not None:
                    yield found
