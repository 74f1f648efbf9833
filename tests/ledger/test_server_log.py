# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's own log, at its defaults, holds no row of a claim: it writes the text of every statement that fails."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.chaos.database_servers import DatabaseServer, own_server
from tests.ledger.acting import people
from tests.ledger.failing_child import NAMES

ROOT = Path(__file__).resolve().parents[2]
ROWS = re.compile(r"\(852\)5\d{7}|85251234\d{3}|user name \d+")
ENTRY = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.MULTILINE)
TABLES = ("requests", "recipients", "source_rows", "outcomes")
RAISING = """
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF nextval(TG_TABLE_NAME || '_met') = 1 THEN
    RAISE EXCEPTION 'canceling statement due to lock timeout' USING ERRCODE = '55P03';
  END IF;
  RETURN NULL;
END $$;
"""
"""The first statement on each table fails, as one that waits too long for a lock; a sequence is not rolled back."""

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    with own_server("postgresql") as own:
        yield own


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize("fault", ["raised", "ended inside"])
def test_the_log_of_a_server_holds_no_row(server: DatabaseServer, driver: str, fault: str) -> None:
    """Statements of claims that fail in the server, and a COPY whose session ends inside it."""
    database = server.empty_database()
    url = server.url(database).set(drivername=f"postgresql+{driver}")
    if fault == "raised":
        with closing(Ledger(open_engine(url))) as ledger:
            ledger.prepare()
        faults = (
            f"CREATE SEQUENCE uspeedo_{name}_met; "
            f"CREATE TRIGGER fails BEFORE INSERT ON uspeedo_{name} EXECUTE FUNCTION fails()"
            for name in TABLES
        )
        server.run(RAISING, *faults, database=database)
    log = server.folder / "server.log"
    before = len(log.read_text(errors="replace"))
    command = [sys.executable, "-m", "tests.ledger.failing_child", url.render_as_string(hide_password=False)]
    command += ["none" if fault == "raised" else fault]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout == "done\n", done.stderr[-2000:]
    entries = ENTRY.split(log.read_text(errors="replace")[before:])
    failed = [entry for entry in entries if "STATEMENT:" in entry]
    words = ["COPY "] if fault == "ended inside" else [f"INTO uspeedo_{name}" for name in TABLES]
    assert [word for word in words if not any(word in entry for entry in failed)] == [], "the server logs what fails"
    # psycopg2 writes the values of the statements that record an answer into their text, as the security page says.
    of_claims = "".join(one for one in entries if driver != "psycopg2" or "INTO uspeedo_outcomes" not in one)
    assert not ROWS.findall(of_claims)
    assert people(NAMES)[0].key.hex() not in of_claims
