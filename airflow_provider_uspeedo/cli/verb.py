# SPDX-License-Identifier: Apache-2.0
"""A verb of the command: its help ends with an example and a section of the runbook. It may have verbs of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from airflow_provider_uspeedo.core.what_to_do import explain


def _choose(context: click.Context, option: click.Parameter, value: Any) -> None:
    """Prefers what stands after the verb to what stands before it."""
    if value:
        context.obj = replace(context.obj, **{str(option.name): value})


def _also_after(name: str, *, is_flag: bool | None = None) -> click.Option:
    # Not False: some versions of click take an option that says so for one whose value may be left out.
    return click.Option([name], hidden=True, expose_value=False, callback=_choose, is_flag=is_flag)


ALSO_AFTER = (_also_after("--conn-id"), _also_after("--results-table"), _also_after("--debug", is_flag=True))
"""The options of :mod:`.command`, for the place after the verb; help shows them once, before it."""


class Verb(click.Command):
    """One verb.

    :param examples: command lines, one at least.
    :param section: of the runbook; ``""`` for none.
    """

    def __init__(self, *arguments: Any, examples: Sequence[str], section: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.examples = examples
        self.section = section

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The verb's own parameters, and the options that may also stand before it."""
        return [*super().get_params(ctx), *ALSO_AFTER]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Below the options; lines are kept as they are, so that they can be copied."""
        super().format_epilog(ctx, formatter)
        explained = [explain(self.section)] if self.section else []
        for title, lines in (("Example", self.examples), ("What to do", explained)):
            if not lines:
                continue
            with formatter.section(title):
                formatter.write("".join(f"  {line}\n" for line in lines))


class VerbGroup(click.Group):
    """Verbs about one thing, in the order in which they were added.

    :param section: of the runbook.
    """

    def __init__(self, *arguments: Any, section: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.section = section

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's name for it
        """The names of the verbs."""
        return list(self.commands)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The options that may also stand before it."""
        return [*super().get_params(ctx), *ALSO_AFTER]
