# SPDX-License-Identifier: Apache-2.0
"""Reads the argument ``plan``: what a dry run returned, however it was handed on."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from airflow_provider_uspeedo.campaign.plan_fingerprint import VERSION, PlanFingerprint, is_of_other_version
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.operators.arguments import NOTHING, NotSet

HINT = "Pass the output of the dry run, plan=plan_task.output. Nothing was sent."
MAX_CHARACTERS = 10_000_000
"""Of the text of a summary; more is none."""
_QUOTES = "\"'"
_VALUES = ("{", "[", "(", *_QUOTES)
"""What the text of a JSON or Python value begins with."""


def fingerprint_of(given: Any) -> str | None:
    """The fingerprint in what was passed as the plan; ``None`` if the argument was not given.

    :param given: the summary of a dry run, its ``plan``, the fingerprint alone, or text of one of these as JSON or as
        Python writes it.
    :raises ConfigurationError: it is none of these. Empty is none: a plan that was skipped must not mean *no plan*.
    """
    if isinstance(given, NotSet):
        return None
    if isinstance(given, str) and given.strip().startswith(("{{", "{%")):
        raise ConfigurationError(f"plan holds a template, which was not rendered. {HINT}")
    value, depth = given, 0
    while isinstance(value, str) and value.strip().startswith(_VALUES) and depth < len(_VALUES):
        value, depth = _parsed(value.strip()), depth + 1
    if isinstance(value, Mapping):
        return _in_mapping(value)
    if value is None or (isinstance(value, str) and value.strip().lower() in NOTHING):
        raise ConfigurationError(
            "plan is empty: the task that should have made it was skipped, failed, or returned nothing. "
            f"{HINT} To send without a plan, leave the argument out."
        )
    return _checked(value)


def _in_mapping(given: Mapping[Any, Any]) -> str:
    """The fingerprint in a summary, or in its plan."""
    if "fingerprint" in given:
        return _checked(given["fingerprint"])
    inner = given.get("plan")
    if isinstance(inner, Mapping) and "fingerprint" in inner:
        return _checked(inner["fingerprint"])
    if "accepted_now" in given:
        raise ConfigurationError(f"plan is the summary of a task that made no plan: set its dry_run=True. {HINT}")
    if "chosen_options" in given:
        raise ConfigurationError(f"plan is the answer to an approval, not the plan that was approved. {HINT}")
    raise ConfigurationError(f"plan is a dict without a fingerprint. {HINT}")


def _checked(given: Any) -> str:
    text = given.strip() if isinstance(given, str) else ""
    if PlanFingerprint.parse(text) is not None or is_of_other_version(text):
        return text
    cut = " It seems to be cut." if text.startswith(f"{VERSION}.") else ""
    kind = "a text" if isinstance(given, str) else f"of type {type(given).__name__}"
    raise ConfigurationError(f"plan is {kind} and no plan of a dry run.{cut} {HINT}")


def _parsed(text: str) -> Any:
    """What the text of a JSON or Python value stands for."""
    if len(text) <= MAX_CHARACTERS:
        with suppress(ValueError, RecursionError):
            return json.loads(text)
        with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return ast.literal_eval(text)
    raise ConfigurationError(f"plan is a text that is neither JSON nor a Python literal. {HINT}")
