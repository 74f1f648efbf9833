# SPDX-License-Identifier: Apache-2.0
"""The content of a request, checked before it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_provider_uspeedo.api import field_names
from airflow_provider_uspeedo.core.content import Addressee, Target, TaskContent, by_column
from airflow_provider_uspeedo.errors import ConfigurationError

MAX_NUMBERS = 1000
"""Numbers in one request, over all its groups."""
MAX_SENDER_LENGTH = 11
"""Characters in a sender id."""

_PUNCTUATION = {ord(character): None for character in "()+-. "}


def task_content_from(group: object) -> TaskContent:
    """Take a group as it is, or read one in the vendor's spelling.

    :param group: a :class:`~airflow_provider_uspeedo.core.content.TaskContent` or a mapping such as
        ``{"TemplateId": "UTA1", "SenderId": "", "Target": [{"Phone": "(852)55311111"}]}``.
    :raises ConfigurationError: if it is neither, or has a name that the API does not know.
    """
    if isinstance(group, TaskContent):
        return group
    names = {field_names.TEMPLATE_ID, field_names.SENDER_ID, field_names.TARGET}
    fields = _mapping(group, names, "task_content must be a list of groups; a group")
    targets = fields.get(field_names.TARGET)
    if not isinstance(targets, list | tuple):
        raise ConfigurationError(f"task_content: '{field_names.TARGET}' must be a list.")
    return TaskContent(
        template_id=_text(fields, field_names.TEMPLATE_ID),
        sender_id=_text(fields, field_names.SENDER_ID),
        targets=[_target_from(target) for target in targets],
    )


def check(content: Sequence[TaskContent]) -> None:
    """Refuse what must never be sent.

    :raises ConfigurationError: no number at all, more than 1000 of them, one phone twice, an empty phone, a group
        without a template, a sender that is too long, parameters that are no list: a text would be sent letter by
        letter.
    """
    phones = [phone for group in content for phone in _phones(group.targets)]
    if not phones:
        raise ConfigurationError("task_content holds no target.")
    if len(phones) > MAX_NUMBERS:
        raise ConfigurationError(
            f"task_content holds {len(phones)} numbers; one request takes at most {MAX_NUMBERS} over all its groups."
        )
    _check_phones(phones)
    _check_params(content)
    for group in content:
        if not group.template_id:
            raise ConfigurationError("task_content: a group has no template id.")
        if len(group.sender_id) > MAX_SENDER_LENGTH:
            raise ConfigurationError(f"task_content: a sender id has more than {MAX_SENDER_LENGTH} characters.")


def _phones(targets: Sequence[Addressee]) -> Sequence[object]:
    columns = by_column(targets)
    return columns.texts("phone") if columns else [target.phone for target in targets]


def _check_phones(phones: Sequence[object]) -> None:
    if _all_differ(phones):
        return
    first: dict[str, int] = {}
    for position, phone in enumerate(phones, start=1):
        if not isinstance(phone, str) or not phone.translate(_PUNCTUATION):
            raise ConfigurationError(f"task_content: target {position} has no phone.")
        earlier = first.setdefault(phone.translate(_PUNCTUATION), position)
        if earlier != position:
            raise ConfigurationError(
                f"task_content: targets {earlier} and {position} are one phone; a request must not hold a phone twice."
            )


def _check_params(content: Sequence[TaskContent]) -> None:
    by_row = [group.targets for group in content if not by_column(group.targets)]
    kinds = {type(one.params) for targets in by_row for one in targets if one.params}
    if not all(issubclass(kind, list | tuple) for kind in kinds):
        raise ConfigurationError(f"task_content: '{field_names.TEMPLATE_PARAMS}' must be a list of texts.")


def _all_differ(phones: Sequence[object]) -> bool:
    """Return, in one pass over all of them, whether each is a phone and none occurs twice."""
    try:
        plain = "\n".join(phones).translate(_PUNCTUATION).split("\n")  # type: ignore[arg-type]
    except TypeError:
        return False
    return len(plain) == len(phones) == len(set(plain)) and "" not in plain


def _target_from(target: object) -> Target:
    if isinstance(target, Target):
        return target
    names = {field_names.PHONE, field_names.TEMPLATE_PARAMS, field_names.USER_ID, field_names.EXTEND_CODE}
    fields = _mapping(target, names, "task_content: a target")
    params = fields.get(field_names.TEMPLATE_PARAMS)
    params = () if params is None else params
    if not isinstance(params, list | tuple) or not all(isinstance(param, str) for param in params):
        raise ConfigurationError(f"task_content: '{field_names.TEMPLATE_PARAMS}' must be a list of texts.")
    return Target(
        phone=_text(fields, field_names.PHONE),
        template_params=tuple(params),
        user_id=_text(fields, field_names.USER_ID),
        extend_code=_text(fields, field_names.EXTEND_CODE),
    )


def _mapping(found: object, names: set[str], what: str) -> Mapping[str, object]:
    if not isinstance(found, Mapping):
        raise ConfigurationError(f"{what} must be a mapping, not {type(found).__name__}.")
    if not names.issuperset(found):
        raise ConfigurationError(f"{what} has a name that the API does not know; it knows {', '.join(sorted(names))}.")
    return found


def _text(fields: Mapping[str, object], name: str) -> str:
    found = fields.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ConfigurationError(f"task_content: '{name}' must be a text, not {type(found).__name__}.")
    return found
