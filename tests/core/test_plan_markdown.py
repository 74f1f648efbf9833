# SPDX-License-Identifier: Apache-2.0
"""A plan for people: tables that a renderer of Markdown shows as they are meant, whatever the texts in them hold."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from airflow_provider_uspeedo.core.plan import Culprit, Excluded, Plan, Share, TemplateShare
from airflow_provider_uspeedo.core.plan_markdown import MAX_ROWS, escaped, to_markdown

HOSTILE = "a|b *c* _d_ `e` <b>f</b> [g](http://h) ![i](j) # k\n| --- |\n1. l ~~m~~ &amp; \\n {{ o }} \u202e\x00"
SHOWN = "a|b *c* _d_ `e` <b>f</b> [g](http://h) ![i](j) # k | --- | 1. l ~~m~~ &amp; \\n {{ o }}"


def rendered(markdown: str) -> str:
    """As HTML; raw HTML in the text would be passed on."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)


def cells(html: str) -> list[list[str]]:
    """The texts of the cells of all tables, by row."""
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    return [[unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows]


def plan(**changes: Any) -> Plan:
    """A plan with everything in it."""
    share = Share(1234567, 2345678, Decimal("117283.9"))
    given: dict[str, Any] = {
        "campaign_id": "due/2026-11-22",
        "fingerprint": "plan1:rows=3-0f",
        "total": share,
        "currency": "USD",
        "by_country": {"HK": share, "unknown": Share(1, None)},
        "by_template": [TemplateShare("UTA_CODE", "", share), TemplateShare(None, None, Share(2, 2, Decimal(0)))],
        "excluded": [Excluded("at_most", "at most: 2 texts in 7 days", 1000), Excluded("invalid", "phone: bad", 1)],
        "unicode_rows": 1200,
        "culprits": [Culprit("\u2019", 1100), Culprit("|", 90), Culprit("\u200b", 10)],
        "region": "HK",
        "region_numbers": 1000,
        "samples": ["(852)****1111: Dear •••, your code is ••"],
        "warnings": ["look | here"],
    }
    return Plan(**{**given, **changes})


def test_it_has_tables_with_numbers_as_people_write_them() -> None:
    """With a comma between thousands, and the currency at the head."""
    assert cells(rendered(to_markdown(plan()))) == [
        ["Country", "Recipients", "Segments", "Cost (USD)"],
        ["HK", "1,234,567", "2,345,678", "117,283.90"],
        ["unknown country", "1", "not known", "not known"],
        ["Template", "Sender", "Recipients", "Segments", "Cost (USD)"],
        ["UTA_CODE", "(none)", "1,234,567", "2,345,678", "117,283.90"],
        ["all others", "", "2", "2", "0.00"],
        ["Not sent because of", "Reason", "Rows"],
        ["at most", "at most: 2 texts in 7 days", "1,000"],
        ["invalid", "phone: bad", "1"],
    ]
    markdown = to_markdown(plan())
    assert "1,234,567 recipients, 2,345,678 segments, cost 117,283.90 USD. Nothing was sent." in markdown
    assert "1,200 texts are UCS-2" in markdown
    assert "\u2019 (U+2019 RIGHT SINGLE QUOTATION MARK) in 1,100" in markdown
    assert "U+200B ZERO WIDTH SPACE in 10" in markdown
    assert "`plan1:rows=3-0f`" in markdown


def test_a_cost_is_written_to_its_last_digit() -> None:
    """A price may have more than two decimals."""
    assert "cost 0.0005 USD" in to_markdown(plan(total=Share(1, 1, Decimal("0.000500"))))
    assert "cost 10.00 USD" in to_markdown(plan(total=Share(1, 1, Decimal("1E+1"))))
    assert "cost 0.00. " in to_markdown(plan(total=Share(0, 0, Decimal(0)), currency=None))


def test_texts_from_elsewhere_cannot_change_it() -> None:
    """Neither a sender nor a reason, a warning, a sample, or the name of the campaign: all are shown as they are."""
    share = Share(1, 1)
    hostile = plan(
        campaign_id=HOSTILE,
        by_template=[TemplateShare(HOSTILE, HOSTILE, share)],
        excluded=[Excluded("invalid", HOSTILE, 1)],
        warnings=[HOSTILE],
        samples=[HOSTILE],
    )
    html = rendered(to_markdown(hostile))
    assert [len(row) for row in cells(html)] == [len(row) for row in cells(rendered(to_markdown(plan(by_template=[
        TemplateShare("T", "S", share)], excluded=[Excluded("invalid", "r", 1)]))))]  # fmt: skip
    assert unescape(html).count(SHOWN) == 6
    tags = set(re.findall(r"</?([a-z0-9]+)", html))
    assert tags == {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "blockquote", "code"}


@given(st.text(st.sampled_from("a1 .)(|*_`~<>&;#!\\[]{}=+-:\n\"'/"), max_size=30))
@example("1. a")
@example("1) a")
@example("1.")
@example("-")
@example("- a")
@example("=")
@example("1.5")
@example("--")
@example("- - -")
def test_any_text_is_shown_as_it_is(text: str) -> None:
    """In a paragraph, but for white space, which is one space."""
    html = rendered(escaped(text))
    visible = " ".join(text.split())
    assert unescape(html) == (f"<p>{visible}</p>\n" if visible else "")


@pytest.mark.parametrize("text", ["- a", "+ a", "1. a", "1) a", "# a", "> a", "=", "---", "===", "```", "~~~", "    a"])
def test_no_text_begins_a_list_a_heading_or_a_block(text: str) -> None:
    """At the beginning of a line some characters have a meaning of their own."""
    assert rendered(escaped(text)).startswith("<p>")


def test_long_tables_are_cut_and_say_so() -> None:
    """A page in Airflow is no place for a thousand rows; the XCom has more."""
    many = [Excluded("invalid", f"reason {number}", 1) for number in range(100)]
    found = cells(rendered(to_markdown(plan(excluded=many))))
    assert found[-1] == ["80 more", "", ""]
    assert len([row for row in found if row[0] == "invalid"]) == MAX_ROWS


def test_without_prices_there_is_no_column_of_costs() -> None:
    """And the headline says that it is not known."""
    share = Share(3, None)
    markdown = to_markdown(plan(total=share, by_country={"HK": share}, by_template=[], currency=None))
    assert "Cost" not in markdown
    assert "3 recipients, an unknown number of segments, cost not known." in markdown


def test_nothing_excluded_makes_no_table() -> None:
    """Nor do samples, UCS-2 or a region that are not there."""
    markdown = to_markdown(
        plan(excluded=[], samples=[], unicode_rows=None, culprits=[], region=None, region_numbers=0, fingerprint=None)
    )
    for word in ("Not sent", "Samples", "UCS-2", "default", "Fingerprint"):
        assert word not in markdown
