# SPDX-License-Identifier: Apache-2.0
"""The runbook as the page shows it, in both languages."""

from __future__ import annotations

import re

import pytest

from airflow_provider_uspeedo.plugin.runbook_html import html_of
from airflow_provider_uspeedo.runbook import runbook

LANGUAGES = ("en", "zh")


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_lead_to_sections_of_the_page(language):
    """To each that the text names; other documents are not there, and have no address."""
    text, found = runbook(language), set()
    for section in text.sections.values():
        html = html_of(section.markdown, text.anchors)
        found.update(re.findall(r'<a href="([^"]*)">', html))
        assert html.count("<a ") == html.count("</a>")
        assert html.count("<cite>") == html.count("</cite>")
    assert found <= {*text.sections}
    assert {"unknown", "tables-and-rights", "asking-the-receipts"} <= found


def test_both_languages_have_the_same_sections():
    """In the same order, each with what it is about; a title shows no name."""
    english, chinese = (runbook(language).sections for language in LANGUAGES)
    assert list(english) == list(chinese)
    for name, section in chinese.items():
        assert section.parent == english[name].parent
        assert section.title
        assert section.summary
        assert f"({name})" not in section.title + "".join(one.markdown for one in chinese.values())
        assert "**" not in section.summary
        assert not re.search(r"^\(.*\)=$", section.markdown, re.MULTILINE)


def test_an_address_elsewhere_stays():
    html = html_of("See [the console](https://example.com/a?b=1) and [Operator](operator.md#plan).", {})
    assert '<a href="https://example.com/a?b=1">the console</a>' in html
    assert "<cite>Operator</cite>" in html


def test_html_in_the_text_is_text():
    html = html_of("<script>alert(1)</script> and [this](javascript:alert(1)) and `<b>`", {})
    assert "<script" not in html
    assert "<b>" not in html
    assert "href" not in html


def test_a_wide_table_and_a_heading_fit_the_page():
    """The title of the page is a heading of the first level; what is below it, one of the second."""
    html = html_of("### Saying sent\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", {})
    assert "<h2>Saying sent</h2>" in html
    assert re.search(r'<div class="wide"[^>]*tabindex="0"><table>.*</table></div>', html, re.DOTALL)
