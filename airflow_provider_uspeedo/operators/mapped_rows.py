# SPDX-License-Identifier: Apache-2.0
"""Hides rows that a mapped task is given by value: Airflow writes ``partial`` and ``expand`` into the serialized DAG.

A mapped operator is not made before its task runs, so the setter of its property sees nothing until then.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from airflow_provider_uspeedo.operators.arguments import HiddenRows


class HidesMappedRows:
    """A base of operators with an argument ``recipients``."""

    @classmethod
    def partial(cls, **arguments: Any) -> Any:
        """``BaseOperator.partial``; rows given by value are hidden, in ``expand`` and ``expand_kwargs`` too."""
        found = super().partial(**HiddenRows.hiding_in(arguments))  # type: ignore[misc]
        found.__class__ = _hiding(found.__class__)
        return found


@cache
def _hiding(partial: Any) -> Any:
    """The class of what ``partial`` returns, which is another one in each version of Airflow."""

    class HidingPartial(partial):  # type: ignore[misc]
        __slots__ = ()

        def expand(self, **mapped: Any) -> Any:
            if "recipients" in mapped:
                mapped["recipients"] = HiddenRows.hiding_each(mapped["recipients"])
            return super().expand(**mapped)

        def expand_kwargs(self, kwargs: Any, **options: Any) -> Any:
            return super().expand_kwargs(HiddenRows.hiding_in(kwargs), **options)

    return HidingPartial
