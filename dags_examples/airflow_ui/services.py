# SPDX-License-Identifier: Apache-2.0
"""The processes of this Airflow: started, watched, and ended with everything that they have started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ENDED_WITHIN = 8.0
"""Seconds that the services are given to end by themselves."""

MARK = "USPEEDO_AIRFLOW_UI"
"""What only the services, and what they start, have in their environment."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, and its relatives: each stops everything."""


class ServiceEnded(Exception):
    """A process that should run ended by itself."""


@dataclass
class Services:
    """The processes of one home.

    :param folder: their AIRFLOW_HOME. :data:`MARK` names it in the environment of each, by which also those are found
        whose parent is gone; a person's own shell may have the same AIRFLOW_HOME.
    :param environment: what all of them get.
    """

    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, repr=False)

    def start(self, name: str, module: str, *arguments: str) -> None:
        """Starts a Python module as a service. Ctrl-C in a terminal does not reach it: :meth:`end` does."""
        self.running[name] = self._open(name, [module, *arguments])

    def finish(self, name: str, module: str, *arguments: str) -> None:
        """Runs a Python module to its end.

        :raises ServiceEnded: it failed.
        """
        code = self._open(name, [module, *arguments]).wait()
        if code:
            raise ServiceEnded(f"{name} failed with code {code}; its last words are in {self.log(name)}")

    def log(self, name: str) -> Path:
        """The file that the output of a service goes to."""
        return self.folder / f"{name}.log"

    def check(self) -> None:
        """Looks whether all services run.

        :raises ServiceEnded: one does not.
        """
        for name, service in self.running.items():
            if service.poll() is not None:
                raise ServiceEnded(
                    f"the {name} ended with code {service.returncode}; its last words are in {self.log(name)}"
                )

    def family(self) -> list[psutil.Process]:
        """All processes of this home, but for the one that asks."""
        return [process for process in psutil.process_iter() if process.pid != os.getpid() and self._is_of(process)]

    def end(self) -> bool:
        """Ends all of them: gently first, and by force after a while, or at once when Ctrl-C is pressed again.

        :returns: whether it was pressed.
        """
        hurried: list[int] = []
        before = {number: signal.signal(number, lambda number, _: hurried.append(number)) for number in SIGNALS}
        try:
            self._end(hurried)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return bool(hurried)

    def _end(self, hurried: list[int]) -> None:
        for process in list(self.running.values()) or self.family():
            process.terminate()
        deadline = time.monotonic() + ENDED_WITHIN
        while self.family() and not hurried and time.monotonic() < deadline:
            time.sleep(0.2)
        while alive := self.family():
            for straggler in alive:
                with suppress(psutil.NoSuchProcess):
                    straggler.kill()
            psutil.wait_procs(alive, timeout=1)
        for service in self.running.values():
            service.wait()
        self.running.clear()

    def _open(self, name: str, module: Sequence[str]) -> subprocess.Popen[bytes]:
        with self.log(name).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - modules and arguments of our own
                [sys.executable, "-m", *module],
                cwd=self.folder,
                env={**self.environment, MARK: str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _is_of(self, process: psutil.Process) -> bool:
        try:
            is_ours = process.environ().get(MARK) == str(self.folder)
            return is_ours and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False
