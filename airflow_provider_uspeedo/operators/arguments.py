# SPDX-License-Identifier: Apache-2.0
"""Converts rendered arguments to values: templates, and forms in the Airflow UI, give text for everything."""

from __future__ import annotations

import ast
import json
import math
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_uspeedo.core.rows_as_text import is_rows_as_text
from airflow_provider_uspeedo.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_uspeedo.campaign.config import CampaignConfig
    from airflow_provider_uspeedo.core.slices import Slice

N = TypeVar("N", int, float, str, Decimal)
_PAIR = re.compile(r"\s*[\[(]\s*['\"]?(\d{1,4})['\"]?\s*,\s*['\"]?(\d{1,4})['\"]?\s*[\])]\s*", re.ASCII)
NOTHING = ("", "none", "null")
"""The renderings of an empty field of a form, and of ``None`` in a template."""


class NotSet:
    """The value of an argument that was not given, where ``None`` means something else."""

    def serialize(self) -> str:
        """The text that Airflow stores for it."""
        return repr(self)

    def __repr__(self) -> str:
        return "<not given>"

    def __copy__(self) -> NotSet:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> NotSet:
        return self


NOTSET = NotSet()


class HiddenRows:
    """Rows passed by value, hidden from everything that Airflow writes: its text has only their number."""

    what = "recipients"

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    @classmethod
    def hiding(cls, given: Any) -> Any:
        """Rows are wrapped; paths and outputs of other tasks stay as they are, for Airflow to render and resolve."""
        if isinstance(given, str):
            return cls(given) if is_rows_as_text(given) and not _is_template(given) else given
        return given if given is None or isinstance(given, (os.PathLike, cls, *references())) else cls(given)

    @staticmethod
    def unwrap(given: Any) -> Any:
        """The rows, or the unwrapped value."""
        return given.rows if isinstance(given, HiddenRows) else given

    def serialize(self) -> str:
        """The text that Airflow stores for it."""
        return str(self)

    def __str__(self) -> str:
        try:
            return "<rows as text>" if isinstance(self.rows, str) else f"<{len(self.rows):,} {self.what}>"
        except Exception:  # noqa: BLE001 - Airflow must be able to write any object down
            return f"<{self.what} in a {type(self.rows).__name__}>"

    __repr__ = __str__

    def __deepcopy__(self, _memo: dict[int, Any]) -> HiddenRows:
        return self


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def references() -> tuple[type, ...]:
    """References to a table that Airflow resolves later."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath, XComArg

    return XComArg, ObjectStoragePath


def config_of(operator: Any, context: Any) -> CampaignConfig:
    """The campaign config of an operator's rendered arguments.

    :raises ConfigurationError: an argument is wrong; the message names it.
    """
    from airflow_provider_uspeedo.campaign.config import DEFAULT_MAX_RATIO, MAX_UNKNOWN_REQUESTS, CampaignConfig
    from airflow_provider_uspeedo.campaign.price_list import read_prices
    from airflow_provider_uspeedo.core.attempt_names import attempt_name
    from airflow_provider_uspeedo.core.rows import Columns
    from airflow_provider_uspeedo.core.slices import WHOLE
    from airflow_provider_uspeedo.operators.plan_argument import fingerprint_of

    task_instance = context["ti"]
    reader = f"{task_instance.dag_id}/{text_or_none(operator.same_table_as) or task_instance.task_id}"
    map_index = getattr(task_instance, "map_index", -1)
    slice_ = slice_of(operator.slice)
    return CampaignConfig(
        campaign_id=(text_or_none(operator.campaign_id) or "").strip(),
        columns=Columns(
            phone=str(operator.phone_column or ""),
            params=names("param_columns", operator.param_columns) or (),
            params_list=text_or_none(operator.params_column),
            template_id=text_or_none(operator.template_id_column),
            sender_id=text_or_none(operator.sender_id_column),
            user_id=text_or_none(operator.user_id_column),
            extend_code=text_or_none(operator.extend_code_column),
            keys=names("key_columns", operator.key_columns),
        ),
        template_id=(text_or_none(operator.template_id) or "").strip(),
        sender_id=text_or_none(operator.sender_id) or "",
        default_region=text_or_none(operator.default_region),
        bare_digits=_unless_empty(_lower, "bare_digits", operator.bare_digits),
        chunk_size=whole_number("chunk_size", operator.chunk_size),
        concurrency=whole_number("concurrency", operator.concurrency),
        requests_per_second=_unless_empty(number, "requests_per_second", operator.requests_per_second),
        max_recipients=_unless_empty(whole_number, "max_recipients", operator.max_recipients),
        max_failure_ratio=_guard(number, "max_failure_ratio", operator.max_failure_ratio, DEFAULT_MAX_RATIO),
        max_invalid_ratio=_guard(number, "max_invalid_ratio", operator.max_invalid_ratio, DEFAULT_MAX_RATIO),
        max_unknown_requests=_guard(
            whole_number, "max_unknown_requests", operator.max_unknown_requests, MAX_UNKNOWN_REQUESTS
        ),
        canary=_unless_empty(whole_number, "canary", operator.canary),
        plan=fingerprint_of(operator.plan),
        prices=read_prices(HiddenRows.unwrap(operator.prices)),
        max_cost=_unless_empty(exact_number, "max_cost", operator.max_cost),
        max_segments=_unless_empty(whole_number, "max_segments", operator.max_segments),
        slice_=slice_ or WHOLE,
        # All slices of one table are one part; other mapped instances read their own tables.
        part=f"{reader}/{map_index if slice_ is None else -1}",
        attempt_name=attempt_name(
            task_instance.dag_id, task_instance.task_id, task_instance.run_id, task_instance.try_number, map_index
        ),
    )


def slice_of(given: Any) -> Slice | None:
    """The slice written as ``"3/8"``, or as the two numbers; ``None`` if none is given."""
    from airflow_provider_uspeedo.core.slices import Slice

    if isinstance(given, (list, tuple)) and len(given) == 2:  # noqa: PLR2004 - a number and a count
        given = f"{given[0]}/{given[1]}"
    text = text_or_none(given)
    if text is not None and (pair := _PAIR.fullmatch(text)):  # a list, as a template renders it
        text = f"{pair[1]}/{pair[2]}"
    return None if text is None else Slice.parse(text)


def text_or_none(given: Any) -> str | None:
    """Text, or ``None`` for the rendering of an empty field."""
    return None if given is None or str(given).strip().lower() in NOTHING else str(given)


def names(argument: str, given: Any) -> tuple[str, ...] | None:
    """Column names: a sequence, JSON text of one, or names separated by commas."""
    if given is None or (isinstance(given, str) and given.strip().lower() in NOTHING):
        return None
    if isinstance(given, str):
        given = _listed(argument, given)
    if not isinstance(given, Sequence) or not all(isinstance(name, str) and name for name in given):
        raise ConfigurationError(f"{argument} must be a list of column names.")
    return tuple(given)


def _listed(argument: str, text: str) -> Any:
    """Names in the text of a list, as JSON or as Python writes it, or separated by commas."""
    if text.strip()[:1] not in ("[", "("):
        return [name.strip() for name in text.split(",")]
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            return read(text.strip())
    raise ConfigurationError(f"{argument} is not a list of column names: write them separated by commas.")


def switch(argument: str, given: Any) -> bool:
    """True or false, in any spelling of a template.

    :raises ConfigurationError: it is neither; guessing could send what should not be sent.
    """
    if isinstance(given, bool):
        return given
    text = str(given).strip().lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off", *NOTHING):
        return False
    raise ConfigurationError(f"{argument} is neither true nor false.")


def number(argument: str, given: Any) -> float:
    """A number, which may arrive as text.

    :raises ConfigurationError: it is not one.
    """
    if not _is_number(given):
        raise ConfigurationError(f"{argument} must be a number.")
    return float(given)


def exact_number(argument: str, given: Any) -> Decimal:
    """A number as it is written: 0.1 is a tenth.

    :raises ConfigurationError: it is not one.
    """
    if not _is_number(given):
        raise ConfigurationError(f"{argument} must be a number.")
    return Decimal(str(given).strip())


def whole_number(argument: str, given: Any) -> int:
    """A whole number, which may arrive as text.

    :raises ConfigurationError: it is not one.
    """
    if not _is_number(given) or float(given) % 1:
        raise ConfigurationError(f"{argument} must be a whole number.")
    return int(float(given))


def _is_number(given: Any) -> bool:
    try:
        return not isinstance(given, bool) and math.isfinite(float(given))
    except (TypeError, ValueError, OverflowError):
        return False


def _lower(_argument: str, given: Any) -> str:
    return str(given).strip().lower()


def _unless_empty(read: Callable[[str, Any], N], argument: str, given: Any) -> N | None:
    """``None`` for the rendering of an empty field."""
    return None if text_or_none(given) is None else read(argument, given)


def _guard(read: Callable[[str, Any], N], argument: str, given: Any, default: N) -> N | None:
    """``None``, or its rendering, switches a guard off; an empty field decides nothing and leaves it as it is."""
    if isinstance(given, str) and not given.strip():
        return default
    return _unless_empty(read, argument, given)
