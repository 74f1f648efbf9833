# SPDX-License-Identifier: Apache-2.0
"""The phones and parameters of a notifier, as they are written in a DAG or come out of a template."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from airflow_provider_uspeedo.errors import ConfigurationError

MAX_PHONES = 20
"""A notifier is for those on call; a table of people is sent to by the operator."""


def is_template(to: Any) -> bool:
    """True if it has to be rendered before it can be read."""
    texts = [to] if isinstance(to, str) else to if isinstance(to, (list, tuple)) else ()
    return any(isinstance(text, str) and ("{{" in text or "{%" in text) for text in texts)


def phones_in(to: Any) -> list[str]:
    """The phones of a list, or of a text: that of a list, or with commas between them.

    :raises ConfigurationError: it is something else; the message does not hold it.
    """
    if isinstance(to, str):
        to = _parsed(to)
    if not isinstance(to, (list, tuple)) or not all(isinstance(phone, str) for phone in to):
        raise ConfigurationError(
            "to must be a list of phones as texts, such as ['+85255311111'], or a text with commas between them."
        )
    texts = [text.strip() for phone in to for text in phone.split(",")]
    return [text for text in texts if text]


def check_phones(phones: list[str]) -> list[str]:
    """The same phones.

    :raises ConfigurationError: there is none, or there are too many.
    """
    if not phones:
        raise ConfigurationError("to holds no phone: name those who are on call.")
    if len(phones) > MAX_PHONES:
        raise ConfigurationError(
            f"to holds {len(phones)} phones, and a notifier texts at most {MAX_PHONES}: use SendBatchSMSOperator."
        )
    return phones


def check_params(params: Any) -> list[str]:
    """The parameters as a list of texts; numbers become text.

    :raises ConfigurationError: they are something else: a text would be sent letter by letter.
    """
    if isinstance(params, str) or not isinstance(params, Sequence):
        raise ConfigurationError("template_params must be a list of texts, one for each variable of the template.")
    if not all(isinstance(value, (str, int, float)) for value in params):
        raise ConfigurationError("template_params holds something else than texts and numbers.")
    return [str(value) for value in params]


def _parsed(text: str) -> Any:
    if text.strip()[:1] in ("[", "("):
        for parse in (json.loads, ast.literal_eval):
            with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
                return parse(text.strip())
    return [text]
