# SPDX-License-Identifier: Apache-2.0
"""Reads the rendered arguments of the operator: the campaign config."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_uspeedo.operators.arguments import exact_number, names, number, text_or_none, whole_number
from airflow_provider_uspeedo.operators.hidden_rows import HiddenRows

if TYPE_CHECKING:
    from airflow_provider_uspeedo.campaign.config import CampaignConfig
    from airflow_provider_uspeedo.core.slices import Slice

N = TypeVar("N", int, float, str, Decimal)
_PAIR = re.compile(r"\s*[\[(]\s*['\"]?(\d{1,4})['\"]?\s*,\s*['\"]?(\d{1,4})['\"]?\s*[\])]\s*", re.ASCII)


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
