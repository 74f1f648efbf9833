# SPDX-License-Identifier: Apache-2.0
"""Who is who in the ledger: attempts, requests, campaigns and recipients are never mistaken for one another."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from airflow_provider_uspeedo.core.keys import KeySpec
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import Recipient
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import SPEC, Try, Vendor, people, state_of
from tests.ledger.faults import lost_acknowledgement


def test_every_attempt_has_a_larger_number_and_its_own_uuid(ledger: Ledger, campaign: str) -> None:
    """Two executions of the same task are two attempts, whatever they are called."""
    first, second = (ledger.open_attempt(campaign, SPEC, part="0", name="same task, same try") for _ in range(2))
    assert first.number < second.number
    attempts = ledger.tables.attempts.c
    query = sa.select(attempts.uuid).where(attempts.campaign_no == first.campaign_no)
    assert len(set(ledger.database.read(lambda c: c.execute(query).scalars().all()))) == 2


def test_the_number_of_an_attempt_is_never_used_again(ledger: Ledger, campaign: str) -> None:
    """Not even if the newest attempt is deleted: its claims would be taken for somebody else's."""
    gone = ledger.open_attempt(campaign, SPEC)
    attempts = ledger.tables.attempts
    ledger.database.write(lambda c: c.execute(sa.delete(attempts).where(attempts.c.attempt_no == gone.number)))
    assert ledger.open_attempt(campaign, SPEC).number > gone.number


def test_an_attempt_opened_twice_for_a_lost_acknowledgement_is_one(ledger: Ledger, campaign: str) -> None:
    """The second opening finds the first by its UUID."""
    with lost_acknowledgement(ledger.database.engine) as happened:
        attempt = ledger.open_attempt(campaign, SPEC)
    attempts = ledger.tables.attempts.c
    query = sa.select(attempts.attempt_no).where(attempts.campaign_no == attempt.campaign_no)
    assert happened
    assert ledger.database.read(lambda c: c.execute(query).scalars().all()) == [attempt.number]
    assert attempt.first


def test_only_the_first_attempt_of_a_campaign_is_marked_as_first(ledger: Ledger, campaign: str) -> None:
    """What spares it the look into the ledger must not be said to a second one."""
    assert [ledger.open_attempt(campaign, SPEC, part=str(part)).first for part in range(3)] == [True, False, False]


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "rolled back"])
def test_a_claim_repeated_after_a_lost_acknowledgement_finds_itself(
    ledger: Ledger, campaign: str, committed: bool
) -> None:
    """Whether the lost commit happened or not, everybody is claimed once and texted once."""
    one = Try(ledger, campaign)
    with lost_acknowledgement(ledger.database.engine, committed=committed) as happened:
        requests = one.claim(people("abcde"), size=2)
    assert happened
    assert [len(request.recipients) for request in requests] == [2, 2, 1]
    assert all(one.send(request) for request in requests)
    one.vendor.assert_texted(*"abcde")
    assert one.counts() == {"accepted": 5}


def test_a_repeated_take_over_finds_itself(ledger: Ledger, campaign: str) -> None:
    """A take-over whose acknowledgement was lost is not taken for somebody else's."""
    Try(ledger, campaign).claim(people("abc"))
    later = Try(ledger, campaign)
    with lost_acknowledgement(ledger.database.engine):
        requests = later.claim(people("abc"), size=2)
    assert all(later.send(request) for request in requests)
    later.vendor.assert_texted(*"abc")


def test_a_renewal_repeated_after_a_lost_acknowledgement_finds_itself(ledger: Ledger, campaign: str) -> None:
    """After a back-off the same people are in one new request, once."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("abc"))
    assert one.mark(request)
    assert one.release(request)
    with lost_acknowledgement(ledger.database.engine):
        renewed = one.ledger.renew(one.attempt, request, b"renewed after ..")
    assert renewed.recipients == request.recipients
    assert state_of(ledger, request) == "superseded"
    assert one.send(renewed)
    one.vendor.assert_texted(*"abc")


def test_keys_are_compared_byte_by_byte(ledger: Ledger, campaign: str) -> None:
    """'A', 'a', 'á' and 'a ' stay four recipients; a text column would merge them on MySQL."""
    keys = [text.encode("latin-1").ljust(16, pad) for text in ("A", "a", "á", "a ") for pad in (b"_", b" ", b"\0")]
    rows = [
        Recipient(row, key, f"(852)5531{row:04}", (), "", "", "U", "") for row, key in enumerate(dict.fromkeys(keys), 1)
    ]
    one = Try(ledger, campaign)
    (request,) = one.claim(rows)
    assert len(request.recipients) == len(rows) == 11  # 'a' and 'a ' are the same once filled up with spaces
    assert one.send(request)
    assert one.counts() == {"accepted": 11}


def test_campaigns_are_distinguished_by_every_character_of_their_name(ledger: Ledger, campaign: str) -> None:
    """Case, accents, trailing spaces and whatever comes after the 3072 bytes that an index can hold."""
    long = campaign + "x" * 4000
    names = [campaign + end for end in ("A", "a", "á", "a ")] + [long + "1", long + "2"]
    attempts = [ledger.open_attempt(name, SPEC) for name in names]
    assert len({attempt.campaign_no for attempt in attempts}) == len(names)
    assert [ledger.open_attempt(name, SPEC).campaign_no for name in names] == [a.campaign_no for a in attempts]


@pytest.mark.parametrize(
    "other",
    [
        replace(SPEC, default_region="CN"),
        KeySpec(columns=("customer",), kinds=("text",), default_region=None),
        replace(SPEC, version=2),
    ],
    ids=["region", "columns", "version"],
)
def test_a_run_that_would_make_other_keys_is_refused(ledger: Ledger, campaign: str, other: KeySpec) -> None:
    """It would text everyone again; the dry run says so too."""
    ledger.open_attempt(campaign, SPEC)
    with pytest.raises(ConfigurationError, match="text everyone again"):
        ledger.open_attempt(campaign, other)
    with pytest.raises(ConfigurationError, match="text everyone again"):
        ledger.peek(campaign, other)


def test_other_column_types_are_other_keys(ledger: Ledger, campaign: str) -> None:
    """The types of the key columns are part of what the campaign remembers."""
    ledger.open_attempt(campaign, KeySpec(columns=("day",), kinds=("date",), default_region=None))
    with pytest.raises(ConfigurationError, match=r"'day' \(date\) before and by 'day' \(text\) now"):
        ledger.open_attempt(campaign, KeySpec(columns=("day",), kinds=("text",), default_region=None))


def test_peeking_writes_nothing(ledger: Ledger, campaign: str) -> None:
    """A dry run sees who is held and leaves no attempt behind."""
    assert ledger.peek(campaign, SPEC) is None
    one = Try(ledger, campaign, vendor=Vendor())
    (request,) = one.claim(people("ab"))
    one.send(request)
    peeking = ledger.peek(campaign, SPEC)
    assert peeking is not None
    assert ledger.unavailable(peeking, RecipientBatch.of(people("abc"))).tolist() == [True, True, False]
    attempts = ledger.tables.attempts.c
    query = sa.select(sa.func.count()).where(attempts.campaign_no == one.attempt.campaign_no)
    assert ledger.database.read(lambda c: c.execute(query).scalar()) == 1
