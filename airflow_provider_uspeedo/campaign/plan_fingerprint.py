# SPDX-License-Identifier: Apache-2.0
"""The fingerprint of a plan: what a person approved, in one line, and what has changed since.

It has a digest for each part, by which a refusal names the part that changed, and one of everything, which decides. All
digests are made with a key of the connection's secret: nobody can find a phone by trying all phones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from airflow_provider_uspeedo.core.row_digests import RowSum

VERSION = "plan1"
PART_BYTES = 6
WHOLE_BYTES = 16
_LINE = re.compile(VERSION + r"(?::[a-z_]+=(?:\d+-)?[0-9a-f]{12})+:all=[0-9a-f]{32}", re.ASCII)
_ANY_VERSION = re.compile(r"plan\d+:[a-z_]+=", re.ASCII)

CONNECTION = "connection_key"
CAMPAIGN = "campaign_id"
ROWS, INVALID, EXCLUDED = "rows", "invalid", "excluded"
TEMPLATES = "template_texts"
SUMS = {ROWS: "rows that can be sent", INVALID: "invalid rows", EXCLUDED: "rows that the policy excludes"}
"""The parts that are rows."""
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
    """One line such as ``plan1:campaign_id=0f3c...:rows=1000-9a1b...:...:all=...``.

    :param parts: name -> what stands behind it in the line.
    """

    parts: Mapping[str, str]

    @classmethod
    def of(cls, key: bytes, values: Mapping[str, Any], sums: Mapping[str, RowSum]) -> PlanFingerprint:
        """The fingerprint of a table and of what decides who gets which text.

        :param key: see :func:`key_of`.
        :param values: name -> a value whose ``repr`` is the same in every process.
        :param sums: name, of :data:`SUMS` -> the rows.
        """
        started = blake2b(digest_size=32, key=key, person=b"uspeedo.plan.1")
        whole, parts = started.copy(), {CONNECTION: _part(started, CONNECTION, b"")}
        coded = {name: repr(value).encode("utf-8", "surrogatepass") for name, value in values.items()}
        for name, value in coded.items():
            parts[name] = _part(started, name, value)
            whole.update(_measured(name.encode()) + _measured(value))
        for name, found in sums.items():
            parts[name] = f"{found.rows}-{_part(started, name, found.to_bytes())}"
            whole.update(_measured(name.encode()) + _measured(b"%d" % found.rows) + found.to_bytes())
        return cls({**parts, "all": whole.hexdigest()[: 2 * WHOLE_BYTES]})

    @classmethod
    def parse(cls, text: str) -> PlanFingerprint | None:
        """Reads a line; ``None`` if it is none of this version."""
        if not _LINE.fullmatch(text):
            return None
        return cls(dict(part.split("=") for part in text.split(":")[1:]))

    def __str__(self) -> str:
        return ":".join([VERSION, *(f"{name}={value}" for name, value in self.parts.items())])

    def changes(self, now: PlanFingerprint) -> list[str]:
        """What is another thing now than in this plan, in words; empty if nothing is."""
        if self.parts == now.parts:
            return []
        if self.parts.get(CONNECTION) != now.parts.get(CONNECTION):
            return [IN_WORDS[CONNECTION]]  # with another one all digests differ, whether or not anything else does
        return list(self._named(now)) or ["what it covers"]

    def _named(self, now: PlanFingerprint) -> Iterator[str]:
        for name in dict.fromkeys([*self.parts, *now.parts]):
            before, after = self.parts.get(name, ""), now.parts.get(name, "")
            if name == "all" or before == after:
                continue
            if name in SUMS:
                yield _rows_in_words(SUMS[name], before, after)
            else:
                yield IN_WORDS.get(name, name)


def is_of_other_version(text: str) -> bool:
    """True of the fingerprint that another version of this package made."""
    return bool(_ANY_VERSION.match(text)) and not text.startswith(f"{VERSION}:")


def _rows_in_words(what: str, before: str, after: str) -> str:
    had, has = (int(text.partition("-")[0] or 0) for text in (before, after))
    if had == has:
        return f"the table ({what}: {has:,} as in the plan, but with other contents)"
    return f"the table ({what}: {has:,}, and {had:,} in the plan)"


def _part(started: blake2b, name: str, value: bytes) -> str:
    digest = started.copy()
    digest.update(_measured(name.encode()) + value)
    return digest.hexdigest()[: 2 * PART_BYTES]


def _measured(value: bytes) -> bytes:
    return b"%d:" % len(value) + value
