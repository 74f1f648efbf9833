# SPDX-License-Identifier: Apache-2.0
"""Where the links of a task, of a message and of the page lead."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import SALE, Open
from tests.browser.running_ui import RunningUi
from tests.browser.test_campaigns_page import ROOT


@pytest.mark.parametrize(("link", "shown"), [("SMS campaign", SALE), ("Results query", "SELECT")])
def test_a_task_instance_links_to_its_campaign(look: Open, campaigns: RunningUi, link: str, shown: str) -> None:
    """On its tab *Details*: the campaign, and the query for its results."""
    screen = look("/dags/first_texts/runs/sale/tasks/send/details")
    button = screen.page.get_by_role("link", name=link, exact=True)
    button.wait_for()
    if button.get_attribute("target") == "_blank":
        with screen.page.context.expect_page() as opened:
            button.click()
        page = opened.value
    else:
        button.click()
        page = screen.page
    page.wait_for_url(re.compile(ROOT))
    page.get_by_role("main").get_by_text(shown).first.wait_for()


def test_a_failed_task_names_the_runbook_and_its_address_opens(look: Open, campaigns: RunningUi) -> None:
    """The log of lost answers: the address in it is the section, on the page of this Airflow."""
    screen = look("/dags/rows_from_a_task/runs/lost/tasks/send")
    screen.sees(re.compile(f"{ROOT}/runbook/unknown"))
    screen.go(f"{ROOT}/runbook/unknown")
    screen.page.get_by_role("heading", level=1).wait_for()
    screen.sees("airflow-uspeedo explain unknown")
    assert screen.complaints == []
