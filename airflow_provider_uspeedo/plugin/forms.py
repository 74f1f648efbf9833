# SPDX-License-Identifier: Apache-2.0
"""Reads the form of a request, after a look at where it comes from."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import HTTPException, Request

from airflow_provider_uspeedo.plugin.rights import FORBIDDEN, Person
from airflow_provider_uspeedo.plugin.same_origin import FIELD, is_from_here, is_token_of

MAX_BYTES = 10_000


async def read_form(request: Request, person: Person) -> dict[str, str]:
    """The fields of a form that one of our own pages sent for this person.

    :raises HTTPException: 403: it came from elsewhere; 400: it is too large, or no form.
    """
    if not is_from_here(request):
        raise HTTPException(FORBIDDEN, "origin")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            raise HTTPException(400)
    try:
        fields = {name: values[-1] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    except ValueError:
        raise HTTPException(400) from None
    if not is_token_of(fields.pop(FIELD, ""), person.id):
        raise HTTPException(FORBIDDEN, "origin")
    return fields
