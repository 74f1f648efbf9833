# SPDX-License-Identifier: Apache-2.0
"""The page *SMS campaigns* for those who see badly, use no mouse, like it dark, or read Chinese."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import SALE, Open
from tests.browser.running_ui import RunningUi
from tests.browser.screens import Screen
from tests.browser.test_campaigns_page import PAGE, ROOT, inside, open_campaign

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHINESE = re.compile("[\u4e00-\u9fff]")
ABOVE = ("/", "/runbook", "/runbook/unknown")
BELOW = (
    "",
    "/rows",
    "/rows?status=rejected",
    "/requests",
    "/query",
    "/stop",
    "/resume",
    "/resolve",
    "/reopen",
    "/nothing",
)
"""Every kind of page, those of a campaign, and one that there is not."""


def addresses(screen: Screen) -> list[str]:
    """All of them."""
    screen.go(ROOT + "/")
    link = screen.page.get_by_role("link", name=SALE, exact=True)
    campaign = link.get_attribute("href")
    return [*(ROOT + above for above in ABOVE), *(f"{campaign}{below}" for below in BELOW)]


@pytest.mark.parametrize(("theme", "locale", "tag"), [("light", "en-GB", "en"), ("dark", "zh-CN", "zh-Hans")])
def test_every_page_passes_an_accessibility_check(
    look: Open, campaigns: RunningUi, theme: str, locale: str, tag: str
) -> None:
    """axe-core finds nothing: names, contrast, landmarks, tables. The page is in Airflow's language and theme."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    screen = look("/", "admin", theme=theme, locale=locale)
    found = []
    for address in addresses(screen):
        screen.go(address)
        screen.page.locator("h1").wait_for()
        page = screen.page.locator("html")
        assert (page.get_attribute("lang"), page.get_attribute("data-theme")) == (tag, theme), address
        translated = screen.page.locator("main").inner_text()
        assert bool(CHINESE.search(translated)) == (tag != "en"), address
        if address.endswith(tuple("0123456789abcdef")) and screen.page.locator("#chart").count():
            screen.page.locator("#chart canvas").wait_for()
        broken = axe.run(screen.page).response["violations"]
        found += [(address, one["id"], [node["target"] for node in one["nodes"]]) for one in broken]
    assert found == []
    assert [said for said in screen.complaints if "404" not in said] == []


def test_the_page_is_dark_where_airflow_is(look: Open, campaigns: RunningUi) -> None:
    """In Airflow's frame: the colour that a person chose in Airflow, whatever the system prefers."""
    screen = look(PAGE, theme="light")
    inside(screen).get_by_role("link", name=SALE, exact=True).wait_for()
    screen.page.evaluate("localStorage.setItem('theme', 'dark')")
    screen.page.reload()
    page = inside(screen)
    open_campaign(page, SALE)
    red, green, blue = re.findall(r"\d+", page.locator("body").evaluate("one => getComputedStyle(one).backgroundColor"))
    assert max(int(red), int(green), int(blue)) < 60
    page.get_by_text("Being counted").first.wait_for(state="hidden")
    screen.picture("campaign-dark")


def test_a_campaign_is_stopped_and_resumed_with_the_keyboard_alone(look: Open, campaigns: RunningUi) -> None:
    """Tab and Enter; what has the focus can be seen."""
    screen = look(ROOT + "/", "editor")
    page = screen.page
    page.locator("h1").wait_for()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    for name, next_one in (
        (SALE, "Unknown outcomes"),
        ("Stop", "Requests on their way cannot be called back"),
        ("Stop it", "The campaign is stopped."),
        (SALE, "Unknown outcomes"),
        ("Resume", "The next attempt of its task goes on."),
        ("Resume it", "The campaign may go on."),
    ):
        tab_to(page, name)
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        page.keyboard.press("Enter")
        page.get_by_text(next_one).first.wait_for()
    assert screen.complaints == []


def focused(page: Page) -> str:
    return str(page.evaluate("(document.activeElement.innerText || '').trim()"))


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until something of this name has the focus; the links of the header come first."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if focused(page) == name and not page.evaluate("!!document.activeElement.closest('header')"):
            return
    raise AssertionError(f"{name} is not reached with Tab")
