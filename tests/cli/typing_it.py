# SPDX-License-Identifier: Apache-2.0
"""The command as it is typed: within this process where that is enough, else as a process of its own."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from click import testing
from click.testing import CliRunner

from airflow_provider_uspeedo.cli.command import airflow_uspeedo
from tests.leaks import numbers

SCRIPT = "import sys; from airflow_provider_uspeedo.cli import main; sys.exit(main())"
"""What the installed script does."""
ROOT = Path(__file__).parents[2]


class Said(NamedTuple):
    """What a command has printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """Its only line on stderr."""
        (line,) = self.err.splitlines()
        return line


SEPARATE = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
RUNNER = CliRunner(**SEPARATE)
"""It keeps stderr apart, as click before 8.2 does only if it is told to."""
if "__next__" in vars(testing._NamedTextIOWrapper):  # of click 8.2: the end of its stdin is an error, and of no other's
    del testing._NamedTextIOWrapper.__next__


class Command:
    """The command with its first options."""

    def __init__(self, *options: str) -> None:
        self.options = options

    def __call__(self, *words: str, stdin: str = "") -> Said:
        """Types it within this process; stdin is no terminal."""
        done = RUNNER.invoke(airflow_uspeedo, [*self.options, *words], input=stdin)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return _private(Said(done.exit_code, done.stdout, done.stderr))

    def process(self, *words: str, stdin: str = "", **environment: str) -> Said:
        """Types it at a shell."""
        done = subprocess.run(
            self.line(*words),
            input=stdin,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
            timeout=120,
            check=False,
        )
        return _private(Said(done.returncode, done.stdout, done.stderr))

    def line(self, *words: str) -> list[str]:
        """What the shell starts."""
        return [sys.executable, "-c", SCRIPT, *self.options, *words]


def _private(said: Said) -> Said:
    """Nothing that the command writes holds a phone."""
    assert [number for number in numbers(said.out + said.err) if re.search(r"5[05]\d{6}", number)] == []
    return said


def reject(scene: Any, table: Any, number: int) -> None:
    """One attempt of a campaign of which the API rejects the first recipients."""
    scene.sandbox.fault("partial", at=1, count=number)
    scene.run(table)
    scene.sandbox.clear_faults()


def unknown(scene: Any, table: Any, order: Any, *, at: int = 1, accepted: bool = True) -> None:
    """One attempt of a campaign that loses the answer to its ``at``-th request."""
    scene.sandbox.fault("drop", at=at, accepted=accepted)
    scene.run(table, order)
    scene.sandbox.clear_faults()
