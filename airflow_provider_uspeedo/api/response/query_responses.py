# SPDX-License-Identifier: Apache-2.0
"""The answer to a question (receipts, templates): its content, or why there is none; pure.

Asking twice harms nobody, so here an answer that cannot be read is no more than a failed call.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus

from airflow_provider_uspeedo.api import field_names
from airflow_provider_uspeedo.api.http.messages import HttpAnswer
from airflow_provider_uspeedo.api.response.codes import Verdict, explain
from airflow_provider_uspeedo.api.response.json_values import json_object, request_id, retry_after, text, whole_number
from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.errors import CallError, NotSent, Refused

_LONGEST_QUOTE = 200


def read_answer(http: HttpAnswer, now: datetime) -> Mapping[str, object]:
    """Give the JSON object of a successful answer.

    :param now: aware; what a ``Retry-After`` date is compared with.
    :raises Refused: the call is wrong or not permitted; asking again will not help.
    :raises NotSent: the server asks to come back later.
    :raises CallError: no usable answer.
    """
    body = json_object(http.body)
    code = None if body is None else whole_number(body.get(field_names.RET_CODE))
    if body is not None and code == 0 and http.status < HTTPStatus.BAD_REQUEST:
        return body
    raise _problem(http, body or {}, code, now)


def _problem(http: HttpAnswer, body: Mapping[str, object], code: int | None, now: datetime) -> CallError:
    explained = explain(code)
    named = request_id(http, body)
    words = mask_digits(text(body.get(field_names.MESSAGE)))[:_LONGEST_QUOTE]
    said = f"USpeedo did not answer the question (HTTP {http.status})."
    said += "" if code is None else f" RetCode {code}: {explained.meaning}. {explained.advice}"
    said += f' The vendor\'s words: "{words}".' if words else ""
    said += f" (Request id {named}.)" if named else ""
    if explained.verdict in (Verdict.REFUSED, Verdict.REFUSED_PHONES):
        return Refused(said, ret_code=code, request_id=named, http_status=http.status)
    again = explained.verdict is Verdict.SIGN_AGAIN
    if again or explained.verdict is Verdict.RETRY_LATER or http.status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = retry_after(http, now)
        return NotSent(
            said, retry_after=wait, sign_again=again, ret_code=code, request_id=named, http_status=http.status
        )
    return CallError(said, ret_code=code, request_id=named, http_status=http.status)
