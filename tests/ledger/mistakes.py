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
from airflow_provider_uspeedo.ledger.protocol import claims, source_rows
from airflow_provider_uspeedo.ledger.protocol.claims import Claims

OWNER = (r"(uspeedo_requests\.attempt_no) = (%s|\?)", r"0 < \2")
"""Whose request it is does not matter."""
STATE = (r"(uspeedo_requests\.state) (?:IN \(([^)]*)\)|= (%s|\?))", r"'' NOT IN (\2\3)")
"""In which state the request is does not matter."""
SMALLER = (r"(uspeedo_requests\.attempt_no) < (%s|\?)", r"0 < \2")
"""The larger attempt may be taken from as well."""
NOT_LARGER = (r"(uspeedo_requests\.attempt_no) < (%s|\?)", r"uspeedo_requests.attempt_no <= \2")
"""One's own may be taken as well."""


@contextmanager
def planted(ledger: Ledger, mistake: tuple[str, str], *, only: str = "") -> Iterator[None]:
    """Every statement (with the words ``only``) is run with the mistake in it.

    :raises pytest.fail.Exception: no statement had the rule that the mistake leaves out.
    """
    pattern, replacement = mistake
    hits: list[str] = []

    def rewrite(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> Any:
        if only not in statement:
            return statement, parameters
        wrong, times = re.subn(pattern, replacement, statement)
        hits.extend([statement] * times)
        return wrong, parameters

    engine = ledger.database.engine
    event.listen(engine, "before_cursor_execute", rewrite, retval=True)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", rewrite)
    if not hits:
        pytest.fail(f"no statement has {pattern!r}: the mistake was not planted")


def replace_is_free(monkeypatch: pytest.MonkeyPatch, rule: Any) -> None:
    """Another opinion on which recipients may be had, wherever it is asked for."""
    for module in (claims, source_rows):
        monkeypatch.setattr(module, "is_free", rule)


class RecipientsFirst(Claims):
    """Moves recipients by a sub-select on their request's state, before it touches the request."""

    def _take_over(self, connection: Any, attempt: Any, moving: Any, found: Any, mine: Any) -> None:
        recipients, requests = self._t.recipients, self._t.requests
        free = sa.select(requests.c.id).where(
            requests.c.state.in_(source_rows.MAY_BE_TAKEN), requests.c.attempt_no < attempt.number
        )
        for one in moving:
            connection.execute(
                sa.update(recipients)
                .where(recipients.c.campaign_no == attempt.campaign_no, recipients.c.key == one.key)
                .where(recipients.c.request_id.in_(free))
                .values(request_id=mine[one.key])
            )
