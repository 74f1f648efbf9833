# SPDX-License-Identifier: Apache-2.0
"""Forged forms, foreign texts, and phones: nothing of them gets where it must not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Answer
from tests.leaks import leaks
from tests.ledger.acting import Try, key_of, people
from tests.plugin.signed_in import text_of

pytestmark = pytest.mark.airflow

PHONE = "(852)55318642"
SPELLINGS = ("55318642", "5531 8642", "5531-8642", "85255318642", "+852 5531 8642", "(852)5531")
PAGES = (
    "",
    "?fragment=1",
    "/rows",
    "/rows?status=rejected",
    "/rows?status=invalid",
    "/requests",
    "/query",
    "/export.csv",
)
HEX = campaign_hash("one").hex()
PATH = f"/uspeedo/campaigns/{HEX}"


@pytest.fixture
def campaign(ledger: Ledger) -> Ledger:
    """Phones everywhere: as phones, as user ids, in the vendor's words, and unreadable in bad rows."""
    one = Try(ledger, "one")
    rows = [
        Recipient(1, key_of("a"), PHONE, (), "85255318642", "", "UTA1", ""),
        Recipient(2, key_of("b"), PHONE, (), "u2", "", "UTA1", ""),
        BadRow(3, Status.INVALID, "phone '+852 5531 8642' is bad", "5531-8642", "5531 8642", "UTA1", "", None),
    ]
    first, second = one.claim(rows, size=1)
    one.mark(first)
    said = f"{PHONE} is in the black list, so is 5531-8642"
    ledger.settle(one.attempt, first.id, Answer("S1", 0, "V1", ((key_of("a"), "rejected", said),)))
    one.mark(second)
    ledger.mark_unknown(one.attempt, second.id, ret_code=7, vendor_request_id="V2", reason=f"timeout for {PHONE}")
    one.end()
    return ledger


@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_a_phone_in_any_spelling(browser: Any, campaign: Ledger, page: str) -> None:
    """Masked ones show the country and four digits. Keys, which are hashes of phones, are not shown either."""
    for role in ("viewer", "admin"):
        one = browser(role)
        one.counted(PATH)
        answer = one.get(PATH + page)
        assert answer.status_code == 200
        assert not [phone for phone in SPELLINGS if phone in answer.text]
        assert not re.search(r"5\D{0,3}5\D{0,3}3\D{0,3}1\D{0,3}8\D{0,3}6\D{0,3}4\D{0,3}2", answer.text)
        assert key_of("a").hex() not in answer.text


def test_rows_show_who_is_who_masked(browser: Any, campaign: Ledger) -> None:
    text = text_of(browser("viewer").get(f"{PATH}/rows"))
    assert "(852)****8642" in text
    assert "is in the black list" in text


def test_a_search_by_phone_leaves_no_trace(browser: Any, campaign: Ledger, capfd: Any, caplog: Any) -> None:
    """In no address, header or log; the rows that it finds are masked."""
    caplog.set_level(0)
    one = browser("viewer")
    for spelling in ("+852 5531 8642", "55318642"):
        answer = one.post(f"{PATH}/rows", {"wanted": spelling})
        assert answer.status_code == 200, text_of(answer)
        assert len(re.findall(r'<th scope="row"', answer.text)) == 2
        assert leaks(f"{answer.url} {dict(answer.headers)}", PHONE) == []
    assert "No row is found" in text_of(one.post(f"{PATH}/rows", {"wanted": "+852 5531 0000"}))
    assert "u2" in text_of(one.post(f"{PATH}/rows", {"wanted": "u2"}))
    printed = "".join(capfd.readouterr()) + caplog.text
    assert "request finished" in printed
    assert not [phone for phone in SPELLINGS if phone in printed]


def test_no_address_of_a_page_holds_a_phone_or_a_key(browser: Any, ledger: Ledger, monkeypatch: Any) -> None:
    """Also where pages are cut between two recipients."""
    from airflow_provider_uspeedo.plugin import row_routes

    monkeypatch.setattr(row_routes, "PAGE", 2)
    rows = people("abcdefg")
    Try(ledger, "one").text(rows, size=3)
    one, page, seen = browser("viewer"), f"{PATH}/rows", 0
    while page:
        answer = one.get(page)
        seen += len(re.findall(r'<th scope="row"', answer.text))
        more = re.findall(r'href="([^"]+)" rel="next"', answer.text)
        page = more[0].replace("&amp;", "&") if more else ""
        for recipient in rows:
            assert recipient.key.hex() not in answer.text
            assert recipient.phone[5:] not in answer.text
    assert seen == 7


