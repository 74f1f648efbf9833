# SPDX-License-Identifier: Apache-2.0
"""A verb of the command: its help ends with an example and a link to the runbook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click


class Verb(click.Command):
    """One verb.

    :param examples: command lines, one at least.
    :param runbook: the page and section.
    """

    def __init__(self, *arguments: Any, examples: Sequence[str], runbook: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.examples = examples
        self.runbook = runbook

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Below the options; lines are kept as they are, so that they can be copied."""
        super().format_epilog(ctx, formatter)
        for title, lines in (("Example", self.examples), ("Runbook", [self.runbook])):
            with formatter.section(title):
                formatter.write("".join(f"  {line}\n" for line in lines))
