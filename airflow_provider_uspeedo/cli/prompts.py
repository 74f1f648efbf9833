# SPDX-License-Identifier: Apache-2.0
"""A person's yes, at a terminal; and who that person is."""

from __future__ import annotations

import getpass
import sys

import click


def confirm(question: str, *, yes: bool) -> None:
    """Goes on only after a yes.

    :param yes: it was said on the command line already.
    :raises click.exceptions.Exit: it was not said, and nothing was changed.
    :raises click.ClickException: there is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException("There is no terminal to ask at, so nothing was changed. If you mean it, add --yes.")
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:  # Ctrl-C or Ctrl-D
        agreed = False
        click.echo(err=True)
    if not agreed:
        click.echo("Nothing was changed.", err=True)
        raise click.exceptions.Exit(1)


def login() -> str:
    """The login of whoever runs this.

    :raises click.UsageError: it has no name here, as in some containers.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise click.UsageError("Your user has no login name here: say who you are with --by.") from None
