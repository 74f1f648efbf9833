# SPDX-License-Identifier: Apache-2.0
"""Mistakes that can be planted into a ledger: the rules of the protocol, each left out once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.moves import Moves
from airflow_provider_uspeedo.ledger.store.states import MAY_BE_TAKEN

OWNER = (r"(uspeedo_requests\.attempt_no) = (%s(?:::\w+)?|\?)", r"0 < \2")
"""Whose request it is does not matter."""
STATE = (r"(uspeedo_requests\.state) (?:IN \(([^)]*)\)|= (%s(?:::\w+)?|\?))", r"'' NOT IN (\2\3)")
"""In which state the request is does not matter."""
SMALLER = (r"(uspeedo_requests\.attempt_no) < (%s(?:::\w+)?|\?)", r"0 < \2")
"""The larger attempt may be taken from as well."""
LOOK_SMALLER = (r"\bq\.attempt_no < (%s(?:::\w+)?|\?)", r"0 < \1")
"""Recipients of the larger attempt look free as well."""
LOOK_NOT_LARGER = (r"\bq\.attempt_no < (%s(?:::\w+)?|\?)", r"q.attempt_no <= \1")
"""One's own look free as well."""
LEFTOVERS = (
    r"\bq\.state IN \((%s(?:::\w+)?|\?), (%s(?:::\w+)?|\?), (%s(?:::\w+)?|\?)\)",
    r"q.state IN (\1, \2, coalesce(nullif(\3, 'superseded'), ''))",
)
"""The recipients that a superseded request has left look taken."""
CONFLICTS = (
    r"ON CONFLICT DO NOTHING",
    r"ON CONFLICT (campaign_no, key) DO UPDATE SET request_id = excluded.request_id",
)
"""A recipient that is there already is given to the new request."""
CONFLICTS_ON_MYSQL = (
    r"ON DUPLICATE KEY UPDATE campaign_no = \S+",
    r"ON DUPLICATE KEY UPDATE request_id = VALUES(request_id)",
)
HOLDER = (r"(uspeedo_recipients\.request_id) = (%s(?:::\w+)?|\?)", r"'' <> \2")
"""Which request holds a recipient does not matter."""
LOOK_FOR_KEYS = (r"\bthere\.campaign_no IS NULL", r"true")
"""A key that is visibly taken looks free; of a database that looks before it inserts."""
NOT_LARGER = (r"(uspeedo_requests\.attempt_no) < (%s(?:::\w+)?|\?)", r"uspeedo_requests.attempt_no <= \2")
"""One's own may be taken as well."""


@contextmanager
def planted(ledger: Ledger, mistake: tuple[str, str], *, only: str = "") -> Iterator[None]:
    """Every statement (with the words ``only``) is run with the mistake in it.

    :raises pytest.fail.Exception: no statement had the rule that the mistake leaves out.
    """
    with planted_on(ledger.database.engine, mistake, only=only):
        yield


@contextmanager
def planted_on(target: Any, mistake: tuple[str, str], *, only: str = "") -> Iterator[None]:
    """The same for one engine, or for the class of all engines."""
    pattern, replacement = mistake
    hits: list[str] = []

    def rewrite(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> Any:
        if only not in statement:
            return statement, parameters
        wrong, times = re.subn(pattern, replacement, statement, flags=re.DOTALL)
        hits.extend([statement] * times)
        return wrong, parameters

    event.listen(target, "before_cursor_execute", rewrite, retval=True)
    try:
        yield
    finally:
        event.remove(target, "before_cursor_execute", rewrite)
    if not hits:
        pytest.fail(f"no statement has {pattern!r}: the mistake was not planted")


class RecipientsFirst(Moves):
    """Moves recipients of requests that look free, before it touches the requests."""

    def take_requests(self, connection: Any, attempt: Any, ids: Any, _takeable: Any) -> list[bytes]:
        q = self._t.requests.c
        free = (q.id.in_(sorted(ids)), q.state.in_(MAY_BE_TAKEN), q.attempt_no < attempt.number)
        return list(connection.execute(sa.select(q.id).where(*free)).scalars())
