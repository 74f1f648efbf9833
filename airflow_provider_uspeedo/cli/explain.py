# SPDX-License-Identifier: Apache-2.0
"""The verb ``explain``: the runbook at a shell. It needs neither a ledger nor Airflow."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import click

from airflow_provider_uspeedo.cli.plain_text import plain_text, underlined
from airflow_provider_uspeedo.cli.verb import Verb
from airflow_provider_uspeedo.core import what_to_do
from airflow_provider_uspeedo.core.runbook_sections import RunbookSection
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.runbook import runbook, runbook_section

WIDEST = 100
"""Longer lines are hard to read."""
_LINK = re.compile(r"\]\(([^)\s]*)#([\w-]+)\)|\]\(([\w./-]+\.md)\)")


@click.command(
    cls=Verb,
    short_help="Explain what a message means, and what to do.",
    examples=("airflow-uspeedo explain", "airflow-uspeedo explain not-sent"),
    section="",
)
@click.argument("section", required=False, default="")
def explain(section: str) -> None:
    """Print a section of the runbook: what was seen, what it means, what to do.

    The last message of a failed task names its section. Without one, all sections are listed.
    """
    width = min(shutil.get_terminal_size().columns, WIDEST)
    try:
        lines = _section(runbook_section(section), width) if section else _list(width)
        text = "\n".join(lines)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    click.echo(text)


def _list(width: int) -> Iterator[str]:
    yield "The sections of the runbook, each with what was seen:"
    yield ""
    sections = runbook().sections.values()
    column = max(len(one.name) + 2 * bool(one.parent) for one in sections)
    for one in sections:
        name = f"  {one.name}" if one.parent else one.name
        yield _shortened(f"  {name.ljust(column)}  {one.summary}", width)
    yield ""
    yield f"To read one: {what_to_do.explain('SECTION')}"


def _shortened(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 4].rsplit(' ', 1)[0].rstrip(',;')} ..."


def _section(found: RunbookSection, width: int) -> Iterator[str]:
    yield from underlined(found.title, "=")
    yield ""
    yield plain_text(found.markdown, width)
    also, pages = _links(found)
    if also or pages:
        yield ""
        yield "See also:"
        yield from (f"  {what_to_do.explain(name)}" for name in also)
        yield from (f"  {page} in the documents" for page in pages)


def _links(found: RunbookSection) -> tuple[list[str], list[str]]:
    """The sections and the pages of the documents that a section links to, other than itself."""
    known = runbook().sections
    inside, pages = {}, {}
    for page, place, whole_page in _LINK.findall(found.markdown):
        if not page and place in known:
            inside[place] = known[place].parent
        elif page or whole_page:
            pages[f"{page}#{place}" if page else whole_page] = True
    return [name for name, parent in inside.items() if found.name not in (name, parent)], list(pages)
