# SPDX-License-Identifier: Apache-2.0
"""One Airflow from ``make airflow-ui`` and one headless Chromium for all tests of this folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.running_ui import RunningUi, started
from tests.browser.screens import FLAGS, LOCALE, Screen, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent
SALE, LOST = "winter sale", "lost answers"
"""Campaigns that there are."""
Open = Callable[..., Screen]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, default=None, help="the folder that the documents' pictures go to")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs Airflow and a browser; what stops Airflow comes last."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.path == HERE / "test_stopping.py")


@pytest.fixture(scope="session")
def ui() -> Iterator[RunningUi]:
    """In a folder with a short name, which screenshots show."""
    with tempfile.TemporaryDirectory(prefix="airflow-") as folder, started(Path(folder) / "home") as running:
        yield running


@pytest.fixture(scope="session")
def campaigns(ui: RunningUi) -> RunningUi:
    """With two campaigns: one of a thousand rows, and one whose only request has lost its answer."""
    assert ui.run("first_texts", "sale", {"campaign": SALE}) == "success"
    ui.fault(kind="drop", at=1, accepted=False)
    assert ui.run("rows_from_a_task", "lost", {"campaign": LOST}) == "failed"
    return ui


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless browser, the one that Debian packages."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no program chromium: on Debian, apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="make .venv/.browser installs it")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def signed_in(ui: RunningUi, chromium: Browser) -> Callable[[str, str], Any]:
    """The cookies and the settings of each user in each language, signed in once in the form."""
    states: dict[tuple[str, str], Any] = {}

    def state(user: str, locale: str) -> Any:
        if (user, locale) not in states:
            states[user, locale] = sign_in(chromium, ui.url, user, ui.password(user), locale)
        return states[user, locale]

    return state


@pytest.fixture
def look(
    ui: RunningUi, chromium: Browser, signed_in: Callable[[str, str], Any], pytestconfig: pytest.Config
) -> Iterator[Open]:
    """``look(path, user)`` opens a page of Airflow as a user; closed after the test."""
    screens: list[Screen] = []

    def opened(path: str = "/", user: str | None = "admin", **about: Any) -> Screen:
        state = signed_in(user, about.setdefault("locale", LOCALE)) if user else None
        found = Screen.opened(chromium, ui.url, state, pytestconfig.getoption("--screenshots", None), **about)
        screens.append(found)
        found.go(path)
        return found

    yield opened
    for screen in screens:
        screen.page.context.close()
