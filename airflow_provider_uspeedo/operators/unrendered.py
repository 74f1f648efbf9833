# SPDX-License-Identifier: Apache-2.0
"""Refuses arguments that Airflow was to render or resolve, and did not.

Inside a ``@task``, ``execute()`` leaves templates and references as they were written. The default name of a campaign
is a template: unrendered, all DAGs and days would share one campaign, and only its first run would send. The same
becomes of ``f"{{ ds }}"``: Python takes it for ``{ ds }``, which Airflow takes for text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.operators.hidden_rows import HiddenRows
from airflow_provider_uspeedo.operators.query_arguments import HiddenParameters
from airflow_provider_uspeedo.operators.rendering import FUNCTION_ARGUMENTS, OBJECT_ARGUMENTS

_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_TEMPLATE_IN_SQL = re.compile(r"\{\{\s*[^\W\d].*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
"""Its expressions begin with a name: ``{{1,2},{3,4}}`` is an array of SQL."""
_OF_A_MOMENT = (
    r"(?:(?:prev|next|yesterday|tomorrow)_)?(?:ds|ts|execution_date)(?:_nodash(?:_with_tz)?)?|logical_date|"
    r"(?:prev_)?data_interval_(?:start|end)(?:_success)?|prev_(?:start|end)_date_success"
)
"""The names by which Airflow's templates know the moment of a run."""
_NAME = rf"{_OF_A_MOMENT}|run_id|dag|dag_run|task|ti|task_instance(?:_key_str)?|params|macros|var|conn|inlets|outlets"
_LOOSE = re.compile(rf"\{{+\s*(?:{_NAME})(?:\s*[.\[(|][^{{}}]*)?\s*\}}+|\{{\{{|\}}\}}|\{{%|%\}}", re.DOTALL)
"""A name of Airflow's templates in single braces, as an f-string leaves it, or braces that are not closed."""
_LOOSE_IN_SQL = re.compile(rf"\{{\s*(?:{_OF_A_MOMENT})(?:\s*[.\[(|][^{{}}]*)?\s*\}}", re.DOTALL)
"""Other names may be those of a path into JSON: ``'{params}'``."""
_MAX_QUOTE = 80
_PLAIN = (str, int, float, Decimal, date, timedelta, UUID, os.PathLike, type(None))
"""Types whose text is the same in every process."""
WHAT_TO_DO = (
    "Airflow renders templates only for the task that it runs itself, not for `execute()` inside a @task or another "
    "operator. Use the operator as a task of its own, or pass values. Nothing was sent."
)


def refuse_unrendered(operator: Any) -> None:
    """Checks every templated argument of an operator.

    :raises ConfigurationError: one holds a template, what an f-string made of one, or the output of another task, or is
        an object whose text differs between attempts; the message names the argument.
    """
    for argument in operator.template_fields:
        if argument in FUNCTION_ARGUMENTS:
            continue  # a function may take any object, and text with braces
        given = HiddenParameters.unwrap(getattr(operator, argument))
        may_be_object = argument in OBJECT_ARGUMENTS
        if isinstance(given, HiddenRows):
            _refuse_reference(argument, given.rows)
            continue
        for value in _values(given):
            _refuse_reference(argument, value)
            if not (may_be_object or isinstance(value, _PLAIN)):
                raise ConfigurationError(
                    f"{argument} holds an object of type {type(value).__name__}: give a text, a number or a list of "
                    "texts. Nothing was sent."
                )
            pattern = _TEMPLATE_IN_SQL if argument in ("sql", "parameters") else _TEMPLATE
            # A plan quotes the texts of templates, whose variables may stand in several braces.
            if argument != "plan" and (found := pattern.search(str(value))):
                # A parameter of a query may be about a person.
                which = (
                    "a template"
                    if argument in OBJECT_ARGUMENTS - {"recipients"}
                    else f"the template {mask_digits(found[0])[:_MAX_QUOTE]!r}"
                )
                raise ConfigurationError(f"{argument} holds {which}, which was not rendered. {WHAT_TO_DO}")
            if argument not in OBJECT_ARGUMENTS - {"recipients"}:
                _refuse_loose_braces(argument, str(value))


def _refuse_loose_braces(argument: str, text: str) -> None:
    found = (_LOOSE_IN_SQL if argument == "sql" else _LOOSE).search(text)
    if found:
        raise ConfigurationError(
            f"{argument} holds {mask_digits(found[0])[:_MAX_QUOTE]!r}, which Airflow does not take for a template: it "
            "has two braces at each side, {{ ds }}. In an f-string they are written as four. Nothing was sent."
        )


def _values(given: Any) -> Iterator[Any]:
    """The values of an argument, however lists, tuples and mappings are nested."""
    if isinstance(given, Mapping):
        given = [*given, *given.values()]
    if isinstance(given, Sequence | set | frozenset) and not isinstance(given, str | bytes):
        for value in given:
            yield from _values(value)
    else:
        yield given


def _refuse_reference(argument: str, value: Any) -> None:
    if _is_reference(value):
        raise ConfigurationError(f"{argument} refers to a value that was not resolved. {WHAT_TO_DO}")


def _is_reference(value: Any) -> bool:
    """True for the output of another task, a parameter of the DAG, and anything else that Airflow resolves."""
    return hasattr(value, "resolve") and hasattr(value, "iter_references")
