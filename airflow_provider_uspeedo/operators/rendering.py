# SPDX-License-Identifier: Apache-2.0
"""Renders text arguments as text, whatever ``render_template_as_native_obj`` says.

Native rendering evaluates what it rendered as Python: ``2026_11_22`` becomes the number 20261122, ``1e3`` becomes
1000.0. As the name of a campaign that is another campaign, whose recipients would all be sent to again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries

_MISSING = re.compile(r"(?<![^\W_])(?:None|NaT|nan|Undefined)(?![^\W_])")
FUNCTION_ARGUMENTS = frozenset({"op_args", "op_kwargs"})
"""Those of the function of a decorated task."""
OBJECT_ARGUMENTS = FUNCTION_ARGUMENTS | {"recipients", "parameters", "sql_hook_params", "plan", "prices", "policy"}
"""Arguments that may be objects, which stay native; all others are texts, or are read from text."""


class TextRendering:
    """Mixed into an operator, before Airflow's base class."""

    rendered_natively: bool = False
    """True once templates were rendered for a DAG or task that asks for native objects."""

    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], context: Any, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        """Airflow calls this in every version, for tasks and for mapped instances."""
        base: Any = super()  # Airflow's base class follows
        render = base._do_render_template_fields  # noqa: SLF001 - the base class
        if parent is not self or not _is_native(jinja_env):
            render(parent, template_fields, context, jinja_env, seen_oids)
            return
        self.rendered_natively = True
        named = list(template_fields)
        texts = base.get_dag().get_template_env(force_sandboxed=True)
        render(parent, [name for name in named if name in OBJECT_ARGUMENTS], context, jinja_env, seen_oids)
        render(parent, [name for name in named if name not in OBJECT_ARGUMENTS], context, texts, seen_oids)

    def _render(self, template: Any, context: Any, dag: Any = None) -> Any:
        """One template: as an object where its environment makes objects, else as text."""
        if _is_native(template.environment):
            base: Any = super()
            return base._render(template, context, dag)  # noqa: SLF001 - the base class
        try:
            from airflow.sdk.definitions.context import render_template_to_string
        except ImportError:  # Airflow 2.11 and 3.0
            from airflow.utils.helpers import render_template_to_string  # type: ignore[no-redef]

        return render_template_to_string(template, context)


def refuse_native_name(campaign_id: str, ledger: LedgerQueries) -> None:
    """To be called for a campaign whose name native rendering could have changed.

    :raises ConfigurationError: the ledger has a campaign under the changed name: it knows recipients that the
        campaign under the rendered text would send to again.
    """
    native = native_name(campaign_id)
    if native in ("", campaign_id) or not ledger.has_campaign(native):
        return
    raise ConfigurationError(
        f"campaign_id is rendered as the text {campaign_id!r}. Earlier versions of this package, with "
        f"render_template_as_native_obj, made {native!r} of it, and the ledger has a campaign of that name: sending "
        f"under the other name could send to its recipients again. To continue that campaign, let campaign_id render "
        f"to {native!r}; to begin another one, choose a name that does not read as a Python value, such as "
        f"{'campaign ' + campaign_id!r}."
    )


def warn_of_missing_value(campaign_id: str, log: Any) -> None:
    """Logs a warning if the name seems to hold what a template makes of a value that is not there."""
    found = _MISSING.search(campaign_id)
    if found:
        log.warning(
            "campaign_id %r holds %r: if a template made that of a missing value, all runs without it share this "
            "campaign, and only the first one sends.",
            campaign_id,
            found[0],
        )


def native_name(campaign_id: str) -> str:
    """The name that native rendering makes of a text.

    >>> native_name("2026_11_22"), native_name("1e3"), native_name("2026-11-22")
    ('20261122', '1000.0', '2026-11-22')
    """
    from jinja2.nativetypes import native_concat

    return str(native_concat([campaign_id])).strip()


def _is_native(jinja_env: Any) -> bool:
    from jinja2.nativetypes import NativeEnvironment

    return isinstance(jinja_env, NativeEnvironment)
