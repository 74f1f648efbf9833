# SPDX-License-Identifier: Apache-2.0
"""A decision is taken only from the page itself: by where a browser says that the request comes from, and by a token.

Airflow's cookie is sent along by any page of another site that makes a browser send a form here.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from airflow.configuration import conf
from starlette.requests import Request

FIELD = "token"
_LABEL = b"uspeedo page "


def token_of(user_id: str) -> str:
    """The token that every form of this person carries; made with the key that all API servers share."""
    key = str(conf.get("api", "secret_key")).encode()
    return hmac.new(key, _LABEL + user_id.encode(), hashlib.sha256).hexdigest()


def is_from_here(request: Request) -> bool:
    """True if the browser says that one of our own pages sent the request. One that says nothing is not believed."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(request.headers.get("origin", ""))
    known = {request.headers.get("host", ""), urlsplit(conf.get("api", "base_url", fallback="")).netloc}
    return bool(origin.netloc) and origin.netloc in known


def is_token_of(token: str, user_id: str) -> bool:
    """True if the form was made for this person."""
    return hmac.compare_digest(token.encode(), token_of(user_id).encode())
