# SPDX-License-Identifier: Apache-2.0
"""One DAG run of Airflow's own, with a task for every kind of table and every way to end."""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.server import running
from tests.airflow.conftest import SECRET, connection_to
from tests.airflow.dag_runs import DagRuns, bytes_of
from tests.airflow.people import People, Row, phones, write
from tests.leaks import leaks

WRONG_SECRET = "another-canary-secret"
COUNTS = ("accepted", "rejected", "invalid", "duplicate", "unknown", "not_sent")


@dataclass(frozen=True)
class Battery:
    """The run.

    :param people: everybody of whom nothing may be seen outside the ledger; not those whom a task pushed itself.
    :param accepted: the phones in the sandbox's journal.
    """

    home: Path
    runs: DagRuns
    people: list[Row]
    accepted: list[str]
    states: dict[str, tuple[str, int]]
    summaries: dict[str, Any]

    def counts(self, task_id: str) -> dict[str, int]:
        return {name: self.summaries[task_id][name] for name in COUNTS if self.summaries[task_id][name]}


@pytest.fixture(scope="module")
def battery(airflow_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Battery:
    folder = tmp_path_factory.mktemp("battery")
    hidden = write_tables(folder)
    with running(access_key_secret=SECRET) as rich, running(access_key_secret=SECRET) as poor:
        poor.fault(
            "ret_code", code=18013, message=f"no money for {hidden[-1]['phone']} and +{digits(hidden[-2])}", at=2
        )
        runs = DagRuns(airflow_home)
        runs.test(
            "battery",
            BATTERY=str(folder),
            AIRFLOW_CONN_USPEEDO_DEFAULT=connection_to(rich.url),
            AIRFLOW_CONN_POOR=connection_to(poor.url),
            AIRFLOW_CONN_WRONG_KEY=connection_to(rich.url, secret=WRONG_SECRET),
        )
        accepted = [entry.phone for sandbox in (rich, poor) for entry in sandbox.journal()]
    return Battery(airflow_home, runs, hidden, accepted, runs.states("battery"), runs.xcoms("battery"))


def write_tables(folder: Path) -> list[Row]:
    """The tables of the battery; returns the people who must not be seen."""
    canaries, pushed = People(name="Canary-Quokka", first=5801), People(name="Pushed", first=8801)
    many = [
        canaries.table(folder / f"{name}.parquet", 4, ending="57316") for name in ("by_value", "wrong_key", "nobody")
    ]
    parts = canaries(6, ending="57316")
    many += [write(folder / "parts" / f"{n}.parquet", parts[2 * n : 2 * n + 3]) for n in range(3)]
    rejected, broken = (
        canaries(1, ending="99991"),
        [{**canaries(1)[0], "amount": None}, {**canaries(1)[0], "phone": "8613571-Quokka"}],
    )
    good = canaries(2, ending="57316")
    many.append(write(folder / "mixed.parquet", [*good, *rejected, *broken, good[0]]))
    many.append(write(folder / "sliced.parquet", [*(people := canaries(30, ending="57316")), *broken, *people[:4]]))
    for name in ("braked", "canary"):
        rows = [*canaries(3, ending="99991"), *canaries(27, ending="57316")]
        many.append(write(folder / f"{name}.parquet", rows))
    many.append(canaries.table(folder / "lost.parquet", 1, ending="99998"))
    many.append(canaries.table(folder / "topped_up.parquet", 6, ending="57316"))
    for name in ("rows_of_a_task", "frame_of_a_task"):
        pushed.table(folder / f"{name}.parquet", 2)
    write_empty(folder / "empty.parquet")
    return [row for rows in many for row in rows]


def write_empty(path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    names = ("customer", "phone", "name", "amount")
    parquet.write_table(pa.schema([(name, pa.string()) for name in names]).empty_table(), path)


def test_every_kind_of_table_is_texted(battery: Battery) -> None:
    """A file, a frame, a list, and what another task returns; a duplicate within a table is texted once."""
    assert {
        name: battery.counts(name) for name in ("a_frame", "a_list", "rows_of_a_task", "frame_of_a_task", "mixed")
    } == {
        "a_frame": {"accepted": 4},
        "a_list": {"accepted": 4},
        "rows_of_a_task": {"accepted": 2},
        "frame_of_a_task": {"accepted": 2},
        "mixed": {"accepted": 2, "rejected": 1, "invalid": 2, "duplicate": 1},
    }


def test_an_empty_table_is_a_success_with_zero_rows(battery: Battery) -> None:
    """Nothing to do is done."""
    assert (battery.states["empty"], battery.summaries["empty"]["rows"]) == (("success", 1), 0)


def test_mapped_tasks_share_one_campaign(battery: Battery) -> None:
    """Three files with overlapping people: everybody is texted once, whichever instance came first."""
    mapped = battery.summaries["mapped"]
    assert len({summary["campaign_id"] for summary in mapped}) == 1
    assert [summary["rows"] for summary in mapped] == [3, 3, 2]
    assert [summary["accepted"] for summary in mapped] == [3, 3, 2]
    assert sum(summary["accepted_now"] for summary in mapped) == 6


def test_slices_of_one_table_add_up_to_it(battery: Battery) -> None:
    """Every row is in one slice, and duplicates meet: each person is texted once."""
    sliced = battery.summaries["sliced"]
    totals = {name: sum(summary[name] for summary in sliced) for name in COUNTS}
    assert {name: total for name, total in totals.items() if total} == {"accepted": 30, "invalid": 2, "duplicate": 4}
    assert all(summary["accepted"] for summary in sliced)


def test_a_halted_campaign_is_not_resumed_by_a_retry(battery: Battery) -> None:
    """Too many rejected, or a canary that did not pass: it needs a decision first."""
    assert {name: battery.states[name] for name in ("braked", "canary")} == dict.fromkeys(
        ("braked", "canary"), ("failed", 1)
    )
    assert battery.counts("braked") == {"accepted": 27, "rejected": 3}
    assert battery.counts("canary") == {"accepted": 2, "rejected": 3, "not_sent": 25}


def test_a_task_downstream_gets_sessions_and_failures(battery: Battery) -> None:
    """``output["session_nos"]`` and ``output["failures"]`` are XComs like any other."""
    assert battery.summaries["count"] == [1, 3]


def test_what_a_retry_can_mend_is_retried(battery: Battery) -> None:
    """A late table and an empty account use up their attempts; a top-up ends in success."""
    assert {name: battery.states[name] for name in ("missing", "topped_up")} == {
        "missing": ("failed", 2),
        "topped_up": ("success", 2),
    }
    assert (battery.counts("topped_up"), battery.summaries["topped_up"]["accepted_now"]) == ({"accepted": 6}, 5)


def test_what_no_retry_can_mend_is_not_retried(battery: Battery) -> None:
    """A lost answer, nobody to text, a wrong key and a misspelt column fail at once, retries or not."""
    names = ("lost", "nobody", "wrong_key", "wrong_column")
    assert {name: battery.states[name] for name in names} == dict.fromkeys(names, ("failed", 1))


def test_a_failed_task_has_left_its_summary(battery: Battery) -> None:
    """The counts, the sessions and the failures are there before the task fails."""
    failures = battery.runs.xcoms("battery", "failures")
    assert battery.counts("lost") == {"unknown": 1}
    assert battery.counts("nobody") == {"invalid": 4}
    assert [len(failures[name]) for name in ("lost", "nobody")] == [1, 4]


def test_no_recipient_was_texted_twice_in_one_campaign(battery: Battery) -> None:
    """By the sandbox's journal; the frame and the list hold the same people in two campaigns."""
    times = Counter(battery.accepted)
    assert {phone for phone, number in times.items() if number == 2} == set(phones(battery.people[:4]))
    assert max(times.values()) == 2


def test_rendered_fields_say_only_how_many(battery: Battery) -> None:
    """Airflow stores and shows the argument of every task; rows given by value are shown as their number."""
    rendered = battery.runs.rendered("battery")
    names = ("a_frame", "a_list", "rows_of_a_task", "frame_of_a_task")
    assert [rendered[name]["recipients"] for name in names] == ["<4 recipients>"] * 2 + ["<2 recipients>"] * 2


def test_nothing_under_airflow_home_shows_a_phone_a_parameter_or_a_secret(battery: Battery) -> None:
    """Every file, and every cell of Airflow's database, also compressed ones; only the ledger is left out."""
    words = [word.encode() for word in ("Quokka", SECRET, WRONG_SECRET)]
    people = [row["phone"] for row in battery.people if len(digits(row)) > 8]
    shown = [
        f"{place}: {found}"
        for place, text in everything(battery.home)
        for found in (*leaks(text, *people), *(word for word in words if word in text))
    ]
    assert shown[:20] == []


def test_the_search_finds_what_is_there(battery: Battery) -> None:
    """The rows that a task pushed itself are in Airflow's database: the search would have seen others too."""
    assert any(leaks(text, *phones(People(first=8801)(1))) for _, text in everything(battery.home))


def digits(row: Row) -> str:
    return re.sub(r"\D", "", row["phone"])


def everything(home: Path) -> Iterator[tuple[str, bytes]]:
    """All bytes under AIRFLOW_HOME that are not the ledger's, and every cell of Airflow's database."""
    for path in sorted(home.rglob("*")):
        if path.is_file() and not path.name.startswith("uspeedo_ledger.db"):
            # Airflow 3.0 itself prints each secret that it is going to mask.
            yield str(path), re.sub(rb"MaskSecret\(value=.*", b"", bytes_of(path))
    with closing(sqlite3.connect(home / "airflow.db")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for number, row in enumerate(connection.execute(f"SELECT * FROM {table}")):
                yield from ((f"{table}, row {number}", text) for cell in row for text in texts(cell))


def texts(cell: Any) -> Iterator[bytes]:
    """A cell as it is, decompressed, and with JSON's escapes undone."""
    raw = cell if isinstance(cell, bytes) else str(cell).encode()
    yield raw
    if isinstance(cell, bytes):
        with suppress(zlib.error):
            yield zlib.decompress(cell)
    with suppress(UnicodeDecodeError):
        yield raw.decode("unicode_escape").encode()
