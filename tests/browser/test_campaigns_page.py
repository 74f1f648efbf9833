# SPDX-License-Identifier: Apache-2.0
"""The page *SMS campaigns* inside Airflow: what a person sees, finds and decides there, without a shell."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from tests.browser.conftest import LOST, SALE, Open
from tests.browser.running_ui import RunningUi
from tests.browser.screens import Screen

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Page, Route

PAGE = "/plugin/sms-campaigns"
ROOT = "/uspeedo"
PHONE = re.compile(r"\d{7,}|\d{4}[ -]\d{4}")


def inside(screen: Screen) -> FrameLocator:
    """The page, in the frame in which Airflow shows it."""
    return screen.page.frame_locator("iframe")


def open_campaign(where: FrameLocator | Page, name: str) -> None:
    where.get_by_role("link", name=name, exact=True).click()
    where.get_by_role("heading", name=name, level=1).wait_for()
    where.get_by_text("Counted at").wait_for()


def statuses(where: FrameLocator | Page) -> dict[str, int]:
    """Status to rows, as the table says."""
    found = {}
    for row in where.locator("section[aria-labelledby=statuses] tbody tr").all():
        found[row.get_by_role("link").inner_text()] = int(row.locator("td").first.inner_text().replace(",", ""))
    return found


def test_the_menu_leads_to_campaigns_whose_rows_add_up(look: Open, campaigns: RunningUi) -> None:
    """Browse, SMS campaigns, a campaign: its numbers are those of the table and of the sandbox."""
    screen = look()
    screen.page.get_by_role("button", name="Browse").click()
    screen.page.get_by_role("menuitem", name="SMS campaigns").click()
    page = inside(screen)
    page.get_by_role("link", name=SALE, exact=True).wait_for()
    screen.picture("campaigns")
    open_campaign(page, SALE)
    counted = statuses(page)
    assert sum(counted.values()) == 1_000
    assert page.locator("#total").inner_text() == "1,000"
    texted = {entry["number"] for entry in campaigns.journal() if entry["sender_id"]}  # rows_from_a_task names none
    assert counted["accepted"] == len(texted)
    page.get_by_text("Being counted").first.wait_for(state="hidden")
    screen.picture("campaign")
    page.locator("#chart canvas").wait_for()
    assert screen.complaints == []


@pytest.mark.parametrize(
    "place",
    [
        "/dags/first_texts/plugin/sms-campaigns-dag",
        "/dags/first_texts/runs/sale/plugin/sms-campaigns-dag_run",
        "/dags/first_texts/tasks/send/plugin/sms-campaigns-task",
        "/dags/first_texts/runs/sale/tasks/send/plugin/sms-campaigns-task_instance",
    ],
)
def test_a_tab_shows_the_campaigns_of_its_place(look: Open, campaigns: RunningUi, place: str) -> None:
    """On a DAG, a run, a task and a task instance."""
    page = inside(look(place))
    page.get_by_role("link", name=SALE, exact=True).wait_for()
    assert page.get_by_role("link", name=LOST, exact=True).count() == 0
    page.get_by_role("link", name="Show all campaigns").wait_for()


def test_a_viewer_sees_masked_phones_and_no_buttons(look: Open, campaigns: RunningUi) -> None:
    """Nor does the address of a decision open for them."""
    screen = look(PAGE, "viewer")
    page = inside(screen)
    open_campaign(page, LOST)
    assert page.get_by_role("link", name=re.compile("Stop|Resolve|Reopen")).count() == 0
    page.get_by_role("link", name="Rows", exact=True).click()
    page.locator("#rows").wait_for()
    assert "****" in page.locator("#rows").inner_text()
    assert not PHONE.search(page.locator("#rows").inner_text())
    assert page.get_by_role("link", name="Show phones").count() == 0
    assert screen.complaints == []
    campaign = screen.page.frames[1].url.removesuffix("/rows")
    for decision in ("stop", "resume", "resolve", "reopen"):
        screen.go(f"{campaign}/{decision}")
        screen.sees("You do not have the right to do this.")


def test_who_may_see_phones_finds_a_row_by_its_phone(look: Open, campaigns: RunningUi) -> None:
    """Masked at first, in full on request; the phone is in no address."""
    expect = pytest.importorskip("playwright.sync_api").expect
    phone = "85255311112"
    screen = look(PAGE)
    page = inside(screen)
    open_campaign(page, LOST)
    page.get_by_role("link", name="Rows", exact=True).click()
    page.get_by_label("Search a recipient").fill("+852 5531-1112")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#rows tbody tr")).to_have_count(1)
    page.get_by_text("(852)****1112").wait_for()
    assert not PHONE.search(page.locator("#rows tbody td").first.inner_text())
    page.get_by_role("link", name="Show phones").click()
    page.get_by_text("Phones are shown in full.").wait_for()
    shown = re.sub(r"\D", "", page.locator("#rows tbody").inner_text())
    assert phone in shown
    assert not any(phone in re.sub(r"\D", "", frame.url) for frame in screen.page.frames)


def test_a_search_that_has_found_nothing_yet_goes_on_by_itself(look: Open, campaigns: RunningUi) -> None:
    """As in a campaign of millions, of which each answer has seen a part: the first two here are made to say so."""
    expect = pytest.importorskip("playwright.sync_api").expect
    screen = look(ROOT + "/")
    open_campaign(screen.page, LOST)
    screen.page.get_by_role("link", name="Rows", exact=True).click()
    screen.page.get_by_label("Search a recipient").wait_for()
    asked: list[dict[str, str]] = []

    def answer(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        asked.append(dict(parse_qsl(route.request.post_data or "", keep_blank_values=True)))
        real = route.fetch()
        if len(asked) > 2:
            route.fulfill(response=real)
            return
        fields = {**asked[-1], "at": f"rows.0..{len(asked)}"}
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items()
        )
        cut = f'<div id="found"><form method="post" action="{route.request.url}" data-go-on>{hidden}</form></div>'
        begin, end = real.text().index('<div id="found">'), real.text().index("</main>")
        route.fulfill(response=real, body=real.text()[:begin] + cut + real.text()[end:])

    screen.page.route("**/rows", answer)
    screen.page.get_by_label("Search a recipient").fill("+852 5531-1112")
    screen.page.get_by_role("button", name="Search").click()
    expect(screen.page.locator("#rows tbody tr")).to_have_count(1)
    assert [one.get("at") for one in asked] == [None, "rows.0..1", "rows.0..2"]
    assert {one["wanted"] for one in asked} == {"+852 5531-1112"}
    assert screen.complaints == []


def test_rows_of_a_status_are_shown_and_exported(look: Open, campaigns: RunningUi, tmp_path: Path) -> None:
    """A status of the table leads to its rows. The export is a download, which Airflow's frame allows; masked."""
    screen = look(PAGE)
    page = inside(screen)
    open_campaign(page, SALE)
    page.locator("section[aria-labelledby=statuses]").get_by_role("link", name="rejected", exact=True).click()
    page.locator("#rows").wait_for()
    assert set(page.locator("#rows tbody .mark").all_inner_texts()) == {"rejected"}
    screen.picture("rows")
    page.get_by_role("link", name=SALE).click()
    with screen.page.expect_download() as exported:
        page.get_by_role("link", name="Export as CSV, phones masked").click()
    exported.value.save_as(tmp_path / "rows.csv")
    written = (tmp_path / "rows.csv").read_text("utf-8-sig").splitlines()
    assert len(written) == 1_001
    assert "****" in written[1]


