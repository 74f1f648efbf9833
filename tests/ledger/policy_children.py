# SPDX-License-Identifier: Apache-2.0
"""The program whose children play the stories of :mod:`.policy_stories`, with everything imported beforehand.

What is asked of it is JSON: the address of a ledger, a story and the folder of its runs, and which run is played.
Without a run, one child goes on with all of them, and writes what it found into the folder.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.crash.forks import serve
from tests.ledger.policy_stories import Played, go_on, play

LEDGERS: dict[str, Ledger] = {}
"""By address. Made before the children are, so that a hundred statements need not be compiled by each."""
FOUND = "found.json"
WARMING = 1000
"""A run that is none of the test's."""


def act(text: str) -> None:
    url, story, folder, run, runs = json.loads(text)
    ledger = LEDGERS.setdefault(url, Ledger(open_engine(url)))
    if run is not None:
        play(ledger, Played(story, run, folder), run)
    else:
        found = [[asdict(one) for one in go_on(ledger, Played(story, n, folder))] for n in range(runs)]
        Path(folder, FOUND).write_text(json.dumps(found))
    ledger.close()


def warm(text: str) -> None:
    url, story, folder, *_ = json.loads(text)
    act(json.dumps([url, story, folder, WARMING, 0]))


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # what the ledger says of lost acknowledgements
    serve(act, warm)
