# SPDX-License-Identifier: Apache-2.0
"""The two programs beside the tests: the vendor, and the parent of all children that may be killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PATIENCE = 60.0
"""Seconds after which a child that does not end is a failure."""
NO_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "OPENBLAS_NUM_THREADS": "1"}
"""What keeps the parent without threads, so that forking is safe."""


class Program:
    """A program that answers on its standard output, and ends when its input does."""

    def __init__(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self._running = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parents[1], env=environment
        )

    def read(self) -> str:
        assert self._running.stdout
        return self._running.stdout.readline().strip()

    def ask(self, command: str) -> str:
        assert self._running.stdin
        self._running.stdin.write(f"{command}\n")
        self._running.stdin.flush()
        return self.read()

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._running.communicate(timeout=PATIENCE)


class Vendor(Program):
    """One vendor for all scenes of a folder; see ``vendor.py``."""

    def __init__(self, folder: Path) -> None:
        super().__init__([sys.executable, "-I", "-S", str(HERE / "vendor.py"), str(folder)])
        self.url = f"http://127.0.0.1:{self.read()}"

    def quiet(self) -> None:
        """Waits until it has dealt with everything that was sent."""
        with urllib.request.urlopen(f"{self.url}/quiet", timeout=PATIENCE) as answer:
            answer.read()


class Parent(Program):
    """A forking parent; see ``forks.py``.

    :param module: the program that serves.
    """

    def __init__(self, module: str, environment: Mapping[str, str] = os.environ) -> None:
        super().__init__([sys.executable, "-m", module], {**environment, **NO_THREAD})

    def fork(self, what: str, report_file: Path) -> Child:
        """A child that plays a try, as JSON says."""
        return Child(self, int(self.ask(f"fork {what}")), report_file)


@dataclass(frozen=True)
class Child:
    """A process that plays one try."""

    parent: Parent
    pid: int
    report_file: Path

    def wait(self, seconds: float = PATIENCE) -> str:
        """*ended CODE*, *frozen*, or *running* if it did nothing of the kind in that time."""
        return self.parent.ask(f"wait {self.pid} {seconds}")

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def report(self) -> dict[str, Any]:
        return dict(json.loads(self.report_file.read_text()))
