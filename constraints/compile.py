# SPDX-License-Identifier: Apache-2.0
"""Compile one pinned, hashed set of packages per supported Airflow minor, of other versions, and one for each tool.

Run as ``make constraints``, or ``python constraints/compile.py 3.3 peers`` for some of them. The newest patch of a
minor comes from whatever package index ``uv`` is set to; the sets name none.

An old Airflow breaks with packages made after it, so a set holds only what was there shortly after its patch came
out. The newest minor is compiled without such a date.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
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
OBSERVABILITY = ("apache-airflow-providers-openlineage", "statsd")
"""What asks operators for lineage, and what sends metrics; on top of the newest set, too."""
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
    if minor == MINORS[-1]:
        return compile_project(patch, (*GROUPS, *TOOL_GROUPS))
    return compile_project(patch, GROUPS, OLDER_LIMITS, cut_off(patch))


def compile_project(
    patch: Patch, groups: Sequence[str], limits: Sequence[str] = (), options: Sequence[str] = ()
) -> str:
    """Return the pinned, hashed set of this project with one Airflow.

    :param limits: requirements beside those of the project.
    :param options: of ``uv pip compile``.
    """
    return compile_with_uv(
        str(PROJECT),
        "--universal",
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-emit-find-links",
        *(f"--extra={extra}" for extra in EXTRAS),
        *(f"--group={group}" for group in groups),
        *options,
        requirements="\n".join((f"apache-airflow=={patch.version}", *limits)),
    )


def lowest() -> str:
    """Return the set of the lowest versions that this project allows, with the oldest Airflow and what it needs.

    The tools of the tests are those of the oldest Airflow's own set: the lowest versions of these are no one's concern.
    """
    patch = newest_patch(MINORS[0])
    pins = HERE.joinpath(f"airflow-{MINORS[0]}.txt").read_text()
    groups = tomllib.loads(PROJECT.read_text())["dependency-groups"]
    tools = {re.split(r"[^\w.-]", one)[0] for group in GROUPS for one in groups[group]}
    pinned = re.findall(r"^(\S+)==(\S+)", pins, re.MULTILINE)
    limits = [f"{name}=={version}" for name, version in pinned if name in tools]
    return compile_project(patch, GROUPS, (*OLDER_LIMITS, *limits), ["--resolution=lowest-direct", *cut_off(patch)])


def pandas_2() -> str:
    """Return the newest set with the pandas of before."""
    return compile_project(newest_patch(MINORS[-1]), GROUPS, OLDER_LIMITS)


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


def observability() -> str:
    """Return the pinned, hashed set of what receives lineage and metrics, without what the newest set has."""
    newest = HERE / f"airflow-{MINORS[-1]}.txt"
    had = [f"--no-emit-package={name}" for name in re.findall(r"^([^\s=]+)==", newest.read_text(), re.MULTILINE)]
    return compile_alone(f"--constraint={newest}", *had, "--no-annotate", requirements="\n".join(OBSERVABILITY))


def browser() -> str:
    """Return the pinned, hashed set of what drives a browser; the newest set has the rest."""
    return compile_alone("--no-deps", requirements="\n".join(BROWSER))


OTHERS = {
    "uv": ("What makes the environments where uv is not installed.", partial(compile_alone, requirements="uv")),
    "peers": ("The tools that this package is measured beside.", partial(compile_alone, "--group=peers")),
    "drivers": ("The other drivers of a ledger; for the newest set.", drivers),
    "observability": ("What receives lineage and metrics; for the newest set.", observability),
    "browser": ("What drives the browser of `make browser`; for the newest set.", browser),
    "fuzz": ("What `make fuzz` runs.", fuzzers),
    "release": ("What `make dist` runs.", partial(compile_alone, requirements="cyclonedx-bom\nhatchling\ntwine")),
    "nox": ("What `make versions` runs.", partial(compile_alone, requirements="nox")),
    "lowest": ("The lowest versions that are supported, with the oldest Airflow.", lowest),
    "pandas-2": ("The newest Airflow with pandas 2.", pandas_2),
}
"""The sets that are not of a minor, by name: the first line of each, and what makes it."""


def main(names: list[str]) -> None:
    """Write the sets of the given minors, or of the given names of :data:`OTHERS`; without any, all of them."""
    for name in names or (*MINORS, *OTHERS):
        if name in OTHERS:
            first_line, made = OTHERS[name]
            write(f"{name}.txt", first_line, made())
            continue
        patch = newest_patch(name)
        first_line = f"Airflow {patch.version}, uploaded {patch.uploaded:%Y-%m-%d}."
        write(f"airflow-{name}.txt", first_line, resolve(name, patch))


if __name__ == "__main__":
    main(sys.argv[1:])
