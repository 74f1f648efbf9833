# SPDX-License-Identifier: Apache-2.0
"""Reading a send request: its shape and its limits, checked before anything is accepted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from .refusals import missing, wrong
from .template_store import SandboxTemplate, TemplateStore

NUMBERS = 1000
"""Numbers in one request at most, over all groups."""
SENDER_LENGTH = 11
USER_ID_LENGTH = 32
_NOT_IN_USER_ID = re.compile("['\"\U00010000-\U0010ffff]")


class SubmittedTarget(NamedTuple):
    """One message to one phone; texts that were left out are ``""``, parameters ``()``."""

    phone: str
    params: tuple[str, ...]
    user_id: str
    extend_code: str


class Group(NamedTuple):
    """Targets that share a template and a sender."""

    template: SandboxTemplate
    sender_id: str
    targets: Sequence[SubmittedTarget]


def read_groups(body: dict[str, object], templates: TemplateStore, *, sender_required: bool) -> list[Group]:
    """Return the groups of a send request.

    :param sender_required: generation B requires a ``SenderId``, generation A does not.
    :raises Refusal: naming the parameter that is wrong or missing.
    """
    groups = [
        _read_group(raw, f"TaskContent[{number}]", templates, sender_required)
        for number, raw in enumerate(_objects(body, "TaskContent", "TaskContent"))
    ]
    if sum(len(group.targets) for group in groups) > NUMBERS:
        raise wrong("Target", f"has more than {NUMBERS} numbers in one request")
    return groups


def _read_group(raw: dict[str, object], where: str, templates: TemplateStore, sender_required: bool) -> Group:
    template_id = _text(raw, "TemplateId", where, required=True)
    template = templates.approved(template_id, f"{where}.TemplateId")
    if sender_required and raw.get("SenderId") is None:
        raise missing(f"{where}.SenderId")
    sender_id = _text(raw, "SenderId", where)
    if len(sender_id) > SENDER_LENGTH:
        raise wrong(f"{where}.SenderId", f"is longer than {SENDER_LENGTH} characters")
    variables = template.variables
    targets = [
        _read_target(each, f"{where}.Target[{number}]", variables)
        for number, each in enumerate(_objects(raw, "Target", f"{where}.Target"))
    ]
    return Group(template, sender_id, targets)


def _read_target(raw: dict[str, object], where: str, variables: int | None) -> SubmittedTarget:
    user_id = _text(raw, "UserId", where)
    if user_id:
        _check_user_id(user_id, where)
    extend_code = _text(raw, "ExtendCode", where)
    if extend_code and not (extend_code.isascii() and extend_code.isdigit()):
        raise wrong(f"{where}.ExtendCode", "must be digits")
    phone = _text(raw, "Phone", where, required=True)
    return SubmittedTarget(phone, _read_params(raw, where, variables), user_id, extend_code)


def _read_params(raw: dict[str, object], where: str, variables: int | None) -> tuple[str, ...]:
    params = raw.get("TemplateParams")
    if params is None or params == []:  # the vendor's own SDK sends an empty array where there are none
        if variables:
            raise missing(f"{where}.TemplateParams")
        return ()
    if not isinstance(params, list) or not all(isinstance(param, str) for param in params):
        raise wrong(f"{where}.TemplateParams", "must be an array of strings")
    if variables == 0:
        raise wrong(f"{where}.TemplateParams", "must be left out: the template has no variables")
    if variables is not None and len(params) != variables:
        raise wrong(f"{where}.TemplateParams", f"has {len(params)} values, the template has {variables} variables")
    return tuple(params)


def _check_user_id(user_id: str, where: str) -> None:
    if len(user_id) > USER_ID_LENGTH:
        raise wrong(f"{where}.UserId", f"is longer than {USER_ID_LENGTH} characters")
    if _NOT_IN_USER_ID.search(user_id):
        raise wrong(f"{where}.UserId", "holds a quote or an emoji")


def _text(raw: dict[str, object], name: str, where: str, *, required: bool = False) -> str:
    value = raw.get(name)
    if isinstance(value, str) and (value or not required):
        return value
    if value is None or value == "":
        if required:
            raise missing(f"{where}.{name}")
        return ""
    raise wrong(f"{where}.{name}", "must be a string")


def _objects(raw: dict[str, object], name: str, where: str) -> list[dict[str, object]]:
    value = raw.get(name)
    if value is None or value == []:
        raise missing(where)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise wrong(where, "must be an array of objects")
    return value
