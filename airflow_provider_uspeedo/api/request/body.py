# SPDX-License-Identifier: Apache-2.0
"""The groups of a request as JSON, and as the text that is signed; pure.

Both are written in one walk over the recipients, or by :mod:`.body_columns` where these are kept by column: a general
JSON writer, and a second walk over what it wrote, cost three times as much.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from json.encoder import encode_basestring
from operator import attrgetter

from airflow_provider_uspeedo.api import field_names
from airflow_provider_uspeedo.api.request.auth import flat
from airflow_provider_uspeedo.core.content import Addressee, Target, TaskContent, by_column


class WrittenContent(list[TaskContent]):
    """Groups of targets, and what is written of them.

    :raises TypeError: if a phone, parameter, id or code is no text.
    :raises UnicodeEncodeError: if one cannot be written in UTF-8.
    """

    def __init__(self, content: Iterable[TaskContent]) -> None:
        super().__init__(content)
        body, self.signed = _written(self)
        if _needs_escapes(self.signed):
            body, _ = _written([_escaped(group) for group in self])
        self.body = "".join(body).encode()


def write(fields: Mapping[str, object], content: WrittenContent) -> tuple[bytes, str]:
    """Write a body of some fields and the groups, and what :func:`.auth.flat` makes of it.

    :param fields: their names come before the groups' in byte order.
    """
    first = "".join(f"{as_json(name)}:{as_json(value)}," for name, value in fields.items())
    return b"".join((b"{", first.encode(), content.body, b"}")), flat(fields) + content.signed


def as_json(value: object) -> str:
    """Write any JSON value, as short as it can be."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# Names are written in byte order, the order in which they are signed.
_TASK_CONTENT = f'"{field_names.TASK_CONTENT}":['
_SENDER_ID = f'{{"{field_names.SENDER_ID}":"'
_TARGETS = f'","{field_names.TARGET}":['
_TEMPLATE_ID = f'],"{field_names.TEMPLATE_ID}":"'
_NEXT = "},"
"""Stands before each target; the first one of a group loses it."""
_EXTEND_CODE = f'{_NEXT}{{"{field_names.EXTEND_CODE}":"'
_PHONE_AFTER_CODE = f'","{field_names.PHONE}":"'
_PHONE = f'{_NEXT}{{"{field_names.PHONE}":"'
_TEMPLATE_PARAMS = f'","{field_names.TEMPLATE_PARAMS}":["'
_USER_ID = f',"{field_names.USER_ID}":"'

_FIELDS: Callable[[Addressee], tuple[str, Sequence[str], str, str]]
_FIELDS = attrgetter("phone", "params", "user_id", "extend_code")


def _written(content: Sequence[TaskContent]) -> tuple[list[str], str]:
    body = [_TASK_CONTENT]
    signed = [field_names.TASK_CONTENT]
    for group, (in_body, in_signed) in zip(content, _targets(content), strict=True):
        body += (_SENDER_ID, group.sender_id, _TARGETS, in_body, _TEMPLATE_ID, group.template_id, '"},')
        signed += (
            field_names.SENDER_ID,
            group.sender_id,
            field_names.TARGET,
            in_signed,
            field_names.TEMPLATE_ID,
            group.template_id,
        )
    body[-1] = '"}]'
    return body, "".join(signed)


def _targets(content: Sequence[TaskContent]) -> Iterable[tuple[str, str]]:
    """The targets of each group, as JSON and as the text that is signed."""
    columns = [targets for group in content if (targets := by_column(group.targets))]
    if not columns or len(columns) < len(content):
        return (_row_by_row(group.targets) for group in content)
    from airflow_provider_uspeedo.api.request import body_columns  # it needs Arrow

    return body_columns.written(columns)


def _row_by_row(targets: Sequence[Addressee]) -> tuple[str, str]:
    body: list[str] = []
    signed: list[str] = []
    for phone, params, user_id, extend_code in map(_FIELDS, targets):
        before_phone = _PHONE
        if extend_code:
            body += (_EXTEND_CODE, extend_code)
            signed += (field_names.EXTEND_CODE, extend_code)
            before_phone = _PHONE_AFTER_CODE
        if params:
            body += (before_phone, phone, _TEMPLATE_PARAMS, '","'.join(params), '"]')
            signed += (field_names.PHONE, phone, field_names.TEMPLATE_PARAMS)
            signed += params
        else:
            body += (before_phone, phone, '"')
            signed += (field_names.PHONE, phone)
        if user_id:
            body += (_USER_ID, user_id, '"')
            signed += (field_names.USER_ID, user_id)
    if targets:
        body[0] = body[0].removeprefix(_NEXT)
        body.append("}")
    return "".join(body), "".join(signed)


_ESCAPED = bytes(range(0x20)) + b'"\\'
"""What JSON escapes inside a text. In UTF-8 none of them is part of another character."""


def _needs_escapes(signed: str) -> bool:
    """Tell by what is signed, which holds every text of the request; few requests hold one that must be escaped."""
    written = signed.encode()
    return len(written.translate(None, _ESCAPED)) < len(written)


def _escaped(group: TaskContent) -> TaskContent:
    targets = [
        Target(_inside(phone), [_inside(param) for param in params or ()], _inside(user_id), _inside(extend_code))
        for phone, params, user_id, extend_code in map(_FIELDS, group.targets)
    ]
    return TaskContent(_inside(group.template_id), _inside(group.sender_id), targets)


def _inside(text: str) -> str:
    """Write a text as JSON has it between the quotes."""
    return encode_basestring(text)[1:-1] if text else ""
