# SPDX-License-Identifier: Apache-2.0
"""Hides rows, parameters of a query, and phones of a policy, that a mapped task is given by value.

Airflow writes ``partial`` and ``expand`` into the serialized DAG.

A mapped operator is not made before its task runs, so the setter of its property sees nothing until then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from airflow_provider_uspeedo.operators.hidden_prices import HiddenPrices
from airflow_provider_uspeedo.operators.hidden_rows import HiddenRows
from airflow_provider_uspeedo.operators.policy_arguments import hide_phones
from airflow_provider_uspeedo.operators.query_arguments import HiddenParameters

_HIDING: dict[str, Callable[[Any], Any]] = {
    "recipients": HiddenRows.hiding,
    "parameters": HiddenParameters.hiding,
    "prices": HiddenPrices.hiding,
    "policy": hide_phones,
}


class HidesMappedRows:
    """A base of operators with the arguments ``recipients``, ``parameters`` and ``policy``."""

    @classmethod
    def partial(cls, **arguments: Any) -> Any:
        """``BaseOperator.partial``; what is given by value is hidden, in ``expand`` and ``expand_kwargs`` too."""
        found = super().partial(**hidden_arguments(arguments))  # type: ignore[misc]
        found.__class__ = _hiding(found.__class__)
        return found


@cache
def _hiding(partial: Any) -> Any:
    """The class of what ``partial`` returns, which is another one in each version of Airflow."""

    class HidingPartial(partial):  # type: ignore[misc]
        __slots__ = ()

        def expand(self, **mapped: Any) -> Any:
            return super().expand(**{name: _each_hidden(name, given) for name, given in mapped.items()})

        def expand_kwargs(self, kwargs: Any, **options: Any) -> Any:
            return super().expand_kwargs(hidden_arguments(kwargs), **options)

    return HidingPartial


def hidden_arguments(arguments: Any) -> Any:
    """The keyword arguments of a task, or a list of them for mapped tasks, with what must be hidden."""
    if isinstance(arguments, Mapping):
        return {name: _HIDING[name](given) if name in _HIDING else given for name, given in arguments.items()}
    return [hidden_arguments(some) for some in arguments] if isinstance(arguments, (list, tuple)) else arguments


def _each_hidden(name: str, given: Any) -> Any:
    """What tasks are mapped over: a list, each of whose elements is one task's argument of that name."""
    return [_HIDING[name](one) for one in given] if name in _HIDING and isinstance(given, (list, tuple)) else given
