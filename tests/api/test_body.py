# SPDX-License-Identifier: Apache-2.0
"""What is written of recipients by column is, to the letter, what is written of them one by one."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.api.request.auth import flat
from airflow_provider_uspeedo.api.request.body import WrittenContent, write
from airflow_provider_uspeedo.core.chunks import by_template_and_sender
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import Recipient

ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
TEXTS = st.one_of(st.just(""), st.sampled_from(["Ann", "João", "短信", "it's", 'a"b', "a\\b", "\n", "{1}", "},{"]), ANY)


@st.composite
def people(draw: st.DrawFn) -> list[Recipient]:
    """Draw the recipients of a request: of none, some or all of them there are marks, codes and parameters."""
    number = draw(st.integers(1, 8))
    columns = [draw(st.sampled_from([st.just(""), st.just("x"), TEXTS])) for _ in range(2)]
    params = draw(st.sampled_from([st.just([]), st.lists(TEXTS, min_size=2, max_size=2), st.lists(TEXTS, max_size=3)]))
    return [
        Recipient(
            row,
            row.to_bytes(16, "big"),
            f"(852){row}",
            tuple(draw(params)),
            draw(columns[0]),
            draw(columns[1]),
            draw(st.sampled_from(["T1", "T2"])),
            draw(st.sampled_from(["", "Shop"])),
        )
        for row in range(1, number + 1)
    ]


@settings(deadline=None)
@given(people())
def test_columns_are_written_as_rows_are(people: list[Recipient]) -> None:
    """The body, and the text that is signed, which is what the general writers would make."""
    groups = by_template_and_sender(RecipientBatch.of(people))
    by_column = WrittenContent(groups)
    by_row = WrittenContent([type(group)(group.template_id, group.sender_id, list(group.targets)) for group in groups])
    assert (by_column.body, by_column.signed) == (by_row.body, by_row.signed)
    body, signed = write({}, by_column)
    assert flat(json.loads(body)) == signed
