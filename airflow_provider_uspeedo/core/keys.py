# SPDX-License-Identifier: Apache-2.0
"""The key that identifies a recipient: 16 bytes, made of its phone or of the key columns.

Keys are BLAKE2b digests: they fit a binary column of fixed width, and values of any length count in full. They depend
on the text alone: not on the campaign, the columns' names or the version of any library. A :class:`KeySpec` that says
how they are made is stored with the campaign; a run with another one would send to all recipients again and is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from hashlib import blake2b

from airflow_provider_uspeedo.errors import ConfigurationError, LedgerError

KEY_BYTES = 16
"""Length of a key and of a campaign's hash."""

KEY_VERSION = 1
"""Changes with every change that gives a recipient another key."""

FIRST_RULES = 1
"""Of campaigns whose record does not name the rules by which their phones are read."""
RULES = 2
"""The rules by which phones are read; see :mod:`.phones`."""

NATIONAL = "national"
INTERNATIONAL = "international"
BARE_DIGITS = (NATIONAL, INTERNATIONAL)
"""How bare digits are read where the default region leaves it open."""

TEXTS = "text"
WHOLE_NUMBERS = "whole numbers"
FRACTIONS = "numbers with a fraction"
"""What a key column holds. A whole number has one spelling; others have several, of which keys know the shortest."""

