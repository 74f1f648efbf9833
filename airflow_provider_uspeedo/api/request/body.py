# SPDX-License-Identifier: Apache-2.0
"""The groups of a request as JSON, and as the text that is signed; pure.

Arrow writes the columns of all targets at once: a general JSON writer, and a walk over what it wrote to sign it, cost
several times as much. Names are written in byte order, the order in which they are signed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from json.encoder import encode_basestring as _quoted
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.api import field_names
from airflow_provider_uspeedo.api.request.auth import flat
from airflow_provider_uspeedo.core.arrays import (
    cells_of,
    column_of_numbers,
    column_of_text_lists,
    column_of_texts,
    numbers_of,
    one_text,
    side_by_side,
)
from airflow_provider_uspeedo.core.content import Addressee, TaskContent, by_column


@dataclass(frozen=True, slots=True)
class WrittenContent:
    """The groups of one request, and what is written of them: work that is done before the moment of sending.

    :param groups: as they were given.
    :param body: their part of the JSON body, in UTF-8.
    :param signed: their part of the text that is signed.
    """

    groups: tuple[TaskContent, ...] = field(repr=False)
    body: bytes = field(repr=False)
    signed: str = field(repr=False)


class _Columns(NamedTuple):
    """The targets of all groups, by column."""

    extend_code: pa.Array
    phone: pa.Array
    params: pa.Array
    user_id: pa.Array


def write_groups(groups: Sequence[TaskContent]) -> WrittenContent:
    """Write groups of targets.

    An empty list of parameters, user id or extend code is left out, as the API wants it; a sender is always there.

    :raises TypeError: if a phone, parameter, id or code is no text.
    :raises UnicodeEncodeError: if one cannot be written in UTF-8.
    """
    parts = [_columns(group.targets) for group in groups]
    columns = _Columns(*map(pa.concat_arrays, zip(*parts, strict=True)))
    sizes = [len(part.phone) for part in parts]
    signed = _signed(groups, columns, sizes)
    if _needs_escapes(signed):
        columns = _escaped(columns)
    return WrittenContent(tuple(groups), _json(groups, columns, sizes), signed.decode())


def write_body(fields: Mapping[str, object], content: WrittenContent) -> tuple[bytes, str]:
    """Write the body of a request of some fields and the groups, and what :func:`.auth.flat` makes of it.

    :param fields: their names come before the groups' in byte order.
    """
    first = "".join(f"{as_json(name)}:{as_json(value)}," for name, value in fields.items())
    return b"".join((b"{", first.encode(), content.body, b"}")), flat(fields) + content.signed


def as_json(value: object) -> str:
    """Write any JSON value, as short as it can be."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _columns(targets: Sequence[Addressee]) -> _Columns:
    columns = by_column(targets)
    if columns:
        return _Columns(*(columns.column(name) for name in _Columns._fields))
    return _Columns(
        column_of_texts([one.extend_code or "" for one in targets]),
        column_of_texts([one.phone for one in targets]),
        column_of_text_lists([one.params or () for one in targets]),
        column_of_texts([one.user_id or "" for one in targets]),
    )


def _signed(groups: Sequence[TaskContent], columns: _Columns, sizes: Sequence[int]) -> bytes:
    code, phone, params, user_id = columns
    targets = [
        *_where_any(code, field_names.EXTEND_CODE, code),
        *(field_names.PHONE, phone),
        *_where_any(params, field_names.TEMPLATE_PARAMS, pc.binary_join(params, one_text(""))),
        *_where_any(user_id, field_names.USER_ID, user_id),
    ]
    signed = [field_names.TASK_CONTENT]
    for group, text in zip(groups, _text_by_group(targets, sizes), strict=True):
        signed += (field_names.SENDER_ID, group.sender_id, field_names.TARGET, text)
        signed += (field_names.TEMPLATE_ID, group.template_id)
    return "".join(signed).encode()


def _json(groups: Sequence[TaskContent], columns: _Columns, sizes: Sequence[int]) -> bytes:
    code, phone, params, user_id = columns
    targets = [
        "{",
        *_where_any(code, f'"{field_names.EXTEND_CODE}":"', code, '",'),
        *(f'"{field_names.PHONE}":"', phone, '"'),
        *_where_any(params, f',"{field_names.TEMPLATE_PARAMS}":["', pc.binary_join(params, one_text('","')), '"]'),
        *_where_any(user_id, f',"{field_names.USER_ID}":"', user_id, '"'),
        "},",
    ]
    written = [
        f'{{"{field_names.SENDER_ID}":{_quoted(group.sender_id)},"{field_names.TARGET}":[{text.removesuffix(",")}],'
        f'"{field_names.TEMPLATE_ID}":{_quoted(group.template_id)}}}'
        for group, text in zip(groups, _text_by_group(targets, sizes), strict=True)
    ]
    return f'"{field_names.TASK_CONTENT}":[{",".join(written)}]'.encode()


def _where_any(values: pa.Array, *parts: Any) -> Sequence[Any]:
    """The parts, and nothing where the value is empty."""
    sizes = pc.list_value_length(values) if pa.types.is_large_list(values.type) else pc.binary_length(values)
    filled = numbers_of(sizes) > 0
    if not filled.any():
        return ()
    if filled.all():
        return parts
    zero = column_of_numbers(np.zeros(1, int))[0]
    return [pc.if_else(pc.greater(sizes, zero), side_by_side(parts), one_text(""))]


def _text_by_group(parts: Sequence[Any], sizes: Sequence[int]) -> Iterator[str]:
    """For each group, of ``sizes`` targets, one text: the parts of each target side by side."""
    offsets, written = cells_of(side_by_side(parts))
    ends = offsets[np.cumsum([0, *sizes])].tolist()
    return (str(written[start:end], "utf-8") for start, end in pairwise(ends))


_ESCAPED_BYTES = bytes(range(0x20)) + b'"\\'
"""What JSON escapes inside a text. In UTF-8 none of them is part of another character."""
_ESCAPED_SIZES = np.array([len(_quoted(chr(byte))) - len('""') if byte < 0x80 else 1 for byte in range(256)])  # noqa: PLR2004
"""How many bytes each byte of UTF-8 becomes."""


def _needs_escapes(text: bytes) -> bool:
    """Return whether a character must be escaped. A request's signed text shows it for all texts of the request."""
    return len(text.translate(None, _ESCAPED_BYTES)) < len(text)


def _escaped(columns: _Columns) -> _Columns:
    code, phone, params, user_id = columns
    ends = np.cumsum(np.concatenate(([0], numbers_of(pc.list_value_length(params)))))
    lists = pa.LargeListArray.from_arrays(column_of_numbers(ends), _escaped_texts(params.flatten()))
    return _Columns(_escaped_texts(code), _escaped_texts(phone), lists, _escaped_texts(user_id))


def _escaped_texts(column: pa.Array) -> pa.Array:
    """Write each text as JSON has it between the quotes, all at once."""
    offsets, cells = cells_of(column)
    text = bytes(cells)
    if not _needs_escapes(text):
        return column
    escaped = _quoted(text.decode())[1:-1].encode()
    ends = np.cumsum(np.concatenate(([0], _ESCAPED_SIZES[np.frombuffer(text, np.uint8)])))[offsets]
    return pa.LargeStringArray.from_buffers(len(column), pa.py_buffer(ends), pa.py_buffer(escaped))
