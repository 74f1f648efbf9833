# SPDX-License-Identifier: Apache-2.0
"""While an answer is recorded, every failure of the database is repeated, whatever its code, on a new connection."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import closing, contextmanager
from itertools import cycle
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.errors import LedgerError, LedgerUnavailable
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.store.records import Answer
from tests.ledger.acting import OpenLedger, Try, people
from tests.ledger.servers import KINDS, SERVERS, administrator, plain_connection

RAISED = {
    "postgresql": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}'; END $$",
    "mysql": "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {}",
}
OWN_NUMBER = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
END = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}
PASSING = {
    "postgresql": (
        "08006", "25006", "25P03", "40001", "40P01", "53200", "53300", "55P03", "57014", "57P01", "57P03", "58030",
    ),
    "mysql": (1047, 1053, 1205, 1213, 1290, 1317, 1792, 1836, 1927, 1969, 3024, 3032, 3100),
}  # fmt: skip
LASTING = {"postgresql": ("22023", "42501", "42P01", "XX000", "P0001"), "mysql": (1030, 1105, 1142, 1146, 1180)}
CONTENTION = {"40001", "40P01", "55P03", 1205, 1213}
VERBS: dict[str, Callable[[Ledger, Any, bytes], bool]] = {
    "settle": lambda ledger, attempt, request: ledger.settle(attempt, request, Answer("1", 0, "r")),
    "release": lambda ledger, attempt, request: ledger.release(
        attempt, request, ret_code=None, vendor_request_id="", reason="r"
    ),
    "mark_unknown": lambda ledger, attempt, request: ledger.mark_unknown(
        attempt, request, ret_code=None, vendor_request_id="", reason="r"
    ),
}


@contextmanager
def failing(ledger: Ledger, kind: str, code: object, times: int) -> Any:
    """The server fails so often at the statement that changes a request; yields the sessions in which it was asked."""
    sessions: list[int] = []

    def instead(connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> Any:
        if "UPDATE uspeedo_requests" not in statement.replace("`", ""):
            return statement, parameters
        cursor.execute(OWN_NUMBER[kind])
        sessions.append(cursor.fetchone()[0])
        return (RAISED[kind].format(code), ()) if len(sessions) <= times else (statement, parameters)

    event.listen(ledger.database.engine, "before_cursor_execute", instead, retval=True)
    yield sessions
    event.remove(ledger.database.engine, "before_cursor_execute", instead)


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_an_answer_is_recorded_after_any_failure(open_ledger: OpenLedger, campaign: str, kind: str) -> None:
    """Raised by the server itself: codes of a failover, of time-outs, of what never passes. Each time asked anew."""
    ledger = open_ledger()
    one = Try(ledger, campaign)
    codes = (*PASSING[kind], *LASTING[kind])
    requests = one.claim(people([str(code) for code in codes]), size=1)
    for request, code, verb in zip(requests, codes, cycle(VERBS.values()), strict=False):
        assert one.mark(request)
        with failing(ledger, kind, code, 2) as sessions:
            assert verb(ledger, one.attempt, request.id), code
        assert len(set(sessions[:3])) == (1 if code in CONTENTION else 3), code


@pytest.mark.parametrize("kind", KINDS, indirect=True)
@pytest.mark.parametrize("verb", VERBS)
def test_an_answer_is_recorded_after_errors_that_no_driver_has_translated(
    open_ledger: OpenLedger, campaign: str, verb: str
) -> None:
    """A socket's own error, and those of SQLAlchemy about a connection that is gone."""
    ledger = open_ledger()
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    assert one.mark(request)
    errors: list[Exception] = [
        ConnectionResetError(104, "reset"), ssl.SSLEOFError(8, "eof"), EOFError(), sa.exc.ResourceClosedError("closed"),
        sa.exc.PendingRollbackError("rolled back"),
    ]  # fmt: skip

    def raise_it(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "UPDATE uspeedo_requests" in statement.replace("`", "") and errors:
            raise errors.pop()

    event.listen(ledger.database.engine, "before_cursor_execute", raise_it)
    assert VERBS[verb](ledger, one.attempt, request.id)
    assert not errors


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_other_transactions_are_repeated_after_what_passes(open_ledger: OpenLedger, campaign: str, kind: str) -> None:
    """And fail at once after what does not."""
    ledger = open_ledger()
    one = Try(ledger, campaign)
    codes = (*PASSING[kind], *LASTING[kind])
    for request, code in zip(one.claim(people([str(code) for code in codes]), size=1), codes, strict=True):
        with failing(ledger, kind, code, 1) as sessions:
            if code in PASSING[kind]:
                assert one.mark(request), code
                continue
            with pytest.raises(LedgerError) as caught:
                one.mark(request)
            assert not isinstance(caught.value, LedgerUnavailable), code
            assert len(sessions) == 1


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_an_answer_survives_sessions_that_are_ended(open_ledger: OpenLedger, campaign: str, kind: str) -> None:
    """From outside, in the middle of the transaction, three times."""
    ledger = open_ledger()
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    assert one.mark(request)
    ended: list[int] = []

    def end_it(_connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if "UPDATE uspeedo_requests" in statement and len(ended) < 3:
            cursor.execute(OWN_NUMBER[kind])
            ended.append(cursor.fetchone()[0])
            with administrator(kind).connect() as connection:
                connection.execute(sa.text(END[kind].format(ended[-1])))

    event.listen(ledger.database.engine, "before_cursor_execute", end_it)
    assert VERBS["settle"](ledger, one.attempt, request.id)
    assert len(set(ended)) == 3
    assert one.counts() == {"accepted": 3}


@pytest.mark.parametrize("kind", SERVERS[:1], indirect=True)
def test_an_answer_survives_a_failover(url: URL, campaign: str) -> None:
    """The old primary has become a replica and stays read-only: only a new connection finds the new one."""
    with closing(Ledger(open_engine(url), timeout=20, settle_timeout=20)) as ledger:
        one = Try(ledger, campaign)
        (request,) = one.claim(people("abc"))
        assert one.mark(request)
        with ledger.database.engine.connect() as connection:
            connection.exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            connection.commit()
        assert VERBS["settle"](ledger, one.attempt, request.id)
        assert one.counts() == {"accepted": 3}


@pytest.mark.parametrize("kind", SERVERS[:1], indirect=True)
def test_an_answer_survives_statements_that_time_out(open_ledger: OpenLedger, campaign: str, url: URL) -> None:
    """While somebody holds a lock on the request, a user's own time-out ends each of our statements."""
    ledger = open_ledger(connect_args={"options": "-c statement_timeout=50"})
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    assert one.mark(request)
    failures: list[str] = []
    with closing(plain_connection(url)) as holder:
        holder.cursor().execute("SELECT 1 FROM uspeedo_requests WHERE id = %s FOR UPDATE", (request.id,))

        def note(context: Any) -> None:
            failures.append(ledger.database.dialect.code_of(context.original_exception))
            if len(failures) == 2:
                holder.rollback()

        event.listen(ledger.database.engine, "handle_error", note)
        assert VERBS["settle"](ledger, one.attempt, request.id)
    assert failures[:2] == ["57014", "57014"]
    assert one.counts() == {"accepted": 3}
