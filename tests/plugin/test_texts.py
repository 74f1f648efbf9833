# SPDX-License-Identifier: Apache-2.0
"""The page's languages, and the numbers behind its chart; nothing here needs Airflow."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import airflow_provider_uspeedo
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.ledger.admin.campaign_counts import CountedMoment
from airflow_provider_uspeedo.ledger.store.states import RequestState
from airflow_provider_uspeedo.plugin.languages import LANGUAGES, TAGS, Texts, language_of
from airflow_provider_uspeedo.plugin.texts_english import ENGLISH
from airflow_provider_uspeedo.plugin.throughput import MAX_POINTS, throughput_of

PLUGIN = Path(airflow_provider_uspeedo.__file__).parent / "plugin"
SOURCES = [path.read_text(encoding="utf-8") for path in (*PLUGIN.glob("*.py"), *(PLUGIN / "html").glob("*.html"))]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_languages_say_the_same_things(language: str) -> None:
    """The same keys, with the same values in them."""
    texts = LANGUAGES[language]
    assert list(texts) == list(ENGLISH)
    assert {key: places(text) for key, text in texts.items()} == {key: places(text) for key, text in ENGLISH.items()}
    assert all(text.strip() for text in texts.values())
    assert language in TAGS


def test_chinese_is_chinese() -> None:
    """A text that was only copied is not translated; names of the API stay."""
    same = {key for key, text in LANGUAGES["zh"].items() if text == ENGLISH[key]}
    assert same == {"session_no", "ret_code"}


def used() -> set[str]:
    """The keys that pages ask for."""
    found = {key for source in SOURCES for key in re.findall(r"""\bt\(\s*['"](\w+)['"]\s*[,)]""", source)}
    found |= {f"status_{status}" for status in STATUSES} | {f"state_{state.value}" for state in RequestState}
    found |= {f"decided_{word}" for word in ("sent", "not_sent", "reopened")}
    found |= {f"error_{code}" for code in (400, 401, 403, 404)}
    for what in ("resolve", "reopen", "stop", "resume"):
        found.add(f"{what}_title")
    found |= {f"{what}_question" for what in ("stop", "resume")} | {f"yes_{what}" for what in ("stop", "resume")}
    return found | {"resolved_sent", "resolved_not_sent", "reopen_done", "stop_done", "resume_done"}


def test_every_text_is_used_and_there() -> None:
    assert used() - set(ENGLISH) == set()
    assert set(ENGLISH) - used() == set()


def test_values_are_filled_in() -> None:
    assert "12,345 recipients" in Texts("en")("resolve_question", 12_345)
    assert "12,345" in Texts("zh")("resolve_question", 12_345)


@pytest.mark.parametrize("key", [key for key, text in ENGLISH.items() if re.search(r"\{\d:", text)])
def test_one_is_in_the_singular(key: str) -> None:
    """Each noun of a number; two are in the plural."""
    numbers = len(places(ENGLISH[key]))
    one, two = (Texts("en")(key, *[number] * numbers) for number in (1, 2))
    assert not re.search(r"(request|recipient)s|\b(are|were)\b on", one)
    assert re.search(r"(request|recipient)s|\b(are|were)\b on", two)


def test_no_number_has_a_noun_of_one_form() -> None:
    """It would be wrong of one."""
    assert [text for text in ENGLISH.values() if re.search(r"\{\d\} \w{2,}s\b", text)] == []


@pytest.mark.parametrize(
    ("cookie", "header", "language"),
    [
        (None, None, "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "en-GB,zh;q=0.9", "en"),
        (None, "fr,de;q=0.7", "en"),
        (None, "zh;q=0.2,en;q=0.7", "en"),
        (None, ";;q=,;q=x, zh", "zh"),
        ("zh", "en", "zh"),
        ("en", "zh", "en"),
        ("xx", "zh", "zh"),
    ],
)
def test_a_page_is_in_the_language_of_airflow_else_of_the_browser(
    cookie: str | None, header: str | None, language: str
) -> None:
    assert language_of(cookie, header) == language


def test_a_chart_has_a_point_for_each_step() -> None:
    """Also for those in which nothing was sent; the numbers add up."""
    moments = [CountedMoment(BEGIN + timedelta(seconds=at), {"accepted": 10, "rejected": 1}) for at in (0, 0.4, 1, 5)]
    found = throughput_of(moments)
    assert found is not None
    assert found.step == 1
    assert [statuses.get("accepted", 0) for _, statuses in found.points] == [20, 10, 0, 0, 0, 10]
    assert [at for at, _ in found.points] == [BEGIN + timedelta(seconds=second) for second in range(6)]
    assert throughput_of([]) is None


@pytest.mark.parametrize("seconds", [1, 119, 120, 1_000, 100_000, 10_000_000, 10**9])
def test_a_chart_has_few_points_however_long_it_took(seconds: int) -> None:
    found = throughput_of([CountedMoment(BEGIN + timedelta(seconds=at), {"accepted": 1}) for at in (3, 3 + seconds)])
    assert found is not None
    assert 2 <= len(found.points) <= MAX_POINTS + 1
    assert sum(statuses.get("accepted", 0) for _, statuses in found.points) == 2
