# SPDX-License-Identifier: Apache-2.0
"""The command ``python -m airflow_provider_uspeedo.sandbox``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .settings import Settings

_EXTRA = {"h11", "jinja2", "starlette", "uvicorn"}
_NO_EXTRA = (
    "The sandbox needs {name}, which is not installed. Install it: pip install 'airflow-provider-uspeedo[sandbox]'"
)
_REMOTE = (
    "warning: other machines can reach this sandbox. It speaks plain HTTP, and every client with its key can call it;"
    " pages and control stay on this machine."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 after a clean stop, 2 when it could not start."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return _start(parser, options)
    except ModuleNotFoundError as absent:
        if absent.name is None or absent.name.partition(".")[0] not in _EXTRA:
            raise
        print(_NO_EXTRA.format(name=absent.name), file=sys.stderr)
        return 2


def _start(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    # These need the extra; main() says so where it is absent.
    from .local import is_loopback
    from .server import address, listen, serve

    if not is_loopback(options.host):
        if not options.allow_remote:
            parser.error(f"--host {options.host} can be reached from other machines; add --allow-remote if you mean it")
        print(_REMOTE, file=sys.stderr)
    try:
        listener = listen(options.host, options.port)
        serve(_settings(options), listener, lambda: print(f"listening on {address(listener)}", flush=True))
    except (OSError, ValueError) as problem:
        parser.error(str(problem))
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        access_key_id=options.access_key_id,
        access_key_secret=options.access_key_secret,
        account_id=options.account_id,
        receipt_delay=options.receipt_delay,
        templates=tuple(options.template),
        any_template=options.any_template,
        journal=options.journal,
        inbox=options.inbox,
    )


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_uspeedo.sandbox",
        description="A local stand-in for the USpeedo SMS API. It sends no SMS.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", type=int, default=8025, help="port to listen on, 0 for a free one")
    add("--allow-remote", action="store_true", help="allow a --host that other machines can reach")
    add("--access-key-id", default=default.access_key_id, help="the only key that may call")
    add("--access-key-secret", default=default.access_key_secret, help="its secret")
    add("--account-id", type=int, help="the only AccountId that is accepted; any if not given")
    add("--receipt-delay", type=float, default=default.receipt_delay, help="seconds until receipts are final")
    add("--template", type=_template, action="append", default=[], metavar="ID=TEXT", help="one more template")
    add("--any-template", action="store_true", help="accept template ids that are not known")
    add(
        "--journal",
        type=Path,
        metavar="FILE",
        help="append accepted numbers to this file; a temporary one if not given",
    )
    add("--inbox", action=argparse.BooleanOptionalAction, default=True, help="keep texts and serve the pages")
    return parser


def _template(text: str) -> tuple[str, str]:
    template_id, found, words = text.partition("=")
    if not (template_id and found and words):
        raise argparse.ArgumentTypeError("write ID=TEXT, such as 'UTA_HELLO=Hello {1}'")
    return template_id, words


if __name__ == "__main__":
    sys.exit(main())
