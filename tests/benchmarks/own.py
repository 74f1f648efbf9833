# SPDX-License-Identifier: Apache-2.0
"""What is measured of this package alone: messy tables, a ledger with a long history, small tables; and the figures.

Every measurement is a process, as everywhere; what differs is the table, and what was in the ledger before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from tests.benchmarks import documented
from tests.benchmarks.command import list_campaigns
from tests.benchmarks.contender import Job
from tests.benchmarks.messy import CASES, CLEAN, INVALID, Case
from tests.benchmarks.people import table_of
from tests.benchmarks.runner import Figures, Place
from tests.benchmarks.turns import Turns, say

OLD = "history {}"
"""The names of the campaigns that a ledger has been through."""


@dataclass(frozen=True)
class Size:
    """How much of everything is played.

    :param rounds: of messy tables, and of those in a ledger with a history.
    :param messy_rows: of each messy table.
    :param listed: phones on each list of a contact policy.
    :param history: recipients in a ledger with a history.
    :param history_campaigns: the campaigns that they are in, each with the same people.
    :param small: rows of small tables.
    :param small_rounds: processes for each small table.
    :param daily: campaigns in a row, each of the first of the small tables.
    """

    rounds: int = 2
    messy_rows: int = 200_000
    listed: int = 100_000
    history: int = 10_000_000
    history_campaigns: int = 10
    small: tuple[int, ...] = (1_000, 10_000)
    small_rounds: int = 5
    daily: int = 100


SHORT = Size(1, 4_000, 2_000, 20_000, 10, (1_000, 2_000), 1, 5)


# -- messy tables ------------------------------------------------------------------------------------------------------


def messy(turns: Turns, size: Size) -> dict[str, Any]:
    """Every messy table with every database, each time in an empty ledger."""
    plays: dict[str, Any] = {case.name: {} for case in CASES}
    make_tables(turns, size.messy_rows)

    def one(case: Case, name: str) -> tuple[Case, str, dict[str, Figures]]:
        with turns.stage.place(turns.who[name][1]) as place:
            found = {}
            if case.again:
                found["first"] = send(turns, name, place, CLEAN, size.messy_rows)
            found["again" if case.again else "first"] = send(turns, name, place, case, size.messy_rows)
        report(f"{case.title}, {name}", found)
        return case, name, found

    wanted = [(case, name) for _ in range(size.rounds) for case in CASES for name in turns.own]
    measured = turns.all((f"{case.title}, {name}", partial(one, case, name)) for case, name in wanted)
    for case, name, found in measured:
        for run, figures in found.items():
            plays[case.name].setdefault(name, {}).setdefault(run, []).append(figures)
    return {"rows": size.messy_rows, "rounds": size.rounds, "plays": plays}


def make_tables(turns: Turns, rows: int) -> None:
    """All that is to be sent, before two measurements at once need it."""
    for case in CASES:
        case.table(rows, turns.stage.tables)


def send(turns: Turns, name: str, place: Place, case: Case, rows: int, campaign: str = "benchmark") -> Figures:
    """One process that sends a messy table."""
    module, contender = turns.who[name]
    known = CLEAN.table(rows, turns.stage.tables) if case.again else None
    job = Job(
        str(case.table(rows, turns.stage.tables)),
        "",
        place.folder,
        contender.concurrency,
        place.ledger,
        [campaign],
        case.expects(rows),
        case.fails,
    )
    return turns.stage.measure(contender, module, job, case.numbers(rows), known=known)


def report(what: str, found: dict[str, Figures]) -> None:
    say(f"{what}: " + ", ".join(f"{run} {figures['seconds']:.2f} s" for run, figures in found.items()))


# -- a ledger with a history -------------------------------------------------------------------------------------------

EMPTY, LATER = "empty", "history"


def history(turns: Turns, size: Size) -> dict[str, Any]:
    """For each database: a ledger full of other campaigns, which this package itself has sent; and what it costs."""
    make_tables(turns, size.messy_rows)
    table_of(size.history // size.history_campaigns, turns.stage.tables)
    found = {"recipients": size.history, "campaigns": size.history_campaigns, "rows": size.messy_rows}
    measured = turns.all((f"history, {name}", partial(one_history, turns, size, name)) for name in turns.own)
    return {**found, "rounds": size.rounds, "ledgers": dict(measured)}


def one_history(turns: Turns, size: Size, name: str) -> tuple[str, dict[str, Any]]:
    """The history of one database, then in turn the same campaign in an empty ledger and in this one."""
    plays: dict[str, Any] = {}
    with turns.stage.place(turns.who[name][1]) as place:
        made = make_history(turns, size, name, place)
        say(f"history, {name}: {size.history:,} recipients in {made['seconds']:.0f} s")
        for number in range(size.rounds):
            for case in (CLEAN, INVALID):
                with turns.stage.place(turns.who[name][1]) as empty:
                    pair = {EMPTY: send(turns, name, empty, case, size.messy_rows)}
                pair[LATER] = send(turns, name, place, case, size.messy_rows, f"{case.name} {number}")
                report(f"history, {case.title}, {name}", pair)
                for run, figures in pair.items():
                    plays.setdefault(case.name, {}).setdefault(run, []).append(figures)
        listed = list_campaigns_of(turns, name, place, f"{INVALID.name} {size.rounds - 1}", 1)
        queries = documented.ask(place.url, f"{INVALID.name} {size.rounds - 1}")
        for title, seconds in queries.items():
            say(f"history, {name}: {title}: {seconds:.3f} s")
    return name, {"made": made, "plays": plays, "queries": queries, "list": listed}


def make_history(turns: Turns, size: Size, name: str, place: Place) -> Figures:
    module, contender = turns.who[name]
    rows = size.history // size.history_campaigns
    campaigns = [OLD.format(number) for number in range(size.history_campaigns)]
    table = table_of(rows, turns.stage.tables)
    job = Job(str(table), "", place.folder, contender.concurrency, place.ledger, campaigns)
    return turns.stage.measure(contender, module, job, rows * len(campaigns))


# -- small tables ------------------------------------------------------------------------------------------------------


def small(turns: Turns, size: Size) -> dict[str, Any]:
    """For each database: small tables on an existing ledger, each in a process of its own, and daily ones in a row."""
    for rows in size.small:
        table_of(rows, turns.stage.tables)
    measured = turns.all((f"small tables, {name}", partial(one_small, turns, size, name)) for name in turns.own)
    return {"rows": list(size.small), "rounds": size.small_rounds, "daily": size.daily, "ledgers": dict(measured)}


def one_small(turns: Turns, size: Size, name: str) -> tuple[str, dict[str, Any]]:
    contender = turns.who[name][1]
    with turns.stage.place(contender) as place:
        play = partial(play_small, turns, name, place)
        play(size.small[-1], ["before"])
        warm: dict[str, list[Figures]] = {str(rows): [] for rows in size.small}
        cold: list[Figures] = []
        for number in range(size.small_rounds):
            for rows in size.small:
                warm[str(rows)].append(play(rows, [f"{rows} {number}"]))
            cold.append(play(size.small[0], [f"cold {number}"], warm=False))
        daily = play(size.small[0], [f"day {number}" for number in range(size.daily)])
        listed = list_campaigns_of(turns, name, place, f"day {size.daily - 1}", size.small_rounds)
    for what, figures in {**{f"{rows} rows": found for rows, found in warm.items()}, "with imports": cold}.items():
        say(f"{what}, {name}: {median(one['each'][0] for one in figures):.3f} s from execute to return")
    say(f"{size.daily} campaigns in a row, {name}: {sum(daily['each']):.1f} s, the longest {max(daily['each']):.3f} s")
    say(f"airflow-uspeedo list, {name}: {median(one['cpu'] for one in listed):.2f} s of processor time")
    return name, {"warm": warm, "cold": cold, "daily": daily, "list": listed}


def list_campaigns_of(turns: Turns, name: str, place: Place, newest: str, processes: int) -> list[Figures]:
    contender = turns.who[name][1]
    job = Job("", "http://127.0.0.1", place.folder, 1, place.ledger)
    surroundings = turns.stage.surroundings(contender, job)
    return list_campaigns(surroundings, newest, connection=place.ledger is not None, processes=processes)


def play_small(turns: Turns, name: str, place: Place, rows: int, campaigns: list[str], *, warm: bool = True) -> Figures:
    module, contender = turns.who[name]
    table = table_of(rows, turns.stage.tables)
    job = Job(str(table), "", place.folder, contender.concurrency, place.ledger, campaigns, warm=warm)
    return turns.stage.measure(contender, module, job, rows * len(campaigns))
