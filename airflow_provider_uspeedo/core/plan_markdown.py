# SPDX-License-Identifier: Apache-2.0
"""A plan as Markdown, for the log and for the person who approves it: tables without HTML."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from airflow_provider_uspeedo.core.plan import UNKNOWN_COUNTRY, Culprit, Plan, Share, TemplateShare
from airflow_provider_uspeedo.core.plural import counted

NOT_KNOWN = "not known"
MAX_ROWS = 20
"""Rows of a table; the others are one row."""
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&#{}!])")
_AT_THE_START = re.compile(r"^(\d{0,9})([-+=.)])(?=\s|$|[-+=])")
"""The beginning of a list, a line or a heading."""
_MIN_DECIMALS = 2
_NO_COUNTRY = "001"
_WORDS = {UNKNOWN_COUNTRY: "unknown country", _NO_COUNTRY: "no country (+800, +882, ...)"}


def to_markdown(plan: Plan) -> str:
    """Returns the plan as Markdown. Texts that come from elsewhere are escaped."""
    return "\n".join(_lines(plan)) + "\n"


def escaped(text: str) -> str:
    r"""Returns a text that Markdown shows as it is, on one line.

    >>> print(escaped("a|b *c*"))
    a\|b \*c\*
    """
    visible = "".join(" " if _is_unseen(character) else character for character in text)
    return _AT_THE_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", " ".join(visible.split())))


def _is_unseen(character: str) -> bool:
    """True of line ends, control characters and marks that turn the direction of the text after them."""
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Cn", "Co")


def _lines(plan: Plan) -> Iterator[str]:
    yield f"**Plan of the campaign {escaped(plan.campaign_id)}**"
    yield ""
    yield _headline(plan)
    for warning in plan.warnings:
        yield ""
        yield f"**Warning:** {escaped(warning)}"
    yield from _shares(
        plan, ("Country",), [((_WORDS.get(country, country),), share) for country, share in plan.by_country.items()]
    )
    yield from _shares(plan, ("Template", "Sender"), [(_names(one), one.share) for one in plan.by_template])
    yield from _table(
        ("Not sent because of", "Reason", "Rows"),
        [(one.rule.replace("_", " "), one.reason, f"{one.rows:,}") for one in plan.excluded],
        numbers=1,
    )
    yield from _paragraph(_unicode(plan))
    yield from _paragraph(_region(plan))
    if plan.samples:
        yield from _paragraph("Samples, with masked phones and parameters:")
        for sample in plan.samples:
            yield ""
            yield f"> {escaped(sample)}"
    if plan.fingerprint:
        yield from _paragraph(f"Fingerprint: `{plan.fingerprint}`")


def _headline(plan: Plan) -> str:
    total = plan.total
    segments = "an unknown number of segments" if total.segments is None else counted(total.segments, "segment")
    cost = f"cost {NOT_KNOWN}" if total.cost is None else f"cost {_amount(total.cost)} {plan.currency or ''}".rstrip()
    return f"{counted(total.recipients, 'recipient')}, {segments}, {cost}. Nothing was sent."


def _names(one: TemplateShare) -> tuple[str, str]:
    if one.template_id is None:
        return "all others", ""
    return one.template_id, one.sender_id or "(none)"


def _shares(plan: Plan, heads: Sequence[str], rows: Sequence[tuple[Sequence[str], Share]]) -> Iterator[str]:
    """A table of parts; without costs if none is known."""
    numbers = ["Recipients", "Segments"]
    if any(share.cost is not None for _, share in rows):
        numbers.append(f"Cost ({plan.currency})" if plan.currency else "Cost")
    cells = [[*names, *_cells(share)[: len(numbers)]] for names, share in rows]
    yield from _table([*heads, *numbers], cells, numbers=len(numbers))


def _cells(share: Share) -> list[str]:
    return [
        f"{share.recipients:,}",
        NOT_KNOWN if share.segments is None else f"{share.segments:,}",
        NOT_KNOWN if share.cost is None else _amount(share.cost),
    ]


def _amount(amount: Decimal) -> str:
    """Exact, with two decimals or more."""
    exponent = amount.normalize().as_tuple().exponent
    decimals = max(_MIN_DECIMALS, -exponent if isinstance(exponent, int) else 0)
    return f"{amount:,.{decimals}f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int) -> Iterator[str]:
    """A table, after an empty line; nothing without rows.

    :param numbers: so many of the last columns are numbers.
    """
    if not rows:
        return
    texts = len(heads) - numbers
    yield ""
    yield _row(heads)
    yield _row(["---"] * texts + ["---:"] * numbers)
    for row in rows[:MAX_ROWS]:
        yield _row(map(escaped, row))
    if len(rows) > MAX_ROWS:
        yield _row([f"{len(rows) - MAX_ROWS:,} more", *[""] * (len(heads) - 1)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _paragraph(text: str) -> Iterator[str]:
    if text:
        yield ""
        yield text


def _unicode(plan: Plan) -> str:
    if not plan.unicode_rows:
        return ""
    texts = counted(plan.unicode_rows, "text")
    characters = ", ".join(f"{_shown(one)} in {one.rows:,}" for one in plan.culprits)
    are = "is" if plan.unicode_rows == 1 else "are"
    return (
        f"{texts} {are} UCS-2, with 70 characters in a segment instead of 160. The first character that is not in "
        f"GSM-7: {characters}."
    )


def _shown(one: Culprit) -> str:
    name = unicodedata.name(one.character, "")
    called = f"{one.code_point} {name}".rstrip()
    return called if _is_unseen(one.character) or one.character.isspace() else f"{escaped(one.character)} ({called})"


def _region(plan: Plan) -> str:
    if not plan.region_numbers:
        return ""
    return (
        f"{counted(plan.region_numbers, 'phone')} without a country code: default\\_region={plan.region} decided the "
        "country."
    )
