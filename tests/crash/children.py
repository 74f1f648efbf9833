# SPDX-License-Identifier: Apache-2.0
"""The program whose children play tries of the real campaign, with everything imported beforehand."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

from tests.crash.forks import serve
from tests.crash.one_try import Try, play


def play_one(text: str) -> None:
    play(Try(**json.loads(text)))


def warm(text: str) -> None:
    one = Try(**json.loads(text))
    for each in (one, one, replace(one, resolve=[])):
        play(each)


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # what the loop says of lost answers, some thousand times
    serve(play_one, warm)
