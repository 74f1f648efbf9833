# SPDX-License-Identifier: Apache-2.0
"""One run of the storm: several tasks and a person at once, then calm, then the truth.

A seed makes the same draws: tables, slices, faults and where they strike, the person's intentions. Which thread comes
first is the machine's affair, so the same seed may go another way.
"""

from __future__ import annotations

import faulthandler
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from tests.chaos.storm.attempts import Draws, Ended, draw, run_attempt
from tests.chaos.storm.databases import StormDatabase
from tests.chaos.storm.journal import Journal
from tests.chaos.storm.person import StormPerson
from tests.chaos.storm.tables import World, draw_world
from tests.chaos.storm.vendor import StormVendor
from tests.chaos.storm.verdict import Complaint, Verdict

MAX_SECONDS = 120.0
"""Seconds after which the tasks of a storm count as stuck."""
MAX_ROUNDS = 8


@dataclass
class StormRun:
    """What one run came to."""

    seed: str
    complaints: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """What happened in it, by kind: a storm in which nothing happens shows nothing."""


def play(seed: str, database: StormDatabase, campaign: str) -> StormRun:
    """Plays one run and judges it."""
    journal = Journal()
    with journal.clock.set_for_all():
        return _play(seed, database, campaign, journal)


def _play(seed: str, database: StormDatabase, campaign: str, journal: Journal) -> StormRun:
    chance = random.Random(seed)
    world = draw_world(chance)
    lies = not world.by_who and chance.random() < 0.4
    run = StormRun(seed)
    vendor = StormVendor(journal)
    person = StormPerson(campaign, database, vendor, journal, lies=lies)
    ended: list[Ended] = []

    def attempt(name: str, draws: Draws) -> Ended:
        threading.Event().wait(draws.delay)
        done = run_attempt(name, draws, world, campaign, database, vendor, journal)
        ended.append(done)
        return done

    tasks = draw_tasks(chance, world)
    blow(tasks, attempt, lambda over: person.act(random.Random(f"{seed} person"), over), run)
    vendor.deliver_late_ones()
    person.resume()
    last = calm_down(attempt, person, chance)
    if len(tasks) > 1:
        meet_unchanged(attempt, chance, world)
        last = attempt("the last", Draws(0))
    verdict = Verdict(journal, database.url, campaign, world, ended, last)
    run.complaints += list(told(verdict.complaints(), journal))
    run.counts = happened(journal)
    return run


def draw_tasks(chance: random.Random, world: World) -> list[list[Draws]]:
    """Each task is tried some times, one after the other; the tasks run at once."""
    slices = chance.choice((1, 1, 1, 2, 3))
    return [
        [draw(chance, world, slices) for _ in range(chance.choice((1, 2, 3)))] for _ in range(chance.choice((2, 3, 4)))
    ]


def blow(
    tasks: Sequence[Sequence[Draws]],
    attempt: Callable[[str, Draws], Ended],
    act: Callable[[threading.Event], None],
    run: StormRun,
) -> None:
    """All tasks at once, and the person."""

    def task(number: int, tries: Sequence[Draws]) -> None:
        for n, draws in enumerate(tries, 1):
            attempt(f"task {number} try {n}", draws)

    over = threading.Event()
    with ThreadPoolExecutor(len(tasks) + 1, thread_name_prefix="storm") as threads:
        running = [threads.submit(task, number, tries) for number, tries in enumerate(tasks, 1)]
        acting = threads.submit(act, over)
        if wait(running, MAX_SECONDS).not_done:
            faulthandler.dump_traceback(all_threads=True)
            run.complaints.append(f"after {MAX_SECONDS:.0f} s a task still runs")
        over.set()
        for one in (*running, acting):
            one.result()


def calm_down(attempt: Callable[[str, Draws], Ended], person: StormPerson, chance: random.Random) -> Ended:
    """Attempts without trouble, and a person who knows, until there is nothing left to do; the last attempt."""
    for number in range(1, MAX_ROUNDS + 1):
        last = attempt(f"calm {number}", Draws(0, chunk_size=chance.choice((5, 20)), concurrency=1))
        if not person.tell_the_truth() and last.report is not None and not last.report.summary["not_sent"]:
            break
    return last


class Meeting:
    """One attempt is about to share the rows of an earlier one when another attempt claims, ends, and replaces them."""

    def __init__(self, gap: float) -> None:
        self._gap = gap
        self._shares = threading.Event()

    def sharing(self, what: str) -> None:
        if what == "share":
            self._shares.set()

    def replacing(self, what: str) -> None:
        if what != "share" and self._shares.wait(0.5):
            time.sleep(self._gap)


def meet_unchanged(attempt: Callable[[str, Draws], Ended], chance: random.Random, world: World) -> None:
    """Attempts that find their table unchanged, while one with another table ends and deletes what it replaces."""
    meeting = Meeting(chance.choice((0.0, 0.0, 0.002, 0.01)))
    other = chance.choice((-1, -1, -2)) % len(world.versions)
    draws = [Draws(other, meets=meeting.replacing), Draws(0, meets=meeting.sharing), Draws(0, meets=meeting.sharing)]
    with ThreadPoolExecutor(len(draws)) as threads:
        done = [threads.submit(attempt, f"meeting {number}", one) for number, one in enumerate(draws, 1)]
        for one in done:
            one.result()


def told(complaints: Iterator[Complaint], journal: Journal) -> Iterator[str]:
    """Complaints as text; the first ones with the history of the person concerned."""
    shown: set[str] = set()
    for number, complaint in enumerate(complaints):
        if number == 20:
            yield "and more"
            return
        text = complaint.text
        if complaint.person and complaint.person not in shown and len(shown) < 2:
            shown.add(complaint.person)
            text += "\n  what happened to that person:\n    " + "\n    ".join(journal.history(complaint.person))
        yield text


def happened(journal: Journal) -> Counter[str]:
    """How often what happened; without the reasons."""
    counts = Counter(re.sub(r"(is over: \w+|, of \d+|version).*", r"\1", event.what) for event in journal.events)
    counts.update(event.about["answer"] for event in journal.events if event.what == "arrives at the vendor")
    counts["texts"] = sum(map(len, journal.texts.values()))
    return counts
