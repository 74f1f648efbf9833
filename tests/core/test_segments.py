# SPDX-License-Identifier: Apache-2.0
"""Segments of texts, and the text of a template with its variables filled in."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.arrays import column_of_text_lists, column_of_texts
from airflow_provider_uspeedo.core.segments import _BASIC, _EXTENSION, count_segments, segments_of
from airflow_provider_uspeedo.core.template_text import TemplateText
from airflow_provider_uspeedo.sandbox.charged_segments import segments as counted_by_the_sandbox

ALPHABETS = [
    _BASIC,
    _EXTENSION,
    "a€",
    "aé好",
    "好🎉",
    "🎉",
    "ΑΒΓΔ",
    "Привет ёЁ",
    "مرحبا ١٢٣",
    "สวัสดี",
    "नमस्ते",
    "안녕하세요",
    "\u2019“”\u2013…`ç\t\u00a0\u200d\x00\x1b",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0010ffff\uffff\ue000",
]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 459, 3),
        ("a" * 460, 4),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 152, 2),  # 76 in each: the 77th would be cut in two
        ("€" * 153, 3),
        ("a" + "€" * 76 + "€" * 76, 2),
        ("a" * 158 + "€", 1),
        ("a" * 159 + "€", 2),
        ("a" * 152 + "€" + "a" * 151, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("a" * 151 + "€" + "a" * 153, 2),
        ("`", 1),
        ("`" + "a" * 69, 1),
        ("`" + "a" * 70, 2),
        ("好" * 70, 1),
        ("好" * 71, 2),
        ("好" * 134, 2),
        ("好" * 135, 3),
        ("🎉" * 35, 1),
        ("🎉" * 36, 2),
        ("🎉" * 66, 2),  # 33 in each
        ("🎉" * 67, 3),
        ("好" * 66 + "🎉" + "好" * 65, 2),
        ("好" * 66 + "🎉" + "好" * 66, 3),
        ("好€" * 35, 1),  # an extension character is one unit of UCS-2
        ("好€" * 35 + "€", 2),
        ("\uffff" * 71, 2),
    ],
)
def test_the_boundaries_of_both_alphabets(text, count):
    """160 and 153 units of GSM-7, 70 and 67 of UCS-2; a character of two units is not cut in two."""
    assert segments_of(text) == count
    assert counted_by_the_sandbox(text) == count


def test_the_alphabet_is_that_of_the_standard():
    """127 characters and an escape character; the extension table adds 10."""
    assert len(set(_BASIC)) == len(_BASIC) == 127
    assert len(set(_EXTENSION)) == len(_EXTENSION) == 10
    assert not set(_BASIC) & set(_EXTENSION)


texts_of_many_scripts = st.lists(
    st.sampled_from(ALPHABETS).flatmap(lambda alphabet: st.text(st.sampled_from(alphabet), max_size=700)), max_size=30
)


@given(texts_of_many_scripts)
def test_an_independent_counter_agrees(texts):
    """The sandbox shares no code with this one, and counts character by character."""
    assert count_segments(column_of_texts(texts)).segments.tolist() == [counted_by_the_sandbox(text) for text in texts]


@given(st.text(max_size=400), st.text(st.sampled_from("a€好🎉"), min_size=60, max_size=400), st.integers(0, 400))
def test_any_characters_are_counted_alike(text, filler, place):
    """Whatever a text holds, and wherever."""
    text = filler[:place] + text + filler[place:]
    assert segments_of(text) == counted_by_the_sandbox(text)


def test_texts_are_counted_each_for_itself_in_a_column_of_any_length():
    """Also in one of more texts than are counted at a time, and in a part of another column."""
    texts = [("a€好🎉"[n % 4]) * (n % 331) for n in range(5_003)]
    column = column_of_texts(texts)
    assert count_segments(column).segments.tolist() == list(map(counted_by_the_sandbox, texts))
    part = count_segments(column.slice(17, 2_900))
    assert part.segments.tolist() == list(map(counted_by_the_sandbox, texts[17:2917]))
    assert count_segments(column.slice(0, 0)).segments.tolist() == []


def test_the_first_character_outside_of_gsm_7_is_named():
    """It is what turned the text UCS-2."""
    counts = count_segments(column_of_texts(["plain", "a\u2019b`", "", "€", "🎉", "好" * 3, "\x00"]))
    assert counts.unicode.tolist() == [False, True, False, False, True, True, True]
    assert [chr(point) if point >= 0 else "" for point in counts.culprits] == ["", "\u2019", "", "", "🎉", "好", "\x00"]


@pytest.mark.parametrize(
    ("text", "params", "filled"),
    [
        ("no variable", [], "no variable"),
        ("{1}", ["x"], "x"),
        ("{1}{2}{1}", ["x", "y"], "xyx"),
        ("{2} {1}", ["{2}", "{1}"], "{1} {2}"),  # not filled in twice
        ("a {3} {0} {} {x} { 1 }", ["1", "2"], "a {3} {0} {} {x} { 1 }"),
        ("好{1}🎉", ["é"], "好é🎉"),
        ("{01}{002}", ["x"], "x{002}"),
        ("", [], ""),
        ("\ud800{1}", ["x"], "\ufffdx"),
    ],
)
def test_variables_are_filled_in_once(text, params, filled):
    """By their numbers; what has no parameter stays."""
    template = TemplateText(text)
    assert template.fill(params) == filled
    assert template.fill_all(column_of_text_lists([params, params])).to_pylist() == [filled] * 2


def test_rows_with_fewer_parameters_keep_their_variables():
    """As far as they have no parameter, in a part of a column as well."""
    rows = column_of_text_lists([["a", "b"], ["c"], [], ["d", "e", "f"]])
    template = TemplateText("<{1}|{2}>")
    assert template.fill_all(rows).to_pylist() == ["<a|b>", "<c|{2}>", "<{1}|{2}>", "<d|e>"]
    assert template.fill_all(rows.slice(1, 2)).to_pylist() == ["<c|{2}>", "<{1}|{2}>"]
    assert template.fill_all(rows.slice(0, 0)).to_pylist() == []


@given(
    st.lists(st.sampled_from(["{1}", "{2}", "{3}", "a", "{", "}", "好"]), max_size=8).map("".join),
    st.lists(st.lists(st.text(st.sampled_from("x{}123é"), max_size=5), min_size=3, max_size=3), max_size=5),
)
def test_a_column_is_filled_as_each_row_is(text, rows):
    """Row by row and by column are the same, whatever braces the parameters have."""
    template = TemplateText(text)
    filled = template.fill_all(column_of_text_lists(rows)) if rows else pa.array([])
    assert filled.to_pylist() == [template.fill(row) for row in rows]


def test_its_representation_has_no_text():
    """A template's text is the user's."""
    assert "secret" not in repr(TemplateText("secret {1}"))
