# SPDX-License-Identifier: Apache-2.0
"""The fingerprint of a plan: what a person approved, in one line, and what has changed since.

It has a digest for each part, by which a refusal names the part that changed, and one of everything, which decides. All
digests are made with a key of the connection's secret, so that no phone can be found by trying all phones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from airflow_provider_uspeedo.core.row_digests import RowSum

VERSION = "plan1"
PART_BYTES = 4
WHOLE_BYTES = 16
CONNECTION = "connection_key"
CAMPAIGN = "campaign_id"
ROWS, INVALID, EXCLUDED = "rows", "invalid", "excluded"
TEMPLATES = "template_texts"
SUMS = {ROWS: "rows that can be sent", INVALID: "invalid rows", EXCLUDED: "rows that the policy excludes"}
"""The parts that are rows."""
ARGUMENTS = (
    CAMPAIGN, "template_id", "template_id_column", "sender_id", "sender_id_column", "phone_column", "param_columns",
    "params_column", "user_id_column", "extend_code_column", "default_region", "bare_digits", "key_columns", "policy",
    "prices", "max_cost", "max_segments", "account_id", TEMPLATES,
)  # fmt: skip
"""All other parts, in the order in which they stand in the line. One more is another version."""
_NOT_READING = (CAMPAIGN, "prices", "max_cost", "max_segments", "account_id", TEMPLATES)
"""Arguments with which the rows are read as without them."""
_ALL = "all"
_NAMES = (CONNECTION, *ARGUMENTS, *SUMS, _ALL)
_PART, _WHOLE = rf"[0-9a-f]{{{2 * PART_BYTES}}}", rf"[0-9a-f]{{{2 * WHOLE_BYTES}}}"
_LINE = re.compile(
    r"\.".join([VERSION, *[_PART] * (1 + len(ARGUMENTS)), *[rf"\d{{1,18}}-{_PART}"] * len(SUMS), _WHOLE]), re.ASCII
)
_ANY_VERSION = re.compile(r"plan\d+\.[0-9a-f]+\.[0-9a-f.-]+", re.ASCII)
IN_WORDS = {
    CONNECTION: "the key of the connection (AccessKeySecret)",
    TEMPLATES: "the text of a template",
    "prices": "prices",
    "account_id": "the connection's account_id",
    "policy": "policy (of the DAG or the connection)",
}
"""How a refusal calls a part that is no argument of its own name."""


def key_of(secret: str) -> bytes:
    """The key that digests are made with.

    :param secret: of the connection.
    """
    return blake2b(secret.encode("utf-8", "surrogatepass"), digest_size=32, person=b"uspeedo.plankey").digest()


@dataclass(frozen=True, slots=True)
class PlanFingerprint:
    """One line of hexadecimal digits and numbers of rows, such as ``plan1.0f3c....1000-9a1b......``.

    :param parts: name -> what stands for it in the line, in the line's order.
    """

    parts: Mapping[str, str]

    @classmethod
    def of(cls, key: bytes, values: Mapping[str, Any], sums: Mapping[str, RowSum]) -> PlanFingerprint:
        """The fingerprint of a table and of what decides who gets which text.

        :param key: see :func:`key_of`.
        :param values: name, of :data:`ARGUMENTS` -> a value whose ``repr`` is the same in every process.
        :param sums: name, of :data:`SUMS` -> the rows.
        """
        started = blake2b(digest_size=32, key=key, person=b"uspeedo.plan.1")
        whole, parts = started.copy(), {CONNECTION: _part(started, CONNECTION, b"")}
        coded = {name: repr(values[name]).encode("utf-8", "surrogatepass") for name in ARGUMENTS}
        for name, value in coded.items():
            parts[name] = _part(started, name, value)
            whole.update(_measured(name.encode()) + _measured(value))
        for name, found in ((name, sums[name]) for name in SUMS):
            parts[name] = f"{found.rows}-{_part(started, name, found.to_bytes())}"
            whole.update(_measured(name.encode()) + _measured(b"%d" % found.rows) + found.to_bytes())
        return cls({**parts, _ALL: whole.hexdigest()[: 2 * WHOLE_BYTES]})

    @classmethod
    def parse(cls, text: str) -> PlanFingerprint | None:
        """Reads a line; ``None`` if it is none of this version."""
        if not _LINE.fullmatch(text):
            return None
        return cls(dict(zip(_NAMES, text.split(".")[1:], strict=True)))

    def __str__(self) -> str:
        return ".".join([VERSION, *self.parts.values()])

    def changes(self, now: PlanFingerprint) -> list[str]:
        """What is another thing now than in this plan, in words; empty if nothing is."""
        if self.parts == now.parts:
            return []
        if self.parts[CONNECTION] != now.parts[CONNECTION]:
            return [IN_WORDS[CONNECTION]]  # with another one all digests differ, whether or not anything else does
        return list(self._named(now)) or ["what it covers"]

    def _named(self, now: PlanFingerprint) -> Iterator[str]:
        arguments = [name for name in ARGUMENTS if self.parts[name] != now.parts[name]]
        yield from (IN_WORDS.get(name, name) for name in arguments)
        if set(arguments) <= set(_NOT_READING):  # else the rows are read otherwise, and cannot be compared
            for name, what in SUMS.items():
                if self.parts[name] != now.parts[name]:
                    yield _rows_in_words(what, self.parts[name], now.parts[name])


def is_of_other_version(text: str) -> bool:
    """True of the fingerprint that another version of this package made."""
    return bool(_ANY_VERSION.match(text)) and not text.startswith(f"{VERSION}.")


def _rows_in_words(what: str, before: str, after: str) -> str:
    had, has = (int(text.partition("-")[0]) for text in (before, after))
    if had == has:
        return f"the table ({what}: {has:,} as in the plan, but with other contents)"
    return f"the table ({what}: {has:,}, and {had:,} in the plan)"


def _part(started: blake2b, name: str, value: bytes) -> str:
    digest = started.copy()
    digest.update(_measured(name.encode()) + value)
    return digest.hexdigest()[: 2 * PART_BYTES]


def _measured(value: bytes) -> bytes:
    return b"%d:" % len(value) + value
