# SPDX-License-Identifier: Apache-2.0
"""Reads the rendered arguments of the operator that collects receipts."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.operators.arguments import NOTHING, number, text_or_none

if TYPE_CHECKING:
    from airflow_provider_uspeedo.receipts.collection_config import CollectionConfig


def collection_config_of(operator: Any) -> CollectionConfig:
    """The arguments, checked.

    :raises ConfigurationError: one of them is wrong; the message names it.
    """
    from airflow_provider_uspeedo.receipts.collection_config import CollectionConfig

    rate = text_or_none(operator.min_delivery_rate)
    return CollectionConfig(
        campaign_id=(text_or_none(operator.campaign_id) or "").strip() or None,
        session_nos=_session_nos(operator.session_nos),
        first_after=_duration("first_after", operator.first_after),
        deadline=_duration("deadline", operator.deadline),
        until=number("until", operator.until),
        min_delivery_rate=None if rate is None else number("min_delivery_rate", rate),
    )


def _duration(argument: str, given: Any) -> timedelta:
    if isinstance(given, timedelta):
        return given
    try:
        return timedelta(seconds=number(argument, given))
    except (ConfigurationError, OverflowError):
        raise ConfigurationError(f"{argument} must be a timedelta, or a number of seconds.") from None


def _session_nos(given: Any) -> tuple[str, ...] | None:
    """SessionNos: a list, the text of one, or separated by commas; ``None`` for the rendering of nothing."""
    if isinstance(given, str):
        given = given.strip()
        if given.lower() in NOTHING:
            return None
        read = given
        if given[:1] in ("[", "("):
            for parse in (json.loads, ast.literal_eval):
                with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
                    read = parse(given)
                    break
        given = [name.strip() for name in read.split(",")] if isinstance(read, str) else read
    if given is None:
        return None
    if not isinstance(given, Sequence) or not all(isinstance(name, str) for name in given):
        raise ConfigurationError("session_nos must be a list of texts, such as send.output['session_nos'].")
    return tuple(dict.fromkeys(name for name in given if name))