def test_unknown_outcomes_are_resolved_without_a_shell(look: Open, campaigns: RunningUi) -> None:
    """An editor looks, stops, decides and resumes; what was not sent is sent by the next run, once."""
    ui, run = campaigns, "rows_from_a_task"
    screen = look(PAGE, "editor")
    page = inside(screen)
    open_campaign(page, LOST)
    assert statuses(page) == {"unknown": 3}
    page.get_by_role("link", name="Stop", exact=True).click()
    page.get_by_role("button", name="Stop it").click()
    page.get_by_text("The campaign is stopped.").wait_for()
    page.get_by_role("link", name=LOST).last.click()
    page.get_by_text(re.compile("stopped by ")).wait_for()
    page.get_by_role("link", name="Resolve all").click()
    page.get_by_text("This is about 3 recipients.").wait_for()
    screen.picture("resolve")
    page.get_by_role("button", name="They were not sent").click()
    page.get_by_text("Recorded 3 recipients as").wait_for()
    before = len(ui.journal())
    assert ui.run(run, "while-stopped", {"campaign": LOST}) == "failed"
    assert len(ui.journal()) == before
    page.get_by_role("link", name=LOST).last.click()
    page.get_by_role("link", name="Resume", exact=True).click()
    page.get_by_role("button", name="Resume it").click()
    page.get_by_text("The campaign may go on.").wait_for()
    assert ui.run(run, "after-that", {"campaign": LOST}) == "success"
    assert len(ui.journal()) == before + 3
    page.get_by_role("link", name=LOST).last.click()
    page.get_by_role("cell", name="editor", exact=True).first.wait_for()
    assert screen.complaints == []


def test_a_campaign_is_followed_while_it_runs(look: Open, campaigns: RunningUi) -> None:
    """The list shows it running, and then finished, without being loaded anew."""
    ui, slow = campaigns, "slow answers"
    ui.fault(kind="drip", at=1, seconds=20)
    api = ui.api()
    api.call("PATCH", "dags/rows_from_a_task", {"is_paused": False})
    about = {"dag_run_id": "slow", "conf": {"campaign": slow}, "logical_date": None}
    api.call("POST", "dags/rows_from_a_task/dagRuns", about)
    screen = look(ROOT + "/")
    for _ in range(60):
        if screen.page.get_by_role("link", name=slow).count():
            break
        screen.page.wait_for_timeout(1_000)
        screen.page.reload()
    row = screen.page.get_by_role("row", name=re.compile(slow))
    row.get_by_text("running").wait_for()
    screen.page.evaluate("window.isTheSame = true")
    row.get_by_text("finished").wait_for()
    assert screen.page.evaluate("window.isTheSame") is True
    assert screen.complaints == []
