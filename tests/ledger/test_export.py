# SPDX-License-Identifier: Apache-2.0
"""An export holds what the results relation shows, typed and in order, and tells no phone unless it is asked to."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError, LedgerUnavailable
from airflow_provider_uspeedo.ledger.admin import export_admin, results_snapshot
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.admin.results_schema import RESULTS_SCHEMA
from airflow_provider_uspeedo.ledger.admin.suppressions import Suppressions
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS
from airflow_provider_uspeedo.ledger.store.records import Answer
from airflow_provider_uspeedo.tables.whole_file import open_whole_file
from tests.ledger.acting import OpenLedger, Try, duplicate, invalid, key_of, people
from tests.ledger.test_overview import a_try_with_everything

ROOT = Path(__file__).parents[2]
TIMES = ("claimed_at", "settled_at", "receipt_at")


@pytest.fixture(autouse=True)
def few_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few rows are several portions, and several row groups."""
    monkeypatch.setattr(results_snapshot, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(export_admin, "ROW_GROUP", 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.parquet"


def export(ledger: Ledger, campaign: str, path: Any, **how: Any) -> Any:
    return LedgerAdmin(ledger, open_whole_file).export(campaign, path, **how)


def exported(ledger: Ledger, campaign: str, path: Path, phones: str = "plain") -> list[dict[str, Any]]:
    """The rows of an export, read back by pyarrow."""
    export(ledger, campaign, path, phones=phones)
    return pq.read_table(path).to_pylist()


def shown(ledger: Ledger, campaign: str) -> list[tuple[Any, ...]]:
    """The rows of the results relation; their times aware."""
    rows = [row for portion in ledger.results(campaign) for row in portion]
    aware = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    for row in aware:
        row.update({name: row[name] and row[name].replace(tzinfo=UTC) for name in TIMES})
    return [tuple(row.values()) for row in aware]


def quoting(ledger: Ledger, campaign: str) -> str:
    """A campaign whose texts quote phones: of a rejected recipient, an invalid row and user ids. Returns the phone."""
    one = Try(ledger, campaign)
    (person,) = people("q")
    digits = person.phone.replace("(", "").replace(")", "")
    quoting_id = person._replace(user_id=f"+{digits}")
    bad = invalid(2)._replace(phone=f"call {digits} please", user_id=digits)
    (request,) = one.claim([quoting_id, bad, duplicate(3, 1, "q")._replace(user_id=digits)])
    one.mark(request)
    answer = Answer("S1", 0, "V1", ((key_of("q"), "rejected", f"{person.phone}, 0{digits[3:]} is in the black list"),))
    ledger.settle(one.attempt, request.id, answer)
    one.end()
    return person.phone


def spellings(phone: str) -> list[bytes]:
    """Every way in which the phone, or a hash that anybody can make of it, may be written."""
    code, national = phone[1:].split(")")
    written = [
        national,
        phone,
        f"+{code}{national}",
        f"{code}{national}",
        f"0{national}",
        f"{national[:4]} {national[4:]}",
    ]
    hashes = [getattr(hashlib, name)(one.encode()).hexdigest() for one in written for name in ("sha256", "md5", "sha1")]
    return [one.encode() for one in (*written, *hashes)]


# -- what is in it ----------------------------------------------------------------------------------------------


def test_every_row_of_the_relation_is_there_in_order(ledger: Ledger, campaign: str, path: Path) -> None:
    """All statuses, rows that another attempt read, recipients that left the table; pyarrow and DuckDB agree."""
    a_try_with_everything(ledger, campaign).end()
    again = Try(ledger, campaign)
    again.text([*people("bcd"), *people("xyz", 4)])
    rows = [tuple(row.values()) for row in exported(ledger, campaign, path)]
    expected = shown(ledger, campaign)
    assert sorted(rows, key=str) == sorted(expected, key=str)
    numbers = [row[1] for row in rows]
    assert numbers == sorted(numbers, key=lambda number: (number is None, number or 0))
    assert None in numbers
    by_duckdb = duckdb.sql(
        f"SELECT * REPLACE ({', '.join(f'epoch_us({name}) AS {name}' for name in TIMES)}) FROM '{path}'"
    )
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    as_numbers = [
        tuple((value - epoch) // timedelta(microseconds=1) if isinstance(value, datetime) else value for value in row)
        for row in rows
    ]
    assert by_duckdb.fetchall() == as_numbers


def test_the_schema_is_the_same_whatever_is_in_it(ledger: Ledger, campaign: str, path: Path) -> None:
    """Types, nullability, UTC; and metadata that say what the file is."""
    a_try_with_everything(ledger, campaign)
    done = export(ledger, campaign, path, phones="plain")
    schema = pq.read_schema(path)
    assert schema.equals(RESULTS_SCHEMA)
    assert schema.names == list(COLUMNS)
    assert schema.field("settled_at").type == pa.timestamp("us", tz="UTC")
    assert [field.name for field in schema if not field.nullable] == ["campaign_id", "status"]
    about = {name.decode(): value.decode() for name, value in schema.metadata.items()}
    assert about["uspeedo.schema_version"] == "1"
    assert about["uspeedo.campaign_id"] == campaign
    assert about["uspeedo.phones"] == "plain"
    assert about["uspeedo.exported_at"] == done.exported_at.isoformat()
    assert about["uspeedo.open_attempts"] == "1"


def test_a_campaign_without_rows_is_a_file_without_rows(ledger: Ledger, campaign: str, path: Path) -> None:
    """With the same schema, so that whatever follows works."""
    Try(ledger, campaign).text([])
    done = export(ledger, campaign, path)
    assert (done.rows, done.counts) == (0, dict.fromkeys(STATUSES, 0))
    assert pq.read_table(path).num_rows == 0
    assert pq.read_schema(path).equals(RESULTS_SCHEMA)


def test_what_is_reported_is_what_is_in_the_file(ledger: Ledger, campaign: str, path: Path) -> None:
    """Rows, rows by status, bytes; and that the campaign was still running."""
    one = a_try_with_everything(ledger, campaign)
    done = export(ledger, campaign, path, phones="masked")
    assert (done.rows, done.size, done.path) == (9, path.stat().st_size, str(path))
    assert {status: rows for status, rows in done.counts.items() if rows} == {
        "accepted": 2, "rejected": 1, "invalid": 1, "duplicate": 1, "unknown": 3, "not_sent": 1,
    }  # fmt: skip
    assert done.open_attempts == 1
    assert abs(datetime.now(UTC) - done.exported_at) < timedelta(minutes=1)
    one.end()
    assert export(ledger, campaign, path).open_attempts == 0


def test_times_on_disk_are_those_of_the_ledger(ledger: Ledger, campaign: str, path: Path) -> None:
    """To the microsecond, in UTC."""
    Try(ledger, campaign).text(people("ab"))
    (first, _) = exported(ledger, campaign, path)
    assert abs(datetime.now(UTC) - first["settled_at"]) < timedelta(minutes=1)
    assert first["settled_at"].utcoffset() == timedelta(0)


def test_other_campaigns_are_not_in_it(ledger: Ledger, campaign: str, path: Path) -> None:
    """Nor what the file held before."""
    Try(ledger, campaign).text(people("abc"))
    Try(ledger, f"{campaign} other").text(people("de"))
    assert len(exported(ledger, campaign, path)) == 3
    assert {row["campaign_id"] for row in exported(ledger, f"{campaign} other", path)} == {f"{campaign} other"}


def test_what_is_written_while_it_is_read_is_not_in_it(
    ledger: Ledger, open_ledger: OpenLedger, campaign: str, path: Path
) -> None:
    """One moment: an attempt that goes on beside it changes nothing that is exported."""
    one = Try(ledger, campaign)
    requests = one.claim(people("abcdefgh"), size=2)
    one.send(requests[0])
    reader = open_ledger()
    with results_snapshot.open_results_snapshot(reader, campaign) as snapshot:
        found = list(next(snapshot.portions)["status"])
        for request in requests[1:]:
            one.send(request)
        found += [status for portion in snapshot.portions for status in portion["status"]]
    assert found == ["accepted"] * 2 + ["not_sent"] * 6
    assert {row["status"] for row in exported(ledger, campaign, path)} == {"accepted"}


# -- phones -----------------------------------------------------------------------------------------------------


def test_plain_phones_are_those_of_the_relation(ledger: Ledger, campaign: str, path: Path) -> None:
    """With the vendor's words unmasked, as the relation has them."""
    phone = quoting(ledger, campaign)
    rows = [tuple(row.values()) for row in exported(ledger, campaign, path)]
    assert rows == sorted(shown(ledger, campaign), key=lambda row: row[1])
    assert phone.encode() in path.read_bytes()


@pytest.mark.parametrize("phones", ["masked", "hashed"])
def test_no_phone_is_anywhere_in_the_file(ledger: Ledger, campaign: str, path: Path, phones: str) -> None:
    """Not as a cell, in a text of the vendor, as a user id, in statistics of columns, as a hash that can be tried."""
    phone = quoting(ledger, campaign)
    rows = exported(ledger, campaign, path, phones)
    in_clear = path.read_bytes()  # small values are not compressed away: checked with plain phones above
    in_cells = json.dumps([pq.read_metadata(path).to_dict(), rows], default=str).encode()
    keys = [row[2].encode() for row in shown(ledger, campaign) if row[2]]
    assert keys
    for spelling in (*spellings(phone), *keys):
        assert spelling not in in_clear
        assert spelling not in in_cells


def test_masked_phones_show_a_country_and_an_end(ledger: Ledger, campaign: str, path: Path) -> None:
    """And reasons that are this package's own are not touched."""
    phone = quoting(ledger, campaign)
    first, bad, second = exported(ledger, campaign, path, "masked")
    end = phone[-4:]
    assert [row["phone"] for row in (first, bad, second)] == [f"(852)****{end}", f"****{end}", f"(852)****{end}"]
    assert [row["user_id"] for row in (first, bad, second)] == [f"****{end}"] * 3
    assert first["reason"].endswith("is in the black list")
    assert second["reason"] == "same recipient as row 1"
    assert (first["session_no"], first["request_id"], first["template_id"]) == ("S1", "V1", "UTA1")


def test_hashes_join_exports_and_nothing_else(ledger: Ledger, campaign: str, path: Path) -> None:
    """The same phone in two campaigns, and twice in one; not the suppression list, not the recipient keys."""
    phone = quoting(ledger, campaign)
    other = f"{campaign} other"
    Try(ledger, other).text(people("qr"))
    first, bad, second = exported(ledger, campaign, path, "hashed")
    same, stranger = exported(ledger, other, path, "hashed")
    assert first["phone"] == second["phone"] == same["phone"] != stranger["phone"]
    assert bad["phone"] not in (first["phone"], "")
    assert len(bytes.fromhex(first["phone"])) == 32
    listed = Suppressions(ledger).hasher().of(phone).hex()
    assert listed not in (first["phone"], first["recipient_key"])
    assert first["recipient_key"] == second["recipient_key"] != same["recipient_key"]
    masked = exported(ledger, campaign, path, "masked")
    assert masked[0]["recipient_key"] == first["recipient_key"]
    assert first["recipient_key"] != first["phone"]


def test_another_ledger_makes_other_hashes(
    ledger: Ledger, open_ledger: OpenLedger, empty_url: Any, campaign: str, path: Path
) -> None:
    """Its key is its own."""
    another = open_ledger(empty_url)
    another.prepare()
    hashes = []
    for one in (ledger, another):
        Try(one, campaign).text(people("a"))
        hashes.append(exported(one, campaign, path, "hashed")[0]["phone"])
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize("phones", ["plain", "masked", "hashed"])
def test_a_forgotten_phone_is_empty(ledger: Ledger, campaign: str, path: Path, phones: str) -> None:
    """In every form: a hash of nothing would look like a phone."""
    phone = quoting(ledger, campaign)
    LedgerAdmin(ledger).forget(phone)
    rows = exported(ledger, campaign, path, phones)
    assert [(row["phone"], row["user_id"]) for row in rows] == [("", "")] * 3
    if phones != "hashed":
        assert phone[5:].encode() not in path.read_bytes()


@pytest.mark.parametrize("phones", ["Plain", "", "sha256", None, 1])
def test_another_form_of_phones_is_refused(ledger: Ledger, campaign: str, path: Path, phones: Any) -> None:
    """A typing error must not decide what is shown."""
    Try(ledger, campaign).text(people("a"))
    with pytest.raises(ConfigurationError, match="phones must be one of plain, masked, hashed"):
        export(ledger, campaign, path, phones=phones)
    assert not path.exists()


# -- what cannot be exported ------------------------------------------------------------------------------------


def test_an_unknown_campaign_leaves_the_file_that_is_there(ledger: Ledger, campaign: str, path: Path) -> None:
    """With a hint."""
    path.write_bytes(b"of an earlier attempt")
    Try(ledger, campaign).text(people("a"))
    with pytest.raises(ConfigurationError, match=r"There is no campaign .*Did you mean"):
        export(ledger, f"{campaign}x", path)
    assert path.read_bytes() == b"of an earlier attempt"
    assert list(path.parent.iterdir()) == [path]


def test_a_pruned_campaign_is_refused_and_leaves_the_file(
    open_ledger: OpenLedger, empty_url: Any, campaign: str, path: Path
) -> None:
    """An empty file must not replace the only record."""
    ledger = open_ledger(empty_url)
    ledger.prepare()
    Try(ledger, campaign).text(people("abc"))
    exported(ledger, campaign, path)
    LedgerAdmin(ledger).prune(older_than=timedelta(0))
    with pytest.raises(CampaignHalted, match=r"pruned at .* nothing left to export") as caught:
        export(ledger, campaign, path)
    assert caught.value.section == "campaign-pruned"
    assert pq.read_table(path).num_rows == 3


def test_where_there_is_no_ledger_nothing_is_made(open_ledger: OpenLedger, empty_url: Any, path: Path) -> None:
    """Neither a file nor a ledger."""
    ledger = open_ledger(empty_url)
    with pytest.raises(ConfigurationError, match="There is no ledger here yet"):
        export(ledger, "c", path)
    assert not ledger.exists()
    assert not path.exists()


def test_a_database_that_fails_in_the_middle_leaves_the_earlier_file(
    ledger: Ledger, campaign: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows were written already; the file under the path is still the one before."""
    Try(ledger, campaign).text(people("abcdefgh"))
    path.write_bytes(b"of an earlier attempt")
    batch_of, calls = export_admin.batch_of, []

    def fail(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 3:
            raise LedgerUnavailable("the server has gone")
        return batch_of(*given)

    monkeypatch.setattr(export_admin, "batch_of", fail)
    with pytest.raises(LedgerUnavailable):
        export(ledger, campaign, path)
    assert path.read_bytes() == b"of an earlier attempt"
    assert list(path.parent.iterdir()) == [path]


DIES = """
import os, resource, signal, sys
from airflow_provider_uspeedo.errors import DestinationUnavailable
from airflow_provider_uspeedo.ledger.admin import export_admin, results_snapshot
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.tables.whole_file import open_whole_file

how, url, campaign, path = sys.argv[1:]
results_snapshot.ROWS_AT_ONCE = export_admin.ROW_GROUP = 4
batch_of, calls = export_admin.batch_of, []

def dying(*given):
    calls.append(given)
    if len(calls) == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return batch_of(*given)

with LedgerAdmin(LedgerQueries(open_engine(url)), open_whole_file) as admin:
    admin.list_campaigns()
    if how == "killed":
        export_admin.batch_of = dying
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
    try:
        admin.export(campaign, path)
    except DestinationUnavailable as error:
        print(error)
"""


@pytest.mark.parametrize("how", ["killed", "full"])
def test_an_export_that_dies_leaves_the_earlier_file(
    ledger: Ledger, url: Any, campaign: str, path: Path, how: str
) -> None:
    """By kill -9 in the middle, or a disk that is full; the next one writes the whole file and clears up."""
    Try(ledger, campaign).text(people([f"n{number}" for number in range(120)]))
    path.write_bytes(b"of an earlier attempt")
    given = [how, url.render_as_string(hide_password=False), campaign, str(path)]
    done = subprocess.run([sys.executable, "-c", DIES, *given], cwd=ROOT, capture_output=True, text=True, check=False)
    assert path.read_bytes() == b"of an earlier attempt"
    assert done.returncode == (-signal.SIGKILL if how == "killed" else 0), done.stderr
    assert done.stderr == ""
    assert ("is full, or a file may not become so large. No file was left there." in done.stdout) == (how == "full")
    assert len(list(path.parent.iterdir())) == (2 if how == "killed" else 1)
    assert len(exported(ledger, campaign, path)) == 120
    assert list(path.parent.iterdir()) == [path]


def test_an_admin_that_opens_no_files_says_so(ledger: Ledger, campaign: str, path: Path) -> None:
    """As a part of this package makes it for other verbs."""
    with pytest.raises(ConfigurationError, match="open_ledger_admin"):
        LedgerAdmin(ledger).export(campaign, path)
