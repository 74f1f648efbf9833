# SPDX-License-Identifier: Apache-2.0
"""Which failures of a database pass by themselves, and how to name a failure without quoting what was written."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exc

PASSING_SQLSTATES = ("08", "40", "53", "55P03", "57P")
"""PostgreSQL: connection lost, rolled back (dead-lock, serialization), no resources, lock not available, shut down."""
FULL_SQLSTATE = "53100"
PASSING_MYSQL = {
    1040, 1042, 1043, 1047, 1053, 1077, 1079, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1203, 1205, 1213, 1226, 1927,
    2002, 2003, 2006, 2012, 2013, 2014, 2055, 4031,
}  # fmt: skip
"""Too many connections, host not reachable, server shut down or gone, lock wait time-out (1205), dead-lock (1213)."""
FULL_MYSQL = {1021, 1114}
PASSING_SQLITE = {5, 6, 10, 14, 15}
"""BUSY, LOCKED, IOERR, CANTOPEN, PROTOCOL."""
FULL_SQLITE = 13


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What some codes mean to a person.

    :param states: beginnings of PostgreSQL's states.
    :param texts: of PostgreSQL's driver, which names no state while it connects; for words only, nothing is decided
        by them.
    """

    words: str
    states: tuple[str, ...] = ()
    mysql: frozenset[int] = frozenset()
    sqlite: frozenset[int] = frozenset()
    texts: tuple[str, ...] = ()


MEANINGS = (
    _Meaning("the disk is full: make room", ("53100",), frozenset(FULL_MYSQL), frozenset({FULL_SQLITE})),
    _Meaning(
        "too many connections: raise its limit or the user's, or run fewer tasks and a lower concurrency at once",
        ("53300",), frozenset({1040, 1203, 1226}),
        texts=("too many clients", "too many connections", "remaining connection slots"),
    ),
    _Meaning(
        "it does not let this user in: look at login, password and the server's rules",
        ("28",), frozenset({1044, 1045, 1130, 1251, 1698}),
        texts=("authentication failed", "no password supplied", "no pg_hba.conf entry", 'role "'),
    ),
    _Meaning(
        "there is no such database: look at the connection's schema",
        ("3D",), frozenset({1049}), texts=('database "',),
    ),
    _Meaning("this user lacks a right", ("42501",), frozenset({1142, 1143, 1227}), frozenset({3, 8, 23})),
    _Meaning(
        "it is starting or shutting down",
        ("57P",), frozenset({1053, 1077, 1079}), texts=("starting up", "shutting down", "recovery mode"),
    ),
    _Meaning(
        "other transactions were in the way for too long",
        ("40", "55P03"), frozenset({1205, 1213}), frozenset({5, 6}),
    ),
    _Meaning(
        "the file cannot be read or written: is its disk full, or a right missing?", sqlite=frozenset({10, 14, 15})
    ),
    _Meaning("the file is damaged, or no SQLite database", sqlite=frozenset({11, 26})),
)  # fmt: skip
NO_CONNECTION = "no connection: is it running, and can this machine reach it?"


def is_passing(error: BaseException) -> bool:
    """True if the same transaction may succeed later without anybody's help."""
    if isinstance(error, exc.TimeoutError):  # no connection came free in the pool
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state, number = _sqlstate(error), _number(error)
    if number is not None:  # first: a MySQL driver may name a state too, and 1205's is that of any error
        return number in (PASSING_SQLITE if _is_sqlite(error) else PASSING_MYSQL)
    if state:
        return state.startswith(PASSING_SQLSTATES) and state != FULL_SQLSTATE
    return isinstance(error, exc.OperationalError)  # psycopg names no state when it cannot connect


def summary_of(error: exc.SQLAlchemyError) -> str:
    """The failure's class, code and meaning; never the statement, its values, or the driver's own text."""
    if isinstance(error, exc.TimeoutError):
        return "TimeoutError (all connections of this task are busy: it hangs, or is very slow)"
    if not isinstance(error, exc.DBAPIError):
        return type(error).__name__
    state, number = _sqlstate(error), _number(error)
    code = f" {state if number is None else number}" if state or number is not None else ""
    meaning = _meaning(error, state, number)
    return f"{type(error.orig).__name__}{code}" + (f" ({meaning})" if meaning else "")


def _meaning(error: exc.DBAPIError, state: str | None, number: int | None) -> str:
    for one in MEANINGS:
        if number is not None:
            meant = number in (one.sqlite if _is_sqlite(error) else one.mysql)
        elif state:
            meant = state.startswith(one.states)
        else:
            meant = any(text in str(error.orig) for text in one.texts)
        if meant:
            return one.words
    return NO_CONNECTION if is_passing(error) and not _is_sqlite(error) else ""


def is_full(error: exc.SQLAlchemyError) -> bool:
    """True if the database has no room left; waiting does not help, somebody must make room."""
    if not isinstance(error, exc.DBAPIError):
        return False
    number = _number(error)
    return _sqlstate(error) == FULL_SQLSTATE or (number == FULL_SQLITE if _is_sqlite(error) else number in FULL_MYSQL)


def _sqlstate(error: exc.DBAPIError) -> str | None:
    return getattr(error.orig, "pgcode", None) or getattr(error.orig, "sqlstate", None)


def _number(error: exc.DBAPIError) -> int | None:
    if _is_sqlite(error):
        code = getattr(error.orig, "sqlite_errorcode", None)
        return None if code is None else code & 0xFF
    first = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return first if isinstance(first, int) else None


def _is_sqlite(error: exc.DBAPIError) -> bool:
    return type(error.orig).__module__.startswith("sqlite3")
