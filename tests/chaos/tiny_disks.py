# SPDX-License-Identifier: Apache-2.0
"""Disks of a few megabytes that can be filled to the last byte, and emptied again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = 4096


@dataclass(frozen=True)
class TinyDisk:
    """A file system of its own."""

    folder: Path

    def fill(self, left: int = 0) -> None:
        """Puts a ballast on it until so many bytes are left."""
        with self._ballast.open("ab", buffering=0) as ballast:
            while (free := self.free() - left) > 0:
                ballast.write(bytes(min(free, 1 << 20)))

    def empty(self) -> None:
        """Throws the ballast off."""
        self._ballast.unlink(missing_ok=True)

    def free(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"


@contextmanager
def tiny_disk(folder: Path, megabytes: int = 4) -> Iterator[TinyDisk]:
    """One that is mounted there until the block is left; the test is skipped where mounting is not allowed."""
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    done = subprocess.run(mounting, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"no tiny disk can be mounted here (it takes root): {done.stderr.strip()}"
        if os.environ.get("USPEEDO_CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    try:
        yield TinyDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
