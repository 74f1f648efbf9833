# SPDX-License-Identifier: Apache-2.0
"""Both readers on one answer: they agree, and nothing is called accepted or safe to send again without proof."""

from __future__ import annotations

import gzip
import random
import re
from datetime import UTC, datetime
from pathlib import Path

from airflow_provider_uspeedo.api.http.messages import HttpResponse
from airflow_provider_uspeedo.api.response.outcomes import outcomes
from airflow_provider_uspeedo.api.response.send_answer import read_send_answer
from airflow_provider_uspeedo.core.content import Target
from airflow_provider_uspeedo.errors import NotSent, OutcomeUnknown, Refused
from tests.hostile import reference

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CORPUS = Path(__file__).with_name("corpus")
STATUSES = (200, 302, 400, 429, 500)
"""The HTTP statuses under which each body is read; only 429 means anything by itself."""
PEOPLE = [
    reference.Person("(852)55310001", "first"),
    reference.Person("(853)55310001", "both"),
    reference.Person("(852)55310002", "both"),
    reference.Person("(55)212345780"),
]
"""Two share a national number, two a mark."""
TARGETS = [Target(one.phone, user_id=one.mark) for one in PEOPLE]
_KINDS = {Refused: "refused", NotSent: "not sent", OutcomeUnknown: "unknown"}


def read(body: bytes, status: int) -> reference.Reading:
    """What the package makes of an answer, in the words of the reference."""
    try:
        answer = read_send_answer(HttpResponse(status, {}, body), NOW)
    except (Refused, NotSent, OutcomeUnknown) as error:
        _assert_shows_no_phone(str(error).replace(error.vendor_request_id or "?", ""))
        return reference.Reading(_KINDS[type(error)], [])
    found = outcomes(answer, TARGETS)
    _assert_shows_no_phone(answer.failures, *found)
    return reference.Reading("answer", [one.status for one in found])


def assert_read_rightly(body: bytes, status: int) -> reference.Reading:
    """Both readers say the same; each person has exactly one status."""
    found, expected = read(body, status), reference.read(body, status, PEOPLE)
    assert found == expected, f"HTTP {status} {body[:500]!r}: read {found}, the reference says {expected}"
    assert len(found.statuses) == (len(PEOPLE) if found.kind == "answer" else 0)
    return found


def _assert_shows_no_phone(*shown: object) -> None:
    """No phone of the request stands in what a log would show; only ids of sessions and calls are shown as they are."""
    text = " ".join(f"{one} {one!r}" for one in shown)
    for target in TARGETS:
        assert target.phone not in text
        assert target.phone.replace("(", "").replace(")", "") not in text


def corpus() -> list[bytes]:
    """Answers of both generations as the vendor's documents show them, and some that stand-ins have given."""
    return [path.read_bytes() for path in sorted(CORPUS.glob("*.json"))]


PIECES = (
    b'"SessionNo":', b'"SuccessCount":', b'"RetCode":', b'"FailContent":', b'"FailedTargetPhones":', b'"Target":',
    b'"Phone":', b'"UserId":', b"[", b"]", b"{", b"}", b",", b"\x00", b"\xff", b"\xef\xbb\xbf", b"[" * 2000,
)  # fmt: skip
"""What an answer is made of."""
VALUES = (
    b"null", b"true", b"false", b"NaN", b"-Infinity", b"1e999", b"-0.0", b"0", b"3", b"150", b'"153"', b"18013",
    b"18046", b"9" * 40, b"9" * 5000, b'""', b'" "', b'"s"', b'"\\u0000"', b'"\\ud800"', b"{}", b"[]", b'[""]',
    b'{"Target":[]}', b'"(852)55310001"', b'"+85355310001"', b'"55310001"', b'"both"', b'["55310001"]',
    b'[{"Phone":"(852)55310002"}]',
)  # fmt: skip
_VALUE = re.compile(rb'(?<=: )("[^"]*"|[0-9]+|\[\]|null)')


def _with_other_values(body: bytes, dice: random.Random) -> bytes:
    """The same answer with one value in three replaced: mostly JSON still."""
    return _VALUE.sub(lambda found: dice.choice(VALUES) if dice.random() < 0.3 else found[0], body)


def mutate(body: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """The body with a few things cut, doubled, exchanged or put in; sometimes in another encoding."""
    if dice.random() < 0.7:
        return _with_other_values(body, dice)
    made = bytearray(body)
    for _ in range(dice.randint(1, 4)):
        start, end = sorted(dice.randint(0, len(made)) for _ in range(2))
        end = min(end, start + 40)
        other = dice.choice(others)
        cut = dice.randint(0, len(other))
        made[start:end] = dice.choice(
            [
                b"",
                dice.choice(PIECES),
                dice.choice(PIECES),
                made[start:end] * 2,
                other[cut : cut + 40],
                dice.randbytes(2),
            ]
        )
    text = bytes(made)
    how = dice.random()
    if how < 0.02:
        return text.decode("latin-1").encode(dice.choice(["utf-16", "utf-32", "utf-16-be", "utf-8-sig"]))
    return gzip.compress(text) if how < 0.03 else text
