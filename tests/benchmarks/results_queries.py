# SPDX-License-Identifier: Apache-2.0
"""How long a look at one campaign's results takes in a ledger of many, as somebody else's session sees it.

``python -m tests.benchmarks.results_queries sqlite postgresql mysql --campaigns 50 --rows 100000``

One campaign of each shape is made through the ledger's own verbs; all others are copies of the plain one, by
``INSERT ... SELECT`` with other numbers and keys. The driver's own connection asks, with no setting of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import tempfile
import timeit
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from hashlib import md5
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from airflow_provider_uspeedo.core.keys import KeyMaker, KeySpec, campaign_hash
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient, duplicate_of
from airflow_provider_uspeedo.core.slices import Slice
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.portion import Portion
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.store.records import Answer, Attempt, Request, new_id
from airflow_provider_uspeedo.ledger.store.schema import Tables
from tests.ledger.servers import empty_database, plain_connection

RUNS = 5
CLAIMED_AT_ONCE, IN_A_REQUEST = 30_000, 1_000
COPIED_BY = 1_000
"""The numbers of a copied campaign and its tries are this much higher, once for each copy."""
CONNECTION = "results_queries"
SPEC = KeySpec(columns=None, kinds=(), default_region="HK")
Row = Recipient | BadRow


def table_of(rows: int) -> Iterator[Row]:
    """Of a thousand rows five are invalid and five are duplicates."""
    keys = KeyMaker(SPEC)
    for number in range(1, rows + 1):
        person = number - 7 if number % 200 == 100 else number
        phone, user = f"(852)5{person * 6_180_339 % 10**7:07}", f"customer {person}"
        one = Recipient(number, keys.of_values((phone,)), phone, ("made up",), user, "", "UTA_BENCH_1", "shop")
        if number % 200 == 199:
            yield BadRow(
                number, Status.INVALID, "phone (column 'phone') is empty", "", user, "UTA_BENCH_1", "shop", None
            )
        else:
            yield one if person == number else duplicate_of(one, person)


class Try:
    """One try of a campaign, in requests of a thousand; one recipient in a hundred is rejected."""

    def __init__(self, ledger: Ledger, campaign: str, slice_: str = "1/1") -> None:
        self._ledger, self._slice = ledger, Slice.parse(slice_)
        self._attempt: Attempt = ledger.open_attempt(campaign, SPEC, part="", slice_=self._slice, name=campaign)

    def send(self, rows: int, *, until: int | None = None, answered: bool = True) -> None:
        """Goes through a table of so many rows.

        :param until: dies after this row.
        :param answered: the answers come; else the requests stay unknown.
        """
        read: list[Row] = []
        for row in table_of(until or rows):
            if self._slice.holds(row):
                read.append(row)
            if row.row_number % CLAIMED_AT_ONCE == 0 or row.row_number == (until or rows):
                self._send(read, row.row_number, answered)
                read = []
        if until is None:
            self._ledger.end_attempt(self._attempt, complete=True)

    def _send(self, rows: list[Row], read_to: int, answered: bool) -> None:
        good = [row for row in rows if isinstance(row, Recipient)]
        held = self._ledger.held(self._attempt, [one.key for one in good])
        wanted = [one for one in good if one.key not in held]
        cuts = range(0, len(wanted), IN_A_REQUEST)
        requests = [Request(new_id(), tuple(wanted[at : at + IN_A_REQUEST])) for at in cuts]
        seen = [one for one in good if one.key in held]
        bad = [row for row in rows if isinstance(row, BadRow)]
        for request in self._ledger.claim(self._attempt, Portion(requests, seen, bad, read_to)):
            self._ledger.mark_sending(self._attempt, request.id)
            refused = tuple((one.key, Status.REJECTED, "phone in the black list") for one in request.recipients[::100])
            if answered:
                self._ledger.settle(self._attempt, request.id, Answer("S1", 0, "V1", refused))
            else:
                self._ledger.mark_unknown(
                    self._attempt, request.id, ret_code=None, vendor_request_id="", reason="no answer"
                )


def plain(ledger: Ledger, campaign: str, rows: int) -> None:
    Try(ledger, campaign).send(rows)


def two_tries(ledger: Ledger, campaign: str, rows: int) -> None:
    """The second one read the whole table again, and found everybody texted."""
    plain(ledger, campaign, rows)
    plain(ledger, campaign, rows)


def killed_try(ledger: Ledger, campaign: str, rows: int) -> None:
    """The second one died after a third of the table."""
    plain(ledger, campaign, rows)
    Try(ledger, campaign).send(rows, until=rows // 3)


def slices(ledger: Ledger, campaign: str, rows: int) -> None:
    for number in range(1, 5):
        Try(ledger, campaign, f"{number}/4").send(rows)


def other_slices(ledger: Ledger, campaign: str, rows: int) -> None:
    """Four slices of which two were read again by another number of slices."""
    slices(ledger, campaign, rows)
    for number in (1, 2):
        Try(ledger, campaign, f"{number}/3").send(rows)


def unanswered(ledger: Ledger, campaign: str, rows: int) -> None:
    """Half of it has no answer, and a second try sent the rest."""
    Try(ledger, campaign).send(rows, until=rows // 2, answered=False)
    plain(ledger, campaign, rows)


SHAPES: dict[str, Callable[[Ledger, str, int], None]] = {
    "plain": plain,
    "two tries": two_tries,
    "killed try": killed_try,
    "slices": slices,
    "other slices": other_slices,
    "unanswered": unanswered,
}

MIXED = {
    "sqlite": "mixed({0}, {1})",
    "postgresql": "decode(md5({0} || int8send({1})), 'hex')",
    "mysql": "UNHEX(MD5(CONCAT({0}, {1})))",
}
"""Other bytes for the same ones, for each copy."""
OTHER_BYTES = {"key", "again", "request_id", "id", "proven_request_id", "uuid"}


def copy(ledger: Ledger, campaign: str, number: int, connection: Connection) -> None:
    """One more campaign like ``campaign``, called ``copy <number>``."""
    t, driver = ledger.tables, connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        driver.create_function("mixed", 2, _mixed, deterministic=True)
    numbers = sa.select(t.campaigns.c.campaign_no).where(t.campaigns.c.name == campaign)
    campaign_no = connection.execute(numbers).scalar_one()
    attempts = sa.select(t.attempts.c.attempt_no).where(t.attempts.c.campaign_no == campaign_no)
    requests = sa.select(t.requests.c.id).where(t.requests.c.campaign_no == campaign_no)
    claimed = t.recipients.c.first_row - t.recipients.c.first_row % CLAIMED_AT_ONCE
    tables: list[tuple[sa.Table, Any, tuple[Any, ...]]] = [
        *((table, table.c.campaign_no == campaign_no, ()) for table in (t.campaigns, t.attempts, t.requests)),
        (t.recipients, t.recipients.c.campaign_no == campaign_no, (claimed, sa.text("2"))),
        (t.readings, t.readings.c.attempt_no.in_(attempts), ()),
        (t.outcomes, t.outcomes.c.request_id.in_(requests), (sa.text("1"), sa.text("2"))),
    ]
    for table, here, order in tables:
        values = [_copied(connection.dialect.name, column, number) for column in table.columns]
        rows = sa.select(*values).where(here).order_by(*order)
        connection.execute(sa.insert(table).from_select([column.name for column in table.columns], rows))


def _copied(kind: str, column: Any, number: int) -> Any:
    if column.name in ("campaign_no", "attempt_no", "first_attempt"):
        return column + number * COPIED_BY
    if column.table.name.endswith("campaigns") and column.name in ("name", "name_hash"):
        name = f"copy {number}"
        return sa.literal(name if column.name == "name" else campaign_hash(name))
    # The vendor's id of a request is a text under the same name.
    if column.name in OTHER_BYTES and isinstance(column.type, sa.LargeBinary):
        return sa.literal_column(MIXED[kind].format(f"{column.table.name}.{column.name}", number))
    return column


def _mixed(value: bytes | None, number: int) -> bytes | None:
    return None if value is None else md5(value + number.to_bytes(8, "big"), usedforsecurity=False).digest()


def fill(url: URL, campaigns: int, rows: int, shapes: Sequence[str] = tuple(SHAPES)) -> None:
    """Makes the ledger: one campaign of each shape, and copies of the plain one."""
    with closing(Ledger(open_engine(url))) as ledger:
        ledger.prepare()
        for name in shapes:
            SHAPES[name](ledger, name, rows)
        for number in range(1, campaigns - len(shapes) + 1):
            ledger.database.write(partial(copy, ledger, "plain", number))


def queries(kind: str) -> dict[str, str]:
    """What a person types, by a short name; ``{}`` is the campaign."""
    row_number = "`row_number`" if kind == "mysql" else "row_number"
    here = "FROM uspeedo_results WHERE campaign_id = '{}'"
    return {
        "count by status": f"SELECT status, count(*) {here} GROUP BY status",
        "rejected": f"SELECT * {here} AND status = 'rejected'",
        "first page": f"SELECT * {here} AND status IN ('unknown', 'rejected') ORDER BY {row_number} LIMIT 100",
    }


def ask(url: URL, shapes: Sequence[str] = tuple(SHAPES), of: str = "plain") -> dict[str, float]:
    """Medians in seconds, by question."""
    asked = queries(url.get_backend_name())
    found = {name: _foreign(url, query.format(of)) for name, query in asked.items()}
    for shape in shapes:
        found[f"count by status: {shape}"] = _foreign(url, asked["count by status"].format(shape))
    found["get_results_df, rejected and unknown"] = _timed(
        lambda: USpeedoHook().get_results_df(of, CONNECTION, statuses=["rejected", "unknown"])
    )
    found["show"] = _timed(lambda: _show(url, of))
    return found


def _foreign(url: URL, query: str) -> float:
    with closing(plain_connection(url)) as connection:
        cursor = connection.cursor()
        return _timed(lambda: (cursor.execute(query), cursor.fetchall()))


def _timed(run: Callable[[], object]) -> float:
    return median(timeit.repeat(run, number=1, repeat=RUNS))


def _show(url: URL, campaign: str) -> None:
    with closing(Ledger(open_engine(url))) as ledger:
        LedgerAdmin(ledger).show(campaign)


@contextmanager
def _as_airflow_connection(url: URL) -> Iterator[None]:
    kind = url.get_backend_name()
    fields: dict[str, Any] = {"conn_type": "postgres" if kind == "postgresql" else kind}
    if kind == "sqlite":
        fields["host"] = url.database
    else:
        fields |= {"host": url.host, "port": url.port, "login": url.username, "password": url.password or ""}
        fields["schema"] = url.database
    with mock.patch.dict(os.environ, {f"AIRFLOW_CONN_{CONNECTION.upper()}": json.dumps(fields)}):
        yield


def measure(
    database: str, campaigns: int, rows: int, *, analyzed: bool = False, shapes: Sequence[str] = tuple(SHAPES)
) -> dict[str, float]:
    """Seconds by question, in a new ledger of so many campaigns with so many rows each.

    :param database: ``sqlite``, ``postgresql`` or ``mysql``.
    :param shapes: the campaigns that are not copies, ``plain`` among them if there are copies.
    :param analyzed: the database is told to look at its tables; else it has done so only if it does by itself.
    """
    with tempfile.TemporaryDirectory() as folder, empty_database(database, Path(folder)) as url:
        fill(url, campaigns, rows, shapes)
        if analyzed:
            analyze(url)
        with _as_airflow_connection(url):
            return ask(url, shapes, "copy 1" if campaigns > len(shapes) else shapes[0])


def analyze(url: URL) -> None:
    """Gives the planner its statistics."""
    tables = ", ".join(table.name for table in Tables().metadata.sorted_tables)
    with closing(plain_connection(url)) as connection:
        connection.cursor().execute(f"ANALYZE TABLE {tables}" if url.get_backend_name() == "mysql" else "ANALYZE")
        connection.commit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("databases", nargs="+", choices=sorted(MIXED))
    parser.add_argument("--campaigns", type=int, default=50)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--analyzed", action="store_true", help="with statistics that were made on purpose")
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    given = parser.parse_args()
    how = {"analyzed": given.analyzed, "shapes": given.shapes}
    found = {one: measure(one, given.campaigns, given.rows, **how) for one in given.databases}
    print(f"{given.campaigns} campaigns of {given.rows:,} rows, median of {RUNS} in seconds")
    print(f"{'':40}" + "".join(f"{one:>12}" for one in found))
    for question in next(iter(found.values())):
        print(f"{question:40}" + "".join(f"{found[one][question]:12.3f}" for one in found))


if __name__ == "__main__":
    main()
