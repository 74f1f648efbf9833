# SPDX-License-Identifier: Apache-2.0
"""Each action of the API as an HTTP request, in both generations; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import urlencode

from airflow_provider_uspeedo import __version__
from airflow_provider_uspeedo.api import wire
from airflow_provider_uspeedo.api.auth import basic_headers, flat, signed_headers
from airflow_provider_uspeedo.api.config import ClientConfig
from airflow_provider_uspeedo.api.content import check
from airflow_provider_uspeedo.api.exchange import Call
from airflow_provider_uspeedo.core.content import Target, TaskContent
from airflow_provider_uspeedo.errors import ConfigurationError

MOST_IDS = 100
"""Sessions, or templates, that one call asks for."""

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # so that the limit on an answer's size is a limit on memory
    "User-Agent": f"airflow-provider-uspeedo/{__version__}",
}


def send_batch(config: ClientConfig, content: Sequence[TaskContent], *, timestamp: int, nonce: str) -> Call:
    """Build the request that sends.

    An empty list of parameters, user id or extend code is left out, as the API wants it; a sender is always there.

    :param timestamp: seconds since the epoch.
    :param nonce: at most 32 characters, never used before.
    :raises ConfigurationError: if the content must not be sent; see :func:`.content.check`.
    """
    check(content)
    try:
        groups, text = _groups(content)
        if config.api == "rest":
            return _rest_post(config, wire.REST_SEND_PATH, {wire.TASK_CONTENT: groups})
        body, prefix = _action_body(config, wire.SEND_BATCH)
        body[wire.TASK_CONTENT] = groups
        return _action_call(config, body, f"{prefix}{wire.TASK_CONTENT}{text}", timestamp, nonce)
    except UnicodeEncodeError:
        raise ConfigurationError("task_content holds a character that cannot be written in UTF-8.") from None
    except TypeError:
        raise ConfigurationError("task_content: phones, parameters, ids and codes must be texts.") from None


def get_receipts(config: ClientConfig, session_nos: Sequence[str], *, timestamp: int, nonce: str) -> Call:
    """Build the request for the receipts of at most 100 sessions."""
    if config.api == "rest":
        return _rest_get(config, wire.REST_RECEIPTS_PATH, session_nos)
    return _question(config, wire.GET_RECEIPTS, {wire.SESSION_NO_SET: list(session_nos)}, timestamp, nonce)


def query_templates(config: ClientConfig, template_ids: Sequence[str], *, timestamp: int, nonce: str) -> Call:
    """Build the request for at most 100 templates."""
    if config.api == "rest":
        return _rest_get(config, wire.REST_TEMPLATES_PATH, template_ids)
    return _question(config, wire.QUERY_TEMPLATES, {wire.TEMPLATE_ID: list(template_ids)}, timestamp, nonce)


def _groups(content: Sequence[TaskContent]) -> tuple[list[dict[str, object]], str]:
    """Write the groups, and with them their :func:`flat` text: much faster than to walk over them once more."""
    groups: list[dict[str, object]] = []
    text: list[str] = []
    for group in content:
        targets, signed = _targets(group.targets)
        groups.append({wire.SENDER_ID: group.sender_id, wire.TARGET: targets, wire.TEMPLATE_ID: group.template_id})
        text += (wire.SENDER_ID, group.sender_id, wire.TARGET, *signed, wire.TEMPLATE_ID, group.template_id)
    return groups, "".join(text)


def _targets(targets: Sequence[Target]) -> tuple[list[dict[str, object]], list[str]]:
    written: list[dict[str, object]] = []
    signed: list[str] = []
    for target in targets:
        # Keys in byte order, which is the order they are signed in.
        fields: dict[str, object] = {}
        text = ""
        if target.extend_code:
            fields[wire.EXTEND_CODE] = target.extend_code
            text = wire.EXTEND_CODE + target.extend_code
        fields[wire.PHONE] = target.phone
        text += wire.PHONE + target.phone
        if target.template_params:
            fields[wire.TEMPLATE_PARAMS] = target.template_params
            text += wire.TEMPLATE_PARAMS + "".join(target.template_params)
        if target.user_id:
            fields[wire.USER_ID] = target.user_id
            text += wire.USER_ID + target.user_id
        written.append(fields)
        signed.append(text)
    return written, signed


def _action_body(config: ClientConfig, action: str) -> tuple[dict[str, object], str]:
    body: dict[str, object] = {wire.ACTION: action}
    if config.account_id is not None:
        body[wire.ACCOUNT_ID] = config.account_id
    return body, flat(body)


def _question(config: ClientConfig, action: str, fields: Mapping[str, object], timestamp: int, nonce: str) -> Call:
    body, _ = _action_body(config, action)
    body.update(fields)
    return _action_call(config, body, flat(body), timestamp, nonce)


def _action_call(config: ClientConfig, body: object, text: str, timestamp: int, nonce: str) -> Call:
    key_id, secret = config.access_key_id, config.access_key_secret
    headers = signed_headers(text, key_id=key_id, secret=secret, timestamp=timestamp, nonce=nonce)
    return _call("POST", config.base_url + wire.ACTION_PATH, headers, _json(body))


def _rest_post(config: ClientConfig, path: str, body: object) -> Call:
    return _call("POST", config.base_url + path, _basic(config), _json(body))


def _rest_get(config: ClientConfig, path: str, ids: Sequence[str]) -> Call:
    query = urlencode([(wire.REST_ID, one) for one in ids])
    return _call("GET", f"{config.base_url}{path}?{query}", _basic(config), None)


def _basic(config: ClientConfig) -> dict[str, str]:
    return basic_headers(key_id=config.access_key_id, secret=config.access_key_secret)


def _call(method: Literal["GET", "POST"], url: str, headers: Mapping[str, str], body: bytes | None) -> Call:
    kind = {} if body is None else {"Content-Type": "application/json; charset=utf-8"}
    return Call(method, url, {**_HEADERS, **kind, **headers}, body)


def _json(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
