# SPDX-License-Identifier: Apache-2.0
"""A process of its own that meets failures at every statement with rows; all that it prints is read afterwards.

Run as ``python -m tests.ledger.failing_child URL FAULT``. Its log goes to standard error, at level DEBUG.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from airflow_provider_uspeedo.core.recipients import BadRow
from airflow_provider_uspeedo.errors import LedgerError
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.dialects import postgresql
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.store.records import Answer
from tests.ledger.acting import Try, people
from tests.ledger.servers import plain_connection

OWN_NUMBER = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
END = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}
CANCEL = {
    "postgresql": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57014'; END $$",
    "mysql": "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1317",
}
FULL = {
    "postgresql": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$",
    "mysql": "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021",
}
FAULTS = ("ended", "ended inside", "cancelled", "full", "constraint", "none")
NAMES = [f"name {number}" for number in range(60)]
ROWS = [*people(NAMES), *(BadRow(100 + n, "invalid", "bad", f"85251234{n:03}", "u", "T", "", None) for n in range(40))]


class Child:
    """A campaign that is claimed and answered again and again, each time with a failure at another statement."""

    def __init__(self, url: str, fault: str) -> None:
        self.url, self.fault = sa.engine.make_url(url), fault
        self.kind = self.url.get_backend_name()
        self.ledger = Ledger(open_engine(self.url), timeout=2, settle_timeout=5)
        self.ledger.prepare()
        self.failed: set[str] = set()

    def run(self) -> None:
        event.listen(self.ledger.database.engine, "before_cursor_execute", self.fail, retval=True)
        if self.fault == "ended inside":
            self.end_inside_copies()
        if self.fault == "constraint":
            table = "uspeedo_recipients"
            connection = plain_connection(self.url)
            connection.cursor().execute(f"ALTER TABLE {table} ADD CHECK (phone <> '{people(NAMES)[7].phone}')")
            connection.commit()
            connection.close()
        for number in range(200):
            before = len(self.failed)
            try:
                self.campaign(number)
            except LedgerError:
                logging.getLogger("child").exception("The campaign ended.")
            if len(self.failed) == before:
                return
        raise AssertionError("each campaign has another statement?")

    def campaign(self, number: int) -> None:
        one = Try(self.ledger, f"campaign {number}")
        for request in one.claim(ROWS, size=20):
            if one.mark(request):
                rejected = tuple((key, "rejected", f"no {phone}") for key, phone in self.keys(request))
                self.ledger.settle(one.attempt, request.id, Answer("1", 0, "r", rejected))
        self.ledger.failures(one.attempt, 99)
        list(self.ledger.results(f"campaign {number}"))

    @staticmethod
    def keys(request: Any) -> list[tuple[bytes, str]]:
        return [(one.key, one.phone) for one in request.recipients]

    def fail(self, _connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> Any:
        """Fails each statement that has to do with rows at its first time; transactions are repeated."""
        if self.fault in ("none", "constraint", "ended inside") or statement in self.failed:
            return statement, parameters
        if not re.search("staged|recipients|outcomes|source_rows|COPY", statement):
            return statement, parameters
        self.failed.add(statement)
        if self.fault == "ended":
            cursor.execute(OWN_NUMBER[self.kind])
            self.end(cursor.fetchone()[0])
            return statement, parameters
        return {"cancelled": CANCEL, "full": FULL}[self.fault][self.kind], ()

    def end(self, number: int) -> None:
        administrator = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
        with administrator.connect() as connection:
            connection.exec_driver_sql(END[self.kind].format(number))

    def end_inside_copies(self) -> None:
        """Each COPY sends a few bytes, loses its session, and goes on."""
        child = self

        class Ending(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                if self.tell() and child.kind == "postgresql":
                    with sa.create_engine(child.url, isolation_level="AUTOCOMMIT").connect() as connection:
                        copying = "pg_stat_activity WHERE query LIKE 'COPY %%' AND datname = current_database()"
                        query = f"SELECT pg_terminate_backend(pid) FROM {copying}"
                        connection.exec_driver_sql(query)
                return super().read(100 if self.tell() == 0 else size)

        postgresql.io = type("io", (), {"BytesIO": Ending})  # type: ignore[assignment]
        if self.ledger.database.engine.dialect.driver == "psycopg":
            import psycopg

            write = psycopg.Copy.write

            def writing(copy: Any, data: bytes) -> None:
                whole = io.BytesIO(data)
                write(copy, whole.read(100))
                self.end(copy.connection.info.backend_pid)
                write(copy, whole.read())

            psycopg.Copy.write = writing  # type: ignore[method-assign]


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)
    Child(*sys.argv[1:]).run()
    print("done")
