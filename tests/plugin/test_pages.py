# SPDX-License-Identifier: Apache-2.0
"""What the pages show, asked through Airflow's own API server."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.ledger.admin import row_pages
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.plugin import page_ledger
from tests.ledger.acting import Try, people
from tests.ledger.test_overview import a_try_with_everything
from tests.plugin.signed_in import text_of

pytestmark = pytest.mark.airflow


def address(campaign: str, rest: str = "") -> str:
    return f"/uspeedo/campaigns/{campaign_hash(campaign).hex()}{rest}"


def test_without_a_ledger_the_page_says_so(browser: Any, ledger_file: Any) -> None:
    """And creates none."""
    answer = browser("viewer").get("/uspeedo/")
    assert answer.status_code == 200
    assert "There is no ledger yet" in text_of(answer)
    assert not ledger_file.exists()


def test_without_a_campaign_the_page_says_so(browser: Any, ledger: Ledger) -> None:
    assert "No campaign is found" in text_of(browser("viewer").get("/uspeedo/"))


def test_the_list_leads_to_the_campaign(browser: Any, ledger: Ledger) -> None:
    a_try_with_everything(ledger, "autumn <offers>").end()
    one = browser("viewer")
    listed = one.get("/uspeedo/")
    assert "autumn <offers>" in text_of(listed)
    (link,) = re.findall(r'href="(/uspeedo/campaigns/[0-9a-f]+)"', listed.text)
    shown = one.counted(link)
    assert shown.status_code == 200
    for words in ("accepted 2 22.2%", "rejected 1", "Total 9", "3 recipients in 2 requests", "phone in the black list"):
        assert words in text_of(shown), words


def test_the_runbook_is_shown_in_the_language_of_the_page(browser: Any, ledger: Ledger) -> None:
    """The list, a section and its links; a name that is none is not found in either."""
    one = browser("viewer")
    for language, words in (("en", "Saying sent, or not sent"), ("zh", "裁定已发送或未发送")):
        section = one.get("/uspeedo/runbook/unknown", **{"accept-language": language})
        assert words in text_of(section)
        assert "airflow-uspeedo explain unknown" in text_of(section)
        (title,) = re.findall(r"<h1>(.+)</h1>", section.text)
        assert title in text_of(one.get("/uspeedo/runbook", **{"accept-language": language}))
        for link in {*re.findall(r'<a href="([\w-]+)">', section.text)}:
            assert one.get(f"/uspeedo/runbook/{link}", **{"accept-language": language}).status_code == 200
        assert one.get("/uspeedo/runbook/nothing", **{"accept-language": language}).status_code == 404


def test_a_search_that_was_cut_before_it_found_anything_asks_to_go_on(
    browser: Any, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script does; one that has found a row, or has seen all, waits for the person."""
    a_try_with_everything(ledger, "one").end()
    one = browser("admin")
    pages = []
    for seconds, wanted in ((-1.0, "nobody"), (60.0, "nobody"), (60.0, "user a")):
        monkeypatch.setattr(row_pages, "SECONDS", seconds)
        page_ledger.close_ledger()
        pages.append(one.post(address("one", "/rows"), {"wanted": wanted}).text)
    assert ["data-go-on" in page for page in pages] == [True, False, False]
    assert "The search has not seen all rows yet." in pages[0]
    (place,) = re.findall(r'name="at" value="([^"]+)"', pages[0])
    last = one.post(address("one", "/rows"), {"wanted": "nobody", "at": place})
    assert "data-go-on" not in last.text


def test_all_pages_of_a_campaign_can_be_shown(browser: Any, ledger: Ledger) -> None:
    a_try_with_everything(ledger, "one").end()
    Try(ledger, "one").text(people("bcxyz"))
    one = browser("admin")
    for rest in (
        "", "?fragment=1", "/rows", "/rows?status=unknown", "/rows?phones=plain", "/requests",
        "/requests?state=settled",
        "/query", "/export.csv", "/export-with-phones.csv", "/resolve", "/stop", "/resume",
    ):  # fmt: skip
        answer = one.get(address("one", rest))
        assert answer.status_code == 200, (rest, text_of(answer))
    assert one.get(address("no such campaign")).status_code == 404
