# SPDX-License-Identifier: Apache-2.0
"""A page in a headless Chromium: opened, used, photographed, and judged."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

FLAGS = (
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)
PATIENCE = 60_000
"""Milliseconds after which something that is not shown is a failure; a busy machine is slow."""
LOCALE = "en-GB"
WINDOW = {"width": 1280, "height": 860}
"""Of screenshots, too."""


@dataclass(frozen=True)
class Screen:
    """One page of Airflow.

    :param base: Airflow's address.
    :param pictures: the folder for screenshots, or None to take none.
    :param complaints: what the browser wrote into its console as an error, and what no script caught.
    """

    page: Page
    base: str
    pictures: Path | None
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def opened(
        cls, browser: Browser, base: str, state: Any, pictures: Path | None, *, theme: str = "light", **about: Any
    ) -> Screen:
        """A new window with the cookies of a state.

        :param about: what Playwright's ``new_context`` takes, such as ``locale``.
        """
        settings = {"viewport": WINDOW, "locale": LOCALE, "timezone_id": "UTC", "reduced_motion": "reduce", **about}
        context = browser.new_context(storage_state=state, color_scheme=theme, **settings)
        context.set_default_timeout(PATIENCE)
        found = cls(context.new_page(), base, pictures)
        found.page.on("console", lambda said: said.type == "error" and found.complaints.append(said.text))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        return found

    def go(self, path: str) -> None:
        """Opens a path, or an address."""
        self.page.goto(path if "://" in path else self.base + path, wait_until="domcontentloaded")

    def sees(self, text: str | re.Pattern[str], within: Locator | None = None) -> Locator:
        """Waits until a text is shown; returns where."""
        found = (within or self.page).get_by_text(text).first
        found.wait_for()
        return found

    def picture(self, name: str) -> None:
        """Takes a screenshot for the documents, if they are to be taken."""
        if self.pictures:
            self.pictures.mkdir(parents=True, exist_ok=True)
            self.page.mouse.move(0, 0)  # so that nothing is shown that appears below the pointer
            self.page.wait_for_timeout(700)  # what fades in is there
            self.page.screenshot(path=self.pictures / f"{name}.png", animations="disabled", caret="hide")


def sign_in(browser: Browser, base: str, user: str, password: str, locale: str) -> Any:
    """Signs a user in, as a person does; returns the cookies."""
    context = browser.new_context(locale=locale)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(base)
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    page.get_by_test_id("nav-home-link").wait_for()
    state = context.storage_state()
    context.close()
    return state