# -- forged and foreign -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "http://testserver"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("what", ["stop", "resume", "resolve", "reopen", "rows"])
def test_a_form_of_another_site_does_nothing(
    browser: Any, campaign: Ledger, what: str, headers: dict[str, str]
) -> None:
    """Although the browser sends Airflow's cookie along, and even with a token that was stolen."""
    one = browser("admin")
    fields = {"token": one.token(), "outcome": "sent", "expected": "1", "reason": "r", "wanted": "u2"}
    answer = one.client.post(f"{PATH}/{what}", data=fields, headers=headers)
    assert answer.status_code == 403
    assert "did not come from this page" in answer.text
    shown = LedgerAdmin(campaign).show("one")
    assert (shown.stopped_at, shown.decisions) == (None, ())


@pytest.mark.parametrize("token", ["", "0" * 64, "nonsense"])
def test_a_form_without_ones_own_token_does_nothing(browser: Any, campaign: Ledger, token: str) -> None:
    assert browser("admin").post(f"{PATH}/stop", token=token).status_code == 403
    other = browser("user").token()
    assert browser("admin").post(f"{PATH}/stop", token=other).status_code == 403
    assert LedgerAdmin(campaign).show("one").stopped_at is None


def test_a_browser_on_plain_http_may_decide(browser: Any, campaign: Ledger) -> None:
    """It says where a form comes from by ``Origin`` alone."""
    one = browser("user")
    answer = one.client.post(f"{PATH}/stop", data={"token": one.token()}, headers={"origin": "http://testserver"})
    assert answer.status_code == 200


def test_nothing_is_decided_by_an_address(browser: Any, campaign: Ledger) -> None:
    """A link or a picture makes a browser ask with GET."""
    one = browser("admin")
    for what in ("stop", "resume", "resolve", "reopen"):
        one.get(f"{PATH}/{what}?token={one.token()}&outcome=sent&expected=1&reason=r")
    shown = LedgerAdmin(campaign).show("one")
    assert (shown.stopped_at, shown.decisions, shown.unknown.recipients) == (None, (), 1)


@pytest.mark.parametrize(
    "path",
    ["/", *(f"/campaigns/{HEX}{page}" for page in PAGES), "/static/page.js", "/nowhere", "/docs", "/openapi.json"],
)
def test_every_answer_has_the_headers(browser: Any, campaign: Ledger, path: str) -> None:
    """Also that of an address that is not there; the interface has no pages about itself."""
    answer = browser("admin").get(f"/uspeedo{path}")
    assert answer.status_code == (404 if path in ("/nowhere", "/docs", "/openapi.json") else 200)
    rules = dict(rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["form-action"] == rules["frame-ancestors"] == "'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ("no-store" in answer.headers["cache-control"]) == ("static" not in path)


@pytest.mark.parametrize("page", [*PAGES[:-1], "/resolve", "/stop", "/reopen"])
def test_a_page_holds_no_script_no_style_and_nothing_from_elsewhere(browser: Any, campaign: Ledger, page: str) -> None:
    one = browser("admin")
    one.counted(PATH)
    text = one.get(PATH + page).text
    assert not re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", text)
    assert all(link.startswith(("/uspeedo/", "#")) for link in re.findall(r'(?:src|href|action)="([^"]+)"', text))


def test_names_and_reasons_are_text(browser: Any, ledger: Ledger) -> None:
    """Whatever a vendor or a DAG author writes is shown, and is no part of the page."""
    evil = "</title><script>alert(1)</script>'\"&"
    one = Try(ledger, evil)
    (request,) = one.claim(people("a"))
    one.mark(request)
    ledger.settle(one.attempt, request.id, Answer("<b>S", 0, "<i>", ((key_of("a"), "rejected", evil),)))
    one.end()
    path = f"/uspeedo/campaigns/{campaign_hash(evil).hex()}"
    for page in ("", "/rows", "/requests", "/query", "/stop"):
        answer = browser("admin").counted(path + page)
        assert answer.status_code == 200
        assert "<script>" not in answer.text
        assert "<b>S" not in answer.text
        assert evil in text_of(answer).replace("' \"", "'\"")


def test_a_cell_is_no_formula(browser: Any, ledger: Ledger) -> None:
    """A spreadsheet that opens the export calculates nothing."""
    one = Try(ledger, "one")
    (request,) = one.claim([Recipient(1, key_of("a"), PHONE, (), "=1+1", "", "UTA1", "@x")])
    one.send(request)
    exported = browser("admin").get(f"{PATH}/export-with-phones.csv")
    assert exported.headers["content-type"].startswith("text/csv")
    assert "attachment" in exported.headers["content-disposition"]
    (_, line) = exported.text.strip().split("\r\n")
    assert PHONE in line
    assert "'=1+1" in line
    assert "'@x" in line
