# SPDX-License-Identifier: Apache-2.0
"""A body and its signed text are, byte for byte, what the general writers make of the same groups."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.api.request.auth import flat
from airflow_provider_uspeedo.api.request.body import write_body, write_groups
from airflow_provider_uspeedo.core.chunks import by_template_and_sender
from airflow_provider_uspeedo.core.content import Target, TaskContent
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import Recipient

ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
ESCAPED = [*map(chr, range(0x20)), '"', "\\", "\x7f", "\u2028"]
TEXTS = st.one_of(
    st.just(""),
    st.sampled_from(["Ann", "João", "短信", "😀", "it's", 'a"b', "a\\b", '\\"', "{1}", "},{", '","']),
    st.lists(st.sampled_from([*ESCAPED, "x", "é", "短", "😀"]), max_size=6).map("".join),
    ANY,
)


@st.composite
def people(draw: st.DrawFn) -> list[Recipient]:
    """Draw the recipients of a request: none, some or all of them have marks, codes and parameters."""
    number = draw(st.integers(1, 8))
    columns = [draw(st.sampled_from([st.just(""), st.just("x"), TEXTS])) for _ in range(2)]
    params = draw(st.sampled_from([st.just([]), st.lists(TEXTS, min_size=2, max_size=2), st.lists(TEXTS, max_size=3)]))
    return [
        Recipient(
            row,
            row.to_bytes(16, "big"),
            f"(852){row}" + draw(columns[0]),
            tuple(draw(params)),
            draw(columns[0]),
            draw(columns[1]),
            draw(st.sampled_from(["T1", "T2", 'T"\n'])),
            draw(st.sampled_from(["", "Shop", "\\😀"])),
        )
        for row in range(1, number + 1)
    ]


def plainly(groups: list[TaskContent]) -> list[dict[str, object]]:
    """Each group with its names in byte order; what is empty is left out, but for the sender."""
    return [
        {
            "SenderId": group.sender_id,
            "Target": [
                ({"ExtendCode": one.extend_code} if one.extend_code else {})
                | {"Phone": one.phone}
                | ({"TemplateParams": list(one.params)} if one.params else {})
                | ({"UserId": one.user_id} if one.user_id else {})
                for one in group.targets
            ],
            "TemplateId": group.template_id,
        }
        for group in groups
    ]


def assert_written_plainly(groups: list[TaskContent], like: list[TaskContent]) -> None:
    """The groups give the JSON and the signed text that the general writers give of ``like``."""
    whole = {"Action": "Send", "TaskContent": plainly(like)}
    body, signed = write_body({"Action": "Send"}, write_groups(groups))
    assert body == json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
    assert signed == flat(whole)


def by_row(groups: list[TaskContent]) -> list[TaskContent]:
    """The same groups, each with a list of plain targets."""
    return [
        TaskContent(
            group.template_id,
            group.sender_id,
            [Target(one.phone, one.params, one.user_id, one.extend_code) for one in group.targets],
        )
        for group in groups
    ]


@settings(deadline=None)
@given(people(), st.integers(0, 3))
def test_a_body_is_what_the_general_writers_make(people: list[Recipient], start: int) -> None:
    """The targets may be kept by column or by row, in a part of a larger batch, in groups of either kind."""
    groups = by_template_and_sender(RecipientBatch.of(people))
    plain = by_row(groups)
    assert_written_plainly(groups, plain)
    assert_written_plainly(plain, plain)
    mixed = [one if number % 2 else other for number, (one, other) in enumerate(zip(groups, plain, strict=True))]
    assert_written_plainly(mixed, plain)
    part = RecipientBatch.of(people)[start:]
    group = TaskContent("T", "", part)
    assert_written_plainly([group], by_row([group]))


@pytest.mark.parametrize("character", ESCAPED, ids=repr)
def test_each_character_that_json_escapes_is_escaped(character: str) -> None:
    """It stands in one parameter of one target among others, next to text of more than one byte a character."""
    targets = [Target("(852)1", ("x", "短" + character + "😀")), Target("(852)2", ("y", "")), Target("(852)3")]
    groups = [TaskContent("T", "S", targets), TaskContent("T2", "", [])]
    assert_written_plainly(groups, groups)


def test_written_content_shows_nothing_of_it() -> None:
    """Its ``repr`` holds no phone, parameter or id."""
    assert repr(write_groups([TaskContent("T", "S", [Target("(852)55311111", ("Ann",))])])) == "WrittenContent()"
