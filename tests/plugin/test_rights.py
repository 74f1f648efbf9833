# SPDX-License-Identifier: Apache-2.0
"""Who may do what, asked on every address of the application: a new one is found here by itself, and needs a right."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from airflow_provider_uspeedo.core.attempt_names import attempt_name
from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import SPEC, person
from tests.ledger.test_overview import a_try_with_everything
from tests.plugin.signed_in import text_of

pytestmark = pytest.mark.airflow

LOOK, DECIDE, UNMASK = "look", "decide", "unmask"
MAY = {"viewer": {LOOK}, "user": {LOOK, DECIDE}, "op": {LOOK, DECIDE, UNMASK}, "admin": {LOOK, DECIDE, UNMASK}}
RIGHTS = {
    "GET /": LOOK,
    "POST /search": LOOK,
    "GET /campaigns/{campaign}": LOOK,
    "GET /campaigns/{campaign}/requests": LOOK,
    "GET /campaigns/{campaign}/rows": LOOK,
    "POST /campaigns/{campaign}/rows": LOOK,
    "GET /campaigns/{campaign}/query": LOOK,
    "GET /campaigns/{campaign}/export.csv": LOOK,
    "GET /campaigns/{campaign}/export-with-phones.csv": UNMASK,
    "GET /campaigns/{campaign}/resolve": DECIDE,
    "POST /campaigns/{campaign}/resolve": DECIDE,
    "GET /campaigns/{campaign}/reopen": DECIDE,
    "POST /campaigns/{campaign}/reopen": DECIDE,
    "GET /campaigns/{campaign}/stop": DECIDE,
    "POST /campaigns/{campaign}/stop": DECIDE,
    "GET /campaigns/{campaign}/resume": DECIDE,
    "POST /campaigns/{campaign}/resume": DECIDE,
    "GET /static/{name}": LOOK,
    "GET /runbook": LOOK,
    "GET /runbook/{section}": LOOK,
}
"""The right that each address needs; what is not here fails."""
FORMS = {
    "/search": {"word": "one"},
    "/rows": {"wanted": "user a"},
    "/resolve": {"outcome": "sent", "expected": "3"},
    "/reopen": {"expected": "1", "reason": "a test"},
}
HEX = campaign_hash("one").hex()


def addresses() -> list[str]:
    """Of the application itself, mounted applications and all: whatever answers a request."""
    from airflow_provider_uspeedo.plugin.page_app import make_app

    found = []
    for route in make_app().routes:
        assert isinstance(route, APIRoute), f"{route!r} is no address with a right"
        found += [f"{method} {route.path}" for method in sorted(route.methods)]
    return found


@pytest.fixture
def campaign(ledger: Ledger) -> Ledger:
    a_try_with_everything(ledger, "one").end()
    return ledger


def ask(one: Any, where: str, token: str | None = None) -> Any:
    """Asks an address with what a page would send."""
    method, path = where.split()
    path = "/uspeedo" + path.replace("{campaign}", HEX).replace("{name}", "page.css").replace("{section}", "unknown")
    if method == "GET":
        return one.get(path)
    fields = next((fields for end, fields in FORMS.items() if path.endswith(end)), {})
    return one.post(path, fields, token=token)


def test_every_address_has_a_right(server: Any) -> None:
    """Nothing answers that this file does not know."""
    assert sorted(addresses()) == sorted(RIGHTS)


@pytest.mark.parametrize("where", RIGHTS)
def test_a_visitor_who_is_not_signed_in_sees_nothing(browser: Any, campaign: Ledger, where: str) -> None:
    """Not even which campaigns there are."""
    answer = ask(browser("nobody"), where, token="none")
    assert answer.status_code == 401
    assert "not signed in" in answer.text
    assert "one" not in re.findall(r"<h1>(.*?)</h1>", answer.text)
    assert LedgerAdmin(campaign).show("one").stopped_at is None


@pytest.mark.parametrize("role", MAY)
@pytest.mark.parametrize("where", RIGHTS)
def test_a_role_may_what_it_may(browser: Any, campaign: Ledger, role: str, where: str) -> None:
    """Viewer, user (an editor of DAGs), op and admin."""
    answer = ask(browser(role), where)
    assert answer.status_code == (200 if RIGHTS[where] in MAY[role] else 403), text_of(answer)
    if RIGHTS[where] not in MAY[role]:
        assert "You do not have the right" in answer.text
        shown = LedgerAdmin(campaign).show("one")
        assert (shown.stopped_at, shown.decisions) == (None, ())


@pytest.mark.parametrize("role", MAY)
def test_a_page_offers_what_the_person_may_do(browser: Any, campaign: Ledger, role: str) -> None:
    """No button leads to a refusal."""
    one = browser(role)
    page = one.counted(f"/uspeedo/campaigns/{HEX}")
    for what in ("resolve", "stop", "reopen"):
        assert (f"/{what}" in page.text) == (DECIDE in MAY[role]), what
    rows = one.get(f"/uspeedo/campaigns/{HEX}/rows")
    assert ("phones=plain" in rows.text) == (UNMASK in MAY[role])


@pytest.mark.parametrize("role", MAY)
def test_phones_are_shown_to_those_who_may_read_the_connection(browser: Any, campaign: Ledger, role: str) -> None:
    """By the address alone nobody else gets them, in a page, in a search, in a file."""
    one, path = browser(role), f"/uspeedo/campaigns/{HEX}"
    phone = person("a", 1).phone
    answers = [
        one.get(f"{path}/rows?phones=plain"),
        one.post(f"{path}/rows", {"wanted": "user a", "phones": "plain"}),
        one.get(f"{path}/export-with-phones.csv"),
    ]
    for answer in answers:
        assert answer.status_code == (200 if UNMASK in MAY[role] else 403)
        assert (phone in answer.text) == (UNMASK in MAY[role])


def test_decisions_carry_the_name_of_who_made_them(browser: Any, campaign: Ledger) -> None:
    """As Airflow knows them, whatever the form says."""
    one, path = browser("user"), f"/uspeedo/campaigns/{HEX}"
    assert one.post(f"{path}/resolve", {"outcome": "sent", "expected": "3", "by": "somebody"}).status_code == 200
    assert one.post(f"{path}/stop", {"by": "somebody"}).status_code == 200
    shown = LedgerAdmin(campaign).show("one")
    assert [(line.who, line.outcome, line.recipients) for line in shown.decisions] == [("ulf", "sent", 3)]
    assert shown.stopped_by == "ulf"
    assert shown.unknown.recipients == 0
    assert one.post(f"{path}/resume").status_code == 200
    assert LedgerAdmin(campaign).show("one").stopped_at is None
    page = text_of(one.counted(path))
    assert "ulf sent 3" in page
    assert "No outcome is unknown" in page


def test_a_decision_on_another_number_is_refused(browser: Any, campaign: Ledger) -> None:
    """The campaign changed while somebody read the question."""
    answer = browser("user").post(f"/uspeedo/campaigns/{HEX}/resolve", {"outcome": "sent", "expected": "2"})
    assert answer.status_code == 409
    assert "Nothing was decided" in text_of(answer)
    assert LedgerAdmin(campaign).show("one").unknown.recipients == 3


def test_one_request_is_resolved_alone(browser: Any, campaign: Ledger) -> None:
    one, path = browser("user"), f"/uspeedo/campaigns/{HEX}"
    (first, _) = LedgerAdmin(campaign).unknown_requests("one")
    asked = one.get(f"{path}/resolve?of_request={first.id}")
    assert "This is about 2 recipients" in text_of(asked)
    answer = one.post(f"{path}/resolve", {"outcome": "not-sent", "expected": "2", "of_request": first.id})
    assert answer.status_code == 200, text_of(answer)
    assert LedgerAdmin(campaign).show("one").unknown.recipients == 1


# -- whose DAGs ---------------------------------------------------------------------------------------------------


class OnlyOneDag:
    """Rights on single DAGs, as other auth managers have them: only those of ``mine`` may be read and edited."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from airflow.api_fastapi.app import get_auth_manager

        def allowed(*, method: str, user: Any, access_entity: Any = None, details: Any = None) -> bool:
            return details is None or details.id in (None, "mine", "mine.too")

        monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", allowed)


@pytest.mark.parametrize(
    ("task", "is_seen"),
    [
        (attempt_name("mine", "send", "r", 1, -1), True),
        (attempt_name("mine.too", "a.send", "r", 1, -1), True),
        (attempt_name("mine.not", "send", "r", 1, -1), False),
        (attempt_name("other", "send", "r", 1, -1), False),
    ],
)
def test_campaigns_of_other_dags_are_not_there(
    browser: Any, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, task: str, is_seen: bool
) -> None:
    """In no list, search or address: who may not read a DAG does not learn what it sends."""
    ledger.end_attempt(ledger.open_attempt("one", SPEC, name=task), complete=True)
    one = browser("user")
    OnlyOneDag(monkeypatch)
    assert (HEX in one.get("/uspeedo/").text) == is_seen
    assert (HEX in one.post("/uspeedo/search", {"word": "one"}).text) == is_seen
    for where, right in RIGHTS.items():
        if "{campaign}" in where and right != UNMASK:
            assert (ask(one, where).status_code == 404) != is_seen, where