EXACT_FLOATS = 2.0**53
"""From here on a float stands for several integers."""
MAX_FLOAT = 1e308
_NUMBER = re.compile(r"[+-]?\d{1,400}(?:\.\d{0,400})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_PUNCTUATION = str.maketrans("", "", "()+- ")
_OF_PHONE = blake2b(digest_size=KEY_BYTES, person=b"uspeedo.phone.1")
_OF_VALUES = blake2b(digest_size=KEY_BYTES, person=b"uspeedo.values.1")
_OF_CAMPAIGN = blake2b(digest_size=KEY_BYTES, person=b"uspeedo.campaign")


@dataclass(frozen=True, slots=True)
class KeySpec:
    """How the keys of one campaign are made.

    :param columns: the key columns in order, or ``None``: the normalised phone.
    :param kinds: one for each key column: how its values become text. Types that give the same text share a kind.
    :param default_region: how phones without a country code were read, in upper case; part of a phone's key only.
    :param version: of the way keys are made.
    :param bare_digits: how bare digits were read where the default region leaves it open; part of a phone's key only.
    :param rules: by which phones are read, :data:`RULES` or :data:`FIRST_RULES`; a campaign keeps its own.
    :param forms: one for each key column: what it held when the campaign began, :data:`TEXTS`, :data:`WHOLE_NUMBERS` or
        :data:`FRACTIONS`, or ``""`` if it held nothing; none if that was not recorded.
    :raises ConfigurationError: no column, a column twice, or not one kind for each column.
    """

    columns: tuple[str, ...] | None
    kinds: tuple[str, ...]
    default_region: str | None
    version: int = KEY_VERSION
    bare_digits: str | None = None
    rules: int = RULES
    forms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.columns is not None and (not self.columns or len(set(self.columns)) < len(self.columns)):
            raise ConfigurationError("key_columns must name at least one column, and none twice; None means the phone.")
        if len(self.kinds) != len(self.columns or ()):
            raise ConfigurationError("A key needs one kind for each of its columns, and none if it is the phone.")
        object.__setattr__(self, "default_region", self.default_region.upper() if self.default_region else None)

    def to_json(self) -> str:
        """Return the text that is stored with the campaign; the same for equal specs."""
        fields = asdict(self)
        if not self.forms:
            del fields["forms"]
        if self.rules == FIRST_RULES:
            del fields["rules"], fields["bare_digits"]
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> KeySpec:
        """Read what :meth:`to_json` wrote.

        :raises LedgerError: the text is something else.
        """
        try:
            return cls._from_fields(**json.loads(text))
        except (ValueError, TypeError, ConfigurationError):
            raise LedgerError(
                "The ledger's record of how this campaign's keys are made cannot be read. It was changed by hand, or "
                "written by a newer version of this package: use that version."
            ) from None

    @classmethod
    def _from_fields(
        cls,
        *,
        columns: list[str] | None,
        kinds: list[str],
        default_region: str | None,
        version: int,
        bare_digits: str | None = None,
        rules: int = FIRST_RULES,
        forms: list[str] | None = None,
    ) -> KeySpec:
        if rules not in (FIRST_RULES, RULES):
            raise ValueError("rules of a newer version")
        named = None if columns is None else tuple(columns)
        return cls(named, tuple(kinds), default_region, version, bare_digits, rules, tuple(forms or ()))

    def accepts(self, other: KeySpec) -> bool:
        """Return whether a run with ``other`` goes on with this campaign; it then reads and makes keys as this one.

        By the first rules bare digits were national, so a campaign of theirs accepts that, and nothing.

        A campaign that began with numbers reads texts as numbers. One that began with texts knows ``0042`` and
        ``12.50`` as they were written, which a column of numbers no longer says.
        """
        numbers = (WHOLE_NUMBERS, FRACTIONS)
        if any(before == TEXTS and now in numbers for before, now in zip(self.forms, other.forms, strict=False)):
            return False
        other = replace(other, forms=self.forms)
        if self.rules == FIRST_RULES and other.bare_digits in (None, NATIONAL):
            return replace(other, rules=FIRST_RULES, bare_digits=None) == replace(self, bare_digits=None)
        return self == other

    def describe_difference(self, other: KeySpec) -> str:
        """Return how the keys of this campaign differ from those that ``other``, the new run, would make.

        :returns: part of a sentence such as "by 'id' before and by the phone now", or ``""`` if the keys are the same.
        """
        for before, now in zip(self._parts(), other._parts(), strict=True):
            if before != now:
                return f"by {before} before and by {now} now"
        return ""

    def _parts(self) -> tuple[str, str, str]:
        """Return what must be the same, the most informative part first."""
        if self.columns is None:
            what, how = "the phone", f"the phone with default_region={self.default_region!r}"
            if self.bare_digits:
                how += f" and bare_digits={self.bare_digits!r}"
        else:
            what = ", ".join(map(repr, self.columns))
            forms = [*self.forms, *self.kinds][: len(self.kinds)]
            held = [form if kind == TEXTS and form else kind for kind, form in zip(self.kinds, forms, strict=True)]
            how = ", ".join(f"{column!r} ({what})" for column, what in zip(self.columns, held, strict=True))
        return what, how, f"version {self.version} of the keys"


def number_text(text: str) -> str:
    """Return a text that spells a number as keys have that number, and any other text as it is.

    >>> number_text("12.50"), number_text("1001.0"), number_text("0042"), number_text("A-1.0")
    ('12.5', '1001', '42', 'A-1.0')
    """
    if not _NUMBER.fullmatch(text):
        return text
    number = Decimal(text)
    if "e" in text.lower() and EXACT_FLOATS <= abs(number) < MAX_FLOAT:
        number = Decimal(float(text))  # a float's own digits: its shortest spelling has fewer
    written = format(number, "f")
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if written == "-0" else written


class KeyMaker:
    """Makes the keys of one campaign. Safe to share between threads.

    :raises ConfigurationError: the spec is of a version that this package does not know.
    """

    def __init__(self, spec: KeySpec) -> None:
        if spec.version != KEY_VERSION:
            raise ConfigurationError(
                f"The campaign's keys are of version {spec.version}; this package makes version {KEY_VERSION}. "
                "Use the version of the package that created the campaign, or use another campaign_id."
            )
        self.spec = spec

    def of_phone(self, normalised_phone: str) -> bytes:
        """Return the key of a phone such as ``(852)55311111``; only its digits count."""
        return _digests(_OF_PHONE, [normalised_phone.translate(_PUNCTUATION).encode()])[0]

    def of_phones(self, normalised_phones: Sequence[str]) -> list[bytes]:
        """Return :meth:`of_phone` of each phone of a column."""
        lines = "\n".join(normalised_phones).translate(_PUNCTUATION).encode()
        return _digests(_OF_PHONE, lines.split(b"\n") if normalised_phones else [])

    def of_values(self, values: Sequence[str]) -> bytes:
        """Return the key of the key columns' values, as text and in the order of the columns.

        Each value is prefixed with its length: ``("a", "bc")`` and ``("ab", "c")`` are two recipients. Case, accents
        and spaces count.
        """
        return _digests(_OF_VALUES, [b"".join(map(_measured, values))])[0]

    def of_columns(self, columns: Sequence[Sequence[str]]) -> list[bytes]:
        """Return :meth:`of_values` of each row of the key columns."""
        return _digests(_OF_VALUES, map(b"".join, zip(*(map(_measured, column) for column in columns), strict=True)))


def _measured(value: str) -> bytes:
    # A table can hold a lone surrogate, which UTF-8 refuses; it must not stop the other rows.
    encoded = value.encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(4, "big") + encoded


def _digests(started: blake2b, parts: Iterable[bytes]) -> list[bytes]:
    """Return the digest of each part, continuing a digest that has been started."""
    copy, found = started.copy, []
    for part in parts:
        digest = copy()
        digest.update(part)
        found.append(digest.digest())
    return found


def campaign_hash(campaign_id: str) -> bytes:
    """Return 16 bytes that identify the campaign in an index; every character and its case count."""
    digest = _OF_CAMPAIGN.copy()
    digest.update(campaign_id.encode("utf-8", "surrogatepass"))
    return digest.digest()
