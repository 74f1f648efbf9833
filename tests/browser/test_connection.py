# SPDX-License-Identifier: Apache-2.0
"""The connection in Airflow's pages: its form, and the button that tests it."""

from __future__ import annotations

import re

from tests.browser.conftest import Open


def test_the_form_has_the_fields_of_a_connection(look: Open) -> None:
    """Chosen by its name, with the labels and the extra fields of the provider that the wheel brings."""
    screen = look("/connections")
    screen.page.get_by_role("button", name="Add Connection").click()
    form = screen.page.get_by_role("dialog")
    form.get_by_role("combobox").first.fill("USpeedo")
    screen.page.keyboard.press("Enter")
    for label in ("Base URL", "AccessKeyId", "AccessKeySecret"):
        screen.sees(label, form)
    form.locator("input[name=connection_id]").fill("uspeedo_default")
    form.locator("input[name=login]").fill("my-key-id")
    form.locator("input[name=password]").fill("my-secret")
    assert form.locator("input[name=password]").get_attribute("type") == "password"
    screen.picture("connection-form")
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    for field in ("account_id", "api", "timeout", "verify", "proxies", "allow_http", "policy"):
        form.locator(f"[name=element_{field}]").wait_for(state="attached")
    screen.sees("AccountId", form)


def test_the_button_tests_the_connection(look: Open) -> None:
    """In the list: the sandbox answers, and Airflow shows that it did."""
    screen = look("/connections")
    row = screen.page.get_by_role("row", name=re.compile("uspeedo_default"))
    with screen.page.expect_response(re.compile("/connections/test")) as tested:
        row.get_by_role("button").first.click()
    assert tested.value.json()["status"] is True, tested.value.json()
