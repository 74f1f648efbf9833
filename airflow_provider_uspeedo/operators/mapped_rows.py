# SPDX-License-Identifier: Apache-2.0
"""Hides rows, parameters of a query, and phones of a policy, that a mapped task or a DAG's defaults are given by value.

Airflow writes ``partial`` and ``expand``, and the ``default_args`` of a DAG, into the serialized DAG.

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


_IN_DEFAULTS = ("recipients", "policy")
"""Not ``parameters``: other operators of the DAG take them, too."""


class HidesMappedRows:
    """A base of operators with the arguments ``recipients``, ``parameters`` and ``policy``."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        hide_defaults(self.get_dag())  # type: ignore[attr-defined]

    @classmethod
    def partial(cls, **arguments: Any) -> Any:
        """``BaseOperator.partial``; what is given by value is hidden, in ``expand`` and ``expand_kwargs`` too."""
        found = super().partial(**hidden_arguments(arguments))  # type: ignore[misc]
        hide_defaults(found.kwargs.get("dag"))
        found.kwargs.update(hidden_arguments({name: found.kwargs[name] for name in _HIDING if name in found.kwargs}))
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


def hide_defaults(dag: Any) -> None:
    """Hides rows and phones in the ``default_args`` of a DAG: its own copy, which its tasks have been given."""
    if dag is not None and dag.default_args:
        found = {name: dag.default_args[name] for name in _IN_DEFAULTS if name in dag.default_args}
        dag.default_args.update(hidden_arguments(found))


def hidden_arguments(arguments: Any) -> Any:
    """The keyword arguments of a task, or a list of them for mapped tasks, with what must be hidden."""
    if isinstance(arguments, Mapping):
        return {name: _HIDING[name](given) if name in _HIDING else given for name, given in arguments.items()}
    return [hidden_arguments(some) for some in arguments] if isinstance(arguments, (list, tuple)) else arguments


def _each_hidden(name: str, given: Any) -> Any:
    """What tasks are mapped over: a list or a dict, each of whose elements is one task's argument of that name."""
    if name in _HIDING and isinstance(given, Mapping):
        return {key: _HIDING[name](one) for key, one in given.items()}
    return [_HIDING[name](one) for one in given] if name in _HIDING and isinstance(given, (list, tuple)) else given
