# SPDX-License-Identifier: Apache-2.0
"""A list of phones becomes hashes in a temporary file, so that it is judged as a whole before any of it counts.

A list can be read once, and may have millions of rows: the hashes wait on disk, in a file without a name that no
other user can open. The phones themselves are written nowhere.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from airflow_provider_uspeedo.core.phone_hashes import PHONE_HASH_BYTES, PhoneHasher
from airflow_provider_uspeedo.core.phones import BadPhone, PhoneReader, spellings_of
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.errors import ConfigurationError

MAX_UNREADABLE = 0.01
"""The share of a list's rows that may be no phones."""
MAX_ROWS_SHOWN = 10
REASONS = 3

Read = Callable[[str], tuple[str, ...]]


def one_reading(default_region: str | None) -> Read:
    """Reads a phone as a campaign does, in both spellings of its handset; what could be two numbers is refused."""
    reader = PhoneReader(default_region)
    return lambda text: spellings_of(reader.read(text))


def every_reading(default_region: str | None) -> Read:
    """The same, but what could be two numbers stands for both. Without a region, digits without + are none."""
    reader = PhoneReader(default_region)
    if reader.default_region is None:
        return one_reading(None)

    def read(text: str) -> tuple[str, ...]:
        try:
            return spellings_of(reader.read(text))
        except BadPhone:
            return reader.readings(text)

    return read


@dataclass(slots=True)
class UnreadableRows:
    """The rows of a list that are no phones.

    :param rows: numbers of the first ones, counted from 1.
    """

    count: int = 0
    rows: list[int] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, row: int, reason: str) -> None:
        """Notes one; the reason never quotes it."""
        self.count += 1
        self.reasons[reason.replace(", or set bare_digits", "")] += 1
        if len(self.rows) < MAX_ROWS_SHOWN:
            self.rows.append(row)

    def __str__(self) -> str:
        rows = ", ".join(map("{:,}".format, self.rows)) + (", ..." if self.count > len(self.rows) else "")
        reasons = "; ".join(f"{times:,} x {reason!r}" for reason, times in self.reasons.most_common(REASONS))
        return f"{'row' if self.count == 1 else 'rows'} {rows} ({reasons})"


class PhoneSpool:
    """The hashes of a list of phones; use it in a ``with`` block.

    :param read: one of :func:`every_reading` and :func:`one_reading`.
    """

    def __init__(self, hasher: PhoneHasher, read: Read) -> None:
        self._hasher, self._read = hasher, read
        self._file = tempfile.TemporaryFile(prefix="uspeedo-")  # noqa: SIM115 - closed by __exit__
        self.phones = 0
        """Rows that were read as a phone, each counted as often as it is there."""
        self.empty = 0
        self.unreadable = UnreadableRows()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def take(self, texts: Iterable[str | None]) -> None:
        """Reads the whole list; empty rows count as nothing."""
        if isinstance(texts, str):
            raise ConfigurationError("phones must be a list of texts, one for each phone, not one text.")
        for row, text in enumerate(texts, 1):
            if text is None or not text.strip():
                self.empty += 1
                continue
            try:
                phones = self._read(text)
            except BadPhone as bad:
                self.unreadable.add(row, bad.reason)
            else:
                self.phones += 1
                self._file.write(b"".join(self._hasher.of_phones(phones)))

    def refuse_unreadable(self, share: float) -> None:
        """:raises ConfigurationError: more of its rows than this share are no phones, or all of them."""
        rows, wrong = self.phones + self.unreadable.count, self.unreadable.count
        if not rows:
            raise ConfigurationError("The list has no phones; nothing was changed. Is it the right file or column?")
        if not self.phones or wrong > share * rows:
            ways = "Correct the list, or name the country of phones without a country code with default_region."
            if share:
                ways = f"At most {share:.0%} may be. {ways} accept_unreadable=True leaves such rows out."
            raise ConfigurationError(
                f"Of {counted(rows, 'row')} {wrong:,} cannot be read as phones: {self.unreadable}. Nothing was "
                f"changed. {ways}"
            )

    def hashes(self) -> Iterator[bytes]:
        """All hashes, in the order of the list."""
        self._file.seek(0)
        while found := self._file.read(PHONE_HASH_BYTES):
            yield found
