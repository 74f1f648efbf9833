# SPDX-License-Identifier: Apache-2.0
"""The page of the command has every verb and every option, and no other."""

from __future__ import annotations

import click
import pytest

from airflow_provider_uspeedo.cli.command import airflow_uspeedo
from tests.docs.pages import rows


def options(command):
    """The options as they are typed."""
    return {one.opts[-1] for one in command.params if isinstance(one, click.Option)}


def test_the_options_before_the_verb_are_described():
    """With their environment variables."""
    found = rows("command.md", "Before the verb")
    assert set(found) == options(airflow_uspeedo)
    for one in airflow_uspeedo.params:
        assert (one.envvar or "") == found[one.opts[-1]][0].strip("`")


def test_every_verb_is_described():
    """In the order of the help, with the section of the runbook that its help names."""
    found = rows("command.md", "Verbs")
    assert list(found) == list(airflow_uspeedo.commands)
    for name, verb in airflow_uspeedo.commands.items():
        assert f"(runbook.md{'#' if verb.section else ''}{verb.section})" in found[name][1]


def every_verb(group=airflow_uspeedo, before=""):
    """The verbs by their full name, those of a group among them."""
    for name, verb in group.commands.items():
        if isinstance(verb, click.Group):
            yield from every_verb(verb, f"{before}{name} ")
        else:
            yield f"{before}{name}", verb


@pytest.mark.parametrize(("name", "verb"), [pytest.param(*one, id=one[0]) for one in every_verb()])
def test_every_option_of_a_verb_is_described(name, verb):
    """One row for each."""
    assert set(rows("command.md", name)) == options(verb)


def test_every_verb_of_a_group_is_described():
    """In the order of the help."""
    assert list(rows("command.md", "suppress")) == list(airflow_uspeedo.commands["suppress"].commands)
