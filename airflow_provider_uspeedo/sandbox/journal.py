# SPDX-License-Identifier: Apache-2.0
"""The journal: one JSON line for every number that was accepted, written before the answer leaves.

Tests prove by it that no message was sent twice, so it only ever grows.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring_ascii as _quote
from pathlib import Path
from typing import IO, NamedTuple

_BLOCK = 1 << 20


class Entry(NamedTuple):
    """One accepted number.

    :param time: seconds since the epoch.
    :param generation: ``A`` or ``B``.
    :param phone: as it was sent.
    :param number: its digits only: equal for equal numbers however they were written.
    """

    time: float
    request_id: str
    session_no: str
    generation: str
    phone: str
    number: str
    user_id: str
    extend_code: str
    template_id: str
    sender_id: str
    params: Sequence[str]


class Journal:
    """An append-only file of entries; a temporary one if no path is given.

    :raises OSError: when the file cannot be opened for appending.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file: IO[bytes]
        if path is None:
            self._file = tempfile.NamedTemporaryFile(suffix=".jsonl")  # noqa: SIM115 - closed by close()
        else:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b")
            _drop_torn_line(self._file)
        self.path = Path(self._file.name) if path is None else path

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries through to the operating system: they outlive the end of this program at any instruction."""
        self._file.write(b"".join(_line(entry) for entry in entries))
        self._file.flush()

    def entries(self, since: int = 0) -> Iterator[Entry]:
        """Read the entries from the file, oldest first, without the first ``since`` of them."""
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines):
                if number >= since and line.endswith(b"\n"):
                    yield Entry(**json.loads(line))

    def blocks(self, since: int = 0) -> Iterator[bytes]:
        """Read the raw lines in large blocks, for handing them on."""
        with self.path.open("rb") as lines:
            for _ in range(since):
                lines.readline()
            while block := lines.read(_BLOCK):
                yield block

    def close(self) -> None:
        """Close the file; a temporary one is gone afterwards."""
        self._file.close()


def _line(entry: Entry) -> bytes:
    """Return one JSON line; put together by hand because a thousand calls of ``json.dumps`` are what takes the time."""
    params = ",".join(map(_quote, entry.params))
    return (_LINE % (entry.time, *map(_quote, entry[1:-1]), params)).encode()


_LINE = '{"time":%r,' + "".join(f'"{name}":%s,' for name in Entry._fields[1:-1]) + '"params":[%s]}\n'


def _drop_torn_line(file: IO[bytes]) -> None:
    """Cut off what a killed sandbox left half written: its answer never went out.

    The file is searched backwards for the last end of a line, and stands at its end afterwards.
    """
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    file.truncate(end)
    file.seek(end)
