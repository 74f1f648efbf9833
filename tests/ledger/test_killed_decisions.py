# SPDX-License-Identifier: Apache-2.0
"""A decision whose process is killed before any of its statements is made of all, of a part, or of nothing.

It says of how many. A new process goes on. Whatever happened, the recipients that were decided on are sent to once,
and no others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count

import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.admin.rejected_recipients import RejectedRecipients
from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import Try, people
from tests.ledger.killing import Verb, dies_at

EVERY = ""
"""What every statement contains."""


def reopen_it(admin: LedgerAdmin, campaign: str) -> None:
    """In portions of one request."""
    found = admin.ledger.database.read(lambda connection: admin._find(connection, campaign))
    RejectedRecipients(admin.ledger, requests_at_once=1).reopen(campaign, found, "ann", "fixed", None)


def resolve_it(admin: LedgerAdmin, campaign: str, request: str, as_sent: bool) -> None:
    """One request; there is none to decide on if the first process has committed."""
    try:
        admin.resolve(campaign, as_sent=as_sent, by="ann", request=request, in_flight=True)
    except ConfigurationError as error:
        assert "holds no recipient" in str(error)  # noqa: PT017


def killed_everywhere(campaign: str, url: URL, prepare: Callable[[str], Verb], check: Callable[[str], None]) -> int:
    """Kills a process before its first statement, another one before its second, and so on; a new one follows each.

    :returns: how many were killed.
    """
    for statement in count():
        name = f"{campaign} {statement}"
        verb = prepare(name)
        died = dies_at(EVERY, verb, url, after=statement)
        if died:
            assert not dies_at("no statement has this", verb, url)
        check(name)
        if not died:
            return statement
    raise AssertionError


def rejected_in_three_requests(ledger: Ledger, name: str) -> Verb:
    """A campaign, and the decision on it."""
    one = Try(ledger, name)
    for request in one.claim(people("abcdef"), size=2):
        one.send(request, *"ace")
    one.end()
    return partial(reopen_it, campaign=name)


def check_reopened(ledger: Ledger, name: str) -> None:
    """What was said of the requests adds up to what was rejected."""
    lines = LedgerAdmin(ledger).decisions(name)
    assert (sum(line.recipients for line in lines), sum(line.requests for line in lines)) == (3, 3)
    again = Try(ledger, name)
    again.text(people("abcdef"))
    again.vendor.assert_texted("a", "c", "e")
    assert again.counts() == {"accepted": 6}


@pytest.mark.slow
def test_a_killed_reopening_goes_on(ledger: Ledger, url: URL, campaign: str) -> None:
    """In portions of one request."""
    prepare, check = partial(rejected_in_three_requests, ledger), partial(check_reopened, ledger)
    assert killed_everywhere(campaign, url, prepare, check) > 20


@pytest.mark.parametrize(
    "words",
    ["INTO uspeedo_past_requests", "UPDATE uspeedo_recipients", "INTO uspeedo_requests", "uspeedo_attempts SET name"],
)
def test_one_that_is_killed_in_its_second_portion_goes_on(
    ledger: Ledger, url: URL, campaign: str, kind: str, words: str
) -> None:
    """Before it remembers, moves, makes the new request, or says of how many: the first portion stays."""
    verb = rejected_in_three_requests(ledger, campaign)
    if kind == "mysql" and words == "UPDATE uspeedo_recipients":
        words = "UPDATE uspeedo_outcomes"  # the statement there names first what it looks at first
    assert dies_at(words, verb, url, after=1)
    (line,) = LedgerAdmin(ledger).decisions(campaign)
    assert (line.recipients, line.requests) == (1, 1)
    assert not dies_at("no statement has this", verb, url)
    check_reopened(ledger, campaign)


@pytest.mark.slow
@pytest.mark.parametrize("as_sent", [True, False], ids=["sent", "not sent"])
def test_a_killed_decision_on_one_request_goes_on(ledger: Ledger, url: URL, campaign: str, as_sent: bool) -> None:
    """The other request stays unknown."""

    def prepare(name: str) -> Verb:
        one = Try(ledger, name)
        first, second = one.claim(people("abcd"), size=2)
        for request in (first, second):
            assert one.mark(request)
            assert one.mark_unknown(request)
        one.end()
        return partial(resolve_it, campaign=name, request=first.id.hex(), as_sent=as_sent)

    def check(name: str) -> None:
        (line,) = LedgerAdmin(ledger).decisions(name)
        assert (line.outcome, line.recipients, line.requests) == ("sent" if as_sent else "not sent", 2, 1)
        again = Try(ledger, name)
        again.text(people("abcd"))
        again.vendor.assert_texted(*("" if as_sent else "ab"))
        assert again.counts() == {"accepted": 2, "unknown": 2}

    assert killed_everywhere(campaign, url, prepare, check) > 10
