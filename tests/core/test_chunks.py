# SPDX-License-Identifier: Apache-2.0
"""Recipients are cut into requests: each once, and no phone twice in one."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.chunks import by_template_and_sender, cut
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import Recipient


def recipient(row: int, phone: int, template: str = "T", sender: str = "") -> Recipient:
    """One recipient; the key is the row's, so that two rows can share a phone."""
    return Recipient(row, row.to_bytes(16, "big"), f"(852){phone}", (f"p{row}",), f"u{row}", f"{row}", template, sender)


def chunks_of(recipients: list[Recipient], size: int) -> list[list[Recipient]]:
    return [list(chunk) for chunk in cut(RecipientBatch.of(recipients), size)]


people = st.lists(st.integers(0, 12)).map(lambda phones: [recipient(row, phone) for row, phone in enumerate(phones, 1)])
sizes = st.integers(1, 5)


@settings(deadline=None)
@given(people, sizes)
def test_every_recipient_is_in_exactly_one_chunk(recipients: list[Recipient], size: int) -> None:
    """None is lost, none is doubled, and no chunk is empty or too large."""
    chunks = chunks_of(recipients, size)
    assert Counter(one for chunk in chunks for one in chunk) == Counter(recipients)
    assert all(1 <= len(chunk) <= size for chunk in chunks)


@settings(deadline=None)
@given(people, sizes)
def test_no_phone_is_twice_in_a_chunk(recipients: list[Recipient], size: int) -> None:
    """The API names failures by phone; two messages to one phone could not be told apart."""
    for chunk in chunks_of(recipients, size):
        assert len({one.phone for one in chunk}) == len(chunk)


@settings(deadline=None)
@given(people, sizes)
def test_recipients_that_share_a_phone_cost_few_requests(recipients: list[Recipient], size: int) -> None:
    """As many layers of requests as the most frequent phone has recipients, each full but for its last."""
    layers = max(Counter(one.phone for one in recipients).values(), default=0)
    assert len(chunks_of(recipients, size)) <= len(recipients) // size + layers


@settings(deadline=None)
@given(st.integers(0, 30), sizes)
def test_recipients_with_different_phones_fill_every_chunk_but_the_last(number: int, size: int) -> None:
    """No request is wasted where no phone is shared, and the order of the table is kept."""
    recipients = [recipient(row, row) for row in range(1, number + 1)]
    assert chunks_of(recipients, size) == [recipients[start : start + size] for start in range(0, number, size)]


def test_one_phone_for_all_makes_one_request_each() -> None:
    """A switchboard's number in every row costs many requests, not much memory."""
    recipients = [recipient(row, 1) for row in range(1, 101)]
    assert sorted(chunks_of(recipients, 1000)) == [[one] for one in recipients]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from(["", "S"])), max_size=20))
def test_a_group_has_one_template_and_one_sender(kinds: list[tuple[str, str]]) -> None:
    """Groups come in the order of their first recipient, keep the order within, and no two could be one."""
    recipients = [recipient(row, row, *kind) for row, kind in enumerate(kinds, 1)]
    groups = by_template_and_sender(RecipientBatch.of(recipients))
    assert [(group.template_id, group.sender_id) for group in groups] == list(dict.fromkeys(kinds))
    for group in groups:
        kind = (group.template_id, group.sender_id)
        assert list(group.targets) == [one for one in recipients if (one.template_id, one.sender_id) == kind]


def test_the_content_of_a_request_has_all_fields_of_every_recipient() -> None:
    """Phone, parameters, user id and extend code go out under the group's template and sender."""
    first, second = recipient(1, 11, "A", "Shop"), recipient(2, 12, "B")
    shop, other = by_template_and_sender(RecipientBatch.of([first, second]))
    assert (shop.template_id, shop.sender_id, other.template_id, other.sender_id) == ("A", "Shop", "B", "")
    (target,) = shop.targets
    assert (target.phone, target.params, target.user_id, target.extend_code) == ("(852)11", ("p1",), "u1", "1")
