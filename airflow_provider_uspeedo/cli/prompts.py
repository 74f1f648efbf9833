# SPDX-License-Identifier: Apache-2.0
"""Asking for confirmation at a terminal, and the name of the user."""

from __future__ import annotations

import getpass
import sys

import click


def confirm(question: str, *, yes: bool) -> None:
    """Goes on only after a yes.

    :param yes: ``--yes`` was given.
    :raises click.exceptions.Exit: the answer was not yes.
    :raises click.ClickException: there is no terminal to ask at.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException("There is no terminal to ask at, so nothing was changed. To confirm, add --yes.")
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:  # Ctrl-C or Ctrl-D
        agreed = False
        click.echo(err=True)
    if not agreed:
        click.echo("Nothing was changed.", err=True)
        raise click.exceptions.Exit(1)


def login() -> str:
    """The login of the user that runs this.

    :raises click.UsageError: the user has no name here, as in some containers.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise click.UsageError("This user has no login name here: give your name with --by.") from None
