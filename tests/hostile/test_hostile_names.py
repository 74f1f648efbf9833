# SPDX-License-Identifier: Apache-2.0
"""Names for the results relation, really created: each works, or is refused before anything is there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.errors import ConfigurationError, LedgerError
from airflow_provider_uspeedo.hooks import ledger_connection as ledgers
from airflow_provider_uspeedo.hooks import ledger_url
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.ledger.acting import Try, people
from tests.ledger.servers import select

PLAIN = ["results", "R", "Texts", "_", "x" * 63]
RESERVED = [
    "SELECT", "user", "order", "table", "view", "group", "index", "key", "column", "default", "rank",
    "row_number", "window", "lateral", "offset", "recursive", "system", "current_user", "true", "null", "rowid",
    "analyze", "array", "returning", "intersect", "except", "limit", "rows", "over", "json_table", "all", "public",
]  # fmt: skip
"""Words that some dialect does not take for a name unless it is quoted."""
HOSTILE = [
    'x"; DROP TABLE uspeedo_ledger; --', "x'; --", "x`y", "x y", "x\0", "x\ny", "x;y", "x--", "x/*", "results\u0301",
    "\u2126", "\uff52", "1x",
    "x$", "x#", "x\\", "x%s", "x%(a)s", ":x", "{x}", "[x]", "a.b.c", "..", ".x", "x.", " x", "x ", "x" * 64,
    "x" * 10_000,
    "uspeedo_requests", "USPEEDO_RECIPIENTS", "main.uspeedo_ledger", "temp.results", "TEMP.r", "pg_temp.r",
    "pg_temp_3.r", "\ud800",
]  # fmt: skip
IN_THE_WAY = [
    "sqlite_master",
    "sqlite_x",
    "uspeedo_source_rows_once",
    "uspeedo_ledger_pkey",
]
"""Plain names which a database keeps for itself, or which are those of the ledger's own indexes."""
NOWHERE = ["no_such_schema.results", "information_schema.results", "pg_catalog.results", "sys.results"]


def ledger_at(url: URL, name: str) -> Ledger:
    return Ledger(open_engine(url), name, timeout=0, settle_timeout=0)


def relations(url: URL) -> set[str]:
    """All that is in the database, as its own catalogue says."""
    if url.get_backend_name() == "sqlite":
        if not Path(str(url.database)).exists():
            return set()
        return {name for (name,) in select(url, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    schema = "public" if url.get_backend_name() == "postgresql" else url.database
    found = select(url, f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'")
    return {name for (name,) in found}


def use(url: URL, name: str) -> None:
    """Create it, text somebody, read it by its name, and find it again from another connection."""
    ledger = ledger_at(url, name)
    try:
        ledger.prepare()
        one = Try(ledger, "a campaign")
        one.text(people("ab"))
        assert sum(len(portion) for portion in ledger.results("a campaign")) == 2
    finally:
        ledger.close()
    again = ledger_at(url, name)
    assert again.exists()
    again.prepare()
    again.close()


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_name_works(empty_url: URL, name: str) -> None:
    """With capitals, and as long as may be."""
    use(empty_url, name)
    assert name in relations(empty_url)


def test_a_reserved_word_works(empty_url: URL) -> None:
    """Whatever it means to the database; all these names are views of one ledger."""
    use(empty_url, RESERVED[0])
    for name in RESERVED[1:]:
        ledger = ledger_at(empty_url, name)
        ledger.prepare()
        assert sum(len(portion) for portion in ledger.results("a campaign")) == 2
        ledger.close()
    assert set(RESERVED) <= relations(empty_url)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_hostile_name_is_refused_before_anything_is_there(tmp_path: Path, kind: str) -> None:
    """What is no plain name never comes near a database of any kind; nor what would be gone with its connection."""
    url = URL.create("sqlite", database=str(tmp_path / "ledger.db"))
    for name in HOSTILE:
        with pytest.raises(ConfigurationError, match="results_table="):
            ledger_at(url, name)
    assert relations(url) == set()


@pytest.mark.parametrize("name", [*IN_THE_WAY, *NOWHERE])
def test_a_name_that_the_database_keeps_for_itself_leaves_nothing_half_made(empty_url: URL, name: str) -> None:
    """It works, where the database has no use for it, or nothing is there afterwards, and the next name works."""
    try:
        use(empty_url, name)
    except LedgerError:
        assert relations(empty_url) == set() or empty_url.get_backend_name() == "mysql"  # whose DDL cannot be undone
    use(empty_url, "results")


def test_a_new_ledger_file_is_its_owners_alone(tmp_path: Path) -> None:
    """The phones in it are nobody else's affair, nor those in the files that SQLite keeps beside it."""
    file = tmp_path / "ledger.db"
    ledger = Ledger(ledgers._guarded(open_engine(ledger_url.sqlite_url(str(file))), "The ledger"))
    ledger.prepare()
    one = Try(ledger, "a campaign")
    one.claim(people("ab"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}
    ledger.close()


def test_a_ledger_file_that_exists_keeps_the_rights_it_has(tmp_path: Path) -> None:
    """Whoever shares it with a group has made it so."""
    file = tmp_path / "ledger.db"
    file.touch(0o660)
    file.chmod(0o660)
    ledger = Ledger(ledgers._guarded(open_engine(ledger_url.sqlite_url(str(file))), "The ledger"))
    ledger.prepare()
    assert stat.S_IMODE(file.stat().st_mode) == 0o660
    ledger.close()


def test_looking_for_a_ledger_makes_none(tmp_path: Path) -> None:
    """A question leaves no empty file behind, which would look like a ledger to the next one."""
    file = tmp_path / "ledger.db"
    ledger = Ledger(ledgers._guarded(open_engine(ledger_url.sqlite_url(str(file))), "The ledger"))
    assert not ledger.exists()
    assert not file.exists()
    ledger.close()
