# SPDX-License-Identifier: Apache-2.0
"""Hostile addresses, ledgers that change under the page, and browsers that take nothing."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.core.attempt_names import attempt_name
from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.core.recipients import Recipient
from airflow_provider_uspeedo.errors import LedgerUnavailable
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.store.records import Answer
from tests.ledger.acting import SPEC, Try, key_of, people
from tests.ledger.test_overview import a_try_with_everything
from tests.plugin.signed_in import text_of
from tests.plugin.test_rights import OnlyOneDag

pytestmark = pytest.mark.airflow
HEX = campaign_hash("one").hex()
PATH = f"/uspeedo/campaigns/{HEX}"
MANY = "9" * 40


@pytest.fixture
def campaign(ledger: Ledger) -> Ledger:
    a_try_with_everything(ledger, "one").end()
    return ledger


# -- addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/uspeedo/?before={MANY}", 400),
        (f"/uspeedo/?before=-{MANY}", 400),
        ("/uspeedo/?dag=%00&run=%00", 200),
        (f"{PATH}/requests?before={MANY}.00", 200),
        (f"{PATH}/requests?before=-{MANY}.00", 200),
        (f"{PATH}/rows?at=rows.{MANY}..1", 400),
        (f"{PATH}/rows?status=<script>", 400),
        ("/uspeedo/static/..%2Fhtml%2Fbase.html", 404),
        ("/uspeedo/static/%2e%2e/page_app.py", 404),
        ("/uspeedo/runbook/..%2F..%2Fetc%2Fpasswd", 404),
        ("/uspeedo//evil.example/%2e%2e", 404),
        ("/uspeedo/campaigns/%00", 404),
    ],
)
def test_no_address_is_unexpected(browser: Any, campaign: Ledger, path: str, status: int) -> None:
    assert browser("admin").get(path).status_code == status


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("path", ["/uspeedo/", PATH, f"{PATH}/stop", f"{PATH}/export.csv"])
def test_no_other_method_answers(browser: Any, campaign: Ledger, method: str, path: str) -> None:
    for role in ("nobody", "admin"):
        answer = browser(role).client.request(method, path, headers={"origin": "http://evil.example"})
        assert answer.status_code == 405
        assert "access-control-allow-origin" not in answer.headers
    assert LedgerAdmin(campaign).show("one").stopped_at is None


@pytest.mark.parametrize("expected", ["9" * 5_000, "-1", "3.0", "\u0663"])
def test_a_number_that_is_none_is_refused(browser: Any, campaign: Ledger, expected: str) -> None:
    answer = browser("admin").post(f"{PATH}/resolve", {"outcome": "sent", "expected": expected})
    assert answer.status_code == 400


def test_a_campaign_of_several_dags_needs_the_right_on_each(
    browser: Any, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of two that differ in case alone; no parameter of an address names another DAG to Airflow."""
    for dag_id in ("mine", "Mine"):
        ledger.open_attempt("one", SPEC, name=attempt_name(dag_id, "send", "r", 1, -1))
    one = browser("user")
    OnlyOneDag(monkeypatch)
    for query in ("", "?dag_id=mine", "?dag=mine&dag_id=mine", "?connection_id=mine"):
        assert one.get(f"{PATH}{query}").status_code == 404
        assert HEX not in one.get(f"/uspeedo/{query}").text


