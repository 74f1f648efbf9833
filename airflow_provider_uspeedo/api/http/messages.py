# SPDX-License-Identifier: Apache-2.0
"""One HTTP request and its response; neither shows its content in a ``repr``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request, ready to be sent.

    :param url: holds no phone, parameter or secret.
    :param body: JSON in UTF-8, or ``None`` for a request without a body.
    """

    method: Literal["GET", "POST"]
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One complete HTTP response.

    :param headers: their names in lower case.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
