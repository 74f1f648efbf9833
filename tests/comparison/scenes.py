# SPDX-License-Identifier: Apache-2.0
"""What goes wrong: one thing in each scene, at the third request, the same for every tool."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tests.comparison.people import REPEATED


class Runs(Enum):
    """How often and when a tool is started."""

    UNTIL_IT_SAYS_SUCCESS = "once, and once more with the same command if it did not report success"
    KILLED_ONCE = "killed with SIGKILL a second after the third request has come, then as above"
    TWO_AT_ONCE = "two processes of the same command, started together"


@dataclass(frozen=True)
class Scene:
    """One thing that goes wrong.

    :param title: its heading.
    :param faults: what the vendor does, by the number of the request.
    :param repeated: people that the table lists twice.
    :param plays: how often it is played; more than once where chance decides.
    """

    name: str
    title: str
    about: str
    faults: dict[str, str] = field(default_factory=dict)
    repeated: int = 0
    runs: Runs = Runs.UNTIL_IT_SAYS_SUCCESS
    plays: int = 1
    down: float = 0.0
    """Seconds from the third request on in which the vendor accepts nothing and a gateway answers HTTP 502."""
    people: int = 0
    """Instead of 5,000, where a tool sends many in a request."""


DOWN = 60.0
MANY = 20_000

SCENES = (
    Scene("nothing", "Nothing goes wrong", "Nothing goes wrong."),
    Scene(
        "dropped",
        "Accepted, then dropped",
        "The third request is accepted; the connection closes without an answer.",
        {"3": "drop"},
    ),
    Scene(
        "502", "HTTP 502 after accepting", "The third request is accepted; a gateway answers HTTP 502.", {"3": "502"}
    ),
    Scene(
        "killed",
        "Killed, and run again",
        "The third request is accepted and not answered; `kill -9` a second later; then the same command again.",
        {"3": "stall"},
        runs=Runs.KILLED_ONCE,
    ),
    Scene(
        "two at once",
        "Two runs at once",
        "The same command, started twice at the same moment.",
        runs=Runs.TWO_AT_ONCE,
        plays=3,
    ),
    Scene(
        "phone twice",
        "The same phone twice",
        f"The table lists {REPEATED} people twice, spelled alike.",
        repeated=REPEATED,
    ),
    Scene(
        "down",
        "The API is down for a minute",
        f"From the third request on nothing is accepted for {DOWN:.0f} seconds; a gateway answers HTTP 502. The table "
        f"has {MANY:,} people. A run that did not report success is run once more when the API is back.",
        down=DOWN,
        people=MANY,
    ),
    Scene(
        "half rejected",
        "HTTP 200 with half rejected",
        "The third request is answered with HTTP 200 and half of it rejected.",
        {"3": "half"},
    ),
)
