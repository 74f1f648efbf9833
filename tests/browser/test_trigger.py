# SPDX-License-Identifier: Apache-2.0
"""From the Trigger form to the texts, in Airflow's pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.browser.conftest import Open
from tests.browser.running_ui import RunningUi
from tests.browser.screens import Screen
from tests.leaks import leaks

if TYPE_CHECKING:
    from playwright.sync_api import Locator

PHONE = re.compile(r"\d{7,}|\d{4}[ -]\d{4}")
"""What a phone of the tables looks like, in any of its spellings."""


def trigger(screen: Screen) -> tuple[str, str]:
    """Presses *Trigger* in the open form; returns the run's path and id."""
    screen.page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True).click()
    screen.page.wait_for_url(re.compile("/runs/"))
    path = screen.page.url.removeprefix(screen.base).partition("?")[0].rstrip("/")
    return path, unquote(path.rpartition("/")[2])


def open_form(screen: Screen) -> None:
    screen.page.get_by_test_id("trigger-dag-button").click()
    screen.page.get_by_role("dialog").wait_for()


def fill_in(form: Locator, name: str, value: str) -> None:
    """Types into a field, and opens the section that it is in."""
    field = form.locator(f"[name=element_{name}]")
    if not field.is_visible():
        section = form.locator("[data-part=item]", has=form.page.locator(f"[name=element_{name}]"))
        section.get_by_role("button", expanded=False).first.click()
    field.fill(value)


def test_a_click_on_trigger_texts_the_made_up_people(look: Open, ui: RunningUi) -> None:
    """The form is filled in; the log says what became of the rows, the inbox has the texts, and neither a phone."""
    screen = look("/dags/first_texts")
    open_form(screen)
    screen.sees("1,000 made-up people")
    screen.picture("trigger-form")
    before = len(ui.journal())
    path, run_id = trigger(screen)
    assert ui.ended("first_texts", run_id) == "success"
    texted = [entry["number"] for entry in ui.journal()[before:]]
    assert len(texted) == len(set(texted)) > 500

    screen.go(f"{path}/tasks/send")
    screen.sees(re.compile(rf"\b{len(texted)}\b.*accepted|accepted.*\b{len(texted)}\b"))
    screen.picture("run")
    assert not PHONE.search(re.sub(r"\d{4}-\d\d-\d\d\S*", "", screen.page.locator("main, #root").first.inner_text()))

    screen.go(ui.sandbox_url)
    screen.sees("your invoice of")
    screen.picture("inbox")


def test_the_form_of_the_main_example_is_filled_in_and_sent(look: Open, ui: RunningUi) -> None:
    """Every field of it has a title and an explanation; a run with what was typed texts the people."""
    screen = look("/dags/send_batch_sms")
    open_form(screen)
    form = screen.page.get_by_role("dialog")
    typed = {
        "table": str(ui.people),
        "user_id_column": "customer",
        "region": "HK",
        "template_id": "",
        "template_id_column": "template",
        "campaign": "typed in the form",
    }
    for name, value in typed.items():
        fill_in(form, name, value)
    before = len(ui.journal())
    _, run_id = trigger(screen)
    assert ui.ended("send_batch_sms", run_id) == "success"
    conf = ui.api().call("GET", f"dags/send_batch_sms/dagRuns/{run_id}")["conf"]
    assert {name: conf[name] or "" for name in typed} == typed
    assert len({entry["number"] for entry in ui.journal()[before:]}) == len(ui.journal()) - before > 500


def test_rows_are_not_shown_where_arguments_are(look: Open, ui: RunningUi) -> None:
    """The tab of rendered templates says how many rows there were, and shows none."""
    run_id = "rows"
    assert ui.run("rows_from_a_task", run_id, {}) == "success"
    screen = look(f"/dags/rows_from_a_task/runs/{run_id}/tasks/send/rendered_templates")
    screen.sees("<3 recipients>")
    shown = screen.page.locator("#root").inner_text()
    assert leaks(shown, *(f"+852 5531 {number}" for number in range(1111, 1114))) == []
    assert "Grace" not in shown
