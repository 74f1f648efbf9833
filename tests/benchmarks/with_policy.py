# SPDX-License-Identifier: Apache-2.0
"""What a contact policy costs: the clean table with every rule in use, beside the same table without any.

A list of phones on disk, the ledger's own list, countries, hours and a cap, none of which excludes a recipient, so that
the same messages are sent. In turn, each in an empty ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.benchmarks.contender import Job
from tests.benchmarks.people import ROW_GROUP, SEED, phone, table_of
from tests.benchmarks.runner import Figures, Place
from tests.benchmarks.turns import Turns, say
from tests.comparison.page import table

MUST = 1.5
"""The most that its seconds may be, as a multiple of those without a policy."""
OTHERS = 9_000_000
"""The numbers of the people on the lists, and of those with a history, begin there: they are in no table."""
ZONES = ("Asia/Hong_Kong", "Asia/Singapore", "Europe/London")
ONE_TEXT = {"texts": 1, "days": 30}


def policy(listed: int, folder: Path) -> dict[str, Any]:
    """All rules, of which none holds anybody back now."""
    return {
        "suppress": str(opt_outs(listed, folder)),
        "countries": ["HK", "SG", "GB", "GG", "IM", "JE"],
        "time_zone_column": "zone",
        "hours": nearly_always(datetime.now(UTC)),
        "at_most": ONE_TEXT,
    }


def nearly_always(now: datetime) -> list[str]:
    """Hours that are over for one minute of the day, and not soon in Hong Kong, Singapore or Britain."""
    hour = (now.hour - 4) % 24
    return [f"{hour:02}:01", f"{hour:02}:00"]


def opt_outs(listed: int, folder: Path) -> Path:
    """A list of people who are in no table, made if it is not there yet."""
    path = folder / f"opt-outs-{listed}-{SEED}.parquet"
    if not path.exists():
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.table({"phone": [phone(OTHERS + number) for number in range(listed)]}), path)
    return path


def table_with_zones(rows: int, folder: Path) -> Path:
    """The clean table with a column of time zones: some of its numbers are assigned nowhere, so that they have none."""
    path = folder / f"zones-{rows}-{SEED}.parquet"
    if not path.exists():
        import pyarrow as pa
        from pyarrow import parquet

        people = parquet.read_table(table_of(rows, folder))
        zones = pa.array([ZONES[number % len(ZONES)] for number in range(rows)])
        parquet.write_table(people.append_column("zone", zones), path, row_group_size=ROW_GROUP)
    return path


def with_policy(turns: Turns, rows: int, rounds: int, *, listed: int) -> dict[str, Any]:
    """Seconds without and with a policy, for each database."""
    people = table_with_zones(rows, turns.stage.tables)
    rules = policy(listed, turns.stage.tables)
    plays: dict[str, dict[str, list[Figures]]] = {name: {"without": [], "with": []} for name in turns.own}

    def one(name: str, run: str) -> tuple[str, str, Figures]:
        module, contender = turns.who[name]
        with turns.stage.place(contender) as place:
            if run == "with":
                put_on_the_list(place, listed)
            given = rules if run == "with" else None
            job = Job(str(people), "", place.folder, contender.concurrency, place.ledger, policy=given)
            found = turns.stage.measure(contender, module, job, rows)
        say(f"{run} a policy, {name}: {found['seconds']:.2f} s")
        return name, run, found

    wanted = [(name, run) for _ in range(rounds) for name in turns.own for run in ("without", "with")]
    for name, run, found in turns.all((f"{run} a policy, {name}", partial(one, name, run)) for name, run in wanted):
        plays[name][run].append(found)
    for name in turns.own:
        if (multiple := times(plays[name])) is not None:
            say(f"with a policy, {name}: {multiple:.2f} times the seconds without; goal {MUST}")
    return {"rows": rows, "rounds": rounds, "listed": listed, "plays": plays}


def put_on_the_list(place: Place, listed: int) -> None:
    with closing(Ledger(open_engine(place.url))) as ledger:
        phones = (phone(OTHERS + number) for number in range(listed))
        LedgerAdmin(ledger).suppress_import(phones, reason="benchmark", by="benchmark")


def times(plays: dict[str, list[Figures]]) -> float | None:
    """The seconds with a policy as a multiple of those without."""
    if not all(plays.get(run) for run in ("without", "with")):
        return None
    found = {run: median(one["seconds"] for one in plays[run]) for run in ("without", "with")}
    return found["with"] / found["without"]


def page(found: dict[str, Any] | None) -> Iterator[str]:
    """The section of the page."""
    if not found:
        return
    yield "### With a contact policy"
    yield (
        f"{found['rows']:,} rows, no latency, an empty ledger; a list of {found['listed']:,} phones on disk and as "
        "many on the ledger's own, countries, hours and a cap, of which none excludes a recipient. Seconds as a "
        f"multiple of those without a policy, measured in turn; it must be at most {MUST}."
    )
    yield table(
        ["", *found["plays"]],
        [["Times", *("-" if (one := times(plays)) is None else f"{one:.2f}" for plays in found["plays"].values())]],
    )
