# SPDX-License-Identifier: Apache-2.0
"""A program that has everything imported and no thread, and forks a child for every try.

It reads one command per line: ``warm TRY`` (plays it here, so that no child has to load anything), ``fork TRY``
(answers the pid), ``wait PID SECONDS`` (answers *ended CODE*, *frozen* or *running*). A child that fails by itself says
why on standard error and ends with 1. What a try is, is up to the program that serves.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import TextIO

Play = Callable[[str], None]
"""Plays one try, given as text."""


def serve(play: Play, warm: Play, answers: TextIO = sys.stdout) -> None:
    """Answers commands until the input ends, and kills what is left."""
    commands: dict[str, Callable[[str], object]] = {"warm": partial(warmed, warm), "fork": partial(fork, play)}
    commands["wait"] = wait
    for line in sys.stdin:
        command, _, rest = line.strip().partition(" ")
        print(commands[command](rest), file=answers, flush=True)
    for pid in FORKED - ENDED.keys():
        os.kill(pid, signal.SIGKILL)


def warmed(warm: Play, text: str) -> str:
    warm(text)
    gc.collect()
    gc.freeze()
    return "warm"


FORKED: set[int] = set()
ENDED: dict[int, str] = {}


def fork(play: Play, text: str) -> int:
    if pid := os.fork():
        ENDED.pop(pid, None)  # the system uses the numbers again
        FORKED.add(pid)
        return pid
    code = 1
    try:
        play(text)
        code = 0
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run in the child
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def wait(text: str) -> str:
    pid, seconds = text.split()
    deadline = time.monotonic() + float(seconds)
    pause = 0.001
    while True:
        if (state := look(int(pid))) != "running" or time.monotonic() > deadline:
            return state
        time.sleep(pause)
        pause = min(pause * 1.5, 0.01)


def look(pid: int) -> str:
    if pid in ENDED:
        return ENDED[pid]
    changed, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
    if not changed:
        return "running"
    if os.WIFSTOPPED(status):
        return "frozen"
    ENDED[pid] = f"ended {os.waitstatus_to_exitcode(status)}"
    return ENDED[pid]
