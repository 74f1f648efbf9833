# SPDX-License-Identifier: Apache-2.0
"""How many phones each country has, by country code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.core.numbering_plans import country_of

_MAX_SHOWN = 12
_HEAD_CHARACTERS = 5
"""The longest country code with its brackets."""


def countries_of(phones: pa.Array) -> Counter[str]:
    """Count phones of the form ``(country code)number`` by country code."""
    counts: Counter[str] = Counter()
    heads = pc.value_counts(pc.utf8_slice_codeunits(phones, 0, _HEAD_CHARACTERS))
    for head, count in zip(heads.field("values").to_pylist(), heads.field("counts").to_pylist(), strict=True):
        counts[head[1:].partition(")")[0]] += count
    return counts


def describe_countries(counts: Mapping[str, int]) -> str:
    """Return the counts as text, the largest first; ``""`` for none.

    >>> describe_countries({"86": 3, "852": 19113})
    'HK (+852) 19,113, CN (+86) 3'
    """
    ordered = sorted(((code, count) for code, count in counts.items() if count), key=lambda one: (-one[1], one[0]))
    shown = [f"{country_of(code)} {count:,}" for code, count in ordered[:_MAX_SHOWN]]
    if rest := ordered[_MAX_SHOWN:]:
        shown.append(f"{len(rest)} others {sum(count for _, count in rest):,}")
    return ", ".join(shown)
