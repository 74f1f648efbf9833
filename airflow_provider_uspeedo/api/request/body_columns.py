# SPDX-License-Identifier: Apache-2.0
"""Targets that are kept by column, written by Arrow: the same text as :mod:`.body` writes of each, without Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.api import field_names
from airflow_provider_uspeedo.core.arrays import cells_of, column_of_numbers, numbers_of, one_text, side_by_side
from airflow_provider_uspeedo.core.content import ByColumn


def written(groups: Sequence[ByColumn]) -> list[tuple[str, str]]:
    """The targets of each group, as JSON and as the text that is signed; nothing in them is escaped.

    All are written at once and then taken apart: a look at a few hundred rows costs as much as one at a thousand.
    """
    code, phone, lists, user_id = (
        pa.concat_arrays([targets.column(name) for targets in groups])
        for name in ("extend_code", "phone", "params", "user_id")
    )
    body = [
        "{",
        *_where_any(code, f'"{field_names.EXTEND_CODE}":"', code, '",'),
        *(f'"{field_names.PHONE}":"', phone, '"'),
        *_where_any(lists, f',"{field_names.TEMPLATE_PARAMS}":["', pc.binary_join(lists, one_text('","')), '"]'),
        *_where_any(user_id, f',"{field_names.USER_ID}":"', user_id, '"'),
        "},",
    ]
    signed = [
        *_where_any(code, field_names.EXTEND_CODE, code),
        *(field_names.PHONE, phone),
        *_where_any(lists, field_names.TEMPLATE_PARAMS, pc.binary_join(lists, one_text(""))),
        *_where_any(user_id, field_names.USER_ID, user_id),
    ]
    sizes = [len(targets.column("phone")) for targets in groups]
    return [
        (one.removesuffix(","), other) for one, other in zip(_texts(body, sizes), _texts(signed, sizes), strict=True)
    ]


def _where_any(values: pa.Array, *parts: Any) -> Sequence[Any]:
    """The parts, and nothing where the value is empty."""
    sizes = pc.list_value_length(values) if pa.types.is_large_list(values.type) else pc.binary_length(values)
    there = numbers_of(sizes) > 0
    if not there.any():
        return ()
    if there.all():
        return parts
    zero = column_of_numbers(np.zeros(1, int))[0]
    return [pc.if_else(pc.greater(sizes, zero), side_by_side(parts), one_text(""))]


def _texts(parts: Sequence[Any], sizes: Sequence[int]) -> Iterator[str]:
    """One text of so many rows, then one of so many..., each row with its parts side by side."""
    offsets, written = cells_of(side_by_side(parts))
    ends = offsets[np.cumsum([0, *sizes])].tolist()
    return (str(written[start:end], "utf-8") for start, end in pairwise(ends))
