# SPDX-License-Identifier: Apache-2.0
"""The response to a query (receipts, templates): its content, or why there is none; pure.

A query may be repeated without harm, so a response that cannot be read is only a failed call here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus

from airflow_provider_uspeedo.api import field_names
from airflow_provider_uspeedo.api.http.messages import HttpResponse
from airflow_provider_uspeedo.api.response.codes import CodeKind, explain
from airflow_provider_uspeedo.api.response.json_values import (
    json_object,
    retry_after,
    text,
    vendor_request_id,
    whole_number,
)
from airflow_provider_uspeedo.core.masking import masked_quote
from airflow_provider_uspeedo.errors import CallError, NotSent, Refused

_MAX_QUOTE = 200


def read_query_response(http: HttpResponse, now: datetime, place: str = "") -> Mapping[str, object]:
    """Give the JSON object of a successful response.

    :param now: aware; what a ``Retry-After`` date is compared with.
    :param place: host, port and connection, for messages.
    :raises Refused: the call is wrong or not permitted; repeating it will not help.
    :raises NotSent: the server asks to repeat the call later.
    :raises CallError: no usable response.
    """
    body = json_object(http)
    code = None if body is None else whole_number(body.get(field_names.RET_CODE))
    if body is not None and code == 0 and http.status < HTTPStatus.BAD_REQUEST:
        return body
    raise _problem(http, body or {}, code, now, place)


def _problem(http: HttpResponse, body: Mapping[str, object], code: int | None, now: datetime, place: str) -> CallError:
    explained = explain(code)
    request_id = vendor_request_id(http, body)
    quote = masked_quote(text(body.get(field_names.MESSAGE)), _MAX_QUOTE)
    refused = explained.kind in (CodeKind.REFUSED, CodeKind.REFUSED_PHONES)
    at = f" at {place}" if place else ""
    if code is None:
        message = (
            f"What answered the query{at} (HTTP {http.status}) is not USpeedo: the answer has no RetCode. Is the host "
            "right, and is there a gateway or a proxy before it?"
        )
    else:
        message = f"USpeedo{at} {'refused' if refused else 'did not answer'} the query (HTTP {http.status})."
        message += f" RetCode {code}: {explained.meaning}. {explained.advice}".rstrip()
    message += f' The vendor\'s words: "{quote}".' if quote else ""
    message += f" (Request id {request_id}.)" if request_id else ""
    if refused:
        return Refused(message, ret_code=code, vendor_request_id=request_id, http_status=http.status)
    sign_again = explained.kind is CodeKind.SIGN_AGAIN
    if sign_again or explained.kind is CodeKind.RETRY_LATER or http.status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = retry_after(http, now)
        return NotSent(
            message,
            retry_after=wait,
            sign_again=sign_again,
            ret_code=code,
            vendor_request_id=request_id,
            http_status=http.status,
        )
    return CallError(message, ret_code=code, vendor_request_id=request_id, http_status=http.status)
