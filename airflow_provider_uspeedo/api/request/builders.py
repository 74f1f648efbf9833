# SPDX-License-Identifier: Apache-2.0
"""Each action of the API as an HTTP request, in both generations; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import urlencode

from airflow_provider_uspeedo import __version__
from airflow_provider_uspeedo.api import field_names
from airflow_provider_uspeedo.api.client_config import ClientConfig
from airflow_provider_uspeedo.api.http.messages import HttpRequest
from airflow_provider_uspeedo.api.request.auth import basic_headers, flat, signed_headers
from airflow_provider_uspeedo.api.request.body import WrittenContent, as_json, write_body, write_groups
from airflow_provider_uspeedo.api.request.content_check import check
from airflow_provider_uspeedo.core.content import TaskContent
from airflow_provider_uspeedo.errors import ConfigurationError

MAX_IDS = 100
"""Sessions, or templates, in one query."""

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # so that the limit on a response's size is a limit on memory
    "User-Agent": f"airflow-provider-uspeedo/{__version__}",
}


def write_content(content: Sequence[TaskContent]) -> WrittenContent:
    """Check the groups of a request and write them; this need not wait for the moment of sending.

    :raises ConfigurationError: if the content must not be sent; see :func:`.content_check.check`.
    """
    try:
        check(content)
        return write_groups(content)
    except UnicodeEncodeError:
        raise ConfigurationError("task_content holds a character that cannot be written in UTF-8.") from None
    except TypeError:
        raise ConfigurationError("task_content: phones, parameters, ids and codes must be texts.") from None


def send_batch(config: ClientConfig, content: WrittenContent, *, timestamp: int, nonce: str) -> HttpRequest:
    """Build the request that sends.

    :param content: see :func:`write_content`.
    :param timestamp: seconds since the epoch.
    :param nonce: at most 32 characters, never used before.
    """
    fields = {} if config.api == "rest" else _action_fields(config, field_names.SEND_BATCH)
    body, signed = write_body(fields, content)
    if config.api == "rest":
        return _request("POST", config.base_url + field_names.REST_SEND_PATH, _basic(config), body)
    return _action_request(config, body, signed, timestamp, nonce)


def get_receipts(config: ClientConfig, session_nos: Sequence[str], *, timestamp: int, nonce: str) -> HttpRequest:
    """Build the request for the receipts of at most 100 sessions."""
    if config.api == "rest":
        return _rest_get(config, field_names.REST_RECEIPTS_PATH, session_nos)
    return _action_query(
        config, field_names.GET_RECEIPTS, {field_names.SESSION_NO_SET: list(session_nos)}, timestamp, nonce
    )


def query_templates(config: ClientConfig, template_ids: Sequence[str], *, timestamp: int, nonce: str) -> HttpRequest:
    """Build the request for at most 100 templates."""
    if config.api == "rest":
        return _rest_get(config, field_names.REST_TEMPLATES_PATH, template_ids)
    return _action_query(
        config, field_names.QUERY_TEMPLATES, {field_names.TEMPLATE_ID: list(template_ids)}, timestamp, nonce
    )


def _action_fields(config: ClientConfig, action: str) -> dict[str, object]:
    fields: dict[str, object] = {field_names.ACTION: action}
    if config.account_id is not None:
        fields[field_names.ACCOUNT_ID] = config.account_id
    return fields


def _action_query(
    config: ClientConfig, action: str, fields: Mapping[str, object], timestamp: int, nonce: str
) -> HttpRequest:
    body = {**_action_fields(config, action), **fields}
    return _action_request(config, as_json(body).encode(), flat(body), timestamp, nonce)


def _action_request(config: ClientConfig, body: bytes, text: str, timestamp: int, nonce: str) -> HttpRequest:
    key_id, secret = config.access_key_id, config.access_key_secret
    headers = signed_headers(text, key_id=key_id, secret=secret, timestamp=timestamp, nonce=nonce)
    return _request("POST", config.base_url + field_names.ACTION_PATH, headers, body)


def _rest_get(config: ClientConfig, path: str, ids: Sequence[str]) -> HttpRequest:
    query = urlencode([(field_names.REST_ID, one) for one in ids])
    return _request("GET", f"{config.base_url}{path}?{query}", _basic(config), None)


def _basic(config: ClientConfig) -> dict[str, str]:
    return basic_headers(key_id=config.access_key_id, secret=config.access_key_secret)


def _request(method: Literal["GET", "POST"], url: str, headers: Mapping[str, str], body: bytes | None) -> HttpRequest:
    content_type = {} if body is None else {"Content-Type": "application/json; charset=utf-8"}
    return HttpRequest(method, url, {**_HEADERS, **content_type, **headers}, body)