@pytest.mark.parametrize(
    ("name", "is_seen"),
    [
        ("notify/mine/send/r/-1/1/failed", True),
        ("notify-dag/mine/r/0/success", True),
        ("notify/secret/send/r/-1/1/failed", False),
        ("notify/secret/send/r try 1 map -1/-1/1/failed", False),
        ("notify-dag/secret/r/0/success", False),
        ("notify-deadline/secret/r/1", False),
        (attempt_name("notify", "secret", "r", 1, -1), True),
        (attempt_name("notify-dag", "mine", "r", 1, -1), False),
    ],
)
def test_a_notification_is_of_the_dag_that_it_is_about(
    browser: Any, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, name: str, is_seen: bool
) -> None:
    """Whoever may read a DAG of the name "notify" sees no notification of another one."""
    from airflow.api_fastapi.app import get_auth_manager

    ledger.open_attempt("one", SPEC, name=name)
    one = browser("user")

    def allowed(*, method: str, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        return details is None or details.id in (None, "mine", "notify")

    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", allowed)
    assert (one.get(PATH).status_code == 200) == is_seen
    assert (HEX in one.get("/uspeedo/").text) == is_seen


# -- what was shown -----------------------------------------------------------------------------------------------


def _shown(page: Any) -> dict[str, str]:

    return dict(re.findall(r'name="(token|expected|shown|of_request)" value="([^"]*)"', page.text))


@pytest.mark.parametrize("outcome", ["sent", "not-sent"])
def test_a_person_answers_for_the_requests_that_were_shown(browser: Any, ledger: Ledger, outcome: str) -> None:
    """As many recipients of another request are not meant: they may have been sent to."""
    one = Try(ledger, "one")
    first, second = one.claim(people("ab"), size=1)
    one.mark(first)
    ledger.mark_unknown(one.attempt, first.id, ret_code=None, vendor_request_id="", reason="timeout")
    form = _shown(browser("user").get(f"{PATH}/resolve"))
    assert form["expected"] == "1"
    LedgerAdmin(ledger).resolve("one", as_sent=True, by="somebody else")
    one.mark(second)
    ledger.mark_unknown(one.attempt, second.id, ret_code=None, vendor_request_id="", reason="timeout")
    answer = browser("user").post(f"{PATH}/resolve", {**form, "outcome": outcome, "in_flight": "1"})
    assert answer.status_code == 409, text_of(answer)
    assert "other requests are unknown now" in text_of(answer)
    assert LedgerAdmin(ledger).show("one").unknown.recipients == 1


def test_a_person_reopens_the_rejected_that_were_shown(browser: Any, ledger: Ledger) -> None:
    """As many of another request may have another cause."""
    one = Try(ledger, "one")
    first, second = one.claim(people("ab"), size=1)
    one.send(first, "a")
    form = {**_shown(browser("user").counted(f"{PATH}/reopen")), "reason": "a list was fixed"}
    assert form["expected"] == "1"
    LedgerAdmin(ledger).reopen_rejected("one", reason="r", by="somebody else")
    one.send(second, "b")
    answer = browser("user").post(f"{PATH}/reopen", form)
    assert answer.status_code == 409, text_of(answer)
    assert "other requests hold rejected recipients now" in text_of(answer)
    form = {**_shown(browser("user").counted(f"{PATH}/reopen")), "reason": "a list was fixed"}
    assert browser("user").post(f"{PATH}/reopen", form).status_code == 200


def test_the_page_to_reopen_does_not_wait_for_a_long_count(
    browser: Any, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks for itself again, and has its form once they are counted."""
    one = Try(ledger, "one")
    (request,) = one.claim(people("ab"))
    one.send(request, "a")
    go, count = threading.Event(), LedgerAdmin.count_rejected

    def count_slowly(admin: LedgerAdmin, campaign_id: str) -> Any:
        assert go.wait(20)
        return count(admin, campaign_id)

    monkeypatch.setattr(LedgerAdmin, "count_rejected", count_slowly)
    page = browser("user").get(f"{PATH}/reopen")
    assert "Being counted" in text_of(page)
    assert "data-poll" in page.text
    assert "expected" not in _shown(page)
    go.set()
    page = browser("user").counted(f"{PATH}/reopen?fragment=1")
    assert "<title>" not in page.text
    assert "data-poll" not in page.text
    form = {**_shown(page), "reason": "a list was fixed"}
    assert form["expected"] == "1"
    assert browser("user").post(f"{PATH}/reopen", form).status_code == 200


def test_two_people_and_a_double_click_decide_once(browser: Any, campaign: Ledger) -> None:
    form = {**_shown(browser("user").get(f"{PATH}/resolve")), "outcome": "sent"}
    assert browser("user").post(f"{PATH}/resolve", form).status_code == 200
    for role in ("user", "admin"):
        answer = browser(role).post(f"{PATH}/resolve", {**form, "token": browser(role).token()})
        assert answer.status_code == 409
    (decision,) = LedgerAdmin(campaign).show("one").decisions
    assert (decision.who, decision.recipients) == ("ulf", 3)


# -- other ledgers ------------------------------------------------------------------------------------------------


def test_counts_of_a_ledger_that_was_made_anew_are_its_own(browser: Any, ledger: Ledger, ledger_file: Path) -> None:
    """The same file, the same number of the campaign: nothing of the old one is shown."""
    from airflow_provider_uspeedo.plugin import page_ledger

    Try(ledger, "another").text(people("abc"))
    path = f"/uspeedo/campaigns/{campaign_hash('another').hex()}"
    assert ">3</td>" in browser("admin").counted(path).text
    ledger.close()
    page_ledger.close_ledger()
    for file in ledger_file.parent.glob("ledger.db*"):
        file.unlink()
    anew = Ledger(open_engine(f"sqlite:///{ledger_file}"))
    anew.prepare()
    Try(anew, "one").text(people("a"))
    page = browser("admin").counted(PATH)
    assert 'id="total">1<' in page.text
    anew.close()


# -- exports ------------------------------------------------------------------------------------------------------


class Parts:
    """Parts of an export; says by which threads it was asked, and whether it was closed."""

    def __init__(self, number: int) -> None:
        self.number, self.threads, self.closed = number, set[str](), threading.Event()

    def __call__(self) -> Generator[str, None, None]:
        try:
            for _ in range(self.number):
                self.threads.add(threading.current_thread().name)
                yield "a,b\r\n"
        finally:
            self.closed.set()


async def _send(parts: Parts, send: Any) -> None:
    from airflow_provider_uspeedo.plugin.csv_response import CsvResponse

    response = await CsvResponse.of(parts(), {})

    async def receive() -> Any:
        await asyncio.sleep(60)

    await response({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send)


def test_an_export_is_read_in_threads_of_the_page() -> None:
    """A database that hangs takes none that Airflow needs."""
    parts, sent = Parts(3), []

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    asyncio.run(_send(parts, send))
    assert b"".join(sent) == b"a,b\r\n" * 3
    assert parts.threads
    assert all(name.startswith("uspeedo-page") for name in parts.threads)


def test_a_browser_that_takes_nothing_ends_its_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction ends with it; what was sent is broken off, and no whole file."""
    from airflow_provider_uspeedo.plugin import csv_response

    monkeypatch.setattr(csv_response, "PORTION_SECONDS", 0.2)
    parts, sent = Parts(1_000), []

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) > 2:
            await asyncio.sleep(60)

    async def whole() -> None:
        with pytest.raises(LedgerUnavailable, match="browser took no part"):
            await _send(parts, send)
        assert not csv_response._open

    asyncio.run(whole())
    assert parts.closed.wait(10)
    assert all(message.get("more_body", True) for message in sent)


def test_few_exports_are_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_uspeedo.plugin import csv_response

    monkeypatch.setattr(csv_response, "MAX_AT_ONCE", 1)
    seen: list[str] = []

    async def send(_message: Any) -> None:
        try:
            await csv_response.CsvResponse.of(Parts(1)(), {})
        except LedgerUnavailable as error:
            seen.append(str(error))

    asyncio.run(_send(Parts(1), send))
    assert "exports are being sent" in seen[0]
    assert not csv_response._open


@pytest.mark.parametrize("text", ["=1+1", " =cmd|' /C calc'!A0", "+1", "-1", "@x", "\t=1", "\n=1", "\uff1d1+1"])
def test_a_cell_of_the_export_calculates_nothing(text: str) -> None:
    from airflow_provider_uspeedo.plugin.file_routes import _cell

    assert _cell("sender_id", text, is_plain=True) == f"'{text}"
    assert _cell("sender_id", f"x{text}", is_plain=True) == f"x{text}"


# -- foreign texts ------------------------------------------------------------------------------------------------

EVIL = "\u202e</td><script>alert(1)</script>'\"&javascript:"


def test_no_foreign_text_is_part_of_a_page(browser: Any, ledger: Ledger) -> None:
    """Of rows, attempts and decisions, wherever it came from."""
    one = Try(ledger, "one")
    rows = [
        Recipient(row, key_of(name), f"(852)5531111{row}", (), EVIL[:60], "", EVIL[:60], EVIL[:60])
        for row, name in enumerate("abc", 1)
    ]
    first, second = one.claim(rows, size=2)
    one.mark(first)
    ledger.settle(one.attempt, first.id, Answer(EVIL, 0, EVIL, ((key_of("a"), "rejected", EVIL),)))
    one.mark(second)
    ledger.mark_unknown(one.attempt, second.id, ret_code=7, vendor_request_id=EVIL, reason=EVIL)
    ledger.open_attempt("one", SPEC, name=f"a/{EVIL}/b try 1 map -1")
    admin = LedgerAdmin(ledger)
    admin.resolve("one", as_sent=True, by=EVIL[1:])
    admin.reopen_rejected("one", reason=EVIL[1:], by=EVIL[1:])
    admin.stop("one", by=EVIL[1:])
    for role in ("viewer", "admin"):
        for page in ("", "?fragment=1", "/rows", "/requests", "/resume", "/rows?phones=plain"):
            answer = browser(role).counted(PATH + page)
            assert answer.status_code in (200, 403)
            assert "<script>alert" not in answer.text
            links = re.findall(r'(?:href|src|action|data-poll)="([^"]*)"', answer.text)
            assert all(link.startswith(("/uspeedo/", "#")) for link in links)


def test_a_user_id_that_is_the_phone_is_masked_however_it_is_written(browser: Any, ledger: Ledger) -> None:
    one = Try(ledger, "one")
    (request,) = one.claim([Recipient(1, key_of("a"), "(852)55318642", (), "hk5531hk8642", "", "UTA1", "")])
    one.send(request)
    for page in ("/rows", "/export.csv"):
        answer = browser("admin").get(PATH + page)
        assert "****8642" in answer.text
        assert "5531hk" not in answer.text


def test_an_address_of_the_server_that_cannot_be_read_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the start of Airflow, which loads the plugin, nor a task, which names the page."""
    from airflow_provider_uspeedo.hooks import page_address

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://[")
    assert page_address.page_root() == "/uspeedo"
    page_address.announce_runbook()
