# SPDX-License-Identifier: Apache-2.0
"""Compile one pinned, hashed set of packages per supported Airflow minor, and one each of what is used beside it.

Run as ``make constraints``, or ``python constraints/compile.py 3.3 peers`` for some of them. The newest patch of a
minor comes from whatever package index ``uv`` is set to; the sets name none.

An old Airflow breaks with packages made after it, so a set holds only what was there shortly after its patch came
out. The newest minor is compiled without such a date.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent / "pyproject.toml"
UV = os.environ.get("UV", "uv")

MINORS = ("2.11", "3.0", "3.1", "3.2", "3.3")
"""The supported minors, the newest last."""
PYTHON = "3.11"
"""The oldest supported Python; markers in the sets cover the newer ones."""
GRACE = timedelta(days=7)
"""How long after a patch its packages may be made: the providers of a release follow within days."""
EXTRAS = ("sandbox",)
"""Not those that bring the providers of databases: no test needs these, and that of MySQL builds a driver."""
GROUPS = ("build", "test")
TOOL_GROUPS = ("lint", "docs", "chaos")
"""Only in the newest set, where the tools run, and what a Celery of the chaos tests needs."""
AGELESS = ("apache-airflow-providers-common-compat", "uspeedo-sdk-py")
"""Taken in the newest version: made to run on every supported Airflow, or pinned by us."""
FUZZ = ("atheris<3; python_version < '3.12'", "atheris>=3; python_version >= '3.12'", "numpy", "pyarrow")
"""Each has wheels for its Pythons only."""
DRIVERS = ("mysqlclient", "psycopg", "psycopg-binary")
"""The drivers that a ledger may use beside those of the extras; on top of the newest set, whose packages they need."""
BROWSER = ("axe-playwright-python", "playwright", "pyee")
"""What drives a browser, and what the newest set does not have of what that needs; the browser is Debian's."""
OLDER_LIMITS = ("pandas<3",)
"""For all but the newest: their XCom cannot serialise a DataFrame of pandas 3."""


@dataclass(frozen=True)
class Patch:
    """A published Airflow.

    :param uploaded: when its wheel was uploaded, UTC.
    """

    version: str
    uploaded: datetime


def compile_with_uv(*arguments: str, requirements: str) -> str:
    """Return what ``uv pip compile`` prints for the requirements, one per line.

    :raises subprocess.CalledProcessError: nothing satisfies them; ``uv`` has said why on standard error.
    """
    command = [UV, "pip", "compile", "--quiet", "--no-header", "--python-version", PYTHON, *arguments, "-"]
    answer = subprocess.run(command, input=requirements, text=True, check=True, stdout=subprocess.PIPE, cwd=HERE.parent)
    return answer.stdout


def compile_alone(*arguments: str, requirements: str = "") -> str:
    """Return a pinned, hashed set without this project."""
    options = ("--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", *arguments)
    return compile_with_uv(*options, requirements=requirements)


def newest_patch(minor: str) -> Patch:
    """Ask the index for the newest patch of a minor."""
    lock = tomllib.loads(
        compile_with_uv("--no-deps", "--format", "pylock.toml", requirements=f"apache-airflow=={minor}.*")
    )
    (package,) = lock["packages"]
    return Patch(package["version"], package["wheels"][0]["upload-time"])


def cut_off(patch: Patch) -> list[str]:
    """Return the options that hide packages made long after the patch."""
    day = min(patch.uploaded + GRACE, datetime.now(UTC)).date().isoformat()
    ageless = [f"--exclude-newer-package={name}=false" for name in AGELESS]
    return [f"--exclude-newer={day}", *ageless]


def resolve(minor: str, patch: Patch) -> str:
    """Return the pinned, hashed set for one patch."""
    newest = minor == MINORS[-1]
    groups = (*GROUPS, *TOOL_GROUPS) if newest else GROUPS
    limits = () if newest else OLDER_LIMITS
    return compile_with_uv(
        str(PROJECT),
        "--universal",
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-emit-find-links",
        *(f"--extra={extra}" for extra in EXTRAS),
        *(f"--group={group}" for group in groups),
        *([] if newest else cut_off(patch)),
        requirements="\n".join((f"apache-airflow=={patch.version}", *limits)),
    )


def write(name: str, first_line: str, pins: str) -> None:
    """Write one set beside this file and say so."""
    HERE.joinpath(name).write_text(f"# {first_line} Made by `make constraints`.\n{pins}")
    sys.stderr.write(f"constraints/{name}: {first_line}\n")


def fuzzers() -> str:
    """Return the pinned, hashed set of what fuzzes."""
    options = ("--universal", "--generate-hashes", "--no-emit-index-url", "--only-binary=:all:")
    return compile_with_uv(*options, requirements="\n".join(FUZZ))


def drivers() -> str:
    """Return the pinned, hashed set of the other drivers, without what they need: the newest set has it."""
    return compile_alone("--no-deps", requirements="\n".join(DRIVERS))


def browser() -> str:
    """Return the pinned, hashed set of what drives a browser; the newest set has the rest."""
    return compile_alone("--no-deps", requirements="\n".join(BROWSER))


ALONE = {
    "uv": ("What makes the environments where uv is not installed.", partial(compile_alone, requirements="uv")),
    "peers": ("The tools that this package is measured beside.", partial(compile_alone, "--group=peers")),
    "drivers": ("The other drivers of a ledger; for the newest set.", drivers),
    "browser": ("What drives the browser of `make browser`; for the newest set.", browser),
    "fuzz": ("What `make fuzz` runs.", fuzzers),
}
"""The sets without this project, by name: the first line of each, and what makes it."""


def main(names: list[str]) -> None:
    """Write the sets of the given minors, or of the given names of :data:`ALONE`; without any, all of them."""
    for name in names or (*MINORS, *ALONE):
        if name in ALONE:
            first_line, made = ALONE[name]
            write(f"{name}.txt", first_line, made())
            continue
        patch = newest_patch(name)
        first_line = f"Airflow {patch.version}, uploaded {patch.uploaded:%Y-%m-%d}."
        write(f"airflow-{name}.txt", first_line, resolve(name, patch))


if __name__ == "__main__":
    main(sys.argv[1:])
