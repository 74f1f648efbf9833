# SPDX-License-Identifier: Apache-2.0
"""A verb of the command: its help ends with an example and a link to the runbook. A verb may have verbs of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click


def _choose(context: click.Context, option: click.Parameter, value: Any) -> None:
    """Prefers what stands after the verb to what stands before it."""
    if value:
        context.obj = replace(context.obj, **{str(option.name): value})


def _also_after(name: str, *, is_flag: bool = False) -> click.Option:
    return click.Option([name], hidden=True, expose_value=False, callback=_choose, is_flag=is_flag)


ALSO_AFTER = (_also_after("--conn-id"), _also_after("--results-table"), _also_after("--debug", is_flag=True))
"""The options of :mod:`.command`, for the place after the verb; help shows them once, before it."""


class Verb(click.Command):
    """One verb.

    :param examples: command lines, one at least.
    :param runbook: the page and section.
    """

    def __init__(self, *arguments: Any, examples: Sequence[str], runbook: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.examples = examples
        self.runbook = runbook

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The verb's own parameters, and the options that may also stand before it."""
        return [*super().get_params(ctx), *ALSO_AFTER]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Below the options; lines are kept as they are, so that they can be copied."""
        super().format_epilog(ctx, formatter)
        for title, lines in (("Example", self.examples), ("Runbook", [self.runbook])):
            with formatter.section(title):
                formatter.write("".join(f"  {line}\n" for line in lines))


class VerbGroup(click.Group):
    """Verbs about one thing, in the order in which they were added.

    :param runbook: the page and section.
    """

    def __init__(self, *arguments: Any, runbook: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.runbook = runbook

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's name for it
        """The names of the verbs."""
        return list(self.commands)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The options that may also stand before it."""
        return [*super().get_params(ctx), *ALSO_AFTER]
